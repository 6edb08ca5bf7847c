//! The exported model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, Exported, build, export};
use clinsynth_contract::{Digest, TagScheme, TagSet};
use serde_json::{Value, json};

use crate::reference::{Batch, Tiny, drawn_weights, recorded, write_encoder, write_weights};
use crate::session::{assert_close, integers, open, run};

/// The tiny model exported with the recorded weights, beside its artifacts.
pub(crate) fn exported() -> (Tiny, Exported) {
    let tiny = Tiny::build(true);
    let checkpoint = tiny.folder.path().join("trained");
    fs::create_dir_all(&checkpoint).unwrap();
    write_weights(&checkpoint.join("model.safetensors"), &drawn_weights(&tiny.manifest.parameters));
    let exported = export(&tiny.artifacts(), &checkpoint, &tiny.folder.path().join("exported")).unwrap();
    (tiny, exported)
}

#[test]
fn logits_equal_pytorch_whatever_padding_holds() {
    let (tiny, exported) = exported();
    let recorded = recorded();
    let mut batch = Batch::drawn(0, &recorded);
    let model = tiny.folder.path().join("exported/model.onnx");
    assert_eq!(exported.digest, Digest::of(&fs::read(&model).unwrap()));
    let mut session = open(&model);
    for filler in [0, 9] {
        batch.ids.iter_mut().zip(&batch.mask).filter(|(_, inside)| **inside == 0).for_each(|(id, _)| *id = filler);
        let shape = [batch.rows, batch.width];
        let feeds = [("input_ids", &batch.ids), ("attention_mask", &batch.mask)];
        let feeds = feeds.map(|(name, values)| integers(name, &shape, values.clone()));
        let found = run(&mut session, feeds.into());
        let inside = |values: &[f32]| -> Vec<f32> {
            let tokens = values.as_chunks::<3>().0.iter().zip(&batch.mask);
            tokens.filter(|(_, inside)| **inside == 1).flat_map(|(logits, _)| *logits).collect()
        };
        assert_close(&inside(&found["logits"]), &inside(&recorded.plain.logits), 2e-6, "logits");
    }
}

#[test]
fn the_configuration_is_a_token_classifiers() {
    let (tiny, _) = exported();
    let folder = tiny.folder.path().join("exported");
    let config: Value = serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    let mut expected = recorded().config;
    expected["architectures"] = json!(["BertForTokenClassification"]);
    expected["id2label"] = json!({"0": "O", "1": "B-Disease", "2": "I-Disease"});
    expected["label2id"] = json!({"O": 0, "B-Disease": 1, "I-Disease": 2});
    assert_eq!(config, expected);
    assert_eq!(fs::read_to_string(folder.join("labels.json")).unwrap(), "[\n  \"Disease\"\n]\n");
    assert_eq!(fs::read_to_string(folder.join("tokenizer.json")).unwrap(), "{\"tiny\": true}");
}

/// An exported folder is an encoder too, and its layer is kept by whoever tells the same apart.
#[test]
fn training_goes_on_from_an_exported_model() {
    let (tiny, _) = exported();
    let exported = tiny.folder.path().join("exported");
    let weights = |folder: &Path| {
        let bytes = fs::read(folder.join("model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        file.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect::<BTreeMap<_, _>>()
    };
    let begun = |labels: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let tags = TagSet::new(labels.iter().copied()).unwrap();
        build(&exported, &tags, &BuildSettings::default(), out.path()).unwrap();
        weights(&out.path().join("checkpoint"))
    };
    let trained = weights(&tiny.folder.path().join("trained"));
    assert_eq!(weights(&exported), trained);
    assert_eq!(begun(&["Disease"]), trained);
    let (mut renamed, mut encoder) = (begun(&["Drug"]), trained.clone());
    assert_ne!(renamed.remove("classifier.weight"), encoder.remove("classifier.weight"));
    assert_eq!(renamed.remove("classifier.bias"), Some(vec![0; 3 * 4]));
    encoder.remove("classifier.bias");
    assert_eq!(renamed, encoder);
}

#[test]
fn bioes_tags_pass_through_to_the_exported_model() {
    let folder = tempfile::tempdir().unwrap();
    let [encoder, artifacts, out] = ["encoder", "artifacts", "exported"].map(|name| folder.path().join(name));
    write_encoder(&encoder, &recorded().config);
    let tags = TagSet::new(["X", "Y"]).unwrap().with_scheme(TagScheme::Bioes);
    let manifest = build(&encoder, &tags, &BuildSettings::default(), &artifacts).unwrap();
    assert_eq!(manifest.tags, ["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"]);
    export(&artifacts, &artifacts.join("checkpoint"), &out).unwrap();
    let config: Value = serde_json::from_slice(&fs::read(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["id2label"]["7"], "E-Y");
    let feeds = ["input_ids", "attention_mask"].map(|name| integers(name, &[1, 2], vec![1, 1]));
    assert_eq!(run(&mut open(&out.join("model.onnx")), feeds.into())["logits"].len(), 2 * 9);
}

#[test]
fn refuses_smoothing_out_of_bounds() {
    let settings = BuildSettings { smoothing: 1.0, ..BuildSettings::default() };
    let (nowhere, tags) = (Path::new("nowhere"), TagSet::new(["X"]).unwrap());
    let error = build(nowhere, &tags, &settings, nowhere).unwrap_err();
    assert_eq!(error.to_string(), "label smoothing `1` is not from 0 to below 1");
}

#[test]
fn refuses_a_checkpoint_of_another_model() {
    let tiny = Tiny::build(false);
    let checkpoint = tiny.folder.path().join("other");
    fs::create_dir_all(&checkpoint).unwrap();
    let mut weights = drawn_weights(&tiny.manifest.parameters);
    weights.insert("classifier.weight".into(), (vec![5, 8], vec![0.0; 40]));
    write_weights(&checkpoint.join("model.safetensors"), &weights);
    let error = export(&tiny.artifacts(), &checkpoint, &tiny.folder.path().join("out")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}`: tensor `classifier.weight` is F32 of shape [5, 8], expected float32 of shape [3, 8]",
            checkpoint.join("model.safetensors").display()
        )
    );
}
