//! Every family's numbers against `transformers`', as tests/reference/families.py recorded them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, build, export, export_int8};
use clinsynth_contract::{Manifest, Parameter, StoredPart};
use clinsynth_kernels::Precision;
use serde::Deserialize;
use serde_json::json;

use crate::parity::assert_gradients;
use crate::reference::{Batch, drawn_weights, tags, write_weights};
use crate::session::{Feeds, batch_feeds, integers, mask_feeds, open, open_with, parameter_feeds, run};

/// One tiny model.
#[derive(Deserialize)]
pub(crate) struct Case {
    config: serde_json::Value,
    /// Of the parameters, under the family's own names.
    shapes: BTreeMap<String, Vec<usize>>,
    loss: f32,
    /// `[B, S, tags]`, without dropout.
    logits: Vec<f32>,
    /// Of the dropout sites, in the order of the forward pass.
    rates: Vec<f32>,
    dropped_loss: f32,
    /// With dropout.
    gradients: BTreeMap<String, Vec<f32>>,
}

/// Tensors by name, with their shapes.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../data/families.json")).unwrap()
    }

    fn family(&self) -> &str {
        self.config["model_type"].as_str().unwrap()
    }

    fn weights(&self) -> Weights {
        drawn_by_shape(&self.shapes)
    }

    /// A folder with its artifacts.
    pub(crate) fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        artifacts(folder.path(), &self.config, &self.weights());
        folder
    }

    fn batch(&self) -> Batch {
        Batch::of(0, [4, 7], &self.config)
    }
}

/// The weights that the script draws for parameters of these shapes.
pub(crate) fn drawn_by_shape(shapes: &BTreeMap<String, Vec<usize>>) -> Weights {
    let parameter = |(name, shape): (&String, &Vec<usize>)| Parameter {
        name: name.clone(),
        shape: shape.clone(),
        decay: true,
        rate: 1.0,
        stored: vec![StoredPart { name: name.clone(), shape: shape.clone() }],
    };
    drawn_weights(&shapes.iter().map(parameter).collect::<Vec<_>>())
}

/// Artifacts of a model with these weights, in `folder`.
fn artifacts(folder: &Path, config: &serde_json::Value, weights: &Weights) -> Manifest {
    let encoder = folder.join("encoder");
    fs::create_dir_all(&encoder).unwrap();
    fs::write(encoder.join("config.json"), config.to_string()).unwrap();
    fs::write(encoder.join("tokenizer.json"), "{}").unwrap();
    write_weights(&encoder.join("model.safetensors"), weights);
    build(&encoder, &tags(), &BuildSettings::default(), &folder.join("artifacts")).unwrap()
}

/// The loss and the logits `[B, S, tags]` of the eval graph.
fn evaluate(folder: &Path, manifest: &Manifest, batch: &Batch, weights: &Weights) -> (f32, Vec<f32>) {
    let mut feeds = batch_feeds(batch);
    feeds.extend(parameter_feeds(manifest, weights));
    let found = run(&mut open(&folder.join("artifacts").join(Manifest::EVAL_MODEL)), feeds);
    let tokens = found["logits"].as_chunks::<3>().0;
    let logits = (0..batch.rows).flat_map(|b| (0..batch.width).map(move |s| tokens[s * batch.rows + b]));
    (found["loss"][0], logits.flatten().collect())
}

/// The logits of tokens that are not padding, which alone are defined.
fn inside(batch: &Batch, logits: &[f32]) -> Vec<f32> {
    let tokens = logits.as_chunks::<3>().0.iter().zip(&batch.mask);
    tokens.filter(|(_, inside)| **inside == 1).flat_map(|(logits, _)| *logits).collect()
}

/// Asserts that values differ by less than 1e-5.
pub(crate) fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{what}: {worst}");
}

/// Asserts that values are near those in float32, and not the same: within a tenth of the greatest.
pub(crate) fn assert_rounded(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let greatest = expected.iter().map(|value| value.abs()).fold(0.0, f32::max);
    assert!(1e-5 < worst && worst < 0.1 * greatest, "{what}: {worst} of {greatest}");
}

/// What the exported model takes.
fn feeds_of(batch: &Batch) -> Feeds {
    let shape = [batch.rows, batch.width];
    let feeds = [("input_ids", &batch.ids), ("attention_mask", &batch.mask)];
    feeds.map(|(name, values)| integers(name, &shape, values.clone())).into()
}

#[test]
fn logits_of_training_graphs_and_exports_equal_transformers() {
    for case in Case::all() {
        let folder = tempfile::tempdir().unwrap();
        let (weights, batch) = (case.weights(), case.batch());
        let manifest = artifacts(folder.path(), &case.config, &weights);
        let (loss, logits) = evaluate(folder.path(), &manifest, &batch, &weights);
        assert_near(&[loss], &[case.loss], case.family());
        assert_near(&inside(&batch, &logits), &inside(&batch, &case.logits), case.family());

        let out = folder.path().join("exported");
        export(&folder.path().join("artifacts"), &folder.path().join("encoder"), &out).unwrap();
        let exported = run(&mut open(&out.join("model.onnx")), feeds_of(&batch));
        assert_near(&inside(&batch, &exported["logits"]), &inside(&batch, &logits), case.family());
        export_int8(&folder.path().join("artifacts"), &folder.path().join("encoder"), &out).unwrap();
        let int8 = run(&mut open(&out.join("model.int8.onnx")), feeds_of(&batch));
        assert_rounded(&inside(&batch, &int8["logits"]), &inside(&batch, &logits), case.family());
        assert_eq!(manifest.encoder.positions, if case.family() == "roberta" { 7 } else { 9 });
    }
}

#[test]
fn gradients_with_dropout_equal_transformers() {
    for case in Case::all() {
        let folder = tempfile::tempdir().unwrap();
        let (weights, batch) = (case.weights(), case.batch());
        let manifest = artifacts(folder.path(), &case.config, &weights);
        assert_eq!(manifest.dropout.iter().map(|site| site.rate).collect::<Vec<_>>(), case.rates);
        let graph = folder.path().join("artifacts").join(Manifest::GRADIENT_MODEL);
        for kernels in [None, Some(Precision::Fp32)] {
            let mut feeds = batch_feeds(&batch);
            feeds.extend(mask_feeds(&manifest, &batch));
            feeds.extend(parameter_feeds(&manifest, &weights));
            let found = run(&mut open_with(&graph, kernels), feeds);
            assert_near(&found["loss"], &[case.dropped_loss], case.family());
            assert_gradients(&manifest, &found, &case.gradients, 1e-4, case.family());
        }
    }
}

/// The weights of the case after a change of them and its configuration give these logits.
fn logits_after(case: &Case, change: impl FnOnce(&mut serde_json::Value, &mut Weights)) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, mut stored, batch) = (case.config.clone(), case.weights(), case.batch());
    change(&mut config, &mut stored);
    let manifest = artifacts(folder.path(), &config, &stored);
    let (_, logits) = evaluate(folder.path(), &manifest, &batch, &case.weights());
    inside(&batch, &logits)
}

#[test]
fn no_token_types_are_token_types_of_zeros() {
    let mut case = Case::all().swap_remove(1);
    let name = "bert.embeddings.token_type_embeddings.weight";
    let without = logits_after(&case, |config, weights| {
        config["type_vocab_size"] = json!(0);
        weights.remove(name);
    });
    let folder = tempfile::tempdir().unwrap();
    case.config["type_vocab_size"] = json!(1);
    let mut weights = case.weights();
    weights.insert(name.into(), (vec![1, 8], vec![0.0; 8]));
    let manifest = artifacts(folder.path(), &case.config, &weights);
    let (_, zeros) = evaluate(folder.path(), &manifest, &case.batch(), &weights);
    assert_near(&without, &inside(&case.batch(), &zeros), "type_vocab_size 0");
}

/// A bare encoder's file, a file whose encoder has another prefix, and one with a pooler and a head for other tasks.
#[test]
fn weights_are_found_behind_any_prefix_and_among_others() {
    for case in Case::all() {
        let prefix = format!("{}.", case.family());
        for other in ["", "model.", "discriminator.encoder."] {
            let folder = tempfile::tempdir().unwrap();
            let renamed = case.weights().into_iter().map(|(name, tensor)| match name.strip_prefix(&prefix) {
                Some(bare) => (format!("{other}{bare}"), tensor),
                None => (format!("head.{name}"), tensor),
            });
            let mut weights: Weights = renamed.collect();
            weights.insert(format!("{other}pooler.dense.weight"), (vec![2, 2], vec![1.0; 4]));
            artifacts(folder.path(), &case.config, &weights);
            let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
            let bytes = read("artifacts/checkpoint/model.safetensors");
            let found = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            for (name, (_, values)) in case.weights().iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                assert!(found.tensor(name).unwrap().data() == expected, "{name} behind `{other}`");
            }
        }
    }
}
