use std::collections::BTreeSet;
use std::path::Path;

use clinsynth_contract::{Example, Seed, Sensitivity};

use crate::text::read_text;
use crate::{PromptingError, Trial};

/// What fills one prompt: a row of a seed file. The fields are the variables of a template; an absent one is `none`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptSeed {
    /// What to write about.
    pub topic: Option<String>,
    /// How to write.
    pub style: Option<String>,
    /// Examples to ask for.
    pub count: u32,
    /// A mention that the examples should hold.
    pub mention: Option<String>,
    /// Label of the mention.
    pub label: Option<String>,
    /// Concept identifier of the mention.
    pub concept: Option<String>,
    /// First mention of a pair that the examples should hold.
    pub head: Option<String>,
    /// Second mention of the pair.
    pub tail: Option<String>,
    /// Relation that the examples should state.
    pub relation: Option<String>,
    /// Concept identifier of the head.
    pub head_concept: Option<String>,
    /// Concept identifier of the tail.
    pub tail_concept: Option<String>,
    /// The text that is to be labelled, with the labels that it has.
    pub given: Option<Example>,
    /// How to write, as a prompt search found it.
    pub instructions: Option<String>,
    /// What a prompt search tried so far, the best first.
    pub tried: Vec<Trial>,
}

impl PromptSeed {
    /// What the examples should hold, for their provenance: the mention, or the pair in order.
    pub(crate) fn mentions(&self) -> Option<String> {
        match (&self.mention, &self.head, &self.tail) {
            (None, Some(head), Some(tail)) => Some(format!("{head} | {tail}")),
            (mention, _, _) => mention.clone(),
        }
    }

    /// The concepts of what [`Self::mentions`] names.
    pub(crate) fn concepts(&self) -> Option<String> {
        match (&self.concept, &self.head_concept, &self.tail_concept) {
            (None, None, None) => None,
            (concept @ Some(_), _, _) => concept.clone(),
            (None, head, tail) => {
                let known = |concept: &Option<String>| concept.clone().unwrap_or_default();
                Some(format!("{} | {}", known(head), known(tail)))
            }
        }
    }
}

/// Columns that a seed file may have; `count` it must have.
const COLUMNS: [&str; 9] = ["topic", "style", "count", "mention", "label", "concept", "head", "tail", "relation"];

/// Reads seeds from tab-separated text with a header line, in order.
///
/// Columns are found by name, in any order: `count` (at least 1) is required, `topic`, `style`, `mention`, `label`,
/// `concept`, `head`, `tail` and `relation` are optional; an empty field is absent. Blank lines and lines that start with `#` are skipped.
///
/// Errors: [`PromptingError::File`], [`PromptingError::NotUtf8`], and [`PromptingError::Seeds`] with the line.
pub fn read_seeds(path: &Path) -> Result<Vec<PromptSeed>, PromptingError> {
    let text = read_text(path)?;
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let (number, header) = lines.next().ok_or_else(|| bad_line(path, 1, "is missing: a header line is expected"))?;
    let columns = read_header(header).map_err(|problem| bad_line(path, number, problem))?;
    let seeds: Vec<PromptSeed> = lines
        .map(|(number, line)| read_row(&columns, line).map_err(|problem| bad_line(path, number, problem)))
        .collect::<Result<_, _>>()?;
    if seeds.is_empty() {
        return Err(bad_line(path, number, "is the only one: seeds are expected below the header"));
    }
    Ok(seeds)
}

/// The rows of the `seeds` table behind some prompt seeds: each distinct mention, topic and style once, in order of
/// first occurrence.
///
/// `source` is the file they came from. Seeds are `public`: they are vocabulary, never patient text.
pub fn seed_rows(seeds: &[PromptSeed], source: &str) -> Vec<Seed> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for seed in seeds {
        let mentions = [&seed.mention, &seed.head, &seed.tail].map(|value| ("mention", value));
        for (kind, value) in mentions.into_iter().chain([("topic", &seed.topic), ("style", &seed.style)]) {
            let Some(value) = value else { continue };
            let (label, concept) = if seed.mention.as_ref() == Some(value) {
                (seed.label.clone(), seed.concept.clone())
            } else {
                (None, None)
            };
            if seen.insert((kind, value, label.clone(), concept.clone())) {
                rows.push(Seed {
                    id: format!("{kind}-{:05}", rows.len() + 1),
                    kind: kind.to_owned(),
                    value: value.clone(),
                    label,
                    concept,
                    source: source.to_owned(),
                    sensitivity: Sensitivity::Public,
                });
            }
        }
    }
    rows
}

fn bad_line(path: &Path, line: usize, problem: impl Into<String>) -> PromptingError {
    PromptingError::Seeds { path: path.to_owned(), line, problem: problem.into() }
}

fn read_header(line: &str) -> Result<Vec<&str>, String> {
    let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
    for (index, column) in columns.iter().enumerate() {
        if !COLUMNS.contains(column) {
            return Err(format!("unknown column `{column}`: expected some of {}", COLUMNS.join(", ")));
        }
        if columns[..index].contains(column) {
            return Err(format!("column `{column}` stands twice"));
        }
    }
    if columns.contains(&"count") { Ok(columns) } else { Err("column `count` is missing".to_owned()) }
}

fn read_row(columns: &[&str], line: &str) -> Result<PromptSeed, String> {
    let fields: Vec<&str> = line.split('\t').collect();
    if fields.len() != columns.len() {
        return Err(format!("{} fields, expected {} as in the header", fields.len(), columns.len()));
    }
    let mut seed = PromptSeed::default();
    for (&column, field) in columns.iter().zip(fields) {
        let value = Some(field.trim()).filter(|field| !field.is_empty()).map(str::to_owned);
        match column {
            "topic" => seed.topic = value,
            "style" => seed.style = value,
            "mention" => seed.mention = value,
            "label" => seed.label = value,
            "concept" => seed.concept = value,
            "head" => seed.head = value,
            "tail" => seed.tail = value,
            "relation" => seed.relation = value,
            _ => seed.count = read_count(field.trim())?,
        }
    }
    if seed.label.is_some() && seed.mention.is_none() {
        return Err("has a label but no mention".to_owned());
    }
    if seed.head.is_some() != seed.tail.is_some() {
        return Err("has one mention of a pair but not the other".to_owned());
    }
    Ok(seed)
}

fn read_count(field: &str) -> Result<u32, String> {
    match field.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("count `{field}` is not a whole number of at least 1")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Vec<PromptSeed>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seeds.tsv");
        fs::write(&path, text).unwrap();
        read_seeds(&path).map_err(|error| error.to_string().rsplit_once("seeds.tsv` ").unwrap().1.to_owned())
    }

    #[test]
    fn reads_columns_by_name_and_leaves_empty_fields_absent() {
        let seeds = read("# vocabulary\ncount\tmention\tlabel\ttopic\n10\tHbSS\tDisease\t\n\n5\t\t\tsickle cell\r\n");
        let expected = vec![
            PromptSeed {
                count: 10,
                mention: Some("HbSS".into()),
                label: Some("Disease".into()),
                ..PromptSeed::default()
            },
            PromptSeed { count: 5, topic: Some("sickle cell".into()), ..PromptSeed::default() },
        ];
        assert_eq!(seeds, Ok(expected));
    }

    #[test]
    fn names_the_line_and_the_problem() {
        let check = |text: &[u8], expected: &str| assert_eq!(read(text).unwrap_err(), expected);
        check(b"", "line 1: is missing: a header line is expected");
        check(
            b"topic\tcont\n",
            "line 1: unknown column `cont`: expected some of topic, style, count, mention, label, concept, head, tail, relation",
        );
        check(b"topic\n", "line 1: column `count` is missing");
        check(b"count\tcount\n", "line 1: column `count` stands twice");
        check(b"count\n", "line 1: is the only one: seeds are expected below the header");
        check(b"topic\tcount\nanaemia\n", "line 2: 1 fields, expected 2 as in the header");
        check(b"count\n10\n\n0\n", "line 4: count `0` is not a whole number of at least 1");
        check(b"count\tlabel\n1\tDisease\n", "line 2: has a label but no mention");
        check(b"count\thead\ttail\n1\tBRCA1\t\n", "line 2: has one mention of a pair but not the other");
        check(b"count\n1\n\xff\n", "line 3: is not UTF-8; convert the file to UTF-8");
    }

    #[test]
    fn table_rows_are_distinct() {
        let seed =
            |topic: &str| PromptSeed { topic: Some(topic.into()), style: Some("note".into()), ..Default::default() };
        let rows = seed_rows(&[seed("asthma"), seed("gout"), seed("asthma")], "ner.tsv");
        let found: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.value.as_str())).collect();
        assert_eq!(found, [("topic-00001", "asthma"), ("style-00002", "note"), ("topic-00003", "gout")]);
        assert!(rows.iter().all(|row| row.source == "ner.tsv" && row.sensitivity == Sensitivity::Public));
    }
}
