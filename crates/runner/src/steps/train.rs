use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinsynth_artifacts::{
    BuildSettings, Classification, Pooling, Rates, add_markers, build, build_classifier, export, export_int8,
};
use clinsynth_contract::{Encoding, Example, Hasher, HistoryPoint, Manifest, Split, TagScheme, TagSet};
use clinsynth_dag::{ClassWeights, PairForm, Task, TrainOptions, TrainPrecision, TrainSchedule, TrainTagScheme};
use clinsynth_encoding::{Encoded, Encoder, EncodingSettings, PairForm as Shown, PairSettings};
use clinsynth_inference::{Decoding, InferenceSettings, Tagger};
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
fn tags(context: &Context<'_>, options: &TrainOptions) -> Result<TagSet, RunnerError> {
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

fn pair_settings(options: &TrainOptions) -> PairSettings {
    let form = match options.pairs.form {
        PairForm::Mask => Shown::Mask,
        PairForm::Mark => Shown::Mark,
    };
    PairSettings { form, between: options.pairs.between.clone(), unlisted: options.pairs.unlisted.clone() }
}

/// What the dev split is scored by: of pairs, each of which has one class and is given one, micro F1 is the accuracy.
const fn figure(task: Task) -> &'static str {
    match task {
        Task::Ner => "F1",
        Task::Re => "accuracy",
    }
}

/// What the model learns from, one by one.
const fn rows(task: Task) -> &'static str {
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

fn splits(
    context: &mut Context<'_>,
    encoder: &Encoder,
    examples: &[Example],
    options: &TrainOptions,
) -> Result<(Vec<Encoding>, Vec<Encoding>, usize), RunnerError> {
    let of =
        |split| -> Vec<Example> { examples.iter().filter(|example| example.split == Some(split)).cloned().collect() };
    let (mut train, mut dev) = drawn(of(Split::Train), of(Split::Dev), options);
    if options.task == Task::Ner {
        let (own, all) = (context.step.labels.names(), &context.plan.labels);
        for example in train.iter_mut().chain(&mut dev) {
            // Of the pipeline's labels, those of other steps; a label that it does not know is an error.
            example.entities.retain(|entity| own.contains(&entity.label) || !all.contains(&entity.label));
        }
    }
    for (rows, name) in [(&train, "train"), (&dev, "dev")] {
        if rows.is_empty() {
            let what =
                format!("none of its {} examples is in the {name} split; a `curate` step splits them", examples.len());
            return Err(RunnerError::Empty { step: context.step.id.clone(), what });
        }
    }
    let tags = tags(context, options)?;
    let encode = |examples: &[Example]| match options.task {
        Task::Ner => encoder.encode_examples(examples, &tags),
        Task::Re => encoder.encode_pairs(examples, &pair_settings(options), Some(&options.relations.names())),
    };
    let Encoded { encodings: train, misaligned } = encode(&train)?;
    let Encoded { encodings: dev, misaligned: more } = encode(&dev)?;
    if options.task == Task::Re {
        for (rows, name) in [(&train, "train"), (&dev, "dev")] {
            require_pairs(context, rows, name)?;
        }
    }
    let misaligned = misaligned.len() + more.len();
    if misaligned > 0 {
        context.note(match options.task {
            Task::Ner => {
                format!("{misaligned} mentions do not start and end on words and were widened or left out")
            }
            Task::Re => format!("{misaligned} pairs overlap or stand too far apart for a window and were left out"),
        });
    }
    Ok((train, dev, misaligned))
}

/// So many examples as are asked for, each split in its share: the first by a digest of `seed` and identifier, so that
/// fewer are a part of more, in their own order.
fn drawn(mut train: Vec<Example>, mut dev: Vec<Example>, options: &TrainOptions) -> (Vec<Example>, Vec<Example>) {
    let all = train.len() + dev.len();
    let Some(wanted) = options.examples.map(|wanted| wanted as usize).filter(|&wanted| wanted < all) else {
        return (train, dev);
    };
    let of_dev = (2 * wanted * dev.len() + all) / (2 * all);
    for (split, wanted) in [(&mut train, wanted - of_dev), (&mut dev, of_dev)] {
        let draw = |example: &Example| {
            Hasher::new().field(options.seed.to_string()).field(&example.id).finish().as_str().to_owned()
        };
        let mut draws: Vec<String> = split.iter().map(draw).collect();
        draws.sort();
        let limit = draws.get(wanted).cloned();
        split.retain(|example| limit.as_ref().is_none_or(|limit| draw(example) < *limit));
    }
    (train, dev)
}

/// Examples without a pair have nothing to learn a relation from.
fn require_pairs(context: &Context<'_>, rows: &[Encoding], split: &str) -> Result<(), RunnerError> {
    if !rows.is_empty() {
        return Ok(());
    }
    let what = format!(
        "no example of the {split} split lists a relation of two of its mentions; where pairs are not listed, name the labels \
         between which they are judged under `pairs`"
    );
    Err(RunnerError::Empty { step: context.step.id.clone(), what })
}

/// As many epochs as are asked for, or as the least number of steps needs.
const fn epochs(options: &TrainOptions, rows: usize) -> u32 {
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

/// What training began with.
fn origin(context: &Context<'_>, options: &TrainOptions) -> String {
    match context.named("model").next() {
        Some(input) => format!("and layer of the model of step `{}`", input.binding.from),
        None => format!("`{}`", options.encoder),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize, name: &str) -> Vec<Example> {
        (0..count).map(|index| Example { id: format!("{name}{index}"), ..Example::default() }).collect()
    }

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

    #[test]
    fn a_draw_keeps_shares_and_order_and_is_a_part_of_a_larger_one() {
        let (train, dev) = (ids(90, "t"), ids(10, "d"));
        let drawn = |examples, seed| {
            drawn(train.clone(), dev.clone(), &TrainOptions { examples, seed, ..TrainOptions::default() })
        };
        for (examples, sizes) in [(None, (90, 10)), (Some(100), (90, 10)), (Some(50), (45, 5)), (Some(4), (4, 0))] {
            let (of_train, of_dev) = drawn(examples, 7);
            assert_eq!((of_train.len(), of_dev.len()), sizes, "{examples:?}");
            assert!(of_train.is_sorted_by_key(|example| train.iter().position(|one| one.id == example.id)));
        }
        for examples in 1..100 {
            let (less, more) = (drawn(Some(examples), 7), drawn(Some(examples + 1), 7));
            assert!(less.0.iter().all(|example| more.0.contains(example)), "{examples}");
            assert!(less.1.iter().all(|example| more.1.contains(example)), "{examples}");
        }
        assert_ne!(drawn(Some(50), 7), drawn(Some(50), 8));
    }
}
