use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clinsynth_contract::{ARTIFACT_FORMAT, AdamWScalars, Digest, EncoderSummary, Manifest, Parameter, TagSet};

use crate::ArtifactError;
use crate::encoder::{Encoder, Layout, Rates};
use crate::graph::OPSET;
use crate::model::{batch_specs, dropout_sites};
use crate::step::Blueprint;
use crate::task::{Classification, Tagging, Task};
use crate::weights::{Checkpoint, WeightFile, encode_checkpoint, normal_draws};

/// The least ONNX Runtime (1.x) that the graphs were made for; the binding asks for the same.
const LEAST_ONNXRUNTIME: u32 = 23;

/// What may be chosen when artifacts are built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuildSettings {
    /// Whether the training graphs take dropout masks, at the rates of the encoder's configuration.
    pub dropout: bool,
    /// Seed of the classification layer's first weights.
    pub seed: u64,
    /// Which parameters learn how fast.
    pub rates: Rates,
    /// Share of each tag's target that is spread evenly over its label's tags and `O` (label smoothing, Szegedy et al.
    /// 2016), from 0 (none) to below 1; a [`Classification`] has its own.
    pub smoothing: f32,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self { dropout: true, seed: 0, rates: Rates::default(), smoothing: 0.0 }
    }
}

/// Reads the encoder (BERT, `RoBERTa`, `DistilBERT` or ELECTRA) in `encoder_dir` (`config.json`, `model.safetensors`,
/// `tokenizer.json`) and writes an artifact
/// folder for tagging with `tags` to `out`, which is made if need be. The manifest is written last: a folder without
/// one is not finished.
///
/// Weights are found with or without the family's prefix. The pooler, if there is one, is left out. The classification
/// layer starts from N(0, `initializer_range`) with zero biases, as in `transformers`, unless the folder is a classifier
/// that tells the same apart (its `id2label` are the names of these tags, in order): then training goes on with its layer.
///
/// Errors: the smoothing is out of bounds, a file is absent or broken, the configuration asks for what is not supported, a
/// tensor is missing or of another shape, or `out` cannot be written.
pub fn build(
    encoder_dir: &Path,
    tags: &TagSet,
    settings: &BuildSettings,
    out: &Path,
) -> Result<Manifest, ArtifactError> {
    if !(0.0..1.0).contains(&settings.smoothing) {
        return Err(ArtifactError::Smoothing { found: settings.smoothing });
    }
    let (task, names) = (Task::Tags(Tagging::of(tags, settings.smoothing)), [tags.names(), tags.labels().to_vec()]);
    build_task(encoder_dir, task, names, settings, out)
}

/// [`build`] for classes of whole sequences. The linear layer before the classification layer is the encoder's pooler
/// where the family has one and the file holds it, and starts anew otherwise. `Manifest::tags` and `labels.json` name the
/// classes.
///
/// Errors: as [`build`]'s, and [`ArtifactError::Classification`].
pub fn build_classifier(
    encoder_dir: &Path,
    classification: &Classification,
    settings: &BuildSettings,
    out: &Path,
) -> Result<Manifest, ArtifactError> {
    check_classification(classification)?;
    let classes = classification.classes.clone();
    build_task(encoder_dir, Task::Sequence(classification), [classes.clone(), classes], settings, out)
}

fn check_classification(settings: &Classification) -> Result<(), ArtifactError> {
    let Classification { classes, weights, smoothing, .. } = settings;
    let problem = if classes.len() < 2 {
        format!("a classification needs two classes, given are {}", classes.len())
    } else if !weights.is_empty() && weights.len() != classes.len() {
        format!("{} classes have {} weights: give one for each class, or none", classes.len(), weights.len())
    } else if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight > 0.0)) {
        format!("the class weight `{weight}` is not above 0")
    } else if !(0.0..1.0).contains(smoothing) {
        format!("label smoothing `{smoothing}` is not from 0 to below 1")
    } else {
        return Ok(());
    };
    Err(ArtifactError::Classification { problem })
}

/// `names`: of the outputs, and of the labels.
fn build_task(
    encoder_dir: &Path,
    task: Task<'_>,
    [outputs, labels]: [Vec<String>; 2],
    settings: &BuildSettings,
    out: &Path,
) -> Result<Manifest, ArtifactError> {
    let encoder = Encoder::read(&encoder_dir.join(Manifest::CONFIG))?;
    let weights = WeightFile::read(&encoder_dir.join(Manifest::WEIGHTS))?;
    if settings.rates.frozen_layers > encoder.layers {
        return Err(ArtifactError::TooManyFrozen { frozen: settings.rates.frozen_layers, layers: encoder.layers });
    }
    let mut parameters = Layout::of(&encoder, &task);
    parameters.set_rates(&settings.rates);
    let dropout = if settings.dropout { dropout_sites(&encoder, &task) } else { Vec::new() };
    let goes_on = encoder.outputs == outputs;
    let checkpoint = first_checkpoint(&encoder, &weights, (&parameters, goes_on), settings.seed, out)?;

    let blueprint = Blueprint { encoder: &encoder, parameters: &parameters, dropout: &dropout, task };
    let files = unchanging_files(encoder_dir, &labels, &blueprint)?;
    for (name, bytes) in &files {
        write(&out.join(name), bytes)?;
    }
    write(&out.join(Manifest::CHECKPOINT).join(Manifest::WEIGHTS), &checkpoint)?;
    let manifest = Manifest {
        format: ARTIFACT_FORMAT,
        opset: OPSET,
        least_onnxruntime: LEAST_ONNXRUNTIME,
        encoder: summary(&encoder, weights.digest()),
        tags: outputs,
        parameters: parameters.to_vec(),
        batch: batch_specs(&task),
        dropout,
        scalars: AdamWScalars::NAMES.map(str::to_owned).into(),
        digests: files.iter().map(|(name, bytes)| ((*name).to_owned(), Digest::of(bytes))).collect(),
    };
    write(&out.join(Manifest::FILE), &json(&manifest))?;
    Ok(manifest)
}

/// Graphs, labels and the encoder's own files, by name.
fn unchanging_files(
    encoder_dir: &Path,
    labels: &[String],
    blueprint: &Blueprint<'_>,
) -> Result<BTreeMap<&'static str, Vec<u8>>, ArtifactError> {
    Ok(BTreeMap::from([
        (Manifest::TRAINING_MODEL, blueprint.training_graph().encode()?),
        (Manifest::GRADIENT_MODEL, blueprint.gradient_graph().encode()?),
        (Manifest::EVAL_MODEL, blueprint.eval_graph().encode()?),
        (Manifest::CONFIG, read(&encoder_dir.join(Manifest::CONFIG))?),
        (Manifest::TOKENIZER, read(&encoder_dir.join(Manifest::TOKENIZER))?),
        (Manifest::LABELS, json(labels)),
    ]))
}

/// The encoder's weights and a head, under the names of the checkpoint: the head of the file where training goes on, and a
/// drawn one otherwise.
fn first_checkpoint(
    encoder: &Encoder,
    weights: &WeightFile,
    (parameters, goes_on): (&Layout<Parameter>, bool),
    seed: u64,
    out: &Path,
) -> Result<Vec<u8>, ArtifactError> {
    let tensors = weights.tensors()?;
    let (head, pooler) = (&parameters.head, parameters.pooler.as_ref());
    let drawn: Vec<&String> =
        std::iter::once(head).chain(pooler).flat_map(|pair| [&pair.weight.name, &pair.bias.name]).collect();
    let mut checkpoint = Checkpoint::new();
    for part in parameters.to_vec().into_iter().flat_map(|parameter| parameter.stored) {
        let count = part.shape.iter().product();
        let stored = tensors.floats(&part, encoder.family.prefix);
        // A layer of the encoder's own is taken over: a head of the same name may have learnt another task.
        let own = (goes_on || part.name.starts_with(encoder.family.prefix)) && stored.is_ok();
        let bytes = match drawn.iter().position(|name| **name == part.name) {
            Some(place) if !own && place % 2 == 0 => {
                Cow::Owned(normal_draws(count, encoder.initializer_range, seed.wrapping_add(place as u64)))
            }
            Some(_) if !own => Cow::Owned(vec![0; count * size_of::<f32>()]),
            _ => Cow::Borrowed(stored?),
        };
        checkpoint.insert(part.name, (part.shape, bytes));
    }
    encode_checkpoint(&checkpoint, &out.join(Manifest::CHECKPOINT).join(Manifest::WEIGHTS))
}

fn summary(encoder: &Encoder, weights: Digest) -> EncoderSummary {
    EncoderSummary {
        family: encoder.family.model_type.to_owned(),
        hidden: encoder.hidden,
        layers: encoder.layers,
        heads: encoder.heads,
        vocabulary: encoder.vocabulary,
        positions: encoder.positions(),
        padding: encoder.padding,
        weights,
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    fs::read(path).map_err(|source| ArtifactError::Read { path: path.to_owned(), source })
}

/// Writes a whole file, and makes its folder first.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

/// Indented JSON with a final newline. The values written here hold only strings, numbers and lists, which always
/// serialize.
pub(crate) fn json(value: &(impl serde::Serialize + ?Sized)) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
