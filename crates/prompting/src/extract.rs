//! Finds the examples in a completion: the JSON may stand in fences or prose, be wrapped, or break off.

use serde_json::{Deserializer, Value};

use crate::Reason;
use crate::coerce::{LIST_KEYS, TEXT_KEYS, field};

/// The examples of a completion as JSON, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Extracted {
    pub(crate) examples: Vec<Value>,
    /// The text from where the JSON breaks off or is malformed.
    pub(crate) broken: Option<String>,
}

/// Reads the examples out of a completion.
///
/// A reasoning block is skipped, and so is whatever stands before and after the JSON. Where the JSON is cut off or
/// malformed, the complete examples before that place are kept.
pub(crate) fn extract(completion: &str) -> Result<Extracted, Reason> {
    let text = without_reasoning(completion.trim_start_matches('\u{feff}').trim());
    if text.is_empty() {
        return Err(Reason::EmptyCompletion);
    }
    if let Ok(Value::String(inner)) = serde_json::from_str(text) {
        return extract(&inner);
    }
    let mut empty = false;
    let mut position = 0;
    while let Some(start) = text[position..].find(['{', '[']).map(|offset| position + offset) {
        match read_value(&text[start..]) {
            Some((value, length)) => {
                position = start + length;
                match examples_of(value) {
                    Some(examples) if examples.is_empty() => empty = true,
                    Some(examples) => return Ok(with_following(examples, &text[position..])),
                    None => {}
                }
            }
            None => match salvage(&text[start..]) {
                Some(extracted) => return Ok(extracted),
                None => position = start + 1,
            },
        }
    }
    Err(if empty { Reason::NoExamples } else { Reason::NoJson })
}

/// The one JSON value of a completion, past reasoning, prose and fences.
pub(crate) fn single_value(completion: &str) -> Result<Value, Reason> {
    let text = without_reasoning(completion.trim_start_matches('\u{feff}').trim());
    if text.is_empty() {
        return Err(Reason::EmptyCompletion);
    }
    if let Ok(Value::String(inner)) = serde_json::from_str(text) {
        return single_value(&inner);
    }
    let mut position = 0;
    while let Some(start) = text[position..].find(['{', '[']).map(|offset| position + offset) {
        match read_value(&text[start..]) {
            Some((value, _)) => return Ok(value),
            // What begins like an answer is one that breaks off: its inner values are not the answer.
            None if text[start + 1..].trim_start().starts_with(['"', '{', '[']) => return Err(Reason::TruncatedJson),
            None => position = start + 1,
        }
    }
    Err(Reason::NoJson)
}

/// Text after the last `</think>`, where reasoning models begin their answer.
fn without_reasoning(text: &str) -> &str {
    text.rsplit_once("</think>").map_or(text, |(_, answer)| answer.trim())
}

/// The JSON value at the start of the text, and its length in bytes.
fn read_value(text: &str) -> Option<(Value, usize)> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

/// The examples that a value holds, or `None` when it is something else.
fn examples_of(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => (items.is_empty() || items.iter().any(Value::is_object)).then_some(items),
        Value::Object(mut map) => {
            if let Some(key) = LIST_KEYS.into_iter().find(|key| map.contains_key(*key)) {
                return match map.remove(key)? {
                    Value::Array(items) => Some(items),
                    Value::Null => Some(Vec::new()),
                    single => Some(vec![single]),
                };
            }
            if field(&map, &TEXT_KEYS).is_some() {
                return Some(vec![Value::Object(map)]);
            }
            // Some models wrap the answer once more, under a key of their own.
            let (_, inner) = map.into_iter().next()?;
            if inner.is_object() || inner.is_array() { examples_of(inner) } else { None }
        }
        _ => None,
    }
}

/// Adds further objects that follow a single example: an answer in JSON lines.
fn with_following(mut examples: Vec<Value>, mut rest: &str) -> Extracted {
    while examples.len() == 1 || rest.trim_start().starts_with('{') {
        let trimmed = rest.trim_start().trim_start_matches(',').trim_start();
        if !trimmed.starts_with('{') {
            break;
        }
        match read_value(trimmed) {
            Some((value, length)) => {
                examples.extend(examples_of(value).unwrap_or_default());
                rest = &trimmed[length..];
            }
            None => return Extracted { examples, broken: Some(trimmed.to_owned()) },
        }
    }
    Extracted { examples, broken: None }
}

/// The complete examples of an answer that breaks off, or `None` when the text does not begin like an answer.
fn salvage(text: &str) -> Option<Extracted> {
    if let Some(items) = text.strip_prefix('[') {
        return Some(salvage_items(items)).filter(|extracted| !extracted.examples.is_empty());
    }
    let mut rest = text.strip_prefix('{')?.trim_start();
    loop {
        let (key, length) = read_value(rest)?;
        let key = key.as_str()?.to_owned();
        rest = rest[length..].trim_start().strip_prefix(':')?.trim_start();
        if LIST_KEYS.contains(&key.as_str()) {
            return Some(salvage_items(rest.strip_prefix('[').unwrap_or(rest)));
        }
        if TEXT_KEYS.contains(&key.as_str()) {
            return Some(Extracted { examples: Vec::new(), broken: Some(text.to_owned()) });
        }
        let (_, length) = read_value(rest)?;
        rest = rest[length..].trim_start().strip_prefix(',')?.trim_start();
    }
}

fn salvage_items(text: &str) -> Extracted {
    let mut examples = Vec::new();
    let mut rest = text.trim_start();
    while let Some((value, length)) = Some(rest).filter(|rest| rest.starts_with('{')).and_then(read_value) {
        examples.push(value);
        rest = rest[length..].trim_start().trim_start_matches(',').trim_start();
    }
    Extracted { examples, broken: Some(rest.to_owned()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(completion: &str, expected: Result<(Value, Option<&str>), Reason>) {
        let found = extract(completion).map(|found| (Value::Array(found.examples), found.broken));
        let expected = expected.map(|(examples, broken)| (examples, broken.map(str::to_owned)));
        assert_eq!(found, expected, "{completion}");
    }

    #[test]
    fn finds_the_examples_however_they_are_wrapped() {
        let two = || Ok((json!([{ "text": "a" }, { "text": "b" }]), None));
        check(r#"{"examples": [{"text": "a"}, {"text": "b"}]}"#, two());
        check(r#"[{"text": "a"}, {"text": "b"}]"#, two());
        check(
            "\u{feff}```json\n{\"sentences\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}\n```\nHope this helps {smile}!",
            two(),
        );
        check("Sure [1]! Here {they} are: [{\"text\": \"a\"}, {\"text\": \"b\"}]", two());
        check("<think>maybe {\"examples\": []}?</think>[{\"text\": \"a\"}, {\"text\": \"b\"}]", two());
        check(r#"{"result": {"examples": [{"text": "a"}, {"text": "b"}]}}"#, two());
        check("{\"text\": \"a\"}\n{\"text\": \"b\"}\n", two());
        check(r#"{"text": "a"}, {"text": "b"}"#, two());
        check(r#""{\"examples\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}""#, two());
        check(r#"{"examples": {"text": "a"}}"#, Ok((json!([{ "text": "a" }]), None)));
        check(r#"{"examples": [{"text": "a"}, "b"]}"#, Ok((json!([{ "text": "a" }, "b"]), None)));
    }

    #[test]
    fn keeps_what_is_complete_before_the_break() {
        check(
            r#"{"examples": [{"text": "a"}, {"text": "b"}, {"text": "c", "ent"#,
            Ok((json!([{ "text": "a" }, { "text": "b" }]), Some(r#"{"text": "c", "ent"#))),
        );
        check(r#"{"examples": [{"text": "a"}, "#, Ok((json!([{ "text": "a" }]), Some(""))));
        check(r#"{"examples": [{"te"#, Ok((json!([]), Some(r#"{"te"#))));
        check(r#"{"note": 1, "examples": [{"text": "a"}"#, Ok((json!([{ "text": "a" }]), Some(""))));
        check(r#"[{"text": "a"}, {"text"#, Ok((json!([{ "text": "a" }]), Some(r#"{"text"#))));
        check(
            r#"{"text": "a", "entities": [{"text": "x", "type": "y"}"#,
            Ok((json!([]), Some(r#"{"text": "a", "entities": [{"text": "x", "type": "y"}"#))),
        );
        check("{\"text\": \"a\"}\n{\"text\": \"b", Ok((json!([{ "text": "a" }]), Some("{\"text\": \"b"))));
        // A quotation mark that the model forgot to escape.
        check(
            r#"{"examples": [{"text": "a"}, {"text": "so "b" it"}, {"text": "c"}]}"#,
            Ok((json!([{ "text": "a" }]), Some(r#"{"text": "so "b" it"}, {"text": "c"}]}"#))),
        );
    }

    #[test]
    fn says_what_is_missing() {
        check("", Err(Reason::EmptyCompletion));
        check(" \n", Err(Reason::EmptyCompletion));
        check("<think>hm</think>", Err(Reason::EmptyCompletion));
        check("I cannot help with that.", Err(Reason::NoJson));
        check("{", Err(Reason::NoJson));
        check("[1, 2]", Err(Reason::NoJson));
        check(r#"{"examples": []}"#, Err(Reason::NoExamples));
        check("[]", Err(Reason::NoExamples));
        check(r#"{"examples": null}"#, Err(Reason::NoExamples));
        check(&"[".repeat(10_000), Err(Reason::NoJson));
    }
}
