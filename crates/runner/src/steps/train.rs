use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, Rates, build, export};
use clinsynth_contract::{Encoding, Example, HistoryPoint, Split, TagSet};
use clinsynth_dag::{TrainOptions, TrainPrecision, TrainSchedule};
use clinsynth_encoding::{Encoded, Encoder, EncodingSettings};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Outcome, Phase, Precision, Progress, Recipe, Schedule, TrainingError, train as fit};
use serde_json::json;

use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::key::encoder_of;
use crate::layout::write_json;
use crate::objects::Staged;

/// File of a model folder that says how texts were cut into windows.
pub(crate) const ENCODING: &str = "encoding.json";

/// An encoder is fine-tuned on the train split, the best epoch on the dev split is exported.
pub(crate) fn train(context: &mut Context<'_>, options: &TrainOptions) -> Result<Made, RunnerError> {
    let examples: Vec<Example> = context.rows("examples")?;
    let tags = TagSet::new(context.plan.labels.clone())?;
    let encoder_folder = context.machine.encoder(&encoder_of(context.step, options))?;
    let settings =
        EncodingSettings { max_tokens: options.max_length as usize, overlap_words: options.overlap as usize };
    let encoder = Encoder::load(&encoder_folder.join("tokenizer.json"), &settings)?;
    let (train, dev, misaligned) = splits(context, &encoder, &examples, &tags)?;

    let artifact = context.work.join("artifact");
    let manifest = built(&encoder_folder, &tags, options, &artifact)?;
    encoder.check_encoder(manifest.encoder.vocabulary, manifest.encoder.positions)?;
    let runtime = Runtime::load(context.machine.onnxruntime()?)?;
    let outcome = fitted(context, options, &runtime, &artifact, &train, &dev)?;

    let model = context.out.join("model");
    export(&artifact, &outcome.best_checkpoint, &model)?;
    write_json(&model.join(ENCODING), &settings)?;
    write_card(context, options, &model, &train, &dev, &outcome)?;
    let facts = BTreeMap::from([
        ("train windows".to_owned(), json!(train.len())),
        ("dev windows".to_owned(), json!(dev.len())),
        ("mentions on no word boundary".to_owned(), json!(misaligned)),
        ("kept epoch".to_owned(), json!(outcome.best_epoch)),
        ("dev F1 of the kept epoch".to_owned(), json!(outcome.best_dev_f1)),
        ("steps".to_owned(), json!(outcome.steps)),
    ]);
    let history = context.write::<HistoryPoint>("history", outcome.history)?;
    Ok(Made { outputs: vec![Staged::plain("model", model, context.sensitivity("model")), history], facts })
}

fn splits(
    context: &mut Context<'_>,
    encoder: &Encoder,
    examples: &[Example],
    tags: &TagSet,
) -> Result<(Vec<Encoding>, Vec<Encoding>, usize), RunnerError> {
    let of =
        |split| -> Vec<Example> { examples.iter().filter(|example| example.split == Some(split)).cloned().collect() };
    let (train, dev) = (of(Split::Train), of(Split::Dev));
    for (rows, name) in [(&train, "train"), (&dev, "dev")] {
        if rows.is_empty() {
            let what =
                format!("none of its {} examples is in the {name} split; a `curate` step splits them", examples.len());
            return Err(RunnerError::Empty { step: context.step.id.clone(), what });
        }
    }
    let Encoded { encodings: train, misaligned } = encoder.encode_examples(&train, tags)?;
    let Encoded { encodings: dev, misaligned: more } = encoder.encode_examples(&dev, tags)?;
    let misaligned = misaligned.len() + more.len();
    if misaligned > 0 {
        context.note(format!("{misaligned} mentions do not start and end on words and were widened or left out"));
    }
    Ok((train, dev, misaligned))
}

/// The artifact folder of this step: built once, kept between interruptions.
fn built(
    encoder: &Path,
    tags: &TagSet,
    options: &TrainOptions,
    artifact: &Path,
) -> Result<clinsynth_contract::Manifest, RunnerError> {
    if artifact.join("manifest.json").exists() {
        return Ok(clinsynth_contract::Manifest::read(artifact)?);
    }
    // Half a folder of an interrupted build is made anew.
    if artifact.exists() {
        fs::remove_dir_all(artifact).map_err(|source| RunnerError::Write { path: artifact.to_owned(), source })?;
    }
    let rates = Rates {
        layer_decay: options.layer_decay as f32,
        frozen_embeddings: options.freeze_embeddings,
        frozen_layers: options.freeze_layers as usize,
    };
    let settings = BuildSettings { dropout: options.dropout, seed: options.seed, rates };
    Ok(build(encoder, tags, &settings, artifact)?)
}

fn fitted(
    context: &mut Context<'_>,
    options: &TrainOptions,
    runtime: &Runtime,
    artifact: &Path,
    train: &[Encoding],
    dev: &[Encoding],
) -> Result<Outcome, RunnerError> {
    let recipe = Recipe {
        epochs: options.epochs,
        learning_rate: options.learning_rate,
        warmup_fraction: options.warmup_fraction,
        weight_decay: options.weight_decay,
        max_gradient_norm: options.max_gradient_norm,
        schedule: match options.schedule {
            TrainSchedule::Linear => Schedule::Linear,
            TrainSchedule::Cosine => Schedule::Cosine,
            TrainSchedule::Constant => Schedule::Constant,
        },
        batch_sequences: options.batch_size as usize,
        accumulation: options.accumulation,
        precision: match options.precision {
            TrainPrecision::Auto => Precision::Auto,
            TrainPrecision::Fp32 => Precision::Fp32,
            TrainPrecision::Bf16 => Precision::Bf16,
        },
        dropout: options.dropout,
        seed: options.seed,
        patience: options.patience,
        threads: context.threads(),
        checkpoint_every_steps: u64::from(options.checkpoint_steps),
        ..Recipe::default()
    };
    let run_dir = context.work.join("training");
    let outcome = fit(runtime, artifact, train, dev, &recipe, &run_dir, &mut |progress| {
        show(context, progress);
        if context.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    outcome.map_err(|error| match error {
        TrainingError::Interrupted { .. } => RunnerError::Interrupted,
        other => RunnerError::Training(other),
    })
}

fn show(context: &mut Context<'_>, progress: &Progress) {
    let phase = match progress.phase {
        Phase::Training => "training",
        Phase::Evaluating => "scoring the dev split",
    };
    let best = progress.best_f1.map_or_else(String::new, |f1| format!(", best dev F1 {f1:.4}"));
    let note = format!(
        "epoch {:.1}, loss {:.3}, {:.0} tokens/s, {:.0} s left{best}",
        progress.epoch, progress.loss, progress.tokens_per_second, progress.seconds_left
    );
    context.progress(phase, progress.step, progress.steps, note);
}

/// The model card travels with the model: what it is, what it learned from, what it is not for.
fn write_card(
    context: &Context<'_>,
    options: &TrainOptions,
    model: &Path,
    train: &[Encoding],
    dev: &[Encoding],
    outcome: &Outcome,
) -> Result<(), RunnerError> {
    let inputs: Vec<String> =
        context.lineage.inputs.iter().map(|input| format!("- `{}`, digest `{}`", input.name, input.digest)).collect();
    let card = format!(
        "# Token classifier for {labels}\n\n\
         Made by clinsynth {version}, step `{step}` of pipeline `{pipeline}`, key `{key}`.\n\n\
         ## Training\n\n\
         Encoder `{encoder}`, {epochs} epochs, learning rate {rate}, seed {seed}; {train} windows to learn from, {dev} to choose \
         the epoch on. Kept epoch {best}, strict micro F1 {f1:.4} on the dev split.\n\n\
         Data sensitivity: {sensitivity}.\n\n{inputs}\n\n\
         ## Use\n\n\
         `model.onnx` takes `input_ids` and `attention_mask` (int64, batch × sequence) and gives `logits` (float32, batch × \
         sequence × tags); tags are in `config.json` under `id2label`.\n\n\
         A score on a dev split of machine-written text says little about clinical text: measure on your own before use. Not a \
         medical device.\n",
        labels = context.plan.labels.join(", "),
        version = env!("CARGO_PKG_VERSION"),
        step = context.step.id,
        pipeline = context.plan.name,
        key = context.lineage.key,
        encoder = options.encoder,
        epochs = options.epochs,
        rate = options.learning_rate,
        seed = options.seed,
        train = train.len(),
        dev = dev.len(),
        best = outcome.best_epoch,
        f1 = outcome.best_dev_f1,
        sensitivity = context.sensitivity("model"),
        inputs = inputs.join("\n"),
    );
    crate::layout::write_atomically(&model.join("README.md"), card.as_bytes())
}
