//! Fine-tunes a tiny encoder of random weights with nothing but an artifact folder and a stock ONNX Runtime.
//!
//! ```sh
//! ORT_DYLIB_PATH=…/libonnxruntime.so cargo run --release -p clinsynth-artifacts --example tag_tiny
//! ```
//!
//! The task: a token from 30 on is an entity where the token before it is even. What a real trainer adds is in
//! `clinsynth-training`: buffers that are bound in place, dropout masks, schedules, checkpoints.
#![allow(clippy::print_stdout)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, build};
use clinsynth_contract::{AdamW, Manifest, TagSet};
use clinsynth_runtime::ort::session::{Session, SessionInputValue};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

const SEQUENCES: usize = 16;
const LENGTH: usize = 12;
const VOCABULARY: usize = 60;
const HIDDEN: usize = 16;

type Feeds = Vec<(Cow<'static, str>, SessionInputValue<'static>)>;
type State = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn main() -> Result<(), Box<dyn Error>> {
    let library = std::env::var("ORT_DYLIB_PATH").map_err(|_| "`ORT_DYLIB_PATH` must name the ONNX Runtime library")?;
    let folder = tempfile::tempdir()?;
    let [encoder, artifacts] = ["encoder", "artifacts"].map(|name| folder.path().join(name));
    write_encoder(&encoder)?;
    let settings = BuildSettings { dropout: false, seed: 1, ..BuildSettings::default() };
    let manifest = build(&encoder, &TagSet::new(["Thing"])?, &settings, &artifacts)?;
    println!("built {} parameters into {} graphs", manifest.parameters.len(), 3);

    let runtime = Runtime::load(library.as_ref())?;
    let open = |name: &str| {
        let settings = SessionSettings { threads: 2, ..SessionSettings::default() };
        runtime.session(ModelSource::File(&artifacts.join(name)), &settings)
    };
    let mut state = first_state(&manifest, &artifacts)?;
    let mut session = open(Manifest::TRAINING_MODEL)?;
    let adamw = AdamW::default();
    for step in 1..=300_u64 {
        let (mut feeds, _) = batch(step)?;
        let rate = 1e-2 * (1.0 - step as f64 / 301.0);
        for (name, value) in manifest.scalars.iter().zip(adamw.scalars(step, rate).values()) {
            feeds.push((name.clone().into(), Tensor::from_array(([0_usize; 0], vec![value]))?.into()));
        }
        let loss = advance(&mut session, feeds, &mut state)?;
        if step % 50 == 1 {
            println!("step {step}: loss {loss:.3}");
        }
    }
    let accuracy = evaluate(&mut open(Manifest::EVAL_MODEL)?, &manifest, &state)?;
    println!("{:.1} % of the tags of new sequences are right", 100.0 * accuracy);
    Ok(())
}

/// A number in `[0, 1)` of a seed and a counter (`SplitMix64`).
fn draw(seed: u64, counter: usize) -> f32 {
    let mut bits = ((seed << 32) + counter as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// A one-layer BERT as its maker would store it.
fn write_encoder(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let config = serde_json::json!({
        "model_type": "bert", "hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 2 * HIDDEN, "vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, "type_vocab_size": 1
    });
    fs::write(folder.join("config.json"), config.to_string())?;
    fs::write(folder.join("tokenizer.json"), "{}")?;
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![VOCABULARY, HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![LENGTH, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![1, HIDDEN]),
    ];
    let layers = [
        ("embeddings.LayerNorm", vec![HIDDEN]),
        ("encoder.layer.0.attention.self.query", vec![HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.self.key", vec![HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.self.value", vec![HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.output.dense", vec![HIDDEN, HIDDEN]),
        ("encoder.layer.0.attention.output.LayerNorm", vec![HIDDEN]),
        ("encoder.layer.0.intermediate.dense", vec![2 * HIDDEN, HIDDEN]),
        ("encoder.layer.0.output.dense", vec![HIDDEN, 2 * HIDDEN]),
        ("encoder.layer.0.output.LayerNorm", vec![HIDDEN]),
    ];
    for (stem, shape) in layers {
        shapes.push((format!("{stem}.bias"), shape[..1].to_vec()));
        shapes.push((format!("{stem}.weight"), shape));
    }
    let mut tensors = BTreeMap::new();
    for (seed, (name, shape)) in (100..).zip(shapes) {
        let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        let count = shape.iter().product();
        let values = (0..count).flat_map(|place| ((draw(seed, place) - 0.5) * 0.5 + centre).to_le_bytes());
        tensors.insert(name, (shape, values.collect::<Vec<u8>>()));
    }
    let views =
        tensors.iter().map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    fs::write(folder.join("model.safetensors"), safetensors::serialize(views, Some(HashMap::new()))?)?;
    Ok(())
}

/// Weights of the first checkpoint and moments of zero, by the names of the graphs' inputs.
fn first_state(manifest: &Manifest, artifacts: &Path) -> Result<State, Box<dyn Error>> {
    let bytes = fs::read(artifacts.join(Manifest::CHECKPOINT).join(Manifest::WEIGHTS))?;
    let stored = SafeTensors::deserialize(&bytes)?;
    let mut state = State::new();
    for parameter in &manifest.parameters {
        let mut values = Vec::new();
        for part in &parameter.stored {
            let tensor = stored.tensor(&part.name)?;
            values.extend(tensor.data().as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk)));
        }
        for moment in ["m", "v"] {
            let zeros = vec![0.0; values.len()];
            state.insert(format!("{}.{moment}", parameter.name), (parameter.shape.clone(), zeros));
        }
        state.insert(parameter.name.clone(), (parameter.shape.clone(), values));
    }
    Ok(state)
}

/// The inputs of batch `number`, sequence-major, and its tags.
fn batch(number: u64) -> Result<(Feeds, Vec<i64>), Box<dyn Error>> {
    let token = |s: usize, b: usize| 1 + (draw(number, s * SEQUENCES + b) * (VOCABULARY - 1) as f32) as i64;
    let places = || (0..LENGTH).flat_map(|s| (0..SEQUENCES).map(move |b| (s, b)));
    let ids: Vec<i64> = places().map(|(s, b)| token(s, b)).collect();
    let tag = |(s, b): (usize, usize)| i64::from(s > 0 && token(s, b) >= 30 && token(s - 1, b) % 2 == 0);
    let tags: Vec<i64> = places().map(tag).collect();
    let bias = vec![0.0_f32; SEQUENCES * LENGTH];
    let feeds: Feeds = vec![
        ("input_ids".into(), Tensor::from_array(([LENGTH, SEQUENCES], ids))?.into()),
        ("attention_bias".into(), Tensor::from_array(([SEQUENCES, 1, 1, LENGTH], bias))?.into()),
        ("labels".into(), Tensor::from_array(([LENGTH, SEQUENCES], tags.clone()))?.into()),
    ];
    Ok((feeds, tags))
}

/// One step: what comes out under `….next` goes in at the next.
fn advance(session: &mut Session, mut feeds: Feeds, state: &mut State) -> Result<f32, Box<dyn Error>> {
    for (name, (shape, values)) in &*state {
        feeds.push((name.clone().into(), Tensor::from_array((shape.clone(), values.clone()))?.into()));
    }
    let outputs = session.run(feeds)?;
    for (name, (_, values)) in state {
        *values = outputs[format!("{name}.next").as_str()].try_extract_tensor::<f32>()?.1.to_vec();
    }
    Ok(outputs["loss"].try_extract_tensor::<f32>()?.1[0])
}

/// The share of right tags in sequences that no step saw.
fn evaluate(session: &mut Session, manifest: &Manifest, state: &State) -> Result<f64, Box<dyn Error>> {
    let (mut feeds, tags) = batch(1_000_000)?;
    for parameter in &manifest.parameters {
        let (shape, values) = &state[&parameter.name];
        feeds.push((parameter.name.clone().into(), Tensor::from_array((shape.clone(), values.clone()))?.into()));
    }
    let outputs = session.run(feeds)?;
    let logits = outputs["logits"].try_extract_tensor::<f32>()?.1;
    let best = logits.chunks(manifest.tags.len()).map(|row| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])));
    let right = best.zip(&tags).filter(|(best, tag)| best.map(|best| best as i64) == Some(**tag)).count();
    Ok(right as f64 / tags.len() as f64)
}
