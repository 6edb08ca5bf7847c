//! An epoch of the recorded sentences beside Hugging Face's Trainer at its defaults (batches of 8, padded to their
//! longest, float32), one after the other, twice.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{Encoding, Example, TagSet};
use clinsynth_encoding::{Encoder, EncodingSettings};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Phase, Precision, Recipe, train};

use crate::Arguments;
use crate::peer::Peer;

pub(crate) fn report(runtime: &Runtime, arguments: &Arguments) {
    let texts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings/ner.jsonl");
    let examples = examples(&texts);
    let encoder = Encoder::load(&arguments.encoder.join("tokenizer.json"), &EncodingSettings::default()).unwrap();
    let tags = TagSet::new(["Disease", "Chemical"]).unwrap();
    let rows = encoder.encode_examples(&examples, &tags).unwrap().encodings;
    println!(
        "\nseconds for an epoch of {} recorded sentences, {} threads, dropout as configured",
        examples.len(),
        arguments.threads
    );
    println!("| clinsynth fp32 | clinsynth auto | Hugging Face Trainer | ratio fp32 | ratio auto |");
    println!("|---|---|---|---|---|");
    for _ in 0..2 {
        let [fp32, auto] =
            [Precision::Fp32, Precision::Auto].map(|precision| ours(runtime, arguments, &tags, &rows, precision));
        let (threads, encoder) = (arguments.threads.to_string(), arguments.encoder.to_string_lossy());
        let given = ["--model", &encoder, "--threads", &threads, "--recordings", &texts.to_string_lossy()];
        let theirs =
            Peer::start(&arguments.python, "bench_epoch.py", &given).map_or(f64::NAN, |mut peer| peer.ask("epoch"));
        println!("| {fp32:.1} | {auto:.1} | {theirs:.1} | {:.2} | {:.2} |", fp32 / theirs, auto / theirs);
    }
}

/// Seconds from the first step to the last; the labels make no difference to the work.
fn ours(runtime: &Runtime, arguments: &Arguments, tags: &TagSet, rows: &[Encoding], precision: Precision) -> f64 {
    let place = tempfile::tempdir().unwrap();
    let artifact = place.path().join("artifact");
    build(&arguments.encoder, tags, &BuildSettings::default(), &artifact).unwrap();
    let recipe = Recipe { epochs: 1, threads: arguments.threads, precision, ..Recipe::default() };
    let (mut began, mut ended) = (None, None);
    let mut observer = |progress: &clinsynth_training::Progress| {
        if progress.phase == Phase::Training {
            began.get_or_insert_with(|| (Instant::now(), progress.step));
            ended = Some((Instant::now(), progress.step));
        }
        ControlFlow::Continue(())
    };
    train(runtime, &artifact, rows, &rows[..1], &recipe, &place.path().join("run"), &mut observer).unwrap();
    let ((began, first), (ended, last)) = (began.unwrap(), ended.unwrap());
    // The clock starts when the first step has ended.
    (ended - began).as_secs_f64() * last as f64 / (last - first) as f64
}

fn examples(recordings: &Path) -> Vec<Example> {
    let recorded = std::fs::read_to_string(recordings).unwrap();
    let texts = recorded.lines().flat_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let completion: serde_json::Value = serde_json::from_str(line["completion"].as_str().unwrap()).unwrap();
        let examples = completion["examples"].as_array().unwrap();
        examples.iter().map(|example| example["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    texts.enumerate().map(|(id, text)| Example { id: id.to_string(), text, ..Example::default() }).collect()
}
