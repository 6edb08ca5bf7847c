//! The manifest of an artifact folder: what `artifacts` writes and `training` reads.
//!
//! Names in the graphs follow from a parameter's name `P`: input `P`, moments `P.m` and `P.v`; outputs `P.next`,
//! `P.m.next`, `P.v.next` (training graph) and `P.grad` (gradient graph).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Version of the artifact folder's layout.
pub const ARTIFACT_FORMAT: u32 = 1;

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
    /// The checkpoint's tensors that make it up, concatenated along the first axis.
    pub stored: Vec<StoredPart>,
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
