//! Training beside its peers, in one run: a step beside PyTorch's (time, memory, share of the processor's matrix peak),
//! and an epoch of the recorded sentences beside Hugging Face's Trainer.
//!
//! ```text
//! cargo bench -p clinsynth-training --bench training -- [--rounds 7] [--threads 2] [--python python3] [--only steps]
//! ```
//!
//! Needs `ORT_DYLIB_PATH` and `CLINSYNTH_ENCODER`, and for the peers a Python with torch, transformers and accelerate
//! (`tests/reference/bench_step.py`, `tests/reference/bench_epoch.py`); without one their columns stay empty.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A benchmark reports on stdout or dies.

mod epoch;
mod peak;
mod peer;
mod steps;

use std::path::{Path, PathBuf};

use clinsynth_runtime::Runtime;

struct Arguments {
    rounds: usize,
    threads: usize,
    python: String,
    only: Option<String>,
    encoder: PathBuf,
}

fn main() {
    let arguments = arguments();
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`ORT_DYLIB_PATH` names the ONNX Runtime library");
    let runtime = Runtime::load(Path::new(&library)).unwrap();
    let wanted = |part: &str| arguments.only.as_deref().is_none_or(|only| only == part);
    if wanted("steps") {
        steps::report(&runtime, &arguments);
    }
    if wanted("epoch") {
        epoch::report(&runtime, &arguments);
    }
}

fn arguments() -> Arguments {
    let encoder = PathBuf::from(std::env::var_os("CLINSYNTH_ENCODER").expect("`CLINSYNTH_ENCODER` names an encoder"));
    let mut arguments = Arguments { rounds: 7, threads: 2, python: "python3".into(), only: None, encoder };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        match name.as_str() {
            "--bench" => {} // Cargo's own.
            "--rounds" => arguments.rounds = given.next().and_then(|value| value.parse().ok()).expect("a number"),
            "--threads" => arguments.threads = given.next().and_then(|value| value.parse().ok()).expect("a number"),
            "--python" => arguments.python = given.next().expect("a program"),
            "--only" => arguments.only = given.next(),
            _ => panic!("unknown argument `{name}`"),
        }
    }
    arguments
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
