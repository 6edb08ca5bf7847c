//! Tagging 3,300 sentences of mixed length: with the model in the folder that `CLINSYNTH_MODEL` names, or else with the
//! tests' tiny one, which leaves the cost around a model's own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::ops::ControlFlow;
use std::path::PathBuf;

use clinsynth_contract::Encoding;
use clinsynth_inference::{InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;

fn main() {
    divan::main();
}

/// Sentences of one-token words, 8 to 64 long (as far as the model reads), of random ids.
fn encodings((vocabulary, positions): (usize, usize)) -> Vec<Encoding> {
    let mut state = 1u64;
    let mut draw = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..3300)
        .map(|index| {
            let words = (8 + draw(56)).min(positions);
            Encoding {
                example: index.to_string(),
                input_ids: (0..words).map(|_| draw(vocabulary) as u32).collect(),
                token_words: (0..words as i32).collect(),
                word_starts: (0..words as u32).map(|word| word * 6).collect(),
                word_ends: (0..words as u32).map(|word| word * 6 + 5).collect(),
                owned_to: words as u32,
                ..Encoding::default()
            }
        })
        .collect()
}

#[divan::bench(sample_count = 5)]
fn predict(bencher: divan::Bencher) {
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library");
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny");
    let folder = std::env::var_os("CLINSYNTH_MODEL").map_or(tiny.into(), PathBuf::from);
    let runtime = Runtime::load(library.as_ref()).unwrap();
    let mut tagger = Tagger::load(&runtime, &folder, &InferenceSettings::default()).unwrap();
    let encodings = encodings(tagger.limits());
    bencher.bench_local(|| tagger.predict(&encodings, &mut |_, _| ControlFlow::Continue(())).unwrap());
}
