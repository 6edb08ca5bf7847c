//! Tagging 3,300 sentences of mixed length: with the model in the folder that `CLINSYNTH_MODEL` names, or else with the
//! tests' tiny one, which leaves the cost around a model's own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod sentences;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clinsynth_inference::{InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 5)]
fn predict(bencher: divan::Bencher) {
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library");
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny");
    let folder = std::env::var_os("CLINSYNTH_MODEL").map_or(tiny.into(), PathBuf::from);
    let runtime = Runtime::load(library.as_ref()).unwrap();
    let mut tagger = Tagger::load(&runtime, &folder, &InferenceSettings::default()).unwrap();
    let encodings = sentences::encodings(tagger.limits());
    bencher.bench_local(|| tagger.predict(&encodings, &mut |_, _| ControlFlow::Continue(())).unwrap());
}
