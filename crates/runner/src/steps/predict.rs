use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_contract::Example;
use clinsynth_dag::PredictOptions;
use clinsynth_encoding::{Encoder, EncodingSettings, Text};
use clinsynth_inference::{InferenceError, InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;

use super::train::ENCODING;
use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::layout::read_json;

/// A trained model marks mentions in the examples' texts; their own labels are not looked at.
pub(crate) fn predict(context: &mut Context<'_>, options: &PredictOptions) -> Result<Made, RunnerError> {
    let model = context.path("model")?.to_owned();
    let examples: Vec<Example> = context.rows("examples")?;
    let runtime = Runtime::load(context.machine.onnxruntime()?)?;
    let settings = InferenceSettings { threads: context.threads(), batch_tokens: options.batch_tokens as usize };
    let mut tagger = Tagger::load(&runtime, &model, &settings)?;
    let encoder = encoder(&model, &tagger)?;
    let encodings = encoder.encode_texts(examples.iter().map(Text::from))?;
    let mut predictions = tagger
        .predict(&encodings, &mut |done, total| {
            context.progress("tagging windows", done as u64, total as u64, "");
            if context.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .map_err(|error| match error {
            InferenceError::Stopped { .. } => RunnerError::Interrupted,
            other => RunnerError::Inference(other),
        })?;
    let sensitivity = context.sensitivity("predictions");
    for prediction in &mut predictions {
        prediction.spans.retain(|span| f64::from(span.score) >= options.min_score);
        prediction.sensitivity = prediction.sensitivity.max(sensitivity);
    }
    Ok(Made { outputs: vec![context.write("predictions", predictions)?], ..Made::default() })
}

/// The model folder brings its tokenizer and how texts were cut for training.
fn encoder(model: &Path, tagger: &Tagger) -> Result<Encoder, RunnerError> {
    let settings: EncodingSettings = read_json(&model.join(ENCODING))?.unwrap_or_default();
    let encoder = Encoder::load(&model.join("tokenizer.json"), &settings)?;
    let (rows, positions) = tagger.limits();
    encoder.check_encoder(rows, positions)?;
    Ok(encoder)
}
