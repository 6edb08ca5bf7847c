//! One training step beside PyTorch's, interleaved step by step. Ours is the time from one call of the observer to the
//! next, so batches, masks and bookkeeping are in it.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{Encoding, TagSet};
use clinsynth_kernels as kernels;
use clinsynth_runtime::Runtime;
use clinsynth_training::{Phase, Precision, Recipe, train};

use crate::peer::Peer;
use crate::{Arguments, median, peak};

/// Steps before the first that counts.
const WARM_UP: usize = 2;
/// Parameters of the default encoder's matrices, each of which costs a token six operations in a step.
const MATRICES: f64 = 10.62e6;

pub(crate) fn report(runtime: &Runtime, arguments: &Arguments) {
    let native = kernels::Precision::native();
    let [fp32, bf16] =
        [kernels::Precision::Fp32, native].map(|precision| peak::rate(runtime, arguments.threads, precision));
    println!("matrix products alone: {fp32:.0} GFLOP/s in float32 (the library's)");
    if native == kernels::Precision::Bf16 {
        println!("                       {bf16:.0} GFLOP/s in bfloat16 (ours)");
    }
    println!(
        "\nmilliseconds a step, median of {} after {WARM_UP}, {} threads; peak resident memory in MB",
        arguments.rounds, arguments.threads
    );
    println!(
        "| batch × length | dropout | precision | clinsynth | PyTorch fp32 | ratio | PyTorch bf16 | ratio | share of peak | memory | PyTorch's |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let precisions = [(Precision::Fp32, fp32), (Precision::Bf16, bf16)];
    let precisions = if native == kernels::Precision::Bf16 { &precisions[..] } else { &precisions[..1] };
    for dropout in [false, true] {
        for (batch, length) in [(16, 128), (32, 64)] {
            for &(precision, peak) in precisions {
                let row = measure(runtime, arguments, dropout, [batch, length], (precision, peak));
                let (dropout, precision) =
                    (if dropout { "0.1" } else { "none" }, format!("{precision:?}").to_lowercase());
                println!("| {batch} × {length} | {dropout} | {precision} | {row} |");
            }
        }
    }
}

fn measure(
    runtime: &Runtime,
    arguments: &Arguments,
    dropout: bool,
    [batch, length]: [usize; 2],
    (precision, peak): (Precision, f64),
) -> String {
    let place = tempfile::tempdir().unwrap();
    let artifact = place.path().join("artifact");
    let tags = TagSet::new(["Disease", "Chemical"]).unwrap();
    build(&arguments.encoder, &tags, &BuildSettings { dropout, seed: 0, ..BuildSettings::default() }, &artifact)
        .unwrap();
    forget_peak();

    let mut peers = [false, true].map(|bf16| start_peer(arguments, dropout, bf16));
    let (mut ours, mut theirs) = (Vec::new(), [Vec::new(), Vec::new()]);
    let rows = rows(batch * (WARM_UP + 1 + arguments.rounds), length);
    let recipe = Recipe {
        epochs: 1,
        batch_sequences: batch,
        threads: arguments.threads,
        precision,
        checkpoint_every_seconds: 0,
        ..Recipe::default()
    };
    let mut began = None::<Instant>;
    let mut observer = |progress: &clinsynth_training::Progress| {
        if progress.phase == Phase::Training {
            // The first step has no call before it.
            ours.extend(began.map(|began| began.elapsed().as_secs_f64() * 1e3));
            for (peer, times) in peers.iter_mut().zip(&mut theirs) {
                times.extend(peer.as_mut().map(|peer| peer.ask(&format!("{batch} {length}"))));
            }
            began = Some(Instant::now());
        }
        ControlFlow::Continue(())
    };
    train(runtime, &artifact, &rows, &rows[..1], &recipe, &place.path().join("run"), &mut observer).unwrap();
    let memory = peak_memory();
    let ours = median(&ours[WARM_UP - 1..]);
    let cells = theirs.map(|times| match median(times.get(WARM_UP..).unwrap_or_default()) {
        time if time.is_nan() => "- | -".to_owned(),
        time => format!("{time:.0} | {:.2}", ours / time),
    });
    let share = 6.0 * MATRICES * (batch * length) as f64 / (ours * 1e6) / peak;
    let theirs = peers[0].as_mut().map_or("-".to_owned(), |peer| format!("{:.0}", peer.ask("memory")));
    format!("{ours:.0} | {} | {} | {:.0} % | {memory:.0} | {theirs}", cells[0], cells[1], share * 100.0)
}

fn start_peer(arguments: &Arguments, dropout: bool, bf16: bool) -> Option<Peer> {
    let (threads, encoder) = (arguments.threads.to_string(), arguments.encoder.to_string_lossy());
    let mut given = vec!["--model", &encoder, "--threads", &threads];
    given.extend(dropout.then_some("--dropout"));
    given.extend(bf16.then_some("--bf16"));
    Peer::start(&arguments.python, "bench_step.py", &given)
}

/// Lets the kernel count the peak of resident memory from here.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

/// Peak resident memory in MB; not a number where there is no `/proc`.
fn peak_memory() -> f64 {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}

/// Rows of `length` sub-tokens, each a word.
fn rows(count: usize, length: usize) -> Vec<Encoding> {
    let token = |row: usize, place: usize| 1000 + ((row * 7919 + place * 104_729) % 29_000) as u32;
    let row = |row: usize| Encoding {
        example: row.to_string(),
        input_ids: (0..length).map(|place| token(row, place)).collect(),
        token_words: (0..length as i32).collect(),
        word_starts: vec![0; length],
        word_ends: vec![0; length],
        tags: (0..length).map(|place| token(row, place) % 5).collect(),
        owned_from: 0,
        owned_to: length as u32,
        ..Encoding::default()
    };
    (0..count).map(row).collect()
}
