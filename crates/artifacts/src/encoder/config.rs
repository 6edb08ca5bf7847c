use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::ArtifactError;
use crate::encoder::{Activation, Family};

/// An encoder as its `config.json` describes it.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    pub(crate) family: &'static Family,
    pub(crate) hidden: usize,
    /// Features of the embeddings: the hidden size, or less where they are projected to it.
    pub(crate) embedding: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    /// Rows of the position embedding.
    pub(crate) position_rows: usize,
    /// The row of the first token.
    pub(crate) first_position: usize,
    /// Rows of the token type embedding, 0 for none.
    pub(crate) token_types: usize,
    pub(crate) activation: Activation,
    pub(crate) padding: u32,
    pub(crate) epsilon: f32,
    pub(crate) initializer_range: f64,
    pub(crate) hidden_dropout: f32,
    pub(crate) attention_dropout: f32,
    pub(crate) classifier_dropout: f32,
    /// Of the family's head for sequences.
    pub(crate) sequence_dropout: f32,
    /// What the model tells apart, by id (`id2label`); empty where it does not say.
    pub(crate) outputs: Vec<String>,
}

impl Encoder {
    /// Reads a configuration. Absent rates and constants take the defaults of `transformers`' `BertConfig`.
    ///
    /// Errors: the first key that is missing, of the wrong kind, or asks for what the graphs do not hold.
    pub(crate) fn read(path: &Path) -> Result<Self, ArtifactError> {
        let config = Config::read(path)?;
        let family = config.family()?;
        let keys = &family.keys;
        let hidden_dropout = config.rate(keys.hidden_dropout, 0.1)?;
        let hidden = config.size(keys.hidden)?;
        let padding = config.number("pad_token_id", f64::from(family.padding))? as u32;
        let encoder = Self {
            family,
            hidden,
            embedding: keys.embedding.map_or(Ok(hidden), |key| config.size(key))?,
            layers: config.size(keys.layers)?,
            heads: config.size(keys.heads)?,
            intermediate: config.size(keys.intermediate)?,
            vocabulary: config.size("vocab_size")?,
            position_rows: config.size(keys.positions)?,
            first_position: if family.positions_after_padding { padding as usize + 1 } else { 0 },
            token_types: keys.token_types.map_or(Ok(0), |key| config.count(key))?,
            activation: config.activation(keys.activation)?,
            padding,
            epsilon: config.number("layer_norm_eps", 1e-12)? as f32,
            initializer_range: config.number("initializer_range", 0.02)?,
            hidden_dropout,
            attention_dropout: config.rate(keys.attention_dropout, 0.1)?,
            classifier_dropout: config.rate(keys.classifier_dropout, hidden_dropout)?,
            sequence_dropout: config
                .rate(family.sequence.dropout, family.sequence.default_dropout.unwrap_or(hidden_dropout))?,
            outputs: config.outputs(),
        };
        if encoder.position_rows <= encoder.first_position {
            return Err(config.bad(keys.positions, "more than the padding id and one"));
        }
        if encoder.hidden.is_multiple_of(encoder.heads) {
            return Ok(encoder);
        }
        Err(config.bad(keys.heads, "a divisor of the hidden size"))
    }

    /// The longest sequence in sub-tokens.
    pub(crate) const fn positions(&self) -> usize {
        self.position_rows - self.first_position
    }

    /// Whether the embeddings are projected to the hidden size.
    pub(crate) const fn projects(&self) -> bool {
        self.embedding != self.hidden
    }

    /// Features of one attention head.
    pub(crate) const fn head_size(&self) -> usize {
        self.hidden / self.heads
    }
}

/// A JSON object and the file it came from.
struct Config {
    path: PathBuf,
    json: Json,
}

impl Config {
    fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = fs::read(path).map_err(|source| ArtifactError::Read { path: path.to_owned(), source })?;
        let json =
            serde_json::from_slice(&bytes).map_err(|source| ArtifactError::Json { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), json })
    }

    /// The family, once no key asks for a computation that it does not hold.
    fn family(&self) -> Result<&'static Family, ArtifactError> {
        let model_type = self.json.get("model_type").cloned().unwrap_or_default();
        let family = model_type.as_str().and_then(Family::find);
        let family = family.ok_or_else(|| self.unsupported("model_type", &model_type, Family::supported()))?;
        for (key, supported) in family.fixed {
            let Some(found) = self.json.get(*key).filter(|found| !found.is_null()) else { continue };
            let text = found.to_string();
            if text != *supported {
                return Err(self.unsupported(key, found, format!("`{}`", supported.trim_matches('"'))));
            }
        }
        Ok(family)
    }

    fn size(&self, key: &str) -> Result<usize, ArtifactError> {
        let size = self.json.get(key).and_then(Json::as_u64).filter(|&size| size > 0);
        size.map(|size| size as usize).ok_or_else(|| self.bad(key, "a whole number above 0"))
    }

    fn count(&self, key: &str) -> Result<usize, ArtifactError> {
        let count = self.json.get(key).and_then(Json::as_u64);
        count.map(|count| count as usize).ok_or_else(|| self.bad(key, "a whole number"))
    }

    fn activation(&self, key: &str) -> Result<Activation, ArtifactError> {
        let Some(found) = self.json.get(key).filter(|found| !found.is_null()) else { return Ok(Activation::Gelu) };
        let named = Activation::NAMES.iter().find(|(name, _)| found == name);
        let supported = || Activation::NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
        named.map(|(_, activation)| *activation).ok_or_else(|| self.unsupported(key, found, supported()))
    }

    fn number(&self, key: &str, default: f64) -> Result<f64, ArtifactError> {
        match self.json.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(found) => {
                found.as_f64().filter(|number| *number >= 0.0).ok_or_else(|| self.bad(key, "a number, at least 0"))
            }
        }
    }

    fn rate(&self, key: &str, default: f32) -> Result<f32, ArtifactError> {
        let rate = self.number(key, f64::from(default))? as f32;
        if rate < 1.0 { Ok(rate) } else { Err(self.bad(key, "a rate below 1")) }
    }

    /// The names under `id2label`, as far as ids count up from 0.
    fn outputs(&self) -> Vec<String> {
        let name = |id: usize| Some(self.json.get("id2label")?.get(id.to_string())?.as_str()?.to_owned());
        (0..).map_while(name).collect()
    }

    fn unsupported(&self, key: &str, found: &Json, supported: String) -> ArtifactError {
        let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        ArtifactError::Unsupported { path: self.path.clone(), key: key.to_owned(), found, supported }
    }

    fn bad(&self, key: &str, expected: &'static str) -> ArtifactError {
        ArtifactError::BadConfig { path: self.path.clone(), key: key.to_owned(), expected }
    }
}
