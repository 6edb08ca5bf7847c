//! Curation through its public interface.
#![allow(clippy::unwrap_used)]

use clinsynth_contract::{Entity, Example, Provenance, Span, Split};
use clinsynth_curation::{Curated, CurationSettings, MentionPolicy, Reason, SplitSettings, curate};

mod filters;
mod mentions;
mod properties;
mod recordings;
mod split;

/// An example whose mentions stand in square brackets, all labelled `D` unless a label follows a bar: `[TNF|C]`.
fn example(id: &str, marked: &str) -> Example {
    let mut example = Example { id: id.to_owned(), document: id.to_owned(), ..Example::default() };
    for (index, part) in marked.split(['[', ']']).enumerate() {
        let (string, label) = part.split_once('|').unwrap_or((part, "D"));
        let start = example.text.chars().count() as u32;
        example.text += string;
        if index % 2 == 1 {
            example.entities.push(Entity::new(Span::new(start, start + string.chars().count() as u32), label));
        }
    }
    example
}

/// Inverse of [`example`], with the label of every mention.
fn marked(example: &Example) -> String {
    let text: Vec<char> = example.text.chars().collect();
    let mut marked = String::new();
    let mut at = 0;
    for entity in &example.entities {
        let (start, end) = (entity.start as usize, entity.end as usize);
        marked.extend(&text[at..start]);
        let mention: String = text[start..end].iter().collect();
        marked.extend(["[", &mention, "|", &entity.label, "]"]);
        at = end;
    }
    marked.extend(&text[at..]);
    marked
}

fn ids(examples: &[Example]) -> Vec<&str> {
    examples.iter().map(|example| example.id.as_str()).collect()
}

/// Identifier, reason and detail of each row set aside.
fn set_aside(curated: &Curated) -> Vec<(&str, &str, &str)> {
    curated.quarantined.iter().map(|row| (row.id.as_str(), row.reason.as_str(), row.detail.as_str())).collect()
}

fn flags(curated: &Curated) -> Vec<(&str, &str, &str)> {
    curated.flags.iter().map(|row| (row.id.as_str(), row.reason.as_str(), row.detail.as_str())).collect()
}
