//! Turns one example as a model wrote it into mentions with labels of the label set.

use serde_json::{Map, Value};

use crate::labels::LabelNames;
use crate::{Reason, Task};

/// Keys under which models put the list of examples.
pub(crate) const LIST_KEYS: [&str; 6] = ["examples", "sentences", "data", "items", "results", "samples"];
/// Keys under which models put an example's text.
pub(crate) const TEXT_KEYS: [&str; 2] = ["text", "sentence"];
pub(crate) const ENTITIES_KEYS: [&str; 4] = ["entities", "mentions", "annotations", "labels"];
const MENTION_KEYS: [&str; 7] = ["text", "mention", "name", "entity", "span", "surface", "word"];
const LABEL_KEYS: [&str; 6] = ["type", "label", "entity_type", "category", "class", "tag"];
const HEAD_KEYS: [&str; 4] = ["head", "subject", "source", "entity1"];
const TAIL_KEYS: [&str; 4] = ["tail", "object", "target", "entity2"];
pub(crate) const RELATION_KEYS: [&str; 3] = ["relation", "relation_type", "label"];

/// A mention by its string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) text: String,
    pub(crate) label: String,
}

/// An example with checked labels, before alignment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) marks: Marks,
}

/// What is marked in an example.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Marks {
    /// Mentions in order of occurrence.
    Ordered(Vec<Mention>),
    /// Mentions whose order is unknown, because they were given by label.
    Unordered(Vec<Mention>),
    /// A related pair.
    Pair { head: Mention, tail: Mention, relation: String },
}

/// What examples are checked against.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) task: Task,
    pub(crate) labels: LabelNames,
    pub(crate) relations: LabelNames,
    pub(crate) longest_text: usize,
}

type Problem = (Reason, String);

/// Coerces and validates one example. White space around strings is dropped; nothing else of the text is changed.
pub(crate) fn coerce(example: &Value, expected: &Expected) -> Result<Draft, Problem> {
    let Some(map) = example.as_object() else {
        return Err((Reason::NotAnObject, "the example is not an object".to_owned()));
    };
    let Some(text) = field(map, &TEXT_KEYS).and_then(Value::as_str) else {
        return Err((Reason::TextMissing, "the example has no `text`".to_owned()));
    };
    let text = text.trim().to_owned();
    let length = text.chars().count();
    if length == 0 {
        return Err((Reason::EmptyText, "the text is empty".to_owned()));
    }
    if length > expected.longest_text {
        let words = format!("the text has {length} characters, at most {} are allowed", expected.longest_text);
        return Err((Reason::TextTooLong, words));
    }
    let marks = match expected.task {
        Task::Re => read_pair(map, expected)?,
        _ => read_entities(map, &expected.labels)?,
    };
    Ok(Draft { text, marks })
}

/// The first of several keys that is there.
pub(crate) fn field<'v>(map: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| map.get(*key))
}

fn read_entities(map: &Map<String, Value>, labels: &LabelNames) -> Result<Marks, Problem> {
    match field(map, &ENTITIES_KEYS) {
        None => Err((Reason::EntitiesMissing, "the example has no `entities`".to_owned())),
        Some(Value::Null) => Ok(Marks::Ordered(Vec::new())),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| read_mention(item, labels, labels.only()))
            .collect::<Result<_, _>>()
            .map(Marks::Ordered),
        Some(Value::Object(entity)) if field(entity, &MENTION_KEYS).is_some_and(Value::is_string) => {
            read_mention(&Value::Object(entity.clone()), labels, None).map(|mention| Marks::Ordered(vec![mention]))
        }
        Some(Value::Object(by_label)) => read_map(by_label, labels).map(Marks::Unordered),
        Some(other) => Err((Reason::MalformedEntity, format!("`entities` is neither a list nor a map: {other}"))),
    }
}

/// Entities given as `{label: [mention, …]}`, or as `{mention: label}` where no key is a label.
fn read_map(map: &Map<String, Value>, labels: &LabelNames) -> Result<Vec<Mention>, Problem> {
    let by_label = map.keys().any(|key| labels.resolve(key).is_some());
    let mut mentions = Vec::new();
    for (key, value) in map {
        let entries: &[Value] = match value {
            Value::Array(items) => items,
            Value::Null => &[],
            single => std::slice::from_ref(single),
        };
        for entry in entries {
            mentions.push(match entry.as_str() {
                Some(mention) if by_label => checked(mention, key, labels)?,
                Some(label) => checked(key, label, labels)?,
                None => read_mention(entry, labels, Some(key))?,
            });
        }
    }
    Ok(mentions)
}

/// One entity: `{text, type}` under any of the usual keys, a pair `[text, type]`, or its text alone where the label is known.
fn read_mention(value: &Value, labels: &LabelNames, default_label: Option<&str>) -> Result<Mention, Problem> {
    let (text, label) = match value {
        Value::Object(map) => (
            field(map, &MENTION_KEYS).and_then(Value::as_str),
            field(map, &LABEL_KEYS).and_then(Value::as_str).or(default_label),
        ),
        Value::Array(pair) if pair.len() == 2 => (pair[0].as_str(), pair[1].as_str()),
        Value::String(text) => (Some(text.as_str()), default_label),
        _ => (None, None),
    };
    match (text, label) {
        (Some(text), Some(label)) => checked(text, label, labels),
        _ => Err((Reason::MalformedEntity, format!("an entity is not text and label: {value}"))),
    }
}

fn checked(text: &str, label: &str, labels: &LabelNames) -> Result<Mention, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err((Reason::EmptyMention, format!("a mention of `{label}` is empty")));
    }
    let Some(known) = labels.resolve(label) else {
        let words = format!("mention `{text}` has label `{label}`, expected one of {}", labels.list());
        return Err((Reason::UnknownLabel, words));
    };
    Ok(Mention { text: text.to_owned(), label: known.to_owned() })
}

fn read_pair(map: &Map<String, Value>, expected: &Expected) -> Result<Marks, Problem> {
    let end = |keys: &[&str], label: Option<&str>| match field(map, keys) {
        Some(value) => read_mention(value, &expected.labels, label),
        None => Err((Reason::PairMissing, format!("the example has no `{}`", keys[0]))),
    };
    let head = end(&HEAD_KEYS, expected.labels.first())?;
    let tail = end(&TAIL_KEYS, expected.labels.last())?;
    let Some(word) = field(map, &RELATION_KEYS).and_then(Value::as_str) else {
        return Err((Reason::RelationMissing, "the example has no `relation`".to_owned()));
    };
    let Some(relation) = expected.relations.resolve(word) else {
        let words = format!("relation `{word}`, expected one of {}", expected.relations.list());
        return Err((Reason::UnknownRelation, words));
    };
    Ok(Marks::Pair { head, tail, relation: relation.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Label;

    fn expected(task: Task) -> Expected {
        let names = |names: &[&str], synonyms: &[(&str, &str)]| {
            let labels: Vec<_> = names.iter().map(|name| Label::new(*name, "")).collect();
            LabelNames::new(&labels, &synonyms.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
        };
        Expected {
            task,
            labels: names(&["Chemical", "Disease"], &[("drug", "Chemical")]),
            relations: names(&["positive", "none"], &[]),
            longest_text: 20,
        }
    }

    fn mentions(found: &[(&str, &str)]) -> Vec<Mention> {
        found.iter().map(|(text, label)| Mention { text: (*text).into(), label: (*label).into() }).collect()
    }

    #[allow(clippy::needless_pass_by_value)]
    fn check(task: Task, example: Value, marks: Result<Marks, (Reason, &str)>) {
        let found = coerce(&example, &expected(task)).map(|draft| draft.marks);
        assert_eq!(found, marks.map_err(|(reason, words)| (reason, words.to_owned())), "{example}");
    }

    #[test]
    fn the_only_label_needs_no_word() {
        let labels = LabelNames::new(&[Label::new("Disease", "")], &std::collections::BTreeMap::new());
        let expected = Expected { labels, ..expected(Task::Ner) };
        let found = coerce(&json!({ "text": "t", "mentions": ["gout", {"text": "flu"}] }), &expected);
        let marks = Marks::Ordered(mentions(&[("gout", "Disease"), ("flu", "Disease")]));
        assert_eq!(found, Ok(Draft { text: "t".to_owned(), marks }));
    }

    #[test]
    fn accepts_the_usual_forms_of_entities() {
        let ordered = |found: &[(&str, &str)]| Ok(Marks::Ordered(mentions(found)));
        let ner = |entities: Value, marks| check(Task::Ner, json!({ "text": "t", "entities": entities }), marks);
        ner(json!([]), ordered(&[]));
        ner(Value::Null, ordered(&[]));
        ner(json!([{ "text": " gout ", "type": "disease" }]), ordered(&[("gout", "Disease")]));
        ner(json!([{ "mention": "gout", "label": "DISEASE", "id": 3 }]), ordered(&[("gout", "Disease")]));
        ner(
            json!([["aspirin", "Drug"], ["gout", "Disease"]]),
            ordered(&[("aspirin", "Chemical"), ("gout", "Disease")]),
        );
        ner(json!({ "text": "gout", "type": "Disease" }), ordered(&[("gout", "Disease")]));
        let by_label = json!({ "Disease": ["gout", { "text": "flu" }], "chemical": "aspirin" });
        ner(
            by_label,
            Ok(Marks::Unordered(mentions(&[("gout", "Disease"), ("flu", "Disease"), ("aspirin", "Chemical")]))),
        );
        ner(json!({ "gout": "Disease" }), Ok(Marks::Unordered(mentions(&[("gout", "Disease")]))));
        ner(json!({ "Disease": [], "Chemical": null }), Ok(Marks::Unordered(vec![])));
        check(Task::Ner, json!({ "sentence": "t", "mentions": [] }), ordered(&[]));
    }

    #[test]
    fn names_what_is_wrong() {
        let bad = |example: Value, reason, words: &str| check(Task::Ner, example, Err((reason, words)));
        bad(json!("text"), Reason::NotAnObject, "the example is not an object");
        bad(json!({ "entities": [] }), Reason::TextMissing, "the example has no `text`");
        bad(json!({ "text": " ", "entities": [] }), Reason::EmptyText, "the text is empty");
        bad(
            json!({ "text": "é".repeat(21), "entities": [] }),
            Reason::TextTooLong,
            "the text has 21 characters, at most 20 are allowed",
        );
        bad(json!({ "text": "t" }), Reason::EntitiesMissing, "the example has no `entities`");
        bad(
            json!({ "text": "t", "entities": "gout" }),
            Reason::MalformedEntity,
            "`entities` is neither a list nor a map: \"gout\"",
        );
        bad(
            json!({ "text": "t", "entities": ["gout"] }),
            Reason::MalformedEntity,
            "an entity is not text and label: \"gout\"",
        );
        bad(
            json!({ "text": "t", "entities": [{ "text": " ", "type": "Disease" }] }),
            Reason::EmptyMention,
            "a mention of `Disease` is empty",
        );
        bad(
            json!({ "text": "t", "entities": [{ "text": "BRCA1", "type": "Gene" }] }),
            Reason::UnknownLabel,
            "mention `BRCA1` has label `Gene`, expected one of Chemical, Disease",
        );
    }

    #[test]
    fn reads_pairs() {
        let pair = || {
            let [head, tail] =
                [("aspirin", "Chemical"), ("gout", "Disease")].map(|mention| mentions(&[mention]).remove(0));
            Ok(Marks::Pair { head, tail, relation: "positive".to_owned() })
        };
        let re = |example: Value, marks| check(Task::Re, example, marks);
        let head = json!({ "text": "aspirin", "type": "Chemical" });
        re(
            json!({ "text": "t", "head": head, "tail": { "text": "gout", "type": "Disease" }, "relation": "Positive" }),
            pair(),
        );
        re(json!({ "text": "t", "subject": "aspirin", "object": "gout", "relation": "positive" }), pair());
        re(
            json!({ "text": "t", "head": head, "relation": "none" }),
            Err((Reason::PairMissing, "the example has no `tail`")),
        );
        re(
            json!({ "text": "t", "head": head, "tail": "gout" }),
            Err((Reason::RelationMissing, "the example has no `relation`")),
        );
        re(
            json!({ "text": "t", "head": head, "tail": "gout", "relation": "maybe" }),
            Err((Reason::UnknownRelation, "relation `maybe`, expected one of positive, none")),
        );
    }
}
