use std::path::Path;

use clinsynth_contract::Encoding;
use clinsynth_dag::{Task, TrainOptions};
use clinsynth_training::Outcome;
use serde_json::json;

use super::train::{epochs, rows};
use crate::RunnerError;
use crate::execute::Context;

/// What training began with.
fn origin(context: &Context<'_>, options: &TrainOptions) -> String {
    match context.named("model").next() {
        Some(input) => format!("of the model of step `{}`", input.binding.from),
        None => format!("`{}`", options.encoder),
    }
}

/// The model card travels with the model: what it is, what it learned from, what it is not for.
pub(super) fn write_card(
    context: &Context<'_>,
    options: &TrainOptions,
    model: &Path,
    train: &[Encoding],
    dev: &[Encoding],
    outcome: &Outcome,
) -> Result<(), RunnerError> {
    let inputs: Vec<String> =
        context.lineage.inputs.iter().map(|input| format!("- `{}`, digest `{}`", input.name, input.digest)).collect();
    let (title, score, tensors) = match options.task {
        Task::Ner => (
            format!("Token classifier for {}", context.step.labels.names().join(", ")),
            "strict micro F1",
            "`model.onnx` takes `input_ids` and `attention_mask` (int64, batch × sequence) and gives `logits` (float32, \
             batch × sequence × tags); tags are in `config.json` under `id2label`.",
        ),
        Task::Re => (
            format!("Classifier of pairs: {}", options.relations.names().join(", ")),
            "accuracy",
            "`model.onnx` takes `input_ids` and `attention_mask` (int64, batch × sequence), and `entity_starts` (int64, batch \
             × 2) if pairs are marked, and gives `logits` (float32, batch × classes); classes are in `config.json` under \
             `id2label`, how pairs are shown in `pairs.json`.",
        ),
    };
    let card = format!(
        "# {title}\n\n\
         Made by clinsynth {version}, step `{step}` of pipeline `{pipeline}`, key `{key}`.\n\n\
         ## Training\n\n\
         Encoder {encoder}, {epochs} epochs, learning rate {rate}, seed {seed}, matrix products in {precision}; {train} {rows} to \
         learn from, {dev} to choose the epoch on. Kept epoch {best}, {score} {f1:.4} on the dev split.\n\n\
         Data sensitivity: {sensitivity}.\n\n{inputs}\n\n\
         ## Use\n\n\
         {tensors}\n\n\
         A score on a dev split of machine-written text says little about clinical text: measure on your own before use. Not a \
         medical device.\n",
        version = env!("CARGO_PKG_VERSION"),
        step = context.step.id,
        pipeline = context.plan.name,
        key = context.lineage.key,
        encoder = origin(context, options),
        epochs = epochs(options, train.len()),
        rate = options.learning_rate,
        seed = options.seed,
        rows = rows(options.task),
        precision = json!(outcome.precision).as_str().unwrap_or_default(),
        train = train.len(),
        dev = dev.len(),
        best = outcome.best_epoch,
        f1 = outcome.best_dev_f1,
        sensitivity = context.sensitivity("model"),
        inputs = inputs.join("\n"),
    );
    crate::layout::write_atomically(&model.join("README.md"), card.as_bytes())
}
