//! The tiny encoder of `tests/reference/bert_gradients.py`, drawn by the same formula, and the values recorded there.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{Dimension, DropoutSite, Manifest, Parameter, TagSet};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use tempfile::TempDir;

/// What the script recorded.
#[derive(Deserialize)]
pub(crate) struct Recorded {
    pub(crate) batch: usize,
    pub(crate) sequence: usize,
    pub(crate) config: serde_json::Value,
    pub(crate) plain: Pass,
    pub(crate) dropped: Pass,
    pub(crate) run: Run,
}

/// One forward and backward pass.
#[derive(Deserialize)]
pub(crate) struct Pass {
    pub(crate) loss: f32,
    pub(crate) norm: f32,
    /// `[B, S, tags]`.
    pub(crate) logits: Vec<f32>,
    pub(crate) gradients: BTreeMap<String, Vec<f32>>,
}

/// Steps of AdamW.
#[derive(Deserialize)]
pub(crate) struct Run {
    pub(crate) losses: Vec<f32>,
    pub(crate) norms: Vec<f32>,
    pub(crate) rates: Vec<f64>,
    pub(crate) parameters: BTreeMap<String, Vec<f32>>,
}

/// The recorded values.
pub(crate) fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../data/bert.json")).unwrap()
}

/// A number in `[0, 1)` of 24 bits, as the script's `draw`.
pub(crate) fn draw(stream: u64, counter: usize) -> f32 {
    let mut bits = ((stream << 32) + counter as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// The weights that the script draws for stored names in sorted order.
pub(crate) fn drawn_weights(parameters: &[Parameter]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let parts: BTreeMap<_, _> =
        parameters.iter().flat_map(|p| &p.stored).map(|part| (part.name.clone(), part.shape.clone())).collect();
    let draw_one = |(place, (name, shape)): (usize, (String, Vec<usize>))| {
        let norm = ["LayerNorm.weight", "layer_norm.weight"].iter().any(|ending| name.ends_with(ending));
        let centre = if norm { 1.0 } else { 0.0 };
        let count = shape.iter().product();
        let values = (0..count).map(|index| draw(100 + place as u64, index) - 0.5 + centre).collect();
        (name, (shape, values))
    };
    parts.into_iter().enumerate().map(draw_one).collect()
}

/// A graph's parameter from its stored parts.
pub(crate) fn parameter_values(parameter: &Parameter, weights: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Vec<f32> {
    parameter.stored.iter().flat_map(|part| weights[&part.name].1.iter().copied()).collect()
}

/// Writes a safetensors file.
pub(crate) fn write_weights(path: &Path, weights: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) {
    let bytes: BTreeMap<_, Vec<u8>> = weights
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = weights
        .iter()
        .map(|(name, (shape, _))| (name, TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap()));
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

/// The tags of the recorded model: three.
pub(crate) fn tags() -> TagSet {
    TagSet::new(["Disease"]).unwrap()
}

/// The tiny encoder's folder and an artifact folder made from it.
pub(crate) struct Tiny {
    pub(crate) folder: TempDir,
    pub(crate) manifest: Manifest,
}

impl Tiny {
    pub(crate) fn build(dropout: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_encoder(&folder.path().join("encoder"), &recorded().config);
        let settings = BuildSettings { dropout, seed: 5, ..BuildSettings::default() };
        let encoder = folder.path().join("encoder");
        let manifest = build(&encoder, &tags(), &settings, &folder.path().join("artifacts")).unwrap();
        Self { folder, manifest }
    }

    pub(crate) fn artifacts(&self) -> std::path::PathBuf {
        self.folder.path().join("artifacts")
    }
}

/// An encoder's folder with drawn weights, named as a file of `BertForTokenClassification`.
pub(crate) fn write_encoder(folder: &Path, config: &serde_json::Value) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), "{\"tiny\": true}").unwrap();
    let weights = drawn_weights(&parameters(config));
    write_weights(&folder.join("model.safetensors"), &weights);
}

/// The parameters of the tiny classifier, written down by hand: the crate's own list is what is tested.
fn parameters(config: &serde_json::Value) -> Vec<Parameter> {
    let size = |key: &str| config[key].as_u64().unwrap() as usize;
    let (hidden, wide) = (size("hidden_size"), size("intermediate_size"));
    let mut shapes = vec![
        ("bert.embeddings.word_embeddings.weight".to_owned(), vec![size("vocab_size"), hidden]),
        ("bert.embeddings.position_embeddings.weight".to_owned(), vec![size("max_position_embeddings"), hidden]),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), vec![size("type_vocab_size"), hidden]),
        ("bert.embeddings.LayerNorm.weight".to_owned(), vec![hidden]),
        ("bert.embeddings.LayerNorm.bias".to_owned(), vec![hidden]),
        ("classifier.weight".to_owned(), vec![3, hidden]),
        ("classifier.bias".to_owned(), vec![3]),
    ];
    for layer in 0..size("num_hidden_layers") {
        let mut push = |stem: &str, shape: &[usize]| {
            shapes.push((format!("bert.encoder.layer.{layer}.{stem}.weight"), shape.to_vec()));
            shapes.push((format!("bert.encoder.layer.{layer}.{stem}.bias"), vec![shape[0]]));
        };
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            push(&format!("attention.{part}"), &[hidden, hidden]);
        }
        push("attention.output.LayerNorm", &[hidden]);
        push("intermediate.dense", &[wide, hidden]);
        push("output.dense", &[hidden, wide]);
        push("output.LayerNorm", &[hidden]);
    }
    let parameter = |(name, shape): (String, Vec<usize>)| Parameter {
        name: name.clone(),
        shape: shape.clone(),
        decay: false,
        rate: 1.0,
        stored: vec![clinsynth_contract::StoredPart { name, shape }],
    };
    shapes.into_iter().map(parameter).collect()
}

/// A batch as the script draws it, batch-major.
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// `[B][S]`, the padding id at padding.
    pub(crate) ids: Vec<i64>,
    pub(crate) mask: Vec<i64>,
    pub(crate) labels: Vec<i64>,
}

impl Batch {
    pub(crate) fn drawn(number: u64, recorded: &Recorded) -> Self {
        Self::of(number, [recorded.batch, recorded.sequence], &recorded.config)
    }

    /// Batch `number` of `[B, S]` tokens whose ids are above the padding id.
    pub(crate) fn of(number: u64, [rows, width]: [usize; 2], config: &serde_json::Value) -> Self {
        let stream = 1000 + 4 * number;
        let padding = config["pad_token_id"].as_i64().unwrap();
        let ids = config["vocab_size"].as_i64().unwrap() - 1 - padding;
        let length = |row| if row == 0 { width } else { 1 + (width as f64 * f64::from(draw(stream, row))) as usize };
        let mut batch = Self { rows, width, ids: Vec::new(), mask: Vec::new(), labels: Vec::new() };
        for place in 0..rows * width {
            let inside = place % width < length(place / width);
            let labelled = inside && draw(stream + 2, place) >= 0.3;
            batch.mask.push(i64::from(inside));
            let id = 1 + padding + (draw(stream + 1, place) * ids as f32) as i64;
            batch.ids.push(if inside { id } else { padding });
            batch.labels.push(if labelled { (draw(stream + 3, place) * 3.0) as i64 } else { -100 });
        }
        batch
    }

    /// `[B, S]` to `[S, B]`, for anything of one element a token.
    pub(crate) fn sequence_major<T: Copy>(&self, values: &[T]) -> Vec<T> {
        (0..self.width).flat_map(|s| (0..self.rows).map(move |b| values[b * self.width + s])).collect()
    }

    pub(crate) fn bias(&self) -> Vec<f32> {
        self.mask.iter().map(|&inside| if inside == 1 { 0.0 } else { -10_000.0 }).collect()
    }

    /// The script's mask for a site, in the manifest's layout.
    pub(crate) fn dropout_mask(&self, site: &DropoutSite, place: usize) -> (Vec<usize>, Vec<f32>) {
        let size = |dimension: &Dimension| match dimension {
            Dimension::Sequence => self.width,
            Dimension::Batch => self.rows,
            Dimension::Fixed(size) => *size,
        };
        let shape: Vec<usize> = site.shape.iter().map(size).collect();
        let scale = 1.0 / (1.0 - site.rate);
        let keep = |index| if draw(2000 + place as u64, index) >= site.rate { scale } else { 0.0 };
        let values = match shape[..] {
            [sequence, rows, hidden] => (0..sequence * rows * hidden)
                .map(|index| {
                    let (s, b, h) = (index / (rows * hidden), index / hidden % rows, index % hidden);
                    keep((b * sequence + s) * hidden + h)
                })
                .collect(),
            _ => (0..shape.iter().product()).map(keep).collect(),
        };
        (shape, values)
    }
}
