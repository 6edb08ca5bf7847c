//! One training step beside PyTorch's, interleaved step by step: medians and their ratio.
//!
//! ```text
//! cargo bench -p clinsynth-training --bench step -- [--rounds 7] [--threads 2] [--python python3]
//! ```
//!
//! Needs `ORT_DYLIB_PATH` and `CLINSYNTH_ENCODER`, and for the peer a Python with torch and transformers
//! (`tests/reference/bench_step.py`); without one the peer's columns stay empty. Ours is the time from one call of the
//! observer to the next, so batches, masks and bookkeeping are in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A benchmark reports on stdout or dies.

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{Encoding, TagSet};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Phase, Recipe, train};

/// Steps before the first that counts.
const WARM_UP: usize = 2;

struct Arguments {
    rounds: usize,
    threads: usize,
    python: String,
}

fn main() {
    let arguments = arguments();
    let encoder = PathBuf::from(std::env::var_os("CLINSYNTH_ENCODER").expect("`CLINSYNTH_ENCODER` names an encoder"));
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`ORT_DYLIB_PATH` names the ONNX Runtime library");
    let runtime = Runtime::load(Path::new(&library)).unwrap();
    println!("milliseconds a step, median of {} (least), {} threads", arguments.rounds, arguments.threads);
    println!("| batch × length | dropout | clinsynth | PyTorch fp32 | ratio | PyTorch bf16 | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for dropout in [false, true] {
        for (batch, length) in [(16, 128), (32, 64)] {
            let row = measure(&runtime, &encoder, dropout, batch, length, &arguments);
            println!("| {batch} × {length} | {} | {row} |", if dropout { "0.1" } else { "none" });
        }
    }
}

fn arguments() -> Arguments {
    let mut arguments = Arguments { rounds: 7, threads: 2, python: "python3".into() };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        match name.as_str() {
            "--bench" => {} // Cargo's own.
            "--rounds" => arguments.rounds = given.next().and_then(|value| value.parse().ok()).expect("a number"),
            "--threads" => arguments.threads = given.next().and_then(|value| value.parse().ok()).expect("a number"),
            "--python" => arguments.python = given.next().expect("a program"),
            _ => panic!("unknown argument `{name}`"),
        }
    }
    arguments
}

fn measure(runtime: &Runtime, encoder: &Path, dropout: bool, batch: usize, length: usize, given: &Arguments) -> String {
    let place = tempfile::tempdir().unwrap();
    let artifact = place.path().join("artifact");
    let tags = TagSet::new(["Disease", "Chemical"]).unwrap();
    build(encoder, &tags, &BuildSettings { dropout, seed: 0 }, &artifact).unwrap();

    let mut peers = [Peer::start(given, encoder, dropout, false), Peer::start(given, encoder, dropout, true)];
    let (mut ours, mut theirs) = (Vec::new(), [Vec::new(), Vec::new()]);
    let rows = rows(batch * (WARM_UP + given.rounds), length);
    let recipe = Recipe {
        epochs: 1,
        batch_sequences: batch,
        threads: given.threads,
        checkpoint_every_seconds: 0,
        ..Recipe::default()
    };
    let mut began = None::<Instant>;
    let mut observer = |progress: &clinsynth_training::Progress| {
        if progress.phase == Phase::Training {
            // The first step has no call before it.
            ours.extend(began.map(|began| began.elapsed().as_secs_f64() * 1e3));
            for (peer, times) in peers.iter_mut().zip(&mut theirs) {
                times.extend(peer.as_mut().map(|peer| peer.step(batch, length)));
            }
            began = Some(Instant::now());
        }
        ControlFlow::Continue(())
    };
    train(runtime, &artifact, &rows, &rows[..1], &recipe, &place.path().join("run"), &mut observer).unwrap();
    let ours = counted(&ours, WARM_UP - 1);
    let cells = theirs.map(|times| match counted(&times, WARM_UP) {
        (median, _) if median.is_nan() => "- | -".to_owned(),
        (median, least) => format!("{median:.0} ({least:.0}) | {:.2}", ours.0 / median),
    });
    format!("{:.0} ({:.0}) | {} | {}", ours.0, ours.1, cells[0], cells[1])
}

/// Median and least of what follows the warm-up.
fn counted(times: &[f64], skipped: usize) -> (f64, f64) {
    let mut times = times.get(skipped..).unwrap_or_default().to_vec();
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or(f64::NAN);
    (at(times.len() / 2), at(0))
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

/// A PyTorch process that takes a step when told to.
struct Peer {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(given: &Arguments, encoder: &Path, dropout: bool, bf16: bool) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/bench_step.py");
        let mut command = Command::new(&given.python);
        command.arg(script).arg("--model").arg(encoder).args(["--threads", &given.threads.to_string()]);
        command.args(dropout.then_some("--dropout")).args(bf16.then_some("--bf16"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let (ask, answers) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        let mut peer = Self { process, ask, answers };
        (peer.answer() == "ready").then_some(peer)
    }

    fn step(&mut self, batch: usize, length: usize) -> f64 {
        writeln!(self.ask, "{batch} {length}").unwrap();
        self.answer().parse().unwrap()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
