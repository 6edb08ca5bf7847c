use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_contract::{Entity, Example, Prediction, ScoredRelation, ScoredSpan};
use clinsynth_dag::{ComputeDevice, PredictOptions};
use clinsynth_encoding::{Encoded, Encoder, EncodingSettings, PairSettings, Text};
use clinsynth_inference::{InferenceError, InferenceSettings, PairClassifier, Tagger};
use clinsynth_runtime::{Device, Runtime};

use super::dictionary::look_up;
use super::train::{ENCODING, PAIRS};
use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::layout::read_json;

/// A trained model or a dictionary marks mentions in the examples' texts, whose own labels are not looked at; or a model
/// says how mentions are related: the examples' own, or those that another step predicted.
pub(crate) fn predict(context: &mut Context<'_>, options: &PredictOptions) -> Result<Made, RunnerError> {
    let examples: Vec<Example> = context.rows("examples")?;
    let mut predictions = if options.by_dictionary() {
        look_up(context, options, &examples)?
    } else {
        let model = context.path("model")?.to_owned();
        match read_json::<PairSettings>(&model.join(PAIRS))? {
            Some(pairs) if context.named("predictions").next().is_some() => {
                related(context, options, &model, examples, &pairs)?
            }
            Some(pairs) => relations(context, options, &model, &examples, &pairs)?,
            None => mentions(context, options, &model, &examples)?,
        }
    };
    let sensitivity = context.sensitivity("predictions");
    for prediction in &mut predictions {
        prediction.sensitivity = prediction.sensitivity.max(sensitivity);
    }
    Ok(Made { outputs: vec![context.write("predictions", predictions)?], ..Made::default() })
}

/// The mentions that another step predicted, with the relation of each pair.
fn related(
    context: &mut Context<'_>,
    options: &PredictOptions,
    model: &Path,
    mut examples: Vec<Example>,
    pairs: &PairSettings,
) -> Result<Vec<Prediction>, RunnerError> {
    let found: Vec<Prediction> = context.rows("predictions")?;
    let found: BTreeMap<&str, &Prediction> = found.iter().map(|row| (row.example.as_str(), row)).collect();
    let mut given = Vec::with_capacity(examples.len());
    for example in &mut examples {
        let row = found
            .get(example.id.as_str())
            .ok_or_else(|| RunnerError::OtherExamples { step: context.step.id.clone(), example: example.id.clone() })?;
        example.entities = row.spans.iter().map(|span| Entity::new(span.span(), &span.label)).collect();
        example.relations.clear();
        given.push(row.spans.clone());
    }
    let mut predictions = relations(context, options, model, &examples, pairs)?;
    for (prediction, spans) in predictions.iter_mut().zip(given) {
        prediction.spans = spans;
    }
    Ok(predictions)
}

fn mentions(
    context: &mut Context<'_>,
    options: &PredictOptions,
    model: &Path,
    examples: &[Example],
) -> Result<Vec<Prediction>, RunnerError> {
    let runtime = Runtime::load(context.machine.onnxruntime()?)?;
    let mut tagger = Tagger::load(&runtime, model, &settings(context, options))?;
    let encoder = encoder(model, tagger.limits())?;
    let encodings = encoder.encode_texts(examples.iter().map(Text::from))?;
    let observer = &mut |done, total| told(context, "tagging windows", done, total);
    let mut predictions = tagger.predict(&encodings, observer).map_err(interrupted)?;
    for prediction in &mut predictions {
        prediction.spans.retain(|span| f64::from(span.score) >= options.min_score);
    }
    Ok(predictions)
}

/// The examples' own mentions with the relation of each pair. A pair that could not be shown to the model is left out
/// and counted.
fn relations(
    context: &mut Context<'_>,
    options: &PredictOptions,
    model: &Path,
    examples: &[Example],
    pairs: &PairSettings,
) -> Result<Vec<Prediction>, RunnerError> {
    let runtime = Runtime::load(context.machine.onnxruntime()?)?;
    let mut classifier = PairClassifier::load(&runtime, model, &settings(context, options))?;
    let encoder = encoder(model, classifier.limits())?;
    let Encoded { encodings, misaligned } = encoder.encode_pairs(examples, pairs, None)?;
    if !misaligned.is_empty() {
        let left_out = misaligned.len();
        context.note(format!("{left_out} pairs overlap or stand too far apart for a window and have no prediction"));
    }
    let observer = &mut |done, total| told(context, "classifying pairs", done, total);
    let found = classifier.predict(&encodings, observer).map_err(interrupted)?;
    let mut by_example: BTreeMap<&str, Vec<ScoredRelation>> = BTreeMap::new();
    for (encoding, found) in encodings.iter().zip(found) {
        let [head, tail] = encoding.pair[..] else { continue };
        let label = classifier.classes()[found.class].clone();
        let relation = ScoredRelation { head, tail, label, score: found.score };
        by_example.entry(&encoding.example).or_default().push(relation);
    }
    let model = classifier.digest().to_string();
    let prediction = |example: &Example| Prediction {
        example: example.id.clone(),
        document: example.document.clone(),
        spans: example.entities.iter().map(ScoredSpan::from).collect(),
        relations: by_example.remove(example.id.as_str()).unwrap_or_default(),
        model: model.clone(),
        sensitivity: example.sensitivity,
    };
    Ok(examples.iter().map(prediction).collect())
}

fn settings(context: &Context<'_>, options: &PredictOptions) -> InferenceSettings {
    InferenceSettings {
        threads: context.threads(),
        batch_tokens: options.batch_tokens as usize,
        int8: options.int8,
        device: device(options.device),
    }
}

/// What a step computes on, in the words of the libraries.
pub(crate) const fn device(option: ComputeDevice) -> Device {
    match option {
        ComputeDevice::Cpu => Device::Cpu,
        ComputeDevice::Cuda => Device::Cuda,
    }
}

fn told(context: &mut Context<'_>, what: &str, done: usize, total: usize) -> ControlFlow<()> {
    context.progress(what, done as u64, total as u64, "");
    if context.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn interrupted(error: InferenceError) -> RunnerError {
    match error {
        InferenceError::Stopped { .. } => RunnerError::Interrupted,
        other => RunnerError::Inference(other),
    }
}

/// The model folder brings its tokenizer and how texts were cut for training.
fn encoder(model: &Path, (rows, positions): (usize, usize)) -> Result<Encoder, RunnerError> {
    let settings: EncodingSettings = read_json(&model.join(ENCODING))?.unwrap_or_default();
    let encoder = Encoder::load(&model.join("tokenizer.json"), &settings)?;
    encoder.check_encoder(rows, positions)?;
    Ok(encoder)
}
