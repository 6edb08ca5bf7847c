//! The recorded completions that the default pipeline replays. They were written with care, so next to nothing may go.

use serde_json::Value;

use super::*;

fn recorded(path: &str) -> Vec<Example> {
    let lines = std::fs::read_to_string(path).unwrap();
    let mut examples = Vec::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let completion: Value = serde_json::from_str(record["completion"].as_str().unwrap()).unwrap();
        for (index, written) in completion["examples"].as_array().unwrap().iter().enumerate() {
            let mut example = aligned(written);
            example.id = format!("{}/{index}", record["id"].as_str().unwrap());
            example.provenance.topic = record["topic"].as_str().map(String::from);
            example.provenance.request = record["id"].as_str().map(String::from);
            examples.push(example);
        }
    }
    examples
}

/// Mentions found from left to right.
fn aligned(written: &Value) -> Example {
    let text = written["text"].as_str().unwrap().to_owned();
    let mut entities = Vec::new();
    let mut from = 0;
    for mention in written["entities"].as_array().unwrap() {
        let (string, label) = (mention["text"].as_str().unwrap(), mention["type"].as_str().unwrap());
        let Some(at) = text[from..].find(string) else { continue };
        let start = text[..from + at].chars().count() as u32;
        entities.push(Entity::new(Span::new(start, start + string.chars().count() as u32), label));
        from += at + string.len();
    }
    Example { text, entities, ..Example::default() }
}

#[test]
fn careful_sentences_are_kept() {
    let examples = recorded(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/ner.jsonl"));
    let number = examples.len();
    let curated = curate(examples, &[], &CurationSettings::default()).unwrap();
    for row in curated.quarantined.iter().chain(&curated.flags) {
        eprintln!("{}\t{}\t{}\t{}", row.reason, row.id, row.detail, row.text);
    }
    eprintln!("{number} {} {:?}", curated.kept.len(), curated.counts);
}
