use std::ops::ControlFlow;

use clinsynth_artifacts::Pooling;
use clinsynth_training::{Phase, Precision, Recipe, TrainingError, train};
use safetensors::SafeTensors;

use crate::tiny::{Workplace, artifact, pair_rows, recipe, run, run_through, runtime, weights};

#[test]
fn learns_and_reports_its_course() {
    let place = Workplace::new();
    let recipe = Recipe { epochs: 16, learning_rate: 1e-2, ..recipe() };
    let mut steps = Vec::new();
    let outcome = run(&recipe, &place.path("run"), |progress| {
        if progress.phase == Phase::Training {
            assert!(progress.loss.is_finite() && progress.tokens_per_second > 0.0);
            steps.push(progress.step);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(outcome.best_dev_f1 > 0.95, "{outcome:?}");
    assert_eq!(steps, (1..=outcome.steps).collect::<Vec<u64>>());

    let losses: Vec<f64> = outcome.history.iter().filter_map(|row| row.loss).collect();
    assert!(losses[0] > 0.9 && losses[losses.len() - 1] < 0.1, "{losses:?}");
    let epochs: Vec<f64> = outcome.history.iter().filter(|row| row.dev_f1.is_some()).map(|row| row.epoch).collect();
    assert_eq!(epochs, (1..=16).map(f64::from).collect::<Vec<f64>>());
    let scores: Vec<f64> = outcome.history.iter().filter_map(|row| row.dev_f1).collect();
    assert!((scores[outcome.best_epoch as usize - 1] - outcome.best_dev_f1).abs() < f64::EPSILON);
    assert!(outcome.best_dev_f1 > scores.iter().copied().fold(0.0, f64::max) - 0.02, "{scores:?}");
    assert!(outcome.best_checkpoint.join("model.safetensors").is_file());
    assert_ne!(outcome.precision, Precision::Auto);
    let fp32 = Recipe { precision: Precision::Fp32, ..crate::tiny::recipe() };
    assert_eq!(run_through(&fp32, &place.path("fp32")).unwrap().precision, Precision::Fp32);
}

/// Pairs are told apart by the one sub-token that decides, whichever head; accumulation counts pairs.
#[test]
fn learns_the_class_of_pairs() {
    let place = Workplace::new();
    for (pooling, accumulation) in [(Pooling::FirstToken, 1), (Pooling::EntityStarts, 2)] {
        let recipe = Recipe { epochs: 20, learning_rate: 5e-3, batch_sequences: 8, accumulation, ..recipe() };
        let (train_rows, dev) = (pair_rows(200, 1), pair_rows(40, 2));
        let mut observer = |_: &_| ControlFlow::Continue(());
        let run_dir = place.path(&format!("run-{accumulation}"));
        let outcome =
            train(&runtime(), &place.pairs(pooling), &train_rows, &dev, &recipe, &run_dir, &mut observer).unwrap();
        assert!(outcome.best_dev_f1 > 0.9, "{pooling:?} {}", outcome.best_dev_f1);
        let last = outcome.history.last().unwrap();
        assert_eq!((last.dev_precision, last.dev_recall), (last.dev_f1, last.dev_f1));
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let place = Workplace::new();
    let trained = |name: &str, seed| {
        let outcome = run_through(&Recipe { seed, ..recipe() }, &place.path(name)).unwrap();
        (weights(&place.path(name)), outcome.history)
    };
    let first = trained("first", 1);
    assert!(first == trained("second", 1));
    assert!(first != trained("third", 2));
}

#[test]
fn moments_are_stored_in_true_scale() {
    let place = Workplace::new();
    let stopped = run(&recipe(), &place.path("run"), |_| ControlFlow::Break(()));
    let Err(TrainingError::Interrupted { step: 1, checkpoint }) = stopped else { panic!("{stopped:?}") };
    let bytes = std::fs::read(checkpoint.join("optimizer.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &str| -> Vec<f64> {
        let chunks = file.tensor(name).unwrap().data().as_chunks().0.to_vec();
        chunks.into_iter().map(f64::from_le_bytes).collect()
    };
    let query = file.names().into_iter().find(|name| name.ends_with("layer.1.attention.self.query.weight")).unwrap();
    let parameter = query.trim_start_matches("exp_avg_sq.").trim_start_matches("exp_avg.");
    let (first, second) = (read(&format!("exp_avg.{parameter}")), read(&format!("exp_avg_sq.{parameter}")));
    assert!(first.iter().any(|value| value.abs() > 1e-6));
    for (m, v) in first.iter().zip(&second) {
        // After one step m = 0.1 g and v = 0.001 g², so v = 0.1 m².
        assert!((v - 0.1 * m * m).abs() <= 1e-6 * v, "{m} {v}");
    }
}

#[test]
fn weights_are_stored_under_the_encoders_names() {
    let place = Workplace::new();
    // A rate that is zero in float32 leaves every weight as it was.
    let recipe = Recipe { learning_rate: 1e-60, weight_decay: 0.0, ..recipe() };
    let stopped = run(&recipe, &place.path("run"), |_| ControlFlow::Break(()));
    let Err(TrainingError::Interrupted { checkpoint, .. }) = stopped else { panic!("{stopped:?}") };
    let [first, saved] = [artifact().join("checkpoint"), checkpoint]
        .map(|folder| std::fs::read(folder.join("model.safetensors")).unwrap());
    let [first, saved] = [&first, &saved].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    assert_eq!(first.names().len(), saved.names().len());
    for (name, tensor) in first.iter() {
        assert!(saved.tensor(name).unwrap() == tensor, "{name}");
    }
    assert!(first.tensor("bert.encoder.layer.1.attention.self.key.weight").is_ok());
}

#[test]
fn patience_ends_a_run_early() {
    let place = Workplace::new();
    // So small a rate changes no tag: every epoch scores the same F1, and a loss that hardly differs.
    let recipe = Recipe { epochs: 9, learning_rate: 1e-12, patience: Some(2), dropout: false, ..recipe() };
    let outcome = run_through(&recipe, &place.path("run")).unwrap();
    let epochs = outcome.history.iter().filter(|row| row.dev_f1.is_some()).count();
    assert_eq!((epochs, outcome.best_epoch), (3, 3), "{outcome:?}");
}
