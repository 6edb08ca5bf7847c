use std::io;
use std::path::PathBuf;

use clinsynth_contract::ContractError;
use clinsynth_runtime::RuntimeError;

/// Why a model cannot be used, or encodings not tagged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A file of the model folder cannot be read.
    #[error("cannot read `{}` of the model folder: it must hold `model.onnx`, `config.json` and `labels.json`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The model was exported without its int8 form.
    #[error("there is no `{}`: train with `int8: true`, which exports it beside `model.onnx`, or predict without `int8`", path.display())]
    NoInt8 {
        /// The file.
        path: PathBuf,
    },
    /// A JSON file of the model folder holds something else than it should.
    #[error("`{}` is not what an export writes: restore the file, or train the model again", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The labels cannot form a tag set.
    #[error("the labels in `{}` cannot be used", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        #[source]
        source: ContractError,
    },
    /// `id2label` and `labels.json` do not say the same.
    #[error("`{}` names the tags {found}, but the labels in `labels.json` make {expected}", path.display())]
    OtherTags {
        /// The configuration file.
        path: PathBuf,
        /// Tags of `id2label`, comma-separated by id.
        found: String,
        /// Tags of the labels.
        expected: String,
    },
    /// The model file cannot be loaded.
    #[error("cannot load the model")]
    Runtime(#[from] RuntimeError),
    /// The model is no classifier of the exported form, or of another task.
    #[error("`{}` is not the exported classifier that is asked for: {}", path.display(), problems.join("; "))]
    OtherModel {
        /// The model file.
        path: PathBuf,
        /// Every difference.
        problems: Vec<String>,
    },
    /// A row of the encodings does not fit itself or the model.
    #[error("window {window} of example `{example}` cannot be tagged: {problem}")]
    BadEncoding {
        /// The example.
        example: String,
        /// The window.
        window: u32,
        /// What is wrong with it.
        problem: String,
    },
    /// The model gave infinities or NaN.
    #[error(
        "the model gives no finite scores for example `{example}`: its weights are broken, train or export it again"
    )]
    NotFinite {
        /// The example.
        example: String,
    },
    /// A run failed.
    #[error("ONNX Runtime failed on a batch of {sequences} sequences of {length} sub-tokens")]
    Run {
        /// Sequences in the batch.
        sequences: usize,
        /// Their padded length.
        length: usize,
        /// What it said.
        #[source]
        source: ort::Error,
    },
    /// The observer asked to stop.
    #[error("stopped after {done} of {total} windows")]
    Stopped {
        /// Windows tagged.
        done: usize,
        /// Windows in all.
        total: usize,
    },
}
