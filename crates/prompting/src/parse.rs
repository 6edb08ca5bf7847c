use std::collections::BTreeMap;

use clinsynth_contract::{Completion, Example, Origin, Prompt, Provenance, Quarantined};
use serde_json::Value;

use crate::coerce::{Expected, coerce};
use crate::extract::extract;
use crate::labels::{LabelNames, check_synonyms};
use crate::locate::locate;
use crate::{Labelling, PromptingError, Reason};

/// How completions are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseSettings {
    /// Task and labels; a label that is not among them sets its example aside.
    pub labelling: Labelling,
    /// Further words for a label or relation, each mapped to its name. Case, spaces and punctuation never matter.
    pub synonyms: BTreeMap<String, String>,
    /// Longest text of an example, in characters.
    pub longest_text: usize,
}

impl ParseSettings {
    /// Settings without synonyms, for texts of at most 2,000 characters.
    pub fn new(labelling: Labelling) -> Self {
        Self { labelling, synonyms: BTreeMap::new(), longest_text: 2000 }
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
        longest_text: settings.longest_text,
    };
    let by_request: BTreeMap<&str, &Prompt> = prompts.iter().map(|prompt| (prompt.request.as_str(), prompt)).collect();
    let mut parsed = Parsed::default();
    for completion in completions {
        parse_one(completion, by_request.get(completion.request.as_str()).copied(), &expected, &mut parsed);
    }
    Ok(parsed)
}

fn parse_one(completion: &Completion, prompt: Option<&Prompt>, expected: &Expected, parsed: &mut Parsed) {
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
        parse_example(&format!("{id}-{:02}", index + 1), value, completion, prompt, expected, parsed);
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

fn parse_example(
    id: &str,
    value: &Value,
    completion: &Completion,
    prompt: Option<&Prompt>,
    expected: &Expected,
    parsed: &mut Parsed,
) {
    let located = coerce(value, expected).and_then(|draft| {
        let located = locate(&draft)?;
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
                provenance: provenance(completion, prompt),
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

fn provenance(completion: &Completion, prompt: Option<&Prompt>) -> Provenance {
    let of_prompt = |field: fn(&Prompt) -> &Option<String>| prompt.and_then(|prompt| field(prompt).clone());
    Provenance {
        origin: Origin::Llm,
        model: Some(completion.model.clone()),
        prompt: Some(completion.digest.clone()),
        seed: of_prompt(|prompt| &prompt.seed),
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
