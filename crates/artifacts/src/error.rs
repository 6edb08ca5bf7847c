use std::io;
use std::path::PathBuf;

use clinsynth_contract::ContractError;

/// Why an encoder cannot be made into artifacts, or a checkpoint into a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// More layers are to be frozen than there are.
    #[error("cannot freeze `{frozen}` layers: the encoder has `{layers}`; lower `freeze-layers`")]
    TooManyFrozen {
        /// Layers asked for.
        frozen: usize,
        /// Layers of the encoder.
        layers: usize,
    },
    /// The settings of a classification contradict themselves.
    #[error("{problem}")]
    Classification {
        /// What is wrong.
        problem: String,
    },
    /// Label smoothing out of bounds.
    #[error("label smoothing `{found}` is not from 0 to below 1")]
    Smoothing {
        /// What was given.
        found: f32,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A JSON file is not JSON.
    #[error("`{}` is not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// `config.json` asks for something that the graphs do not hold.
    #[error("`{}`: `{key}` is `{found}`, supported is {supported}", path.display())]
    Unsupported {
        /// The configuration.
        path: PathBuf,
        /// The first key in question.
        key: String,
        /// Its value.
        found: String,
        /// What would do.
        supported: String,
    },
    /// `config.json` lacks a key, or holds another kind of value under it.
    #[error("`{}`: `{key}` must be {expected}", path.display())]
    BadConfig {
        /// The configuration.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The weights file is no safetensors file.
    #[error("`{}` is not a safetensors file", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// The tokenizer has no vocabulary to add to.
    #[error("`{}` holds no vocabulary under `model.vocab`", path.display())]
    NoVocabulary {
        /// The tokenizer.
        path: PathBuf,
    },
    /// A weight is absent.
    #[error("`{}` holds no tensor `{name}`", path.display())]
    MissingTensor {
        /// The weights.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A weight is of another type or shape than the configuration says.
    #[error("`{}`: tensor `{name}` is {found}, expected float32 of shape {shape:?}", path.display())]
    WrongTensor {
        /// The weights.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Type and shape found.
        found: String,
        /// Shape expected.
        shape: Vec<usize>,
    },
    /// The weights and operators exceed what one ONNX file can hold.
    #[error("the model takes {bytes} bytes, an ONNX file holds at most 2147483647")]
    TooLarge {
        /// Size of the encoded model.
        bytes: usize,
    },
    /// A manifest, label set or digest is wrong.
    #[error(transparent)]
    Contract(#[from] ContractError),
}
