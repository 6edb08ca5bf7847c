//! What `build` writes, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{AdamWScalars, Dimension, Manifest, TagSet};
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::reference::{Tiny, recorded, tags, write_encoder, write_weights};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn tensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| data.as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), floats(view.data())))).collect()
}

#[test]
fn the_folder_holds_what_its_manifest_says() {
    let tiny = Tiny::build(true);
    let folder = tiny.artifacts();
    assert_eq!(
        names(&folder),
        [
            "checkpoint",
            "config.json",
            "eval_model.onnx",
            "gradient_model.onnx",
            "labels.json",
            "manifest.json",
            "tokenizer.json",
            "training_model.onnx"
        ]
    );
    assert_eq!(names(&folder.join("checkpoint")), ["model.safetensors"]);
    let manifest = Manifest::read(&folder).unwrap();
    assert_eq!(manifest, tiny.manifest);
    manifest.verify(&folder).unwrap();
    assert_eq!(manifest.digests.len(), 6);
    assert_eq!(manifest.scalars, AdamWScalars::NAMES);
    assert_eq!(manifest.tags, ["O", "B-Disease", "I-Disease"]);
    assert_eq!(fs::read_to_string(folder.join("labels.json")).unwrap(), "[\n  \"Disease\"\n]\n");
}

#[test]
fn dropout_sites_follow_the_configuration() {
    use Dimension::{Batch, Fixed, Sequence};
    let tiny = Tiny::build(true);
    let found: Vec<_> = tiny.manifest.dropout.iter().map(|site| (site.name.as_str(), site.rate)).collect();
    let expected = [
        ("dropout.embeddings", 0.25),
        ("dropout.layer.0.probabilities", 0.2),
        ("dropout.layer.0.attention", 0.25),
        ("dropout.layer.0.output", 0.25),
        ("dropout.layer.1.probabilities", 0.2),
        ("dropout.layer.1.attention", 0.25),
        ("dropout.layer.1.output", 0.25),
        ("dropout.classifier", 0.25),
    ];
    assert_eq!(found, expected);
    assert_eq!(tiny.manifest.dropout[0].shape, [Sequence, Batch, Fixed(8)]);
    assert_eq!(tiny.manifest.dropout[1].shape, [Batch, Fixed(2), Sequence, Sequence]);
    assert_eq!(Tiny::build(false).manifest.dropout, []);
}

#[test]
fn decay_spares_biases_and_layer_norms() {
    let tiny = Tiny::build(false);
    let spared = tiny.manifest.parameters.iter().filter(|parameter| !parameter.decay);
    assert!(spared.clone().all(|parameter| parameter.shape.len() == 1));
    assert_eq!(spared.count(), tiny.manifest.parameters.iter().filter(|p| p.shape.len() == 1).count());
}

#[test]
fn the_first_checkpoint_is_the_encoder_with_a_drawn_head() {
    let tiny = Tiny::build(false);
    let encoder = tensors(&tiny.folder.path().join("encoder/model.safetensors"));
    let mut checkpoint = tensors(&tiny.artifacts().join("checkpoint/model.safetensors"));
    assert_eq!(checkpoint.keys().collect::<Vec<_>>(), encoder.keys().collect::<Vec<_>>());
    let (shape, head) = checkpoint.remove("classifier.weight").unwrap();
    assert_eq!(shape, [3, 8]);
    let deviation = (head.iter().map(|value| value * value).sum::<f32>() / 24.0).sqrt();
    assert!((0.12..0.28).contains(&deviation), "drawn with deviation 0.2, found {deviation}");
    assert_eq!(checkpoint.remove("classifier.bias").unwrap(), (vec![3], vec![0.0; 3]));
    assert!(checkpoint.iter().all(|(name, tensor)| encoder[name] == *tensor));
}

/// A rebuild of the tiny encoder in `folder`, after `change` of its configuration and weights.
fn rebuild(
    folder: &Path,
    change: impl FnOnce(&mut Value, &mut BTreeMap<String, (Vec<usize>, Vec<f32>)>),
    seed: u64,
) -> Result<PathBuf, String> {
    let encoder = folder.join("encoder");
    let mut config = recorded().config;
    write_encoder(&encoder, &config);
    let mut weights = tensors(&encoder.join("model.safetensors"));
    change(&mut config, &mut weights);
    fs::write(encoder.join("config.json"), config.to_string()).unwrap();
    write_weights(&encoder.join("model.safetensors"), &weights);
    let out = folder.join(format!("artifacts-{seed}"));
    match build(&encoder, &tags(), &BuildSettings { dropout: true, seed, ..BuildSettings::default() }, &out) {
        Ok(_) => Ok(out),
        Err(error) => Err(error.to_string().replace(&format!("{}/", encoder.display()), "")),
    }
}

#[test]
fn same_encoder_and_seed_give_the_same_bytes_and_another_seed_another_head() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let builds = [(folder.path(), 1), (other.path(), 1), (folder.path(), 2)]
        .map(|(folder, seed)| rebuild(folder, |_, _| {}, seed).unwrap());
    let read = |build: &Path, name: &str| fs::read(build.join(name)).unwrap();
    for name in ["manifest.json", "training_model.onnx", "checkpoint/model.safetensors"] {
        assert!(read(&builds[0], name) == read(&builds[1], name), "{name}");
    }
    let head = |build: &PathBuf| tensors(&build.join("checkpoint/model.safetensors"))["classifier.weight"].clone();
    assert_ne!(head(&builds[0]), head(&builds[2]));
}

#[test]
fn weights_are_found_under_the_names_of_a_bare_or_early_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let rename = |name: &str| {
        let name = name.trim_start_matches("bert.");
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    };
    let bare = rebuild(
        folder.path(),
        |_, weights| {
            *weights = std::mem::take(weights).into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
        },
        5,
    );
    let plain = Tiny::build(true);
    let [bare, plain] =
        [bare.unwrap(), plain.artifacts()].map(|folder| fs::read(folder.join("checkpoint/model.safetensors")).unwrap());
    assert!(bare == plain);
}

fn check_refused(change: impl FnOnce(&mut Value, &mut BTreeMap<String, (Vec<usize>, Vec<f32>)>), expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(rebuild(folder.path(), change, 0).unwrap_err(), expected);
    assert!(!folder.path().join("artifacts-0/manifest.json").exists());
}

#[test]
fn refuses_what_the_graphs_do_not_hold() {
    check_refused(
        |config, _| config["model_type"] = json!("deberta-v2"),
        "`config.json`: `model_type` is `deberta-v2`, supported is `bert`, `roberta`, `distilbert`, `electra`",
    );
    check_refused(
        |config, _| config["hidden_act"] = json!("silu"),
        "`config.json`: `hidden_act` is `silu`, supported is `gelu`, `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`, `relu`",
    );
    check_refused(
        |config, _| config["position_embedding_type"] = json!("relative_key"),
        "`config.json`: `position_embedding_type` is `relative_key`, supported is `absolute`",
    );
    check_refused(
        |config, _| config["is_decoder"] = json!(true),
        "`config.json`: `is_decoder` is `true`, supported is `false`",
    );
    check_refused(
        |config, _| config["hidden_size"] = json!("8"),
        "`config.json`: `hidden_size` must be a whole number above 0",
    );
    check_refused(
        |config, _| config["num_attention_heads"] = json!(3),
        "`config.json`: `num_attention_heads` must be a divisor of the hidden size",
    );
    check_refused(
        |config, _| config["hidden_dropout_prob"] = json!(1),
        "`config.json`: `hidden_dropout_prob` must be a rate below 1",
    );
}

#[test]
fn refuses_weights_that_do_not_fit() {
    check_refused(
        |_, weights| drop(weights.remove("bert.encoder.layer.1.output.dense.bias")),
        "`model.safetensors` holds no tensor `bert.encoder.layer.1.output.dense.bias`",
    );
    check_refused(
        |config, _| config["vocab_size"] = json!(24),
        "`model.safetensors`: tensor `bert.embeddings.word_embeddings.weight` is F32 of shape [23, 8], expected float32 of shape [24, 8]",
    );
}

#[test]
fn refuses_files_that_are_absent_or_broken() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = folder.path().join("encoder");
    let attempt = || {
        let settings = BuildSettings::default();
        let error = build(&encoder, &tags(), &settings, &folder.path().join("out")).unwrap_err().to_string();
        error.replace(&format!("{}/", encoder.display()), "")
    };
    assert_eq!(attempt(), "cannot read `config.json`");
    write_encoder(&encoder, &recorded().config);
    fs::write(encoder.join("model.safetensors"), b"no weights").unwrap();
    assert_eq!(attempt(), "`model.safetensors` is not a safetensors file");
    write_encoder(&encoder, &recorded().config);
    let whole = fs::read(encoder.join("model.safetensors")).unwrap();
    let mut spoilt = whole.clone();
    spoilt[9] ^= 0x40;
    for bytes in [&whole[..5], &whole[..300], &whole[..whole.len() - 4], &spoilt] {
        fs::write(encoder.join("model.safetensors"), bytes).unwrap();
        assert_eq!(attempt(), "`model.safetensors` is not a safetensors file");
    }
    write_encoder(&encoder, &recorded().config);
    fs::remove_file(encoder.join("tokenizer.json")).unwrap();
    assert_eq!(attempt(), "cannot read `tokenizer.json`");
    fs::write(encoder.join("config.json"), b"{").unwrap();
    assert_eq!(attempt(), "`config.json` is not JSON");
}

#[test]
fn graphs_of_the_default_encoder_hold_no_weights() {
    let encoder = std::env::var_os("CLINSYNTH_ENCODER").map(PathBuf::from);
    let encoder =
        encoder.expect("`CLINSYNTH_ENCODER` must name the encoder's folder: run `just test`, which provisions it");
    let folder = tempfile::tempdir().unwrap();
    let labels = TagSet::new(["Disease", "Chemical"]).unwrap();
    let settings = BuildSettings::default();
    let manifest = build(&encoder, &labels, &settings, folder.path()).unwrap();
    for (name, limit) in
        [("training_model.onnx", 500_000), ("gradient_model.onnx", 200_000), ("eval_model.onnx", 50_000)]
    {
        let size = fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size < limit, "{name}: {size} bytes");
        crate::session::open(&folder.path().join(name));
    }
    let elements: usize = manifest.parameters.iter().map(|parameter| parameter.shape.iter().product::<usize>()).sum();
    assert_eq!(elements, 22_713_216 - 384 * 384 - 384 + 5 * 384 + 5, "all but the pooler, and a head of five tags");
}
