//! Accumulation, precision, rates by layer and frozen parts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_artifacts::{BuildSettings, Rates};
use clinsynth_contract::Encoding;
use clinsynth_training::{Outcome, Precision, Recipe, train};
use safetensors::SafeTensors;

use crate::tiny::{Workplace, build_with, recipe, rows, runtime};

/// The weights of the best checkpoint, and the outcome.
fn trained(
    place: &Workplace,
    name: &str,
    rates: Rates,
    recipe: &Recipe,
    rows: &[Encoding],
) -> (BTreeMap<String, Vec<f32>>, Outcome) {
    let artifact = place.path(&format!("{name}-artifact"));
    let settings = BuildSettings { dropout: true, seed: 3, rates, ..BuildSettings::default() };
    build_with(&place.path(&format!("{name}-encoder")), &artifact, &settings);
    let mut observer = |_: &_| ControlFlow::Continue(());
    let run_dir = place.path(&format!("{name}-run"));
    let outcome = train(&runtime(), &artifact, rows, &rows[..1], recipe, &run_dir, &mut observer).unwrap();
    (read(&outcome.best_checkpoint.join("model.safetensors")), outcome)
}

fn read(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| data.as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
    file.iter().map(|(name, tensor)| (name.to_owned(), values(tensor.data()))).collect()
}

/// The greatest distance of two models' elements.
fn distance(a: &BTreeMap<String, Vec<f32>>, b: &BTreeMap<String, Vec<f32>>) -> f32 {
    let pairs = a.iter().flat_map(|(name, values)| values.iter().zip(&b[name]));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Of equal rows, every batch has the same gradient, however many there are of it.
fn equal_rows() -> Vec<Encoding> {
    let row = rows(1, 5).remove(0);
    (0..16).map(|index| Encoding { example: index.to_string(), ..row.clone() }).collect()
}

fn plain() -> Recipe {
    Recipe { dropout: false, precision: Precision::Fp32, epochs: 2, ..recipe() }
}

#[test]
fn accumulated_batches_are_one_batch() {
    let place = Workplace::new();
    let rates = Rates { layer_decay: 0.7, ..Rates::default() };
    let (whole, expected) = trained(&place, "whole", rates, &Recipe { batch_sequences: 8, ..plain() }, &equal_rows());
    let recipe = Recipe { batch_sequences: 2, accumulation: 4, ..plain() };
    let (parts, found) = trained(&place, "parts", rates, &recipe, &equal_rows());
    assert_eq!((found.steps, expected.steps), (4, 4));
    assert!(distance(&whole, &parts) < 2e-5, "{}", distance(&whole, &parts));
    for (found, expected) in found.history.iter().zip(&expected.history) {
        let close = |a: Option<f64>, b: Option<f64>| (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-5;
        assert!(close(found.loss, expected.loss), "{found:?} {expected:?}");
        assert!(close(found.gradient_norm, expected.gradient_norm), "{found:?} {expected:?}");
    }
}

#[test]
fn frozen_parts_stay_and_the_rest_learns() {
    let place = Workplace::new();
    for (name, accumulation) in [("whole", 1), ("accumulated", 2)] {
        let rates = Rates { frozen_layers: 1, ..Rates::default() };
        let recipe = Recipe { accumulation, ..plain() };
        let (after, _) = trained(&place, name, rates, &recipe, &rows(24, 1));
        let before = read(&place.path(&format!("{name}-artifact")).join("checkpoint/model.safetensors"));
        for (tensor, values) in &before {
            let frozen = tensor.contains("embeddings") || tensor.contains("layer.0.");
            assert_eq!(*values == after[tensor], frozen, "{tensor}");
        }
    }
}

#[test]
fn lower_layers_move_less_under_layer_decay() {
    let place = Workplace::new();
    let rates = Rates { layer_decay: 0.1, ..Rates::default() };
    // A single step: AdamW's first moves every element by its learning rate.
    let recipe = Recipe { epochs: 1, batch_sequences: 64, weight_decay: 0.0, warmup_fraction: 0.0, ..plain() };
    let (after, _) = trained(&place, "decay", rates, &recipe, &rows(12, 1));
    let before = read(&place.path("decay-artifact").join("checkpoint/model.safetensors"));
    for (tensor, share) in [
        ("classifier.bias", 1.0),
        ("bert.encoder.layer.1.output.dense.weight", 0.1),
        ("bert.encoder.layer.0.output.dense.weight", 0.01),
        ("bert.embeddings.LayerNorm.weight", 0.001),
    ] {
        assert!(before.contains_key(tensor), "{tensor} is none of {:?}", before.keys());
        let moves = before[tensor].iter().zip(&after[tensor]).map(|(before, after)| (after - before).abs());
        let largest = f64::from(moves.fold(0.0, f32::max));
        let wanted = recipe.learning_rate * share;
        assert!((largest - wanted).abs() < 0.02 * wanted + 1e-7, "{tensor}: {largest}, not {wanted}");
    }
}

#[test]
fn bfloat16_follows_float32() {
    let place = Workplace::new();
    let (_, fp32) = trained(&place, "fp32", Rates::default(), &plain(), &rows(24, 1));
    let (_, auto) =
        trained(&place, "auto", Rates::default(), &Recipe { precision: Precision::Auto, ..plain() }, &rows(24, 1));
    for (fp32, auto) in fp32.history.iter().zip(&auto.history) {
        assert!((fp32.loss.unwrap_or(0.0) - auto.loss.unwrap_or(0.0)).abs() < 2e-2, "{fp32:?} {auto:?}");
    }
}
