//! Corpus files as their readers meet them: small ones written here, arbitrary ones, and the real ones where present.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod formats;
mod iob;
mod pubtator;
mod real;
mod refusals;
mod relations;
mod round_trip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Entity, Example, Sensitivity};
use clinsynth_corpora::{Corpus, CorpusError, Discontinuous, Format, ReadSettings, default_label_map, read};

fn settings() -> ReadSettings {
    ReadSettings {
        format: Format::Auto,
        label_map: default_label_map(),
        discontinuous: Discontinuous::Cover,
        source: "c".into(),
        sensitivity: Sensitivity::Public,
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/fixtures").join(name)
}

/// Reads bytes as a file.
fn read_bytes(bytes: &[u8], settings: &ReadSettings) -> Result<Corpus, CorpusError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    read(&path, settings)
}

fn read_text(text: &str) -> Corpus {
    read_bytes(text.as_bytes(), &settings()).unwrap()
}

/// Each entity as `start..end label text concept`.
fn entity_lines(example: &Example) -> Vec<String> {
    let line = |entity: &Entity| {
        let (start, end) = (entity.start as usize, entity.end as usize);
        let text: String = example.text.chars().skip(start).take(end - start).collect();
        let concept = entity.concept.as_deref().unwrap_or("-");
        format!("{start}..{end} {} {text} {concept}", entity.label)
    };
    example.entities.iter().map(line).collect()
}

fn reasons(corpus: &Corpus) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for row in &corpus.quarantined {
        *reasons.entry(row.reason.as_str()).or_default() += 1;
    }
    reasons
}
