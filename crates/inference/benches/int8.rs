//! Tagging 3,300 sentences of mixed length by a model in float32 and in 8-bit integers, in turn; medians of seven rounds.
//!
//! ```text
//! CLINSYNTH_MODEL=FOLDER cargo bench -p clinsynth-inference --bench int8
//! ```
//!
//! `CLINSYNTH_MODEL` names a folder with `model.onnx` and `model.int8.onnx`, as `uses: train` with `int8: true` leaves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A benchmark reports on stdout or dies.

mod sentences;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clinsynth_inference::{InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;

const ROUNDS: usize = 7;

fn main() {
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`ORT_DYLIB_PATH` names the ONNX Runtime library");
    let runtime = Runtime::load(library.as_ref()).unwrap();
    // The workspace's benchmarks run together: without a model of both forms there is nothing to compare.
    let Some(folder) = std::env::var_os("CLINSYNTH_MODEL").map(PathBuf::from) else {
        println!("skipped: `CLINSYNTH_MODEL` names no folder with `model.onnx` and `model.int8.onnx`");
        return;
    };
    let load = |int8| Tagger::load(&runtime, &folder, &InferenceSettings { int8, ..Default::default() }).unwrap();
    let mut taggers = [load(false), load(true)];
    let encodings = sentences::encodings(taggers[0].limits());
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (tagger, seconds) in taggers.iter_mut().zip(&mut seconds) {
            let began = Instant::now();
            tagger.predict(&encodings, &mut |_, _| ControlFlow::Continue(())).unwrap();
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    let [float, int8] = seconds.map(median);
    let rate = |seconds: f64| encodings.len() as f64 / seconds;
    println!("float32 {:.0}, int8 {:.0} sentences/s, ratio {:.2}", rate(float), rate(int8), float / int8);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
