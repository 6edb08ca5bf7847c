//! Answers about a given text: its mentions, or a verdict on each label that it has.

use clinsynth_contract::{Entity, Example, Relation};
use serde_json::{Map, Value, json};

use crate::coerce::{ENTITIES_KEYS, Expected, LIST_KEYS, RELATION_KEYS, TEXT_KEYS, coerce, field};
use crate::extract::single_value;
use crate::locate::{Located, locate};
use crate::{Reason, Task};

/// Keys under which models put a list of verdicts.
const VERDICT_KEYS: [&str; 7] = ["verdicts", "mentions", "pairs", "entities", "relations", "answers", "results"];
/// Keys under which models put a verdict.
const RIGHT_KEYS: [&str; 4] = ["right", "correct", "valid", "verdict"];

/// A fault, with the part of the answer that has it.
pub(crate) type Fault = (Reason, String, String);

/// Reads what a completion says about a text: the labels that it gives, or those of the text's own that it confirms.
pub(crate) fn read_given(completion: &str, given: &Example, expected: &Expected) -> Result<Located, Fault> {
    let value = single_value(completion).map_err(|reason| (reason, reason.meaning().to_owned(), String::new()))?;
    let shown = value.to_string();
    let pairs = !expected.relations.is_empty();
    let read = match (expected.task, pairs) {
        (Task::Extract, false) => read_mentions(value, given, expected),
        (Task::Extract, true) => read_relations(&value, given, expected),
        _ => read_verdicts(&value, given, pairs),
    };
    read.map_err(|(reason, detail)| (reason, detail, shown))
}

fn read_mentions(value: Value, given: &Example, expected: &Expected) -> Result<Located, (Reason, String)> {
    let mut answer = entities_of(value, expected)
        .ok_or_else(|| (Reason::EntitiesMissing, "the answer has no `entities`".to_owned()))?;
    // Whatever the model repeats as the text, the labels are for the one that was given.
    answer.retain(|key, _| !TEXT_KEYS.contains(&key.as_str()));
    answer.insert(TEXT_KEYS[0].to_owned(), json!(given.text));
    let mut draft = coerce(&Value::Object(answer), expected)?;
    // White space at its ends stays: offsets count from the text's own start.
    given.text.clone_into(&mut draft.text);
    locate(&draft)
}

/// The object that holds the entities, however the model wrapped it.
fn entities_of(value: Value, expected: &Expected) -> Option<Map<String, Value>> {
    let wrapped = |entities: Value| Map::from_iter([(ENTITIES_KEYS[0].to_owned(), entities)]);
    match value {
        Value::Array(mut items) => {
            let is_answer = |item: &Value| item.as_object().is_some_and(|map| field(map, &ENTITIES_KEYS).is_some());
            if items.len() == 1 && is_answer(&items[0]) {
                return entities_of(items.remove(0), expected);
            }
            Some(wrapped(Value::Array(items)))
        }
        Value::Object(map) => {
            let by_label = map.is_empty() || map.keys().any(|key| expected.labels.resolve(key).is_some());
            if field(&map, &ENTITIES_KEYS).is_some() {
                Some(map)
            } else if by_label {
                Some(wrapped(Value::Object(map)))
            } else {
                let inner = map
                    .into_iter()
                    .find(|(key, value)| LIST_KEYS.contains(&key.as_str()) || value.is_array() || value.is_object());
                entities_of(inner?.1, expected)
            }
        }
        _ => None,
    }
}

fn read_relations(value: &Value, given: &Example, expected: &Expected) -> Result<Located, (Reason, String)> {
    let read = |item: &Map<String, Value>| {
        let word = field(item, &RELATION_KEYS).and_then(Value::as_str);
        let word = word.ok_or_else(|| (Reason::RelationMissing, "a verdict has no `relation`".to_owned()))?;
        expected.relations.resolve(word).map(str::to_owned).ok_or_else(|| {
            let words = format!("relation `{word}`, expected one of {}", expected.relations.list());
            (Reason::UnknownRelation, words)
        })
    };
    let labels = by_number(value, given.relations.len(), read)?;
    let relations = given.relations.iter().zip(labels);
    let relations = relations.map(|(pair, label)| Relation { label, ..pair.clone() }).collect();
    Ok(Located { entities: given.entities.clone(), relations, warnings: Vec::new() })
}

fn read_verdicts(value: &Value, given: &Example, pairs: bool) -> Result<Located, (Reason, String)> {
    let read = |item: &Map<String, Value>| {
        field(item, &RIGHT_KEYS).and_then(truth).ok_or_else(|| {
            let words = format!("a verdict is neither `true` nor `false`: {}", Value::Object(item.clone()));
            (Reason::MalformedVerdict, words)
        })
    };
    let (entities, relations) = (&given.entities, &given.relations);
    let right = by_number(value, if pairs { relations.len() } else { entities.len() }, read)?;
    let kept = |index: &usize| right[*index];
    let (entities, relations): (Vec<Entity>, Vec<Relation>) = if pairs {
        (entities.clone(), (0..relations.len()).filter(kept).map(|index| relations[index].clone()).collect())
    } else {
        ((0..entities.len()).filter(kept).map(|index| entities[index].clone()).collect(), Vec::new())
    };
    Ok(Located { entities, relations, warnings: Vec::new() })
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(right) => Some(*right),
        Value::String(word) => match word.trim().to_lowercase().as_str() {
            "true" | "yes" | "right" | "correct" => Some(true),
            "false" | "no" | "wrong" | "incorrect" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A verdict for each number from 1 to `count`: by its `number`, or in order where no verdict has one.
fn by_number<T>(
    value: &Value,
    count: usize,
    read: impl Fn(&Map<String, Value>) -> Result<T, (Reason, String)>,
) -> Result<Vec<T>, (Reason, String)> {
    let items = match value {
        Value::Array(items) => Some(items),
        Value::Object(map) => field(map, &VERDICT_KEYS).and_then(Value::as_array),
        _ => None,
    };
    let malformed = |words: String| (Reason::MalformedVerdict, words);
    let items = items.ok_or_else(|| malformed("the answer has no list `verdicts`".to_owned()))?;
    let maps: Option<Vec<&Map<String, Value>>> = items.iter().map(Value::as_object).collect();
    let maps = maps.ok_or_else(|| malformed("a verdict is not an object".to_owned()))?;
    let in_order = maps.len() == count && maps.iter().all(|map| !map.contains_key("number"));
    let mut found: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (index, map) in maps.into_iter().enumerate() {
        let number = if in_order { Some(index + 1) } else { map.get("number").and_then(whole) };
        let slot = number.and_then(|number| found.get_mut(number.checked_sub(1)?));
        let slot = slot.ok_or_else(|| malformed(format!("a verdict names none of 1 to {count}: {}", json!(map))))?;
        *slot = Some(read(map)?);
    }
    let missing = |index: usize| (Reason::VerdictMissing, format!("there is no verdict on number {}", index + 1));
    found.into_iter().enumerate().map(|(index, verdict)| verdict.ok_or_else(|| missing(index))).collect()
}

fn whole(value: &Value) -> Option<usize> {
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    value.as_u64().and_then(|number| usize::try_from(number).ok()).or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use clinsynth_contract::Span;

    use super::*;
    use crate::Label;
    use crate::labels::LabelNames;

    fn names(names: &[&str]) -> LabelNames {
        LabelNames::new(&names.iter().map(|name| Label::new(*name, "")).collect::<Vec<_>>(), &BTreeMap::new())
    }

    /// ` FTO and gout, not flu`, with a wrong label on `and`, and the pair of `FTO` and `gout`.
    fn given() -> Example {
        let entity = |start, end, label: &str| Entity::new(Span::new(start, end), label);
        Example {
            text: " FTO and gout, not flu".into(),
            entities: vec![entity(1, 4, "Gene"), entity(5, 8, "Gene"), entity(9, 13, "Disease")],
            relations: vec![Relation { head: 0, tail: 2, label: "none".into() }],
            ..Example::default()
        }
    }

    /// Mentions as `start-end|label`, relations as `label`; or the reason with its detail.
    fn check(task: Task, relations: &[&str], completion: &str, expected: Result<&[&str], (Reason, &str)>) {
        let labels = Expected {
            task,
            labels: names(&["Gene", "Disease"]),
            relations: names(relations),
            longest_text: usize::MAX,
        };
        let found = read_given(completion, &given(), &labels).map(|located| {
            if relations.is_empty() {
                let shown = |entity: &Entity| format!("{}-{}|{}", entity.start, entity.end, entity.label);
                located.entities.iter().map(shown).collect::<Vec<_>>()
            } else {
                located.relations.iter().map(|relation| relation.label.clone()).collect()
            }
        });
        let found = found.map_err(|(reason, detail, _)| (reason, detail));
        let expected = expected.map(|marks| marks.iter().map(|mark| (*mark).to_owned()).collect());
        assert_eq!(found, expected.map_err(|(reason, words)| (reason, words.to_owned())), "{completion}");
    }

    #[test]
    fn mentions_are_read_in_every_usual_form_and_placed_in_the_given_text() {
        let extract = |completion: &str, expected| check(Task::Extract, &[], completion, expected);
        let both: Result<&[&str], _> = Ok(&["1-4|Gene", "9-13|Disease"]);
        let list = r#"[{"text": "FTO", "type": "gene"}, {"text": "gout", "type": "Disease"}]"#;
        extract(list, both);
        extract(&format!(r#"{{"entities": {list}}}"#), both);
        extract(
            &format!("<think>{{}}</think>Sure:\n```json\n{{\"text\": \"FTO, gout\", \"entities\": {list}}}\n```"),
            both,
        );
        extract(&format!(r#"{{"examples": [{{"text": "other", "entities": {list}}}]}}"#), both);
        extract(r#"{"Gene": ["FTO"], "Disease": ["gout"]}"#, both);
        extract(r#"{"entities": []}"#, Ok(&[]));
        extract("[]", Ok(&[]));
        extract("{}", Ok(&[]));
        extract("There are none.", Err((Reason::NoJson, Reason::NoJson.meaning())));
        extract("", Err((Reason::EmptyCompletion, Reason::EmptyCompletion.meaning())));
        let cut = r#"{"entities": [{"text": "FTO", "type": "Gene"}, {"te"#;
        extract(cut, Err((Reason::TruncatedJson, Reason::TruncatedJson.meaning())));
        let unknown = r#"{"entities": [{"text": "ague", "type": "Disease"}]}"#;
        extract(unknown, Err((Reason::MentionNotFound, "mention `ague` (Disease) does not occur in the text")));
    }

    #[test]
    fn verdicts_confirm_mentions_by_number_or_order() {
        let verify = |completion: &str, expected| check(Task::Verify, &[], completion, expected);
        let right: Result<&[&str], _> = Ok(&["1-4|Gene", "9-13|Disease"]);
        verify(
            r#"{"verdicts": [{"number": 3, "right": true}, {"number": "1", "right": "yes"}, {"number": 2, "right": false}]}"#,
            right,
        );
        verify(r#"[{"right": true}, {"correct": "no"}, {"right": true}]"#, right);
        let missing = (Reason::VerdictMissing, "there is no verdict on number 3");
        verify(r#"{"verdicts": [{"number": 1, "right": true}, {"number": 2, "right": true}]}"#, Err(missing));
        let beyond = (Reason::MalformedVerdict, r#"a verdict names none of 1 to 3: {"number":4,"right":true}"#);
        verify(r#"{"verdicts": [{"number": 4, "right": true}]}"#, Err(beyond));
        let unclear =
            (Reason::MalformedVerdict, r#"a verdict is neither `true` nor `false`: {"number":1,"right":"maybe"}"#);
        verify(r#"{"verdicts": [{"number": 1, "right": "maybe"}]}"#, Err(unclear));
        verify(r#"{"answer": 1}"#, Err((Reason::MalformedVerdict, "the answer has no list `verdicts`")));
    }

    #[test]
    fn pairs_get_a_relation_or_a_verdict() {
        let relations = ["positive", "none"];
        let stated = r#"{"verdicts": [{"number": 1, "relation": "Positive"}]}"#;
        check(Task::Extract, &relations, stated, Ok(&["positive"]));
        let unknown = (Reason::UnknownRelation, "relation `maybe`, expected one of positive, none");
        check(Task::Extract, &relations, r#"[{"number": 1, "relation": "maybe"}]"#, Err(unknown));
        check(Task::Verify, &relations, r#"[{"number": 1, "right": true}]"#, Ok(&["none"]));
        check(Task::Verify, &relations, r#"[{"number": 1, "right": false}]"#, Ok(&[]));
    }
}
