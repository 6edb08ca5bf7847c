//! The manifest of an artifact folder: what `artifacts` writes and `training` reads.
//!
//! Inputs of the graphs, S sub-tokens by B sequences, sequence-major:
//! - all graphs: [`Manifest::batch`], then every parameter `P`;
//! - training and gradient graph: [`Manifest::dropout`] masks after the batch;
//! - training graph: [`Manifest::scalars`] (shape `[]`), and after the parameters the moments `P.m` and `P.v`, scaled as
//!   [`AdamWScalars`](crate::AdamWScalars) says.
//!
//! Outputs, float32:
//! - all graphs: `loss` (mean loss over the labelled positions, 0 when there is none) and `labelled` (their
//!   count), both of shape `[]`;
//! - training graph: `gradient_norm` (`[]`, before clipping), `P.next`, `P.m.next`, `P.v.next`. Each may be bound to the
//!   buffer of the input it replaces: every update waits for the norm, and the norm for every reader of a parameter;
//! - gradient graph: `gradient_norm` and `P.grad`, of the mean loss: over several batches the gradient of the mean is the
//!   mean of the gradients weighted by `labelled`;
//! - eval graph: `logits` `[S, B, tags]`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{ContractError, Digest};

/// Version of the artifact folder's layout.
pub const ARTIFACT_FORMAT: u32 = 2;

/// `manifest.json` of an artifact folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`ARTIFACT_FORMAT`].
    pub format: u32,
    /// ONNX operator set of the graphs.
    pub opset: u32,
    /// Least ONNX Runtime minor version (of major 1) that runs them.
    pub least_onnxruntime: u32,
    /// What the graphs were built from.
    pub encoder: EncoderSummary,
    /// Tag names, by id.
    pub tags: Vec<String>,
    /// Trained parameters, in the order of the graphs' inputs.
    pub parameters: Vec<Parameter>,
    /// Inputs of one batch, in order, shared by all graphs.
    pub batch: Vec<TensorSpec>,
    /// Dropout masks, further inputs of the training and gradient graphs.
    pub dropout: Vec<DropoutSite>,
    /// Scalar inputs (float32) of the training graph, in order.
    pub scalars: Vec<String>,
    /// Digest of each file of the folder that never changes, by relative path.
    pub digests: BTreeMap<String, Digest>,
}

impl Manifest {
    /// The manifest itself, relative to the folder like all names below.
    pub const FILE: &'static str = "manifest.json";
    /// One whole training step.
    pub const TRAINING_MODEL: &'static str = "training_model.onnx";
    /// Loss and gradients.
    pub const GRADIENT_MODEL: &'static str = "gradient_model.onnx";
    /// Loss and logits.
    pub const EVAL_MODEL: &'static str = "eval_model.onnx";
    /// The folder of the first checkpoint.
    pub const CHECKPOINT: &'static str = "checkpoint";
    /// The weights within a checkpoint.
    pub const WEIGHTS: &'static str = "model.safetensors";
    /// The encoder's tokenizer.
    pub const TOKENIZER: &'static str = "tokenizer.json";
    /// The encoder's configuration.
    pub const CONFIG: &'static str = "config.json";
    /// The entity labels, a list of strings.
    pub const LABELS: &'static str = "labels.json";

    /// Reads `manifest.json` of an artifact folder; the other files are not looked at, see [`Manifest::verify`].
    ///
    /// Errors: the file is absent or unreadable, no manifest, or of another format version.
    pub fn read(folder: &Path) -> Result<Self, ContractError> {
        let path = folder.join(Self::FILE);
        let bytes = fs::read(&path).map_err(|source| ContractError::Unreadable { path: path.clone(), source })?;
        let bad = |source| ContractError::BadManifest { path: path.clone(), source };
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(bad)?;
        let found = value.get("format").cloned().unwrap_or_default();
        if found != ARTIFACT_FORMAT {
            return Err(ContractError::WrongFormat { path, expected: ARTIFACT_FORMAT, found: found.to_string() });
        }
        serde_json::from_value(value).map_err(bad)
    }

    /// Whether the graphs give each sequence a class, not each token a tag: `labels` has no sequence axis then.
    pub fn classifies_sequences(&self) -> bool {
        let labels = self.batch.iter().find(|input| input.name == "labels");
        labels.is_some_and(|labels| !labels.shape.contains(&Dimension::Sequence))
    }

    /// Checks that every unchanging file of the folder is present and has the digest that the manifest names.
    ///
    /// Errors: the first file that is unreadable or differs.
    pub fn verify(&self, folder: &Path) -> Result<(), ContractError> {
        for (name, expected) in &self.digests {
            let path = folder.join(name);
            let digest = File::open(&path).and_then(Digest::of_reader);
            match digest {
                Ok(found) if found == *expected => {}
                Ok(_) => return Err(ContractError::DigestDiffers { path }),
                Err(source) => return Err(ContractError::Unreadable { path, source }),
            }
        }
        Ok(())
    }
}

/// The encoder behind an artifact folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSummary {
    /// `model_type` of its `config.json`.
    pub family: String,
    /// Hidden size.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Rows of the word embedding.
    pub vocabulary: usize,
    /// Longest sequence in sub-tokens, special tokens included.
    pub positions: usize,
    /// Sub-token id used for padding.
    pub padding: u32,
    /// Digest of the encoder's weights.
    pub weights: Digest,
}

/// One trained tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Name in the graphs.
    pub name: String,
    /// Shape in the graphs, row-major float32.
    pub shape: Vec<usize>,
    /// Whether weight decay applies (matrices and embeddings, not biases and layer norms).
    pub decay: bool,
    /// Factor of the learning rate: 1, less in lower layers under layer-wise decay, 0 for a frozen parameter, which has
    /// neither gradient nor moments.
    pub rate: f32,
    /// The checkpoint's tensors that make it up, concatenated along the first axis.
    pub stored: Vec<StoredPart>,
}

impl Parameter {
    /// Whether training leaves it as it is.
    pub fn is_frozen(&self) -> bool {
        self.rate == 0.0
    }
}

/// A tensor of the checkpoint, under the encoder's own parameter name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPart {
    /// Name in `model.safetensors`.
    pub name: String,
    /// Shape there.
    pub shape: Vec<usize>,
}

/// A named axis or a fixed size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Sub-tokens in the padded batch (S).
    Sequence,
    /// Sequences in the batch (B).
    Batch,
    /// A size known when the graph was built.
    Fixed(usize),
}

/// Element type of a graph input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// 64-bit integers.
    Int64,
    /// 32-bit floats.
    Float32,
}

/// An input of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Name in the graphs.
    pub name: String,
    /// Element type.
    pub element: ElementType,
    /// Axes, outermost first.
    pub shape: Vec<Dimension>,
}

/// A place where activations are dropped: the host fills the mask with 0 or `1 / (1 - rate)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutSite {
    /// Name of the mask input (float32).
    pub name: String,
    /// Axes, outermost first.
    pub shape: Vec<Dimension>,
    /// Probability that an activation is dropped.
    pub rate: f32,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn manifest() -> Manifest {
        let encoder = EncoderSummary {
            family: "bert".into(),
            hidden: 4,
            layers: 1,
            heads: 2,
            vocabulary: 9,
            positions: 8,
            padding: 0,
            weights: Digest::of(b"weights"),
        };
        Manifest {
            format: ARTIFACT_FORMAT,
            opset: 18,
            least_onnxruntime: 23,
            encoder,
            tags: vec!["O".into(), "B-X".into(), "I-X".into()],
            parameters: Vec::new(),
            batch: Vec::new(),
            dropout: Vec::new(),
            scalars: Vec::new(),
            digests: BTreeMap::from([("labels.json".to_owned(), Digest::of(b"[\"X\"]"))]),
        }
    }

    fn folder(name: &str, manifest: &str, labels: &[u8]) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("clinsynth-manifest-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(Manifest::FILE), manifest).unwrap();
        fs::write(folder.join(Manifest::LABELS), labels).unwrap();
        folder
    }

    #[test]
    fn reads_what_was_written_and_verifies_digests() {
        let written = manifest();
        let intact = folder("intact", &serde_json::to_string(&written).unwrap(), b"[\"X\"]");
        let read = Manifest::read(&intact).unwrap();
        assert_eq!(read, written);
        read.verify(&intact).unwrap();
        let changed = folder("changed", &serde_json::to_string(&written).unwrap(), b"[\"Y\"]");
        let error = read.verify(&changed).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "`{}` is not the file that the manifest describes: build the artifacts again",
                changed.join("labels.json").display()
            )
        );
        fs::remove_dir_all(intact).unwrap();
        fs::remove_dir_all(changed).unwrap();
    }

    #[test]
    fn refuses_another_format_before_reading_its_fields() {
        let other = folder("other", r#"{"format": 7, "unheard": true}"#, b"");
        let error = Manifest::read(&other).unwrap_err();
        assert!(
            matches!(&error, ContractError::WrongFormat { found, expected: ARTIFACT_FORMAT, .. } if found == "7"),
            "{error}"
        );
        fs::remove_dir_all(other).unwrap();
    }
}
