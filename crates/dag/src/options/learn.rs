use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use super::generate::Task;
use crate::Labels;

/// Options of `uses: train`: an encoder is fine-tuned on the examples' train split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Name of a provisioned encoder, or a folder (with a `/` in it) that holds one, relative to the pipeline file. Not
    /// looked at where a step in `needs` gives a `model`: training goes on from that.
    pub encoder: String,
    /// What is learnt: mentions, or the relation of pairs of them.
    pub task: Task,
    /// With `task: re`: the classes of pairs, one for pairs without a relation included.
    pub relations: Labels,
    /// With `task: re`: which pairs there are, and how they are shown.
    pub pairs: PairOptions,
    /// Most examples to learn from, train and dev split together, each in its share: a draw by `seed`, of which a smaller
    /// number is a part. With 0 a `model` in `needs` is passed on as it is. Null for all.
    pub examples: Option<u32>,
    /// Passes over the train split.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Optimizer steps to take at least: where `epochs` come to fewer, there are so many more epochs. For few examples.
    pub least_steps: u32,
    /// Peak learning rate, reached at the end of the warm-up.
    #[serde(deserialize_with = "bounds::above_zero")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Sequences in a batch, on average: a batch holds as many sub-tokens, padding included, as this many sequences of
    /// mean length.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub batch_size: u32,
    /// Batches whose gradients make up one optimizer step: the effective batch is so many times larger and takes the
    /// memory of one.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub accumulation: u32,
    /// Longest sequence in sub-tokens; longer texts are cut into overlapping windows.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub max_length: u32,
    /// Words that neighbouring windows share.
    pub overlap: u32,
    /// Share of the optimizer steps over which the learning rate rises from 0.
    #[serde(deserialize_with = "bounds::fraction")]
    #[schemars(range(min = 0, max = 1))]
    pub warmup_fraction: f64,
    /// How the learning rate falls after the warm-up: in a line or by a cosine to 0, or not at all.
    pub schedule: TrainSchedule,
    /// Factor of the learning rate from each layer to the next lower one; 1 for the same rate everywhere.
    #[serde(deserialize_with = "bounds::share")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub layer_decay: f64,
    /// Whether the embeddings stay as they are.
    pub freeze_embeddings: bool,
    /// Number of layers, from the input side, that stay as they are, and the embeddings with them.
    pub freeze_layers: u32,
    /// Decoupled weight decay (`AdamW`) of matrices and embeddings.
    #[serde(deserialize_with = "bounds::zero_or_more")]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
    /// Global gradient norm above which gradients are scaled down.
    #[serde(deserialize_with = "bounds::above_zero")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_gradient_norm: f64,
    /// What matrices are multiplied in.
    pub precision: TrainPrecision,
    /// Chance with which each mention is exchanged, anew in each step, for another mention of its label from the train
    /// split: a model then learns what stands around mentions besides what they are called.
    #[serde(deserialize_with = "bounds::fraction")]
    #[schemars(range(min = 0, max = 1))]
    pub replace_mentions: f64,
    /// What training computes on: the processor, or the first NVIDIA GPU by a GPU build of ONNX Runtime.
    pub device: ComputeDevice,
    /// Whether activations are dropped, at the rates of the encoder's own configuration.
    pub dropout: bool,
    /// How tags spell a mention: `bio` tells its first word from the others, `bioes` its last and a single one as well.
    pub tag_scheme: TrainTagScheme,
    /// Share of each target that is spread over the other classes (label smoothing); off at 0.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub label_smoothing: f64,
    /// Epochs without a better dev F1 after which training stops; null for never.
    pub patience: Option<u32>,
    /// Seed of the new layer's weights, the order of batches, the mentions exchanged and the dropout masks.
    pub seed: u64,
    /// Whether the model is exported in 8-bit integers too, for `predict` with `int8`.
    pub int8: bool,
    /// Optimizer steps between two checkpoints, besides the one at the end of each epoch and one a minute; 0 for none.
    pub checkpoint_steps: u32,
}

/// Which pairs of mentions a relation is looked for in, and how they are shown to the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct PairOptions {
    /// How the two mentions are shown.
    pub form: PairForm,
    /// Labels of head and tail, such as `[[Chemical, Disease]]`: every such pair is judged, besides those that an example
    /// lists.
    pub between: Vec<[String; 2]>,
    /// The relation of a pair that an example does not list.
    pub unlisted: Option<String>,
    /// What each pair counts in the loss.
    pub weights: ClassWeights,
}

/// How two mentions are shown to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum PairForm {
    /// Replaced by their labels, as in `@GENE$`; the first sub-token stands for the sentence.
    #[default]
    Mask,
    /// Between markers that the vocabulary is given; the two opening ones stand for the pair.
    Mark,
}

/// What each pair counts in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ClassWeights {
    /// As much as any other.
    #[default]
    Equal,
    /// So that all relations count alike, however many pairs have them.
    Balanced,
}

/// What a model is computed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ComputeDevice {
    /// The processor.
    #[default]
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

/// Precision of the matrix products in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TrainPrecision {
    /// Bfloat16 where the processor multiplies it natively (`avx512_bf16`), float32 elsewhere.
    #[default]
    Auto,
    /// Float32.
    Fp32,
    /// Bfloat16 factors, float32 sums.
    Bf16,
}

/// How tags spell a mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TrainTagScheme {
    /// Begin, inside, outside.
    #[default]
    Bio,
    /// Begin, inside, outside, end, single.
    Bioes,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum TrainSchedule {
    /// In a line to 0.
    #[default]
    Linear,
    /// By half a cosine to 0.
    Cosine,
    /// Not at all.
    Constant,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            encoder: "all-MiniLM-L6-v2".to_owned(),
            task: Task::Ner,
            relations: Labels::default(),
            pairs: PairOptions::default(),
            examples: None,
            epochs: 4,
            least_steps: 0,
            learning_rate: 3e-4,
            batch_size: 16,
            accumulation: 1,
            max_length: 192,
            overlap: 32,
            warmup_fraction: 0.1,
            schedule: TrainSchedule::Linear,
            layer_decay: 1.0,
            freeze_embeddings: false,
            freeze_layers: 0,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            precision: TrainPrecision::Auto,
            replace_mentions: 0.0,
            device: ComputeDevice::Cpu,
            dropout: true,
            tag_scheme: TrainTagScheme::Bio,
            label_smoothing: 0.0,
            patience: None,
            seed: 0,
            int8: false,
            checkpoint_steps: 0,
        }
    }
}

impl TrainOptions {
    /// The encoder's folder, relative to the pipeline file, when `encoder` is a path and not a name.
    pub fn encoder_folder(&self) -> Option<&Path> {
        self.encoder.contains('/').then(|| Path::new(&self.encoder))
    }
}

/// Options of `uses: predict`: a trained model, or a dictionary, marks mentions in examples; a model of relations judges
/// pairs of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PredictOptions {
    /// In place of a model: vocabulary of each label (OBO, TSV or a plain list), whose names are found in the texts.
    pub dictionary: BTreeMap<String, PathBuf>,
    /// In place of a model: step of `needs` whose examples' mentions (of the train split, where they are split) are found
    /// in the texts, under the label that each has most often.
    pub dictionary_from: Option<String>,
    /// Mentions scored below it are left out.
    #[serde(deserialize_with = "bounds::fraction")]
    #[schemars(range(min = 0, max = 1))]
    pub min_score: f64,
    /// Most sub-tokens in a batch, padding included.
    #[serde(deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub batch_tokens: u32,
    /// Whether the model runs in 8-bit integers: faster, slightly less exact. The training step must have exported it so.
    pub int8: bool,
    /// What the model runs on: the processor, or the first NVIDIA GPU by a GPU build of ONNX Runtime.
    pub device: ComputeDevice,
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self {
            dictionary: BTreeMap::new(),
            dictionary_from: None,
            min_score: 0.0,
            batch_tokens: 2048,
            int8: false,
            device: ComputeDevice::Cpu,
        }
    }
}

impl PredictOptions {
    /// Whether names are looked up and no model is asked.
    pub fn by_dictionary(&self) -> bool {
        !self.dictionary.is_empty() || self.dictionary_from.is_some()
    }
}
