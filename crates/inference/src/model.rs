use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_contract::Encoding;
use clinsynth_runtime::Runtime;

use crate::batches::{Batch, plan};
use crate::folder::ModelFolder;
use crate::session::Classifier;
use crate::{InferenceError, InferenceSettings};

/// The model's file.
const MODEL: &str = "model.onnx";
/// The same in 8-bit integers.
const INT8_MODEL: &str = "model.int8.onnx";

/// A loaded model of either kind, and how it is run.
#[derive(Debug)]
pub(crate) struct Model {
    /// What its folder says.
    pub(crate) folder: ModelFolder,
    classifier: Classifier,
    batch_tokens: usize,
}

impl Model {
    /// Loads the model of a folder, which classifies whole sequences or tags words.
    pub(crate) fn load(
        runtime: &Runtime,
        folder: &Path,
        settings: &InferenceSettings,
        sequences: bool,
    ) -> Result<Self, InferenceError> {
        let folder = ModelFolder::read(folder, if settings.int8 { INT8_MODEL } else { MODEL })?;
        folder.check_task(sequences)?;
        let classifier = Classifier::load(runtime, &folder, settings)?;
        tracing::debug!(model = folder.digest.short(), outputs = folder.outputs(), sequences, "loaded a classifier");
        Ok(Self { folder, classifier, batch_tokens: settings.batch_tokens })
    }

    /// Rows of the word embedding, and the longest sequence in sub-tokens.
    pub(crate) const fn limits(&self) -> (usize, usize) {
        (self.folder.vocabulary as usize, self.folder.positions)
    }

    /// What `keep` makes of each row's logits, in the order of the rows: `[padded length, tags]`, or `[classes]` of a
    /// sequence. The observer hears after each batch how many rows of how many are done, and may stop the work.
    pub(crate) fn run<T: Clone + Default>(
        &mut self,
        encodings: &[Encoding],
        observer: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
        keep: impl Fn(&Encoding, &[f32]) -> Result<T, InferenceError>,
    ) -> Result<Vec<T>, InferenceError> {
        let lengths: Vec<usize> = encodings.iter().map(|encoding| encoding.input_ids.len()).collect();
        let mut kept = vec![T::default(); encodings.len()];
        let (mut done, total) = (0, encodings.len());
        for rows in plan(&lengths, self.batch_tokens) {
            let batch = Batch::new(encodings, &rows, self.folder.padding);
            let size = self.folder.outputs() * if self.folder.sequences { 1 } else { batch.length };
            let logits = self.classifier.run(batch)?;
            for (&row, logits) in rows.iter().zip(logits.chunks_exact(size)) {
                kept[row] = keep(&encodings[row], logits)?;
            }
            done += rows.len();
            if observer(done, total).is_break() && done < total {
                return Err(InferenceError::Stopped { done, total });
            }
        }
        Ok(kept)
    }
}
