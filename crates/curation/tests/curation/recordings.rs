//! The recorded completions that the default pipeline replays. They were written with care, so next to nothing may go.

use std::collections::BTreeSet;

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

fn recordings() -> Vec<Example> {
    recorded(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/ner.jsonl"))
}

#[test]
fn careful_sentences_are_kept() {
    let examples = recordings();
    assert_eq!(examples.len(), 3300);
    let curated = curate(examples, &[], &CurationSettings::default()).unwrap();
    assert_eq!(set_aside(&curated), [("n10-16/0", "near_duplicate", "0.78 like `n01-22/0`")]);
    // Read one by one, all of them are right as written: `CP` is cerebral palsy or cyclophosphamide, `RA` room air.
    assert_eq!(curated.counts, [("inconsistent_mention", 26), ("label_conflict", 3), ("near_duplicate", 1)].into());
    assert_eq!(curated.kept.iter().filter(|example| example.split == Some(Split::Dev)).count(), 330);
}

#[test]
fn forgotten_mentions_are_found_in_real_sentences() {
    let mut examples = recordings();
    let mut forgotten = BTreeSet::new();
    let mut number = 0;
    for example in &mut examples {
        let id = example.id.clone();
        example.entities.retain(|entity| {
            number += 1;
            let forget = number % 10 == 0;
            if forget {
                forgotten.insert((id.clone(), format!(" at {} is ", entity.start)));
            }
            !forget
        });
    }
    let curated = curate(examples, &[], &CurationSettings::default()).unwrap();
    let flags = || curated.flags.iter().filter(|row| row.reason == "inconsistent_mention");
    let right = flags().filter(|row| forgotten.iter().any(|(id, place)| row.id == *id && row.detail.contains(place)));
    assert_eq!((forgotten.len(), flags().count(), right.count()), (868, 443, 351));
}
