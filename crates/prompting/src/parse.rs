use std::collections::BTreeMap;

use clinsynth_contract::{Completion, Example, Origin, Prompt, Provenance, Quarantined};
use serde_json::Value;

use crate::coerce::{Expected, coerce};
use crate::extract::extract;
use crate::given::read_given;
use crate::held::{mark_concepts, what_is_lacking};
use crate::labels::{LabelNames, check_synonyms};
use crate::locate::locate;
use crate::repair::request_of;
use crate::{Labelling, PromptSeed, PromptingError, Reason};

/// How completions are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseSettings {
    /// Task and labels; a label that is not among them sets its example aside.
    pub labelling: Labelling,
    /// Further words for a label or relation, each mapped to its name. Case, spaces and punctuation never matter.
    pub synonyms: BTreeMap<String, String>,
    /// Longest text of an example, in characters.
    pub longest_text: usize,
    /// What each request was filled with: a text that its completion is about, or a mention that its examples must hold.
    pub seeds: BTreeMap<String, PromptSeed>,
}

impl ParseSettings {
    /// Settings without synonyms, for texts of at most 2,000 characters.
    pub fn new(labelling: Labelling) -> Self {
        Self { labelling, synonyms: BTreeMap::new(), longest_text: 2000, seeds: BTreeMap::new() }
    }
}

/// What the completions hold. Each example of each completion is in `examples` or in `quarantined`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Examples with offsets, in the order of the completions.
    pub examples: Vec<Example>,
    /// What was set aside, with its reason and its JSON.
    pub quarantined: Vec<Quarantined>,
    /// What is doubtful about examples that were kept.
    pub warnings: Vec<Warning>,
}

/// A doubt about an example, or about a completion, that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The example or the request.
    pub id: String,
    /// What is doubtful.
    pub reason: Reason,
    /// In words, with the values that matter.
    pub detail: String,
}

impl Parsed {
    /// Warnings counted by reason.
    pub fn warning_counts(&self) -> BTreeMap<Reason, usize> {
        let mut counts = BTreeMap::new();
        for warning in &self.warnings {
            *counts.entry(warning.reason).or_default() += 1;
        }
        counts
    }

    fn warn(&mut self, id: &str, reason: Reason, detail: String) {
        self.warnings.push(Warning { id: id.to_owned(), reason, detail });
    }
}

/// Reads examples out of completions: finds the JSON, coerces, validates, and aligns mentions with the text.
///
/// An example's identifier is its request's with its number in the completion from 01, quarantined ones counted; its
/// document is the request, so that what was written in one go is resampled and split as one. `prompts` supply seed, topic
/// and style.
///
/// Errors: [`PromptingError::Labels`] and [`PromptingError::Settings`] for labels that cannot work; a completion never is one.
pub fn parse(
    completions: &[Completion],
    prompts: &[Prompt],
    settings: &ParseSettings,
) -> Result<Parsed, PromptingError> {
    let Labelling { task, labels, relations } = &settings.labelling;
    settings.labelling.validate()?;
    check_synonyms(&settings.synonyms, &[labels.as_slice(), relations].concat())?;
    let expected = Expected {
        task: *task,
        labels: LabelNames::new(labels, &settings.synonyms),
        relations: LabelNames::new(relations, &settings.synonyms),
        longest_text: if task.is_about_given() { usize::MAX } else { settings.longest_text },
    };
    let by_request: BTreeMap<&str, &Prompt> = prompts.iter().map(|prompt| (prompt.request.as_str(), prompt)).collect();
    let mut parsed = Parsed::default();
    for completion in completions {
        let source = Source {
            completion,
            prompt: by_request.get(completion.request.as_str()).copied(),
            seed: settings.seeds.get(request_of(&completion.request)),
        };
        match source.seed.and_then(|seed| seed.given.as_ref()) {
            Some(given) => parse_given(source, given, &expected, &mut parsed),
            None => parse_one(source, &expected, &mut parsed),
        }
    }
    Ok(parsed)
}

/// A completion with what it answers.
#[derive(Clone, Copy)]
struct Source<'s> {
    completion: &'s Completion,
    prompt: Option<&'s Prompt>,
    seed: Option<&'s PromptSeed>,
}

/// An answer about a given text: one example, with the text as it was given.
fn parse_given(source: Source<'_>, given: &Example, expected: &Expected, parsed: &mut Parsed) {
    let Source { completion, prompt, seed } = source;
    let request = completion_id(completion);
    let id = format!("{request}-01");
    match read_given(&completion.text, given, expected) {
        Err((reason, detail, shown)) => {
            let whole = matches!(reason, Reason::NoJson | Reason::EmptyCompletion);
            let (id, text) = if shown.is_empty() { (&request, &completion.text) } else { (&id, &shown) };
            let detail = if whole { finish_words(completion, &detail) } else { detail };
            parsed.quarantined.push(set_aside(reason, id, detail, completion, text));
        }
        Ok(located) => {
            for (reason, detail) in located.warnings {
                parsed.warn(&id, reason, detail);
            }
            parsed.examples.push(Example {
                id,
                document: completion.request.clone(),
                text: given.text.clone(),
                entities: located.entities,
                relations: located.relations,
                split: None,
                provenance: provenance(completion, prompt, seed),
                sensitivity: completion.sensitivity.max(given.sensitivity),
            });
        }
    }
}

fn parse_one(source: Source<'_>, expected: &Expected, parsed: &mut Parsed) {
    let Source { completion, prompt, .. } = source;
    let id = completion_id(completion);
    let extracted = match extract(&completion.text) {
        Ok(extracted) => extracted,
        Err(reason) => {
            let detail = finish_words(completion, reason.meaning());
            parsed.quarantined.push(set_aside(reason, &id, detail, completion, &completion.text));
            return;
        }
    };
    let found = extracted.examples.len();
    for (index, value) in extracted.examples.iter().enumerate() {
        parse_example(&format!("{id}-{:02}", index + 1), value, source, expected, parsed);
    }
    if let Some(broken) = &extracted.broken {
        let detail = finish_words(completion, &format!("the JSON breaks off or is malformed after {found} examples"));
        let id = format!("{id}-{:02}", found + 1);
        parsed.quarantined.push(set_aside(Reason::TruncatedJson, &id, detail, completion, broken));
    }
    let asked = prompt.map_or(found, |prompt| prompt.count as usize);
    let detail = format!("{found} examples, {asked} were asked for");
    match found.cmp(&asked) {
        std::cmp::Ordering::Less => parsed.warn(&id, Reason::FewerThanAsked, detail),
        std::cmp::Ordering::Greater => parsed.warn(&id, Reason::MoreThanAsked, detail),
        std::cmp::Ordering::Equal => {}
    }
}

fn parse_example(id: &str, value: &Value, source: Source<'_>, expected: &Expected, parsed: &mut Parsed) {
    let Source { completion, prompt, seed } = source;
    let located = coerce(value, expected).and_then(|draft| {
        let mut located = locate(&draft)?;
        if let Some(seed) = seed {
            what_is_lacking(&draft.text, &located.entities, seed).map_or(Ok(()), Err)?;
            mark_concepts(&draft.text, &mut located.entities, seed);
        }
        Ok((draft.text, located))
    });
    match located {
        Err((reason, detail)) => {
            parsed.quarantined.push(set_aside(reason, id, detail, completion, &value.to_string()));
        }
        Ok((text, located)) => {
            for (reason, detail) in located.warnings {
                parsed.warn(id, reason, detail);
            }
            parsed.examples.push(Example {
                id: id.to_owned(),
                document: completion.request.clone(),
                text,
                entities: located.entities,
                relations: located.relations,
                split: None,
                provenance: provenance(completion, prompt, seed),
                sensitivity: completion.sensitivity,
            });
        }
    }
}

fn completion_id(completion: &Completion) -> String {
    match completion.sample {
        0 => completion.request.clone(),
        sample => format!("{}-s{sample}", completion.request),
    }
}

fn provenance(completion: &Completion, prompt: Option<&Prompt>, seed: Option<&PromptSeed>) -> Provenance {
    let of_prompt = |field: fn(&Prompt) -> &Option<String>| prompt.and_then(|prompt| field(prompt).clone());
    Provenance {
        origin: Origin::Llm,
        model: Some(completion.model.clone()),
        prompt: Some(completion.digest.clone()),
        seed: of_prompt(|prompt| &prompt.seed),
        concept: seed.and_then(PromptSeed::concepts),
        topic: of_prompt(|prompt| &prompt.topic),
        style: of_prompt(|prompt| &prompt.style),
        request: Some(completion.request.clone()),
    }
}

fn set_aside(reason: Reason, id: &str, detail: String, completion: &Completion, text: &str) -> Quarantined {
    reason.row(id, detail, Some(&completion.request), text, completion.sensitivity)
}

/// Adds the finish reason where it explains a broken completion.
fn finish_words(completion: &Completion, words: &str) -> String {
    let words = words.trim_end_matches('.');
    match completion.finish_reason.as_deref() {
        None | Some("stop") => words.to_owned(),
        Some(reason) => format!("{words} (finish reason `{reason}`)"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clinsynth_contract::{CharOffsets, Sensitivity};
    use proptest::prelude::*;

    use super::*;
    use crate::{Label, Task};

    fn settings(task: Task) -> ParseSettings {
        let labels = |names: &[&str]| names.iter().map(|name| Label::new(*name, "")).collect::<Vec<_>>();
        let relations = if task == Task::Re { labels(&["positive", "none"]) } else { Vec::new() };
        ParseSettings::new(Labelling { task, labels: labels(&["Gene", "Disease"]), relations })
    }

    fn completion(text: &str) -> Completion {
        Completion {
            request: "q".into(),
            digest: "d".into(),
            model: "m".into(),
            text: text.into(),
            sensitivity: Sensitivity::Synthetic,
            ..Completion::default()
        }
    }

    fn read(task: Task, text: &str) -> Parsed {
        let prompt = Prompt { request: "q".into(), count: 2, topic: Some("t".into()), ..Prompt::default() };
        parse(&[completion(text)], &[prompt], &settings(task)).unwrap()
    }

    /// Each example as `id: mention|Label …; relation`, each other row as `id: reason: detail`.
    fn check(task: Task, text: &str, expected: &[&str]) {
        let parsed = read(task, text);
        let examples = parsed.examples.iter().map(|example| {
            let offsets = CharOffsets::new(&example.text);
            let mention = |entity: &clinsynth_contract::Entity| {
                format!(" {}|{}", offsets.slice(entity.span()).unwrap(), entity.label)
            };
            let relation = |relation: &clinsynth_contract::Relation| {
                format!("; {} {} {}", relation.head, relation.label, relation.tail)
            };
            let mentions: String = example.entities.iter().map(mention).collect();
            let relations: String = example.relations.iter().map(relation).collect();
            format!("{}:{mentions}{relations}", example.id)
        });
        let set_aside = parsed.quarantined.iter().map(|row| format!("{}: {}: {}", row.id, row.reason, row.detail));
        let warnings = parsed.warnings.iter().map(|row| format!("{}: {}: {}", row.id, row.reason.code(), row.detail));
        assert_eq!(examples.chain(set_aside).chain(warnings).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn numbers_examples_with_those_set_aside() {
        let text = r#"{"examples": [
            {"text": "No gout.", "entities": [{"text": "flu", "type": "Disease"}]},
            {"text": "Gout and gout.", "entities": [{"text": "gout", "type": "disease"}]},
            {"text": "FTO", "entities": [{"text": "fto", "type": "Gene"}, {"text": "FTO", "type": "Gene"}]}]}"#;
        check(
            Task::Ner,
            text,
            &[
                "q-02: gout|Disease",
                "q-01: mention_not_found: mention `flu` (Disease) does not occur in the text",
                "q-03: mention_overlaps: mention `FTO` (Gene) occurs only where another mention stands",
                "q: more_than_asked: 3 examples, 2 were asked for",
            ],
        );
    }

    #[test]
    fn doubts_are_warnings() {
        check(
            Task::Ner,
            r#"[{"text": "gout, GOUT, gout", "entities": {"Disease": ["gout", "Gout"]}}]"#,
            &[
                "q-01: gout|Disease GOUT|Disease",
                "q-01: loose_match: mention `Gout` occurs only in another spelling",
                "q-01: ambiguous_mention: mention `gout` was listed 1×, and occurs 1× more",
                "q: fewer_than_asked: 1 examples, 2 were asked for",
            ],
        );
        check(
            Task::Ner,
            r#"[{"text": "gout", "entities": [["gout", "Disease"], ["gout", "Disease"]]}, {"text": "a", "entities": []}]"#,
            &[
                "q-01: gout|Disease",
                "q-02:",
                "q-01: surplus_mention: mention `gout` was listed more often than it occurs",
            ],
        );
    }

    #[test]
    fn pairs_are_first_occurrences_in_either_order() {
        let pair = |text: &str, head: &str, tail: &str| {
            format!(r#"[{{"text": "{text}", "head": "{head}", "tail": "{tail}", "relation": "positive"}}]"#)
        };
        let check = |json: String, expected: &str| {
            check(Task::Re, &json, &[expected, "q: fewer_than_asked: 1 examples, 2 were asked for"]);
        };
        check(pair("FTO and gout, gout", "FTO", "gout"), "q-01: FTO|Gene gout|Disease; 0 positive 1");
        check(pair("gout and FTO, FTO", "FTO", "gout"), "q-01: gout|Disease FTO|Gene; 1 positive 0");
        check(
            pair("APC gene and APC polyposis", "APC", "APC polyposis"),
            "q-01: APC|Gene APC polyposis|Disease; 0 positive 1",
        );
        check(
            pair("APC polyposis, APC gene", "APC", "APC polyposis"),
            "q-01: APC polyposis|Disease APC|Gene; 1 positive 0",
        );
        check(
            pair("only APC", "APC", "APC"),
            "q-01: mention_overlaps: mention `APC` (Disease) occurs only where another mention stands",
        );
    }

    #[test]
    fn provenance_and_sensitivity_are_carried() {
        let sample = Completion { sample: 2, sensitivity: Sensitivity::Restricted, ..completion("{}") };
        let unknown = Completion { text: r#"[{"text": "a", "entities": []}]"#.into(), ..sample };
        let parsed = parse(&[unknown], &[], &settings(Task::Ner)).unwrap();
        let example = &parsed.examples[0];
        assert_eq!((example.id.as_str(), example.document.as_str()), ("q-s2-01", "q"));
        assert_eq!(example.sensitivity, Sensitivity::Restricted);
        let known = read(Task::Ner, r#"[{"text": "a", "entities": []}]"#).examples.remove(0).provenance;
        let expected = Provenance {
            origin: Origin::Llm,
            model: Some("m".into()),
            prompt: Some("d".into()),
            topic: Some("t".into()),
            request: Some("q".into()),
            ..Provenance::default()
        };
        assert_eq!(known, expected);
    }

    #[test]
    fn a_synonym_without_target_is_an_error() {
        let mut settings = settings(Task::Ner);
        settings.synonyms.insert("drug".into(), "Chemical".into());
        let message = parse(&[], &[], &settings).unwrap_err().to_string();
        assert_eq!(message, "`synonyms` maps `drug` to `Chemical`, which is no label: expected one of Gene, Disease");
    }

    const WHOLE: &str = r#"{"examples": [{"text": "Gicht é gout", "entities": [{"text": "gout", "type": "Disease"}]}, {"text": "b", "entities": []}, {"text": "c", "entities": []}]}"#;

    #[test]
    fn a_completion_cut_anywhere_keeps_its_complete_examples_and_one_row_for_the_rest() {
        for (cut, _) in WHOLE.char_indices().skip(1) {
            let parsed = read(Task::Ner, &WHOLE[..cut]);
            // An example is complete where its closing brace stands: after `[]}` or, for the first, after `}]}`.
            let complete = WHOLE[..cut].matches("]}").count().min(3);
            assert_eq!(parsed.examples.len(), complete, "{}", &WHOLE[..cut]);
            assert_eq!(parsed.quarantined.len(), usize::from(cut < WHOLE.len()), "{}", &WHOLE[..cut]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_completion_is_lost_whatever_it_holds(noise in "[\\[\\]{}\",:a ]{0,30}", at in 0..WHOLE.len(), gone in 0..9usize) {
            let boundary = |mut byte: usize| {
                byte = byte.min(WHOLE.len());
                while !WHOLE.is_char_boundary(byte) {
                    byte -= 1;
                }
                byte
            };
            let damaged = format!("{}{noise}{}", &WHOLE[..boundary(at)], &WHOLE[boundary(at + gone)..]);
            for text in [&noise, &damaged] {
                for task in [Task::Ner, Task::Re] {
                    let parsed = read(task, text);
                    prop_assert!(parsed.examples.len() + parsed.quarantined.len() > 0);
                }
            }
        }
    }
}
