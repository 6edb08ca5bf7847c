//! A folder with a pipeline, recordings and a tiny encoder, and the binary to run there.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;

/// The binary under test, built once for the whole run.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The same selection as `cargo test --workspace`: built alone, the command would get dependencies anew.
        let build = ["build", "--quiet", "--workspace", "--bins", "--tests"];
        let status = Command::new(env!("CARGO")).args(build).status().unwrap();
        assert!(status.success(), "cannot build the binary");
        // This test lies in target/PROFILE/deps.
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap();
        folder.join(format!("clinsynth{}", std::env::consts::EXE_SUFFIX))
    })
}

pub(crate) struct Workplace {
    folder: tempfile::TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts the exit code and that each of `parts` stands in what was printed.
    pub(crate) fn check(&self, code: i32, parts: &[&str]) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        for part in parts {
            assert!(all.contains(part), "`{part}` is not in:\n{all}");
        }
        assert!(!all.contains("panicked"), "{all}");
    }
}

impl Workplace {
    /// The whole small job: 24 recorded requests of four sentences, a held-out set, two epochs.
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("ner.jsonl", &recordings(24, "topic"));
        place.write("heldout.jsonl", &recordings(4, "held-out topic"));
        place.write("ner.tsv", &seeds(24, "topic"));
        place.write("heldout.tsv", &seeds(4, "held-out topic"));
        place.write("prompt.md.j2", "--- user\nWrite {{ count }} sentences on {{ topic }}.\n");
        place.write("pipeline.yaml", PIPELINE);
        write_encoder(&place.path("encoder"));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Replaces a part of the pipeline file; the part must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("pipeline.yaml")).unwrap();
        assert!(text.contains(from), "`{from}` is not in the pipeline");
        self.write("pipeline.yaml", &text.replacen(from, to, 1));
    }

    /// The binary, in this folder, with the user's cache as `just test` prepared it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("CLINSYNTH_STORE")
            .env_remove("CLINSYNTH_ENCODER");
        command
    }

    pub(crate) fn clinsynth(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn run(&self) -> Ended {
        self.clinsynth(&["run", "pipeline.yaml"])
    }

    /// Output name → digest of a step's latest record, from the store's own files.
    pub(crate) fn outputs(&self, step: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.path(".clinsynth/actions")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let action: serde_json::Value = serde_json::from_str(&text).unwrap();
            if action["step"] == step {
                for output in action["outputs"].as_array().unwrap() {
                    found.push((
                        output["name"].as_str().unwrap().to_owned(),
                        output["digest"].as_str().unwrap().to_owned(),
                    ));
                }
            }
        }
        found.sort();
        found
    }

    /// Path of an output of a step.
    pub(crate) fn output(&self, step: &str, name: &str) -> PathBuf {
        let digest = self.outputs(step).into_iter().find(|(found, _)| found == name).unwrap().1;
        let object = self.path(".clinsynth/objects").join(&digest[..2]).join(&digest);
        fs::read_dir(object).unwrap().next().unwrap().unwrap().path()
    }
}

const PIPELINE: &str = "\
version: 1
name: small
labels: [Disease]
params: {seed: 3, benchmark: null}
steps:
  generate:
    uses: generate
    with: {task: ner, template: prompt.md.j2, seeds: ner.tsv, provider: replay, recordings: ner.jsonl}
  heldout:
    uses: generate
    with: {task: ner, template: prompt.md.j2, seeds: heldout.tsv, provider: replay, recordings: heldout.jsonl, split: test}
  curate:
    uses: curate
    needs: [generate]
    with: {dev-fraction: 0.2, near-duplicate: 1}
  train:
    uses: train
    needs: [curate]
    with: {encoder: ./encoder, epochs: 2, batch-size: 4, max-length: 64, overlap: 4, seed: \"${{ params.seed }}\"}
  predict:
    uses: predict
    needs: [train, heldout]
  evaluate:
    uses: evaluate
    needs: [heldout, predict]
    with: {resamples: 50}
  report:
    uses: report
    needs: [generate, curate, train, heldout, evaluate]
";

pub(crate) const DISEASES: [&str; 6] = ["asthma", "gout", "psoriasis", "anemia", "scurvy", "sepsis"];

pub(crate) fn seeds(requests: usize, topic: &str) -> String {
    let header = "topic\tstyle\tcount".to_owned();
    let rows = (0..requests).map(|request| format!("{topic} {request}\tnote\t4"));
    [header].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn recordings(requests: usize, topic: &str) -> String {
    (0..requests).map(|request| recording(&format!("{topic} {request}"), request) + "\n").collect()
}

pub(crate) fn recording(topic: &str, number: usize) -> String {
    let sentence = |index: usize| {
        let disease = DISEASES[(number + index) % DISEASES.len()];
        let text =
            format!("Case {number}-{index} of {topic}: the patient was seen for {disease} in week {}.", index + 2);
        json!({ "text": text, "entities": [{ "text": disease, "type": "Disease" }] })
    };
    let completion = json!({ "examples": (0..4).map(sentence).collect::<Vec<_>>() }).to_string();
    json!({ "id": topic, "task": "ner", "topic": topic, "style": "note", "count": 4, "model": "test", "completion": completion })
        .to_string()
}

const HIDDEN: usize = 16;
const INNER: usize = 32;
const POSITIONS: usize = 64;

/// A BERT of one layer with random weights, and a `WordPiece` vocabulary of single characters.
fn write_encoder(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let characters: Vec<char> = ('!'..='~').collect();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(String::from);
    let pieces = characters.iter().flat_map(|c| [c.to_string(), format!("##{c}")]);
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        special.into_iter().chain(pieces).enumerate().map(|(id, piece)| (piece, json!(id))).collect();
    let config = json!({
        "model_type": "bert", "hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": INNER, "vocab_size": vocabulary.len(), "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "pad_token_id": 0,
    });
    write_weights(vocabulary.len(), &folder.join("model.safetensors"));
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer(&vocabulary).to_string()).unwrap();
}

fn tokenizer(vocabulary: &serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    let token = |name: &str| json!({ "SpecialToken": { "id": name, "type_id": 0 } });
    let sequence = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let special = |name: &str| json!({ "id": name, "ids": [vocabulary[name]], "tokens": [name] });
    json!({
        "version": "1.0",
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token("[CLS]"), sequence, token("[SEP]")],
            "pair": [token("[CLS]"), sequence, token("[SEP]")],
            "special_tokens": { "[CLS]": special("[CLS]"), "[SEP]": special("[SEP]") },
        },
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary },
    })
}

fn write_weights(vocabulary: usize, path: &Path) {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![vocabulary, HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
    ];
    let mut dense = |name: &str, out: usize, inner: usize| {
        shapes.push((format!("encoder.layer.0.{name}.weight"), vec![out, inner]));
        shapes.push((format!("encoder.layer.0.{name}.bias"), vec![out]));
    };
    for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
        dense(name, HIDDEN, HIDDEN);
    }
    dense("intermediate.dense", INNER, HIDDEN);
    dense("output.dense", HIDDEN, INNER);
    for name in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
        shapes.push((format!("{name}.LayerNorm.weight"), vec![HIDDEN]));
        shapes.push((format!("{name}.LayerNorm.bias"), vec![HIDDEN]));
    }
    let mut state = 1u64;
    let mut draw = |centre: f32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        centre + ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 0.4
    };
    let data: Vec<Vec<u8>> = shapes
        .iter()
        .map(|(name, shape)| {
            let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            (0..shape.iter().product()).flat_map(|_| draw(centre).to_le_bytes()).collect()
        })
        .collect();
    let views = shapes
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    serialize_to_file(views, None::<HashMap<String, String>>, path).unwrap();
}
