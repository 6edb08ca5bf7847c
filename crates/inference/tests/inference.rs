//! Tags the encodings of a tiny model that `tests/reference/tiny_tagger.py` wrote, and compares with what Python's
//! onnxruntime made of them one by one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, Encoding, Prediction, ScoredSpan, TagScheme, TagSet};
use clinsynth_inference::{InferenceError, InferenceSettings, Tagger};
use clinsynth_runtime::Runtime;
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    encodings: Vec<Encoding>,
    predictions: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    example: String,
    document: String,
    spans: Vec<ScoredSpan>,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn cases() -> Cases {
    serde_json::from_slice(&fs::read(data("tiny_cases.json")).unwrap()).unwrap()
}

fn runtime() -> Runtime {
    let library = std::env::var_os("ORT_DYLIB_PATH")
        .expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library: run `just test`, which provisions it");
    Runtime::load(library.as_ref()).unwrap()
}

fn tagger(batch_tokens: usize) -> Tagger {
    Tagger::load(&runtime(), &data("tiny"), &InferenceSettings { threads: 1, batch_tokens, ..Default::default() })
        .unwrap()
}

fn predict(tagger: &mut Tagger, encodings: &[Encoding]) -> Result<Vec<Prediction>, InferenceError> {
    tagger.predict(encodings, &mut |_, _| ControlFlow::Continue(()))
}

fn assert_same(found: &[Prediction], expected: &[Expected]) {
    let model = Digest::of(&fs::read(data("tiny/model.onnx")).unwrap());
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(
            (&found.example, &found.document, &found.model),
            (&expected.example, &expected.document, &model.to_string())
        );
        assert_eq!(found.spans.len(), expected.spans.len(), "{found:?}");
        for (found, expected) in found.spans.iter().zip(&expected.spans) {
            let difference = (found.score - expected.score).abs();
            assert!(difference < 1e-6, "{found:?} {expected:?}");
            assert_eq!(found, &ScoredSpan { score: found.score, ..expected.clone() });
        }
    }
}

#[test]
fn equals_python_onnxruntime_however_it_is_batched() {
    let Cases { encodings, predictions } = cases();
    for batch_tokens in [1, 40, 64, 4096] {
        assert_same(&predict(&mut tagger(batch_tokens), &encodings).unwrap(), &predictions);
    }
    assert_eq!(predict(&mut tagger(64), &[]).unwrap(), []);
}

#[test]
fn says_what_it_knows() {
    let tagger = tagger(64);
    assert_eq!(tagger.labels().labels(), ["Disease", "Chemical"]);
    assert_eq!(tagger.limits(), (50, 24));
    assert_eq!(tagger.digest(), &Digest::of(&fs::read(data("tiny/model.onnx")).unwrap()));
}

#[test]
fn an_observer_counts_windows_and_may_stop() {
    let encodings = cases().encodings;
    let mut heard = Vec::new();
    let stopped = tagger(40).predict(&encodings, &mut |done, total| {
        heard.push((done, total));
        if heard.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(heard, [(2, 12), (4, 12), (6, 12)]);
    assert_eq!(stopped.unwrap_err().to_string(), "stopped after 6 of 12 windows");
}

#[test]
fn bad_rows_are_refused_before_anything_runs() {
    let check = |change: &dyn Fn(&mut Vec<Encoding>), expected: &str| {
        let mut encodings = cases().encodings;
        change(&mut encodings);
        let mut ran = false;
        let result = tagger(64).predict(&encodings, &mut |_, _| {
            ran = true;
            ControlFlow::Continue(())
        });
        assert_eq!((result.unwrap_err().to_string().as_str(), ran), (expected, false));
    };
    check(
        &|rows| rows[1].input_ids[2] = 50,
        "window 0 of example `e1` cannot be tagged: sub-token id 50 is outside the model's vocabulary of 50: it was encoded with another tokenizer",
    );
    check(
        &|rows| {
            rows[0].input_ids.resize(25, 3);
            rows[0].token_words.resize(25, 2);
        },
        "window 0 of example `e0` cannot be tagged: it has 25 sub-tokens, the model reads 1 to 24",
    );
    check(&|rows| rows[0].owned_to = 4, "window 0 of example `e0` cannot be tagged: it owns words 0..4 of 3");
    check(
        &|rows| rows.retain(|row| (row.example.as_str(), row.window) != ("e4", 0)),
        "window 1 of example `e4` cannot be tagged: the window before it is missing",
    );
    check(
        &|rows| rows[0].token_words[1] = 1,
        "window 0 of example `e0` cannot be tagged: its sub-tokens do not run through its words in order",
    );
    check(
        &|rows| rows[0].word_ends.truncate(2),
        "window 0 of example `e0` cannot be tagged: its columns differ in length",
    );
}

#[test]
fn the_tags_names_say_how_mentions_are_spelt() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data("tiny/model.onnx"), folder.path().join("model.onnx")).unwrap();
    let config = fs::read_to_string(data("tiny/config.json")).unwrap();
    let renamed = [("B-Chemical", "E-Disease"), ("I-Chemical", "S-Disease")];
    let config = renamed.iter().fold(config, |config, (from, to)| config.replace(from, to));
    fs::write(folder.path().join("config.json"), config).unwrap();
    fs::write(folder.path().join("labels.json"), "[\"Disease\"]").unwrap();
    let mut tagger = Tagger::load(&runtime(), folder.path(), &InferenceSettings::default()).unwrap();
    let tags = TagSet::new(["Disease"]).unwrap().with_scheme(TagScheme::Bioes);
    assert_eq!(tagger.labels(), &tags);
    let found = predict(&mut tagger, &cases().encodings).unwrap();
    assert!(found.iter().flat_map(|row| &row.spans).all(|span| span.label == "Disease"));
    assert_ne!(found[0].spans, predict(&mut self::tagger(64), &cases().encodings).unwrap()[0].spans);
}

#[test]
fn the_int8_model_is_another_file_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "config.json", "labels.json"] {
        fs::copy(data("tiny").join(name), folder.path().join(name)).unwrap();
    }
    let int8 = folder.path().join("model.int8.onnx");
    let load = || Tagger::load(&runtime(), folder.path(), &InferenceSettings { int8: true, ..Default::default() });
    assert_eq!(
        load().unwrap_err().to_string(),
        format!(
            "there is no `{}`: train with `int8: true`, which exports it beside `model.onnx`, or predict without `int8`",
            int8.display()
        )
    );
    fs::rename(folder.path().join("model.onnx"), &int8).unwrap();
    assert_eq!(predict(&mut load().unwrap(), &cases().encodings).unwrap().len(), cases().predictions.len());
}

/// A copy of the tiny model's folder with some files replaced (`None` removes).
fn refuse(files: &[(&str, Option<&[u8]>)]) -> (InferenceError, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "config.json", "labels.json"] {
        fs::copy(data("tiny").join(name), folder.path().join(name)).unwrap();
    }
    for (name, content) in files {
        let path = folder.path().join(name);
        content.map_or_else(|| fs::remove_file(&path).unwrap(), |content| fs::write(&path, content).unwrap());
    }
    let error = Tagger::load(&runtime(), folder.path(), &InferenceSettings::default()).unwrap_err();
    (error, folder.path().to_owned())
}

#[test]
fn bad_folders_are_refused_with_the_reason() {
    let check = |files: &[(&str, Option<&[u8]>)], expected: &str| {
        let (error, folder) = refuse(files);
        let mut message = error.to_string();
        if let Some(source) = error.source() {
            message = format!("{message}: {source}");
        }
        let message = message.replace(&folder.display().to_string(), "F");
        assert!(message.starts_with(expected), "{message}");
    };
    let missing = |name| {
        format!(
            "cannot read `F/{name}` of the model folder: it must hold `model.onnx`, `config.json` and `labels.json`: No such file"
        )
    };
    for name in ["model.onnx", "config.json", "labels.json"] {
        check(&[(name, None)], &missing(name));
    }
    check(
        &[("config.json", Some(b"{}"))],
        "`F/config.json` is not what an export writes: restore the file, or train the model again: missing field",
    );
    check(
        &[("labels.json", Some(b"[\"A\", \"A\"]"))],
        "the labels in `F/labels.json` cannot be used: label `A` stands twice in the label set",
    );
    check(
        &[("labels.json", Some(b"[\"Disease\"]"))],
        "`F/config.json` names the tags 0: O, 1: B-Disease, 2: I-Disease, 3: B-Chemical, 4: I-Chemical, but the labels in `labels.json` make O, B-Disease, I-Disease",
    );
    let gap = br#"{"vocab_size": 50, "max_position_embeddings": 24, "id2label": {"0": "O", "1": "B-Disease", "3": "I-Disease"}}"#;
    check(
        &[("labels.json", Some(b"[\"Disease\"]")), ("config.json", Some(gap))],
        "`F/config.json` names the tags 0: O, 1: B-Disease, 3: I-Disease, but the labels in `labels.json` make O, B-Disease, I-Disease",
    );
    let three = br#"{"vocab_size": 50, "max_position_embeddings": 24, "id2label": {"0": "O", "1": "B-Disease", "2": "I-Disease"}}"#;
    check(
        &[("labels.json", Some(b"[\"Disease\"]")), ("config.json", Some(three))],
        "`F/model.onnx` is not the exported classifier that is asked for: its logits are 5 wide, but the labels in `labels.json` make 3 tags",
    );
    check(
        &[("model.onnx", Some(&fs::read(data("renamed.onnx")).unwrap()))],
        "`F/model.onnx` is not the exported classifier that is asked for: it has no input `input_ids`; it wants an input `ids`",
    );
    check(&[("model.onnx", Some(b"weights"))], "cannot load the model: ONNX Runtime 1.");
}
