use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_contract::{Digest, Encoding};
use clinsynth_runtime::Runtime;

use crate::folder::ModelFolder;
use crate::model::Model;
use crate::windows::check_encoding;
use crate::{InferenceError, InferenceSettings};

/// What a model says of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairClass {
    /// The most probable class.
    pub class: usize,
    /// Its probability.
    pub score: f32,
}

/// A loaded classifier of pairs.
#[derive(Debug)]
pub struct PairClassifier {
    model: Model,
}

impl PairClassifier {
    /// Loads the model of a folder as an export writes it: as [`crate::Tagger::load`], but for `logits`
    /// `[batch, classes]`, and perhaps an input `entity_starts`, int64 `[batch, 2]`.
    ///
    /// Errors: as [`crate::Tagger::load`]'s.
    pub fn load(runtime: &Runtime, folder: &Path, settings: &InferenceSettings) -> Result<Self, InferenceError> {
        Ok(Self { model: Model::load(runtime, folder, settings, true)? })
    }

    /// The classes, by id.
    pub fn classes(&self) -> &[String] {
        self.model.folder.tags.labels()
    }

    /// Digest of its model file.
    pub const fn digest(&self) -> &Digest {
        &self.model.folder.digest
    }

    /// Rows of its word embedding and its longest sequence in sub-tokens, to check a tokenizer against.
    pub const fn limits(&self) -> (usize, usize) {
        self.model.limits()
    }

    /// The class of each encoded pair, in order. `observer` hears after each batch how many of how many are done, and
    /// may stop the work.
    ///
    /// Errors: [`InferenceError::BadEncoding`] before anything ran, [`InferenceError::Run`],
    /// [`InferenceError::NotFinite`], [`InferenceError::Stopped`].
    pub fn predict(
        &mut self,
        encodings: &[Encoding],
        observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<PairClass>, InferenceError> {
        for encoding in encodings {
            check(encoding, &self.model.folder)?;
        }
        self.model.run(encodings, observer, |encoding, logits| {
            if logits.iter().all(|logit| logit.is_finite()) {
                Ok(most_probable(logits))
            } else {
                Err(InferenceError::NotFinite { example: encoding.example.clone() })
            }
        })
    }
}

fn check(encoding: &Encoding, folder: &ModelFolder) -> Result<(), InferenceError> {
    let Encoding { example, window, input_ids, entity_starts, .. } = encoding;
    let bad = |problem| InferenceError::BadEncoding { example: example.clone(), window: *window, problem };
    check_encoding(encoding, folder).map_err(bad)?;
    if entity_starts.len() != 2 || entity_starts.iter().any(|&start| start as usize >= input_ids.len()) {
        return Err(bad(format!("its entities start at {entity_starts:?} of {} sub-tokens", input_ids.len())));
    }
    Ok(())
}

/// The first greatest logit with its softmax.
fn most_probable(logits: &[f32]) -> PairClass {
    let class = (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
    let score = logits.iter().map(|logit| (logit - logits[class]).exp()).sum::<f32>().recip();
    PairClass { class, score }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_class_has_its_softmax() {
        let check = |logits: &[f32], class, score: i32| {
            let found = most_probable(logits);
            assert_eq!((found.class, (found.score * 1e5).round() as i32), (class, score), "{logits:?}");
        };
        check(&[0.0, 0.0], 0, 50_000);
        check(&[-1.0, 3.0_f32.ln() - 1.0], 1, 75_000);
        check(&[1000.0, -1000.0, 999.0], 0, 73_106);
    }
}
