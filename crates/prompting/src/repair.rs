//! The repair round: a completion with faults goes back to the model once, with what is wrong with it.

use std::collections::BTreeMap;
use std::fmt::Write;

use clinsynth_contract::{Completion, Example, Message, Prompt, Quarantined};

use crate::enumerate::prompt_digest;
use crate::{GenerateSettings, Parsed, Reason, Task, Warning};

/// Stands behind the request's name in that of its repair.
const SUFFIX: &str = "-fix";

/// The faults of one completion, and how many examples they cost.
struct Faults<'p> {
    rows: Vec<&'p Quarantined>,
    /// Whether the last row stands for all that is missing, and not for one example.
    open: bool,
    examples: u32,
}

/// A request for each completion whose faults the model can mend: the conversation so far, and the faults.
///
/// An empty completion is not among them, since nothing could be shown to the model.
pub(crate) fn repair_prompts(
    completions: &[Completion],
    prompts: &[Prompt],
    parsed: &Parsed,
    settings: &GenerateSettings,
) -> Vec<Prompt> {
    let by_request: BTreeMap<&str, &Prompt> = prompts.iter().map(|prompt| (prompt.request.as_str(), prompt)).collect();
    let mut faults = faults(parsed);
    let mut repairs = Vec::new();
    for completion in completions {
        let Some(prompt) = by_request.get(completion.request.as_str()) else { continue };
        let Some(found) = faults.remove(completion.request.as_str()) else { continue };
        let count = found.missing(parsed, prompt);
        let mut messages = prompt.messages.clone();
        messages.push(Message { role: "assistant".to_owned(), content: completion.text.trim().to_owned() });
        messages.push(Message { role: "user".to_owned(), content: complaint(&found, count, settings.labelling.task) });
        repairs.push(Prompt {
            request: format!("{}{SUFFIX}", prompt.request),
            digest: prompt_digest(&messages, &settings.parameters).to_string(),
            messages,
            count,
            sensitivity: prompt.sensitivity.max(completion.sensitivity),
            ..(*prompt).clone()
        });
    }
    repairs
}

/// Puts mended examples behind those of their request. The n-th example of a repair stands for the n-th faulty one:
/// if it is good, the fault becomes a warning; if not, the fault stays with both reasons.
pub(crate) fn apply_repairs(mut parsed: Parsed, mut repaired: Parsed) -> Parsed {
    let mut answers: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for mut example in repaired.examples {
        let (fix, number) = (request_of(&example.document).to_owned(), number_of(&example.id));
        fix.clone_into(&mut example.document);
        answers.entry(fix).or_default().push(Answer { number, result: Ok(example) });
    }
    for row in repaired.quarantined {
        let fix = request_of(row.request.as_deref().unwrap_or_default()).to_owned();
        answers.entry(fix).or_default().push(Answer { number: number_of(&row.id), result: Err(row) });
    }
    // How many examples a repair holds says nothing about the request that it belongs to.
    repaired.warnings.retain(|warning| !matches!(warning.reason, Reason::FewerThanAsked | Reason::MoreThanAsked));
    parsed.warnings.append(&mut repaired.warnings);
    let open: Vec<String> =
        faults(&parsed).into_iter().filter(|(_, found)| found.open).map(|(of, _)| of.to_owned()).collect();
    let rows = std::mem::take(&mut parsed.quarantined);
    let mut mended: BTreeMap<String, Vec<Example>> = BTreeMap::new();
    let mut rows = rows.into_iter().peekable();
    while let Some(row) = rows.next() {
        let Some(request) = row.request.clone() else {
            parsed.quarantined.push(row);
            continue;
        };
        let mut group = vec![row];
        while let Some(next) = rows.next_if(|next| next.request.as_deref() == Some(&request)) {
            group.push(next);
        }
        match answers.remove(&request) {
            None => parsed.quarantined.extend(group),
            Some(mut answers) => {
                answers.sort_by_key(|answer| answer.number);
                let good = settle(group, open.contains(&request), answers, &mut parsed);
                mended.insert(request, good);
            }
        }
    }
    parsed.examples = behind_their_request(parsed.examples, mended);
    parsed
}

/// One example of a repair, by its number in the answer.
struct Answer {
    number: usize,
    result: Result<Example, Quarantined>,
}

/// Sets the answers against the faulty rows of one request. Returns the good examples.
fn settle(rows: Vec<Quarantined>, open: bool, answers: Vec<Answer>, parsed: &mut Parsed) -> Vec<Example> {
    let mut good = Vec::new();
    let mut answers = answers.into_iter().peekable();
    let last = rows.len();
    for (index, mut row) in rows.into_iter().enumerate() {
        let stands_for_rest = open && index + 1 == last;
        let mut outcome = "the repair round gave no example for it".to_owned();
        let mut example = None;
        while let Some(answer) = answers.next_if(|answer| stands_for_rest || answer.number <= index + 1) {
            match answer.result {
                Ok(found) => {
                    example.get_or_insert_with(|| found.id.clone());
                    good.push(found);
                }
                Err(fault) if stands_for_rest && answer.number > 0 => parsed.quarantined.push(fault),
                Err(fault) => outcome = format!("after the repair round `{}`: {}", fault.reason, fault.detail),
            }
        }
        if let Some(id) = example {
            let detail = format!("was `{}`: {}", row.reason, row.detail);
            parsed.warnings.push(Warning { id, reason: Reason::Repaired, detail });
        } else {
            row.detail = format!("{}; {outcome}", row.detail);
            parsed.quarantined.push(row);
        }
    }
    for answer in answers {
        match answer.result {
            Ok(example) => good.push(example),
            Err(row) => parsed.quarantined.push(row),
        }
    }
    good
}

fn behind_their_request(examples: Vec<Example>, mut mended: BTreeMap<String, Vec<Example>>) -> Vec<Example> {
    let mut all = Vec::with_capacity(examples.len());
    let mut examples = examples.into_iter().peekable();
    while let Some(example) = examples.next() {
        let document = example.document.clone();
        let ends = examples.peek().is_none_or(|next| next.document != document);
        all.push(example);
        if ends {
            all.extend(mended.remove(&document).into_iter().flatten());
        }
    }
    // Requests of which nothing was good before.
    all.extend(mended.into_values().flatten());
    all
}

impl Faults<'_> {
    /// Examples that the repair is asked for.
    fn missing(&self, parsed: &Parsed, prompt: &Prompt) -> u32 {
        let good = parsed.examples.iter().filter(|example| example.document == prompt.request).count() as u32;
        let rest = prompt.count.saturating_sub(good + self.examples).max(1);
        self.examples + if self.open { rest } else { 0 }
    }
}

fn faults(parsed: &Parsed) -> BTreeMap<&str, Faults<'_>> {
    let mut found: BTreeMap<&str, Faults<'_>> = BTreeMap::new();
    for row in &parsed.quarantined {
        let Some(request) = row.request.as_deref() else { continue };
        if row.reason == Reason::EmptyCompletion.code() {
            continue;
        }
        let whole = [Reason::NoJson, Reason::NoExamples, Reason::TruncatedJson];
        let faults = found.entry(request).or_insert(Faults { rows: Vec::new(), open: false, examples: 0 });
        faults.rows.push(row);
        if whole.iter().any(|reason| reason.code() == row.reason) {
            faults.open = true;
        } else {
            faults.examples += 1;
        }
    }
    found
}

fn complaint(faults: &Faults<'_>, count: u32, task: Task) -> String {
    let mut text = "Your answer has faults:\n".to_owned();
    for (index, row) in faults.rows.iter().enumerate() {
        let shown: String = row.text.chars().take(600).collect();
        let place = if shown.starts_with('{') { format!("\n   {shown}") } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}. {}{place}", index + 1, row.detail);
    }
    if task.is_about_given() {
        text.push_str(
            "\nGive the whole answer again without the faults. Copy every mention letter by letter from the text. Answer \
             with one JSON object of the form that was asked for, and nothing else.",
        );
        return text;
    }
    let _ = write!(
        text,
        "\nWrite {} again without the faults, in the same order, and nothing that was right. Copy every mention letter by \
         letter from its sentence. Answer with one JSON object of the form that was asked for, and nothing else.",
        if count == 1 {
            "the faulty or missing example".to_owned()
        } else {
            format!("the {count} faulty or missing examples")
        },
    );
    text
}

/// The request that a repair belongs to; a request that is none is its own.
pub(crate) fn request_of(fix: &str) -> &str {
    fix.strip_suffix(SUFFIX).unwrap_or(fix)
}

/// The number at the end of an example's identifier; 0 for a whole completion.
fn number_of(id: &str) -> usize {
    match id.rsplit_once('-') {
        Some((before, number)) if before.ends_with(SUFFIX) => number.parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Label, Labelling, ParseSettings, Task, parse};

    fn settings() -> GenerateSettings {
        let labels = vec![Label::new("Disease", "")];
        GenerateSettings {
            labelling: Labelling { task: Task::Ner, labels, relations: Vec::new() },
            ..GenerateSettings::default()
        }
    }

    fn example(text: &str, mention: &str) -> String {
        format!(r#"{{"text": "{text}", "entities": [{{"text": "{mention}", "type": "Disease"}}]}}"#)
    }

    fn answer(examples: &[String]) -> String {
        format!(r#"{{"examples": [{}]}}"#, examples.join(", "))
    }

    fn prompt(count: u32) -> Prompt {
        let messages = vec![Message { role: "user".into(), content: "Write.".into() }];
        Prompt { request: "ner-1".into(), messages, count, ..Prompt::default() }
    }

    fn read(request: &str, text: &str, prompts: &[Prompt]) -> Parsed {
        let completion = Completion { request: request.into(), text: text.into(), ..Completion::default() };
        parse(&[completion], prompts, &ParseSettings::new(settings().labelling)).unwrap()
    }

    /// What comes of a completion and of its repair: texts, reasons of quarantined rows, warnings.
    fn check(count: u32, first: &str, second: &str, asked: u32, examples: &[&str], faults: &[&str], repaired: usize) {
        let prompts = [prompt(count)];
        let parsed = read("ner-1", first, &prompts);
        let completion = Completion { request: "ner-1".into(), text: first.into(), ..Completion::default() };
        let repairs = repair_prompts(&[completion], &prompts, &parsed, &settings());
        assert_eq!(repairs[0].count, asked, "{first}");
        assert_eq!(repairs[0].messages[1].content, first);
        let all = apply_repairs(parsed, read("ner-1-fix", second, &repairs));
        assert_eq!(all.examples.iter().map(|example| &*example.text).collect::<Vec<_>>(), examples, "{first}");
        assert_eq!(all.quarantined.iter().map(|row| &*row.reason).collect::<Vec<_>>(), faults, "{first}");
        assert_eq!(
            all.warnings.iter().filter(|warning| warning.reason == Reason::Repaired).count(),
            repaired,
            "{first}"
        );
        assert!(all.examples.iter().all(|example| example.document == "ner-1"));
    }

    #[test]
    fn mended_examples_stand_in_for_faulty_ones() {
        let (good, bad, worse) = (example("has gout", "gout"), example("has flu", "flux"), example("no", "ague"));
        let mended = example("has a flu", "flu");
        let two = answer(&[good.clone(), bad.clone()]);
        check(2, &two, &answer(std::slice::from_ref(&mended)), 1, &["has gout", "has a flu"], &[], 1);
        check(2, &two, &answer(std::slice::from_ref(&bad)), 1, &["has gout"], &["mention_not_found"], 0);
        check(2, &two, "Sorry.", 1, &["has gout"], &["mention_not_found"], 0);
        let three = answer(&[bad.clone(), good.clone(), worse.clone()]);
        check(
            3,
            &three,
            &answer(&[mended.clone(), worse.clone()]),
            2,
            &["has gout", "has a flu"],
            &["mention_not_found"],
            1,
        );
        check(
            3,
            &three,
            &answer(&[bad.clone(), mended.clone()]),
            2,
            &["has gout", "has a flu"],
            &["mention_not_found"],
            1,
        );
        check(
            3,
            &three,
            &answer(std::slice::from_ref(&mended)),
            2,
            &["has gout", "has a flu"],
            &["mention_not_found"],
            1,
        );
    }

    #[test]
    fn what_is_missing_of_a_broken_answer_is_asked_for_again() {
        let (good, bad) = (example("has gout", "gout"), example("has flu", "flux"));
        check(2, "Of course!", &answer(&[good.clone(), bad.clone()]), 2, &["has gout"], &["mention_not_found"], 1);
        check(2, "Of course!", "Sorry.", 2, &[], &["no_json"], 0);
        let cut = format!(r#"{{"examples": [{bad}, {{"text":"#);
        check(3, &cut, &answer(&[good.clone(), good.clone(), good.clone()]), 3, &["has gout"; 3], &[], 2);
        check(3, &cut, &answer(&[good]), 3, &["has gout"], &["truncated_json"], 1);
    }

    #[test]
    fn the_complaint_shows_each_fault_and_its_example() {
        let two = answer(&[example("has gout", "gout"), example("has flu", "flux")]);
        let prompts = [prompt(2)];
        let completion = Completion { request: "ner-1".into(), text: two.clone(), ..Completion::default() };
        let repairs = repair_prompts(&[completion], &prompts, &read("ner-1", &two, &prompts), &settings());
        let complaint = &repairs[0].messages[2].content;
        assert!(
            complaint.contains("1. ") && complaint.contains("`flux`") && complaint.contains("has flu"),
            "{complaint}"
        );
        assert!(!complaint.contains("has gout"), "{complaint}");
        assert_eq!(repairs[0].request, "ner-1-fix");
        assert_ne!(repairs[0].digest, prompts[0].digest);
    }

    #[test]
    fn nothing_is_repaired_where_nothing_is_wrong_or_nothing_was_said() {
        for text in [answer(&[example("has gout", "gout")]), String::new()] {
            let completion = Completion { request: "ner-1".into(), text: text.clone(), ..Completion::default() };
            let prompts = [prompt(1)];
            assert_eq!(repair_prompts(&[completion], &prompts, &read("ner-1", &text, &prompts), &settings()), []);
        }
    }
}
