//! Sequence classifiers' numbers against PyTorch's, as tests/reference/families.py recorded them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, Classification, Pooling, build_classifier, export, export_int8};
use clinsynth_contract::{Dimension, Manifest};
use clinsynth_kernels::Precision;
use serde::Deserialize;

use crate::families::{assert_near, assert_rounded, drawn_by_shape};
use crate::parity::assert_gradients;
use crate::reference::{Batch, recorded, write_encoder, write_weights};
use crate::session::{Feeds, batch_feeds, floats, integers, mask_feeds, open, open_with, parameter_feeds, run};

/// One tiny model.
#[derive(Deserialize)]
pub(crate) struct Case {
    config: serde_json::Value,
    shapes: BTreeMap<String, Vec<usize>>,
    by_starts: bool,
    weights: Vec<f32>,
    smoothing: f32,
    labels: Vec<i64>,
    /// `[B, 2]`.
    starts: Vec<i64>,
    loss: f32,
    /// `[B, classes]`, without dropout.
    logits: Vec<f32>,
    rates: Vec<f32>,
    dropped_loss: f32,
    /// With dropout.
    gradients: BTreeMap<String, Vec<f32>>,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../data/sequences.json")).unwrap()
    }

    fn name(&self) -> String {
        format!("{}, by starts: {}", self.config["model_type"], self.by_starts)
    }

    fn build(&self, folder: &Path) -> Manifest {
        let encoder = folder.join("encoder");
        fs::create_dir_all(&encoder).unwrap();
        fs::write(encoder.join("config.json"), self.config.to_string()).unwrap();
        fs::write(encoder.join("tokenizer.json"), "{}").unwrap();
        write_weights(&encoder.join("model.safetensors"), &drawn_by_shape(&self.shapes));
        let pooling = if self.by_starts { Pooling::EntityStarts } else { Pooling::FirstToken };
        let classes = ["none", "causes", "treats"].map(str::to_owned).to_vec();
        let (weights, smoothing) = (self.weights.clone(), self.smoothing);
        let settings = Classification { classes, pooling, weights, smoothing };
        build_classifier(&encoder, &settings, &BuildSettings::default(), &folder.join("artifacts")).unwrap()
    }

    /// A folder with its artifacts.
    pub(crate) fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.build(folder.path());
        folder
    }

    fn feeds(&self, manifest: &Manifest, batch: &Batch) -> Feeds {
        let mut feeds = batch_feeds(batch);
        feeds.retain(|(name, _)| name != "labels");
        feeds.push(integers("labels", &[batch.rows], self.labels.clone()));
        if self.by_starts {
            feeds.push(integers("entity_starts", &[batch.rows, 2], self.starts.clone()));
        }
        feeds.extend(parameter_feeds(manifest, &drawn_by_shape(&self.shapes)));
        feeds
    }
}

#[test]
fn logits_of_training_graphs_and_exports_equal_pytorch() {
    for case in Case::all() {
        let folder = tempfile::tempdir().unwrap();
        let batch = Batch::of(0, [4, 7], &case.config);
        let manifest = case.build(folder.path());
        let feeds = case.feeds(&manifest, &batch);
        let found = run(&mut open(&folder.path().join("artifacts").join(Manifest::EVAL_MODEL)), feeds);
        assert_near(&found["loss"], &[case.loss], &case.name());
        assert_near(&found["logits"], &case.logits, &case.name());

        let out = folder.path().join("exported");
        export(&folder.path().join("artifacts"), &folder.path().join("encoder"), &out).unwrap();
        let shape = [batch.rows, batch.width];
        let feeds = || {
            let mut feeds = vec![
                integers("input_ids", &shape, batch.ids.clone()),
                integers("attention_mask", &shape, batch.mask.clone()),
            ];
            if case.by_starts {
                feeds.push(integers("entity_starts", &[batch.rows, 2], case.starts.clone()));
            }
            feeds
        };
        let exported = run(&mut open(&out.join("model.onnx")), feeds());
        assert_near(&exported["logits"], &case.logits, &case.name());
        export_int8(&folder.path().join("artifacts"), &folder.path().join("encoder"), &out).unwrap();
        let int8 = run(&mut open(&out.join("model.int8.onnx")), feeds());
        assert_rounded(&int8["logits"], &case.logits, &case.name());
        let config: serde_json::Value = serde_json::from_slice(&fs::read(out.join("config.json")).unwrap()).unwrap();
        assert_eq!(config["id2label"], serde_json::json!({"0": "none", "1": "causes", "2": "treats"}));
        let class = config["architectures"][0].as_str().unwrap();
        assert!(class.ends_with(if case.by_starts {
            "ForRelationClassification"
        } else {
            "ForSequenceClassification"
        }));
    }
}

#[test]
fn gradients_with_weights_smoothing_and_dropout_equal_pytorch() {
    for case in Case::all() {
        let folder = tempfile::tempdir().unwrap();
        let batch = Batch::of(0, [4, 7], &case.config);
        let manifest = case.build(folder.path());
        assert_eq!(manifest.dropout.iter().map(|site| site.rate).collect::<Vec<_>>(), case.rates, "{}", case.name());
        let graph = folder.path().join("artifacts").join(Manifest::GRADIENT_MODEL);
        for kernels in [None, Some(Precision::Fp32)] {
            let mut feeds = case.feeds(&manifest, &batch);
            feeds.extend(mask_feeds(&manifest, &batch));
            let found = run(&mut open_with(&graph, kernels), feeds);
            assert_near(&found["loss"], &[case.dropped_loss], &case.name());
            let weight = |label: &i64| case.weights.get(*label as usize).copied().unwrap_or(1.0);
            let counted: f32 = case.labels.iter().filter(|label| **label >= 0).map(weight).sum();
            assert_near(&found["labelled"], &[counted], &case.name());
            assert_gradients(&manifest, &found, &case.gradients, 1e-4, &case.name());
        }
    }
}

/// The training graph loads, takes its inputs and lowers the loss.
#[test]
fn a_step_moves_every_parameter() {
    let case = Case::all().swap_remove(4);
    let folder = tempfile::tempdir().unwrap();
    let batch = Batch::of(0, [4, 7], &case.config);
    let manifest = case.build(folder.path());
    let mut feeds = case.feeds(&manifest, &batch);
    feeds.extend(mask_feeds(&manifest, &batch));
    let scalars = clinsynth_contract::AdamW::default().scalars(1, 0.01).values();
    feeds.extend(manifest.scalars.iter().zip(scalars).map(|(name, value)| floats(name, &[], vec![value])));
    for parameter in &manifest.parameters {
        let zeros = vec![0.0; parameter.shape.iter().product()];
        feeds.extend(["m", "v"].map(|m| floats(&format!("{}.{m}", parameter.name), &parameter.shape, zeros.clone())));
    }
    let found = run(&mut open(&folder.path().join("artifacts").join(Manifest::TRAINING_MODEL)), feeds);
    assert_near(&found["loss"], &[case.dropped_loss], "loss");
    for parameter in &manifest.parameters {
        assert!(found[&format!("{}.m.next", parameter.name)].iter().any(|value| *value != 0.0), "{}", parameter.name);
    }
}

#[test]
fn the_pooler_is_the_encoders_or_starts_anew() {
    let case = Case::all().swap_remove(0);
    let folder = tempfile::tempdir().unwrap();
    let weights = |folder: &Path| {
        let bytes = fs::read(folder.join("artifacts/checkpoint/model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        file.tensor("bert.pooler.dense.weight").unwrap().data().to_vec()
    };
    let manifest = case.build(folder.path());
    assert_eq!(manifest.batch[2].shape, [Dimension::Batch]);
    let own = &drawn_by_shape(&case.shapes)["bert.pooler.dense.weight"].1;
    assert!(weights(folder.path()) == own.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());

    let bare = tempfile::tempdir().unwrap();
    write_encoder(&bare.path().join("encoder"), &recorded().config);
    let classes = vec!["no".to_owned(), "yes".to_owned()];
    let settings = Classification { classes, pooling: Pooling::FirstToken, weights: Vec::new(), smoothing: 0.0 };
    let out = bare.path().join("artifacts");
    build_classifier(&bare.path().join("encoder"), &settings, &BuildSettings::default(), &out).unwrap();
    let drawn: Vec<f32> = weights(bare.path()).as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
    let deviation = (drawn.iter().map(|value| value * value).sum::<f32>() / drawn.len() as f32).sqrt();
    assert!((0.12..0.28).contains(&deviation), "drawn with deviation 0.2, found {deviation}");
}

#[test]
fn refuses_settings_that_contradict_themselves() {
    let check = |classes: &[&str], weights: &[f32], smoothing, expected: &str| {
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        let settings = Classification { classes, pooling: Pooling::FirstToken, weights: weights.to_vec(), smoothing };
        let nowhere = Path::new("nowhere");
        let error = build_classifier(nowhere, &settings, &BuildSettings::default(), nowhere).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(&["a"], &[], 0.0, "a classification needs two classes, given are 1");
    check(&["a", "b"], &[1.0], 0.0, "2 classes have 1 weights: give one for each class, or none");
    check(&["a", "b"], &[1.0, 0.0], 0.0, "the class weight `0` is not above 0");
    check(&["a", "b"], &[], 1.0, "label smoothing `1` is not from 0 to below 1");
}
