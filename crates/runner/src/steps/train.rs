use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinsynth_artifacts::{
    BuildSettings, Classification, Pooling, Rates, add_markers, build, build_classifier, export, export_int8,
};
use clinsynth_contract::{Encoding, Example, HistoryPoint, Manifest, TagScheme, TagSet};
use clinsynth_dag::{ClassWeights, PairForm, Task, TrainOptions, TrainPrecision, TrainSchedule, TrainTagScheme};
use clinsynth_encoding::{Encoder, EncodingSettings, PairForm as Shown, PairSettings};
use clinsynth_inference::{Decoding, InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Outcome, Phase, Precision, Progress, Recipe, Schedule, TrainingError, train as fit};
use serde_json::json;

use super::card::write_card;
use super::splits::splits;
use crate::RunnerError;
use crate::execute::{Context, Made};
use crate::key::encoder_of;
use crate::layout::write_json;
use crate::objects::Staged;

/// File of a model folder that says how texts were cut into windows.
pub(crate) const ENCODING: &str = "encoding.json";

/// File of a model folder that says which pairs of mentions it classifies; absent from a model of mentions.
pub(crate) const PAIRS: &str = "pairs.json";

/// An encoder is fine-tuned on the train split, the best epoch on the dev split is exported.
pub(crate) fn train(context: &mut Context<'_>, options: &TrainOptions) -> Result<Made, RunnerError> {
    if options.examples == Some(0) {
        return passed_on(context);
    }
    let examples: Vec<Example> = context.rows("examples")?;
    let encoder_folder = encoder_folder(context, options)?;
    let settings =
        EncodingSettings { max_tokens: options.max_length as usize, overlap_words: options.overlap as usize };
    let encoder = Encoder::load(&encoder_folder.join("tokenizer.json"), &settings)?;
    let (train, dev, misaligned) = splits(context, &encoder, &examples, options)?;

    let artifact = context.work.join("artifact");
    let manifest = built(context, &encoder_folder, options, &train, &artifact)?;
    encoder.check_encoder(manifest.encoder.vocabulary, manifest.encoder.positions)?;
    let runtime = Runtime::load(context.machine.onnxruntime()?)?;
    let outcome = fitted(context, options, &runtime, &artifact, &train, &dev)?;

    let model = context.out.join("model");
    export(&artifact, &outcome.best_checkpoint, &model)?;
    if options.int8 {
        export_int8(&artifact, &outcome.best_checkpoint, &model)?;
    }
    write_json(&model.join(ENCODING), &settings)?;
    if options.task == Task::Re {
        write_json(&model.join(PAIRS), &pair_settings(options))?;
    }
    write_card(context, options, &model, &train, &dev, &outcome)?;
    let mut facts = BTreeMap::from([
        (format!("train {}", rows(options.task)), json!(train.len())),
        (format!("dev {}", rows(options.task)), json!(dev.len())),
        (unfit(options.task).to_owned(), json!(misaligned)),
        ("kept epoch".to_owned(), json!(outcome.best_epoch)),
        (format!("dev {} of the kept epoch", figure(options.task)), json!(outcome.best_dev_f1)),
        ("steps".to_owned(), json!(outcome.steps)),
        ("precision".to_owned(), json!(outcome.precision)),
    ]);
    if options.task == Task::Ner {
        let settings = InferenceSettings { threads: context.threads(), ..InferenceSettings::default() };
        let decoding = Tagger::load(&runtime, &model, &settings)?.choose_margins(&dev)?;
        write_json(&model.join(Decoding::FILE), &decoding)?;
        let margins: Vec<String> = decoding.margins.iter().map(|(label, margin)| format!("{label} {margin}")).collect();
        facts.insert("margins over no mention".to_owned(), json!(margins.join(", ")));
    }
    let history = context.write::<HistoryPoint>("history", outcome.history)?;
    Ok(Made { outputs: vec![Staged::plain("model", model, context.sensitivity("model")), history], facts })
}

/// The tags of the pipeline's labels.
pub(super) fn tags(context: &Context<'_>, options: &TrainOptions) -> Result<TagSet, RunnerError> {
    let scheme = match options.tag_scheme {
        TrainTagScheme::Bio => TagScheme::Bio,
        TrainTagScheme::Bioes => TagScheme::Bioes,
    };
    Ok(TagSet::new(context.step.labels.names())?.with_scheme(scheme))
}

/// The model of another step as it is, where there is nothing to learn from.
fn passed_on(context: &mut Context<'_>) -> Result<Made, RunnerError> {
    let (from, to) = (context.path("model")?.to_owned(), context.out.join("model"));
    copy_folder(&from, &to)?;
    let history = context.write::<HistoryPoint>("history", Vec::new())?;
    let facts = BTreeMap::from([("passed on".to_owned(), json!("the model as it was: `examples` is 0"))]);
    Ok(Made { outputs: vec![Staged::plain("model", to, context.sensitivity("model")), history], facts })
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), RunnerError> {
    let unreadable = |source| RunnerError::Read { path: from.to_owned(), source };
    fs::create_dir_all(to).map_err(|source| RunnerError::Write { path: to.to_owned(), source })?;
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let (file, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).map_err(unreadable)?;
        fs::copy(&file, &target).map_err(|source| RunnerError::Write { path: target, source })?;
    }
    Ok(())
}

/// The encoder that the options name, or the model of another step, with markers for pairs where they are asked for.
fn encoder_folder(context: &Context<'_>, options: &TrainOptions) -> Result<PathBuf, RunnerError> {
    let folder = if context.step.goes_on() {
        context.path("model")?.to_owned()
    } else {
        context.machine.encoder(&encoder_of(context.step, options))?
    };
    let markers = pair_settings(options).form.markers();
    if options.task == Task::Ner || markers.is_empty() {
        return Ok(folder);
    }
    let marked = context.work.join("encoder");
    // Written anew each time: the same bytes, and never half of them.
    add_markers(&folder, markers, options.seed, &marked)?;
    Ok(marked)
}

pub(super) fn pair_settings(options: &TrainOptions) -> PairSettings {
    let form = match options.pairs.form {
        PairForm::Mask => Shown::Mask,
        PairForm::Mark => Shown::Mark,
    };
    PairSettings { form, between: options.pairs.between.clone(), unlisted: options.pairs.unlisted.clone() }
}

/// What the dev split is scored by: of pairs, each of which has one class and is given one, micro F1 is the accuracy.
pub(super) const fn figure(task: Task) -> &'static str {
    match task {
        Task::Ner => "F1",
        Task::Re => "accuracy",
    }
}

/// What the model learns from, one by one.
pub(super) const fn rows(task: Task) -> &'static str {
    match task {
        Task::Ner => "windows",
        Task::Re => "pairs",
    }
}

/// What is reported when it cannot be shown to the model as it is.
const fn unfit(task: Task) -> &'static str {
    match task {
        Task::Ner => "mentions on no word boundary",
        Task::Re => "pairs left out",
    }
}

/// As many epochs as are asked for, or as the least number of steps needs.
pub(super) const fn epochs(options: &TrainOptions, rows: usize) -> u32 {
    let sequences = options.batch_size as usize * options.accumulation as usize;
    let needed = (options.least_steps as usize).div_ceil(rows.div_ceil(sequences)) as u32;
    if needed > options.epochs { needed } else { options.epochs }
}

/// The artifact folder of this step: built once, kept between interruptions.
fn built(
    context: &Context<'_>,
    encoder: &Path,
    options: &TrainOptions,
    train: &[Encoding],
    artifact: &Path,
) -> Result<Manifest, RunnerError> {
    if artifact.join("manifest.json").exists() {
        return Ok(Manifest::read(artifact)?);
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
    let smoothing = options.label_smoothing as f32;
    let settings = BuildSettings { dropout: options.dropout, seed: options.seed, rates, smoothing };
    if options.task == Task::Ner {
        return Ok(build(encoder, &tags(context, options)?, &settings, artifact)?);
    }
    let classes = options.relations.names();
    let weights = match options.pairs.weights {
        ClassWeights::Equal => Vec::new(),
        ClassWeights::Balanced => balanced(train, classes.len()),
    };
    let pooling = match options.pairs.form {
        PairForm::Mask => Pooling::FirstToken,
        PairForm::Mark => Pooling::EntityStarts,
    };
    let classification = Classification { classes, pooling, weights, smoothing };
    Ok(build_classifier(encoder, &classification, &settings, artifact)?)
}

/// Weights by which all classes count alike: `pairs / (classes · pairs of the class)`, scikit-learn's `balanced`. A class
/// without pairs weighs 1: it has no part in the loss.
fn balanced(train: &[Encoding], classes: usize) -> Vec<f32> {
    let of = |class: usize| train.iter().filter(|row| row.class == Some(class as u32)).count();
    (0..classes)
        .map(|class| match of(class) {
            0 => 1.0,
            count => train.len() as f32 / (classes * count) as f32,
        })
        .collect()
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
        epochs: epochs(options, train.len()),
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
        mention_replacement: options.replace_mentions,
        device: super::predict::device(options.device),
        dropout: options.dropout,
        seed: options.seed,
        patience: options.patience,
        threads: context.threads(),
        checkpoint_every_steps: u64::from(options.checkpoint_steps),
        ..Recipe::default()
    };
    let run_dir = context.work.join("training");
    let outcome = fit(runtime, artifact, train, dev, &recipe, &run_dir, &mut |progress| {
        show(context, options.task, progress);
        if context.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    outcome.map_err(|error| match error {
        TrainingError::Interrupted { .. } => RunnerError::Interrupted,
        other => RunnerError::Training(other),
    })
}

fn show(context: &mut Context<'_>, task: Task, progress: &Progress) {
    let phase = match progress.phase {
        Phase::Training => "training",
        Phase::Evaluating => "scoring the dev split",
    };
    let best = progress.best_f1.map_or_else(String::new, |best| format!(", best dev {} {best:.4}", figure(task)));
    let note = format!(
        "epoch {:.1}, loss {:.3}, {:.0} tokens/s, {:.0} s left{best}",
        progress.epoch, progress.loss, progress.tokens_per_second, progress.seconds_left
    );
    context.progress(phase, progress.step, progress.steps, note);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_seen_more_often() {
        let check = |rows, least_steps, expected| {
            let options =
                TrainOptions { epochs: 4, batch_size: 8, accumulation: 2, least_steps, ..TrainOptions::default() };
            assert_eq!(epochs(&options, rows), expected, "{rows} {least_steps}");
        };
        check(160, 0, 4);
        check(160, 40, 4);
        check(160, 41, 5);
        check(10, 100, 100);
    }
}
