use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, TagScheme, TagSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Decoding, InferenceError};

/// What the JSON files of a model folder say about its model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelFolder {
    /// The model file.
    pub(crate) model: PathBuf,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its labels with their tags; of a sequence classifier, the labels are the classes.
    pub(crate) tags: TagSet,
    /// What is taken off each tag's logits.
    pub(crate) margins: Vec<f32>,
    /// Whether it gives each sequence a class, not each token a tag.
    pub(crate) sequences: bool,
    /// Rows of its word embedding.
    pub(crate) vocabulary: u32,
    /// Its longest sequence in sub-tokens.
    pub(crate) positions: usize,
    /// Sub-token id used for padding.
    pub(crate) padding: u32,
}

/// What is read of a Hugging Face `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    model_type: String,
    id2label: BTreeMap<u32, String>,
    vocab_size: u32,
    max_position_embeddings: usize,
    #[serde(default)]
    pad_token_id: u32,
}

impl Config {
    /// RoBERTa and its kin number positions from one past the padding id, so the first rows are never used.
    fn positions(&self) -> usize {
        let unused = match self.model_type.as_str() {
            "roberta" | "xlm-roberta" | "camembert" => self.pad_token_id as usize + 1,
            _ => 0,
        };
        self.max_position_embeddings.saturating_sub(unused)
    }
}

impl ModelFolder {
    /// Width of its logits.
    pub(crate) fn outputs(&self) -> usize {
        if self.sequences { self.tags.labels().len() } else { self.tags.len() }
    }

    /// Checks that it does what is asked of it.
    pub(crate) fn check_task(&self, sequences: bool) -> Result<(), InferenceError> {
        if self.sequences == sequences {
            return Ok(());
        }
        let found = if self.sequences { "it classifies pairs of entities" } else { "it tags mentions" };
        Err(InferenceError::OtherModel { path: self.model.clone(), problems: vec![found.to_owned()] })
    }

    /// Reads the folder's JSON files and takes the digest of its model file `model`.
    pub(crate) fn read(folder: &Path, model: &str) -> Result<Self, InferenceError> {
        let (config_path, labels_path, model) =
            (folder.join("config.json"), folder.join("labels.json"), folder.join(model));
        let config: Config = read_json(&config_path)?;
        let labels: Vec<String> = read_json(&labels_path)?;
        let tags = TagSet::new(labels).map_err(|source| InferenceError::Labels { path: labels_path, source })?;
        let named = TagSet::from_names(&config.id2label.values().collect::<Vec<_>>());
        let tags = tags.with_scheme(named.map_or_else(TagScheme::default, |named| named.scheme()));
        // The ids must count up from 0: a gap would shift every tag behind it.
        let counted = config.id2label.keys().copied().eq(0..config.id2label.len() as u32);
        let sequences = config.id2label.values().eq(tags.labels());
        if !counted || !(sequences || config.id2label.values().eq(&tags.names())) {
            let found: Vec<String> = config.id2label.iter().map(|(id, name)| format!("{id}: {name}")).collect();
            return Err(InferenceError::OtherTags {
                path: config_path,
                found: found.join(", "),
                expected: tags.names().join(", "),
            });
        }
        let decoding_path = folder.join(Decoding::FILE);
        let decoding: Decoding = if decoding_path.exists() { read_json(&decoding_path)? } else { Decoding::default() };
        let margins = decoding.of_tags(&tags);
        let digest = File::open(&model).and_then(Digest::of_reader).map_err(|source| match source.kind() {
            ErrorKind::NotFound if model.ends_with("model.int8.onnx") => InferenceError::NoInt8 { path: model.clone() },
            _ => InferenceError::Read { path: model.clone(), source },
        })?;
        let (positions, vocabulary, padding) = (config.positions(), config.vocab_size, config.pad_token_id);
        Ok(Self { model, digest, tags, margins, sequences, vocabulary, positions, padding })
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, InferenceError> {
    let bytes = fs::read(path).map_err(|source| InferenceError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| InferenceError::BadFile { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn positions_are_those_that_a_family_can_use() {
        let check = |family: &str, expected| {
            let config = format!(
                r#"{{"model_type": "{family}", "id2label": {{}}, "vocab_size": 9, "max_position_embeddings": 514, "pad_token_id": 1}}"#
            );
            assert_eq!(serde_json::from_str::<Config>(&config).unwrap().positions(), expected, "{family}");
        };
        check("bert", 514);
        check("roberta", 512);
        check("xlm-roberta", 512);
    }
}
