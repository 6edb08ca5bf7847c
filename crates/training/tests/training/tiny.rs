//! A BERT that fits a test: random weights, and rows whose tags follow from their sub-tokens.

use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clinsynth_artifacts::{BuildSettings, Classification, Pooling, build, build_classifier};
use clinsynth_contract::{Encoding, TagSet};
use clinsynth_runtime::Runtime;
use clinsynth_training::{Outcome, Progress, Recipe, TrainingError, train};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

const HIDDEN: usize = 16;
const INNER: usize = 32;
const LAYERS: usize = 2;
const VOCABULARY: usize = 60;
const POSITIONS: usize = 32;

pub(crate) fn runtime() -> Runtime {
    let library = std::env::var_os("ORT_DYLIB_PATH")
        .expect("`ORT_DYLIB_PATH` names the ONNX Runtime library; `just test` sets it");
    Runtime::load(Path::new(&library)).unwrap()
}

/// A folder that is removed with the test process's temporary files.
pub(crate) struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An artifact folder that tells two classes of pairs apart.
    pub(crate) fn pairs(&self, pooling: Pooling) -> PathBuf {
        let (encoder, artifact) = (self.path("pair-encoder"), self.path(&format!("{pooling:?}")));
        write_encoder(&encoder);
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        let task = Classification { classes, pooling, weights: vec![1.0, 1.5], smoothing: 0.0 };
        build_classifier(&encoder, &task, &BuildSettings { seed: 3, ..BuildSettings::default() }, &artifact).unwrap();
        artifact
    }
}

/// Names the artifact folder of the process that started this one.
pub(crate) const ARTIFACT: &str = "CLINSYNTH_TRAINING_ARTIFACT";

/// An artifact folder for the labels `X` and `Y`, built once a process.
pub(crate) fn artifact() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        std::env::var_os(ARTIFACT).map_or_else(
            || {
                let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-training");
                build_artifact(&folder.join("encoder"), &folder.join("artifact"), true);
                folder.join("artifact")
            },
            PathBuf::from,
        )
    })
}

pub(crate) fn build_artifact(encoder: &Path, artifact: &Path, dropout: bool) {
    build_with(encoder, artifact, &BuildSettings { dropout, seed: 3, ..BuildSettings::default() });
}

pub(crate) fn build_with(encoder: &Path, artifact: &Path, settings: &BuildSettings) {
    write_encoder(encoder);
    let tags = TagSet::new(["X", "Y"]).unwrap();
    build(encoder, &tags, settings, artifact).unwrap();
}

fn write_encoder(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let config = format!(
        r#"{{"model_type": "bert", "hidden_size": {HIDDEN}, "num_hidden_layers": {LAYERS}, "num_attention_heads": 2,
        "intermediate_size": {INNER}, "vocab_size": {VOCABULARY}, "max_position_embeddings": {POSITIONS},
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "pad_token_id": 0}}"#
    );
    fs::write(folder.join("config.json"), config).unwrap();
    fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    let mut weights = Vec::new();
    let embeddings = [("word", VOCABULARY), ("position", POSITIONS), ("token_type", 2)];
    weights.extend(embeddings.map(|(name, rows)| (format!("embeddings.{name}_embeddings.weight"), vec![rows, HIDDEN])));
    weights.extend(norm("embeddings.LayerNorm"));
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["query", "key", "value"] {
            weights.extend(dense(&name(&format!("attention.self.{part}")), HIDDEN, HIDDEN));
        }
        weights.extend(dense(&name("attention.output.dense"), HIDDEN, HIDDEN));
        weights.extend(norm(&name("attention.output.LayerNorm")));
        weights.extend(dense(&name("intermediate.dense"), INNER, HIDDEN));
        weights.extend(dense(&name("output.dense"), HIDDEN, INNER));
        weights.extend(norm(&name("output.LayerNorm")));
    }
    write_random(&weights, &folder.join("model.safetensors"));
}

fn dense(name: &str, out: usize, inner: usize) -> [(String, Vec<usize>); 2] {
    [(format!("{name}.weight"), vec![out, inner]), (format!("{name}.bias"), vec![out])]
}

fn norm(name: &str) -> [(String, Vec<usize>); 2] {
    [(format!("{name}.weight"), vec![HIDDEN]), (format!("{name}.bias"), vec![HIDDEN])]
}

fn write_random(weights: &[(String, Vec<usize>)], path: &Path) {
    let mut draw = Draw(1);
    let data: Vec<Vec<u8>> = weights
        .iter()
        .map(|(name, shape)| {
            let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let mut value = || (centre + 0.3 * (draw.next(2000) as f32 / 1000.0 - 1.0)).to_le_bytes();
            (0..shape.iter().product()).flat_map(|_| value()).collect()
        })
        .collect();
    let views = weights
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    serialize_to_file(views, Some(metadata), path).unwrap();
}

/// A linear congruential generator, enough for test data (constants of Knuth's MMIX).
struct Draw(u64);

impl Draw {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Rows of 3 to 14 words: sub-tokens from 10, 20, 30 and 40 on are `B-X`, `I-X`, `B-Y` and outside; every fifth word
/// has a second sub-token.
pub(crate) fn rows(count: usize, seed: u64) -> Vec<Encoding> {
    let mut draw = Draw(seed);
    (0..count).map(|index| row(format!("e{seed}-{index}"), &mut draw)).collect()
}

fn row(example: String, draw: &mut Draw) -> Encoding {
    let words = 3 + draw.next(12) as u32;
    let (mut ids, mut token_words, mut tags) = (vec![1], vec![-1], Vec::new());
    for word in 0..words {
        // Tags are well formed, as the encoder writes them: only `X` continues `X`.
        let kind = match draw.next(6).min(3) {
            1 if !matches!(tags.last(), Some(1 | 2)) => 0,
            kind => kind,
        };
        ids.push((10 + 10 * kind + draw.next(10)) as u32);
        token_words.push(word as i32);
        tags.push([1, 2, 3, 0][kind as usize]);
        if draw.next(5) == 0 {
            ids.push(50 + draw.next(10) as u32);
            token_words.push(word as i32);
        }
    }
    ids.push(2);
    token_words.push(-1);
    Encoding {
        document: example.clone(),
        example,
        input_ids: ids,
        token_words,
        word_starts: (0..words).map(|word| 2 * word).collect(),
        word_ends: (0..words).map(|word| 2 * word + 1).collect(),
        tags,
        owned_from: 0,
        owned_to: words,
        ..Encoding::default()
    }
}

/// [`rows`] as pairs: their class is whether the first entity's sub-token is below 20.
pub(crate) fn pair_rows(count: usize, seed: u64) -> Vec<Encoding> {
    let pair = |row: Encoding| Encoding {
        class: Some(u32::from(row.input_ids[1] < 20)),
        entity_starts: vec![1, 2],
        pair: vec![0, 1],
        tags: Vec::new(),
        ..row
    };
    rows(count, seed).into_iter().map(pair).collect()
}

/// A recipe of 3 epochs of about 10 steps.
pub(crate) fn recipe() -> Recipe {
    Recipe { epochs: 3, learning_rate: 3e-3, batch_sequences: 4, log_every: 4, threads: 1, ..Recipe::default() }
}

/// A run on 40 rows and 12 dev rows.
pub(crate) fn run(
    recipe: &Recipe,
    run_dir: &Path,
    mut observer: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Outcome, TrainingError> {
    train(&runtime(), artifact(), &rows(40, 1), &rows(12, 2), recipe, run_dir, &mut observer)
}

/// A run that nobody interrupts.
pub(crate) fn run_through(recipe: &Recipe, run_dir: &Path) -> Result<Outcome, TrainingError> {
    run(recipe, run_dir, |_| ControlFlow::Continue(()))
}

/// The weights of every checkpoint of a run folder, by checkpoint.
pub(crate) fn weights(run_dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut weights: Vec<_> = fs::read_dir(run_dir.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path().join("model.safetensors")).unwrap())
        })
        .collect();
    weights.sort_unstable();
    weights
}
