use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_contract::{Digest, Encoding, Prediction, TagSet};
use clinsynth_runtime::{Device, Runtime};
use serde::{Deserialize, Serialize};

use crate::margins::{apply, choose};
use crate::model::Model;
use crate::windows::{check_encodings, merge, word_logits};
use crate::{Decoding, InferenceError};

/// How a model is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InferenceSettings {
    /// Threads within an operator; 0 takes as many as the process may use at once.
    pub threads: usize,
    /// Sub-tokens in a batch, padding included; a longer sequence makes a batch of its own.
    pub batch_tokens: usize,
    /// Whether to run the model in 8-bit integers, `model.int8.onnx` of the folder, in place of `model.onnx`.
    pub int8: bool,
    /// What the model runs on.
    pub device: Device,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        Self { threads: 0, batch_tokens: 2048, int8: false, device: Device::Cpu }
    }
}

/// A loaded token classifier.
#[derive(Debug)]
pub struct Tagger {
    model: Model,
}

impl Tagger {
    /// Loads the model of a folder as an export writes it: `model.onnx` or `model.int8.onnx` (inputs `input_ids`,
    /// `attention_mask` and perhaps `token_type_ids`, int64 `[batch, sequence]`; output `logits`, float32
    /// `[batch, sequence, tags]`), `labels.json`, `config.json` and perhaps `decoding.json` ([`Decoding`]).
    ///
    /// Errors: a file is missing or says something else than the others, or the model is not of that form; see
    /// [`InferenceError`].
    pub fn load(runtime: &Runtime, folder: &Path, settings: &InferenceSettings) -> Result<Self, InferenceError> {
        Ok(Self { model: Model::load(runtime, folder, settings, false)? })
    }

    /// The labels that it knows.
    pub const fn labels(&self) -> &TagSet {
        &self.model.folder.tags
    }

    /// Digest of its model file.
    pub const fn digest(&self) -> &Digest {
        &self.model.folder.digest
    }

    /// Rows of its word embedding and its longest sequence in sub-tokens, to check a tokenizer against.
    pub const fn limits(&self) -> (usize, usize) {
        self.model.limits()
    }

    /// The mentions of each example, in the order of the encodings, one row for each example. The windows of an
    /// example must stand together, in order. A word's logits are those at its first
    /// sub-token; its tag is that of the most probable well-formed sequence ([`TagSet::best_sequence`]); a span's score
    /// is the mean probability of its tags, both after the margins of [`Decoding`].
    ///
    /// `observer` hears after each batch how many windows of how many are done, and may stop the work.
    ///
    /// Errors: [`InferenceError::BadEncoding`] before anything ran, [`InferenceError::Run`],
    /// [`InferenceError::NotFinite`], [`InferenceError::Stopped`].
    pub fn predict(
        &mut self,
        encodings: &[Encoding],
        observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<Prediction>, InferenceError> {
        let mut logits = self.logits(encodings, observer)?;
        for logits in &mut logits {
            apply(logits, &self.model.folder.margins);
        }
        Ok(merge(encodings, &logits, &self.model.folder.tags, &self.model.folder.digest))
    }

    /// The margins by which the model does best on labelled windows that it did not learn from, label by label, by strict
    /// F1; for `decoding.json`. Its own margins are not looked at.
    ///
    /// Errors: as [`Tagger::predict`]'s, and [`InferenceError::BadEncoding`] for a window without tags.
    pub fn choose_margins(&mut self, labelled: &[Encoding]) -> Result<Decoding, InferenceError> {
        for Encoding { example, window, tags, word_starts, .. } in labelled {
            if tags.len() != word_starts.len() {
                let problem = "it has no tags to choose margins by".to_owned();
                return Err(InferenceError::BadEncoding { example: example.clone(), window: *window, problem });
            }
        }
        let logits = self.logits(labelled, &mut |_, _| ControlFlow::Continue(()))?;
        let gold =
            |encoding: &Encoding| encoding.tags[encoding.owned_from as usize..encoding.owned_to as usize].to_vec();
        let windows: Vec<_> = logits.into_iter().zip(labelled.iter().map(gold)).collect();
        Ok(choose(&windows, &self.model.folder.tags))
    }

    /// The logits `[words, tags]` of the words that each window decides on.
    fn logits(
        &mut self,
        encodings: &[Encoding],
        observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        check_encodings(encodings, &self.model.folder)?;
        let tags = self.model.folder.tags.len();
        self.model.run(encodings, observer, |encoding, logits| word_logits(encoding, logits, tags))
    }
}
