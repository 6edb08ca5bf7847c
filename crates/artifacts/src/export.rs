use std::path::Path;

use clinsynth_contract::{Digest, Manifest, Parameter};
use serde_json::{Map, Value as Json};

use crate::ArtifactError;
use crate::build::{json, read, write};
use crate::encoder::{Encoder, Layout};
use crate::graph::Graph;
use crate::inference::{StoredWeight, inference_graph};
use crate::model::STARTS;
use crate::task::{Classification, Pooling, Tagging, Task};
use crate::weights::{StoredTensors, WeightFile};

/// The inference model's file.
const MODEL: &str = "model.onnx";

/// The same in 8-bit integers.
const INT8_MODEL: &str = "model.int8.onnx";
/// The part of the model that stays float32 when it is quantised: a small share of the work, and next to the scores.
const FLOAT_SCOPE: &str = "classifier";

/// What [`export`] or [`export_int8`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Digest of the model file, which identifies the model in predictions.
    pub digest: Digest,
}

/// Writes a checkpoint as an inference model to `out`, which is made if need be:
/// - `model.onnx`: inputs `input_ids` and `attention_mask` int64 `[batch, sequence]`, output `logits` float32
///   `[batch, sequence, tags]`; positions in order from the first, token types 0; weights inside. A sequence classifier's
///   logits are `[batch, classes]`, and with [`Pooling::EntityStarts`] it takes `entity_starts` int64 `[batch, 2]` too;
/// - `config.json`: the encoder's, as a Hugging Face classifier with `id2label` and `label2id`;
/// - `labels.json` and `tokenizer.json` as in the artifact folder;
/// - `model.safetensors`: the weights under Hugging Face's names, from which `transformers` loads the same classifier and
///   [`crate::build`] goes on.
///
/// Errors: the artifact folder or the checkpoint is unreadable or incomplete, or `out` cannot be written.
pub fn export(artifact_dir: &Path, checkpoint_dir: &Path, out: &Path) -> Result<Exported, ArtifactError> {
    let trained = Trained::read(artifact_dir)?;
    let model = trained.graph(checkpoint_dir)?.encode()?;
    write(&out.join(MODEL), &model)?;
    let config = classifier_config(&artifact_dir.join(Manifest::CONFIG), trained.class(), &trained.manifest.tags)?;
    write(&out.join(Manifest::CONFIG), &json(&config))?;
    for name in [Manifest::LABELS, Manifest::TOKENIZER] {
        write(&out.join(name), &read(&artifact_dir.join(name))?)?;
    }
    write(&out.join(Manifest::WEIGHTS), &read(&checkpoint_dir.join(Manifest::WEIGHTS))?)?;
    Ok(Exported { digest: Digest::of(&model) })
}

/// Writes a checkpoint as `model.int8.onnx` beside what [`export`] writes to `out`: the same model, inputs and outputs,
/// with the encoder's matrix products and word embedding in 8-bit integers. Weights are rounded to a scale for each
/// column, words to one for each row, activations in each run to one for each tensor, so that logits depend a little on
/// what else is in a batch. Layer norms, attention's own products and the classification layer stay float32.
///
/// Errors: as [`export`]'s.
pub fn export_int8(artifact_dir: &Path, checkpoint_dir: &Path, out: &Path) -> Result<Exported, ArtifactError> {
    let trained = Trained::read(artifact_dir)?;
    let model = trained.graph(checkpoint_dir)?.quantized(FLOAT_SCOPE).encode()?;
    write(&out.join(INT8_MODEL), &model)?;
    Ok(Exported { digest: Digest::of(&model) })
}

/// What an artifact folder says of the model that was trained.
struct Trained {
    manifest: Manifest,
    encoder: Encoder,
    classification: Option<Classification>,
}

impl Trained {
    fn read(artifact_dir: &Path) -> Result<Self, ArtifactError> {
        let manifest = Manifest::read(artifact_dir)?;
        let encoder = Encoder::read(&artifact_dir.join(Manifest::CONFIG))?;
        let classification = classification(&manifest);
        Ok(Self { manifest, encoder, classification })
    }

    fn task(&self) -> Task<'_> {
        self.classification.as_ref().map_or(Task::Tags(Tagging::with_classes(self.manifest.tags.len())), Task::Sequence)
    }

    /// The class that Hugging Face has for such a model.
    fn class(&self) -> &'static str {
        self.task().sequence_head(&self.encoder).map_or(self.encoder.family.classifier_class, |head| head.class)
    }

    /// The inference graph with the weights of a checkpoint.
    fn graph(&self, checkpoint_dir: &Path) -> Result<Graph, ArtifactError> {
        let file = WeightFile::read(&checkpoint_dir.join(Manifest::WEIGHTS))?;
        let weights = inference_weights(&file.tensors()?, &self.encoder, &self.task())?;
        Ok(inference_graph(&self.encoder, &weights, &self.task()))
    }
}

/// Every weight in the inference graph's form.
fn inference_weights(
    tensors: &StoredTensors<'_>,
    encoder: &Encoder,
    task: &Task<'_>,
) -> Result<Layout<StoredWeight>, ArtifactError> {
    let parameters = Layout::of(encoder, task);
    let tables = [&parameters.words, &parameters.positions].into_iter().chain(&parameters.types);
    let tables: Vec<String> = tables.map(|table| table.name.clone()).collect();
    parameters.try_map(|parameter| {
        let whole = concatenated(tensors, parameter, encoder.family.prefix)?;
        Ok(match parameter.shape[..] {
            [outputs, inputs] if !tables.contains(&parameter.name) => StoredWeight {
                name: format!("{}_transposed", parameter.name),
                shape: vec![inputs, outputs],
                bytes: transposed(&whole, outputs, inputs),
            },
            _ => StoredWeight { name: parameter.name.clone(), shape: parameter.shape.clone(), bytes: whole },
        })
    })
}

/// A parameter's stored parts one after the other.
fn concatenated(tensors: &StoredTensors<'_>, parameter: &Parameter, prefix: &str) -> Result<Vec<u8>, ArtifactError> {
    let parts = parameter.stored.iter().map(|part| tensors.floats(part, prefix)).collect::<Result<Vec<_>, _>>()?;
    Ok(parts.concat())
}

/// A matrix of 4-byte elements, rows and columns exchanged.
fn transposed(bytes: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let (elements, _) = bytes.as_chunks::<4>();
    if elements.len() != rows * columns {
        return Vec::new();
    }
    (0..columns).flat_map(|column| (0..rows).flat_map(move |row| elements[row * columns + column])).collect()
}

/// What the manifest of a sequence classifier says of its task; the loss has no part in an inference model.
fn classification(manifest: &Manifest) -> Option<Classification> {
    let takes_starts = manifest.batch.iter().any(|input| input.name == STARTS);
    let pooling = if takes_starts { Pooling::EntityStarts } else { Pooling::FirstToken };
    let classes = manifest.tags.clone();
    manifest.classifies_sequences().then(|| Classification { classes, pooling, weights: Vec::new(), smoothing: 0.0 })
}

/// The encoder's configuration with what a Hugging Face classifier adds.
fn classifier_config(path: &Path, class: &str, tags: &[String]) -> Result<Map<String, Json>, ArtifactError> {
    let bytes = read(path)?;
    let mut config: Map<String, Json> =
        serde_json::from_slice(&bytes).map_err(|source| ArtifactError::Json { path: path.to_owned(), source })?;
    let names = tags.iter().enumerate();
    let id2label = names.clone().map(|(id, tag)| (id.to_string(), Json::from(tag.as_str()))).collect();
    let label2id = names.map(|(id, tag)| (tag.clone(), Json::from(id))).collect();
    config.insert("architectures".into(), Json::from(vec![class]));
    config.insert("id2label".into(), Json::Object(id2label));
    config.insert("label2id".into(), Json::Object(label2id));
    Ok(config)
}
