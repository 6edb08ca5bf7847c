use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use clinsynth_artifacts::Pooling;
use clinsynth_contract::{Encoding, Manifest};
use clinsynth_runtime::{Device, RuntimeError};
use clinsynth_training::{Recipe, TrainingError, train};

use crate::tiny::{Workplace, artifact, build_artifact, pair_rows, recipe, rows, run, run_through, runtime};

fn refusal(artifact: &Path, train_rows: &[Encoding], recipe: &Recipe, run_dir: &Path) -> TrainingError {
    let dev = rows(12, 2);
    train(&runtime(), artifact, train_rows, &dev, recipe, run_dir, &mut |_| ControlFlow::Continue(())).unwrap_err()
}

#[test]
fn a_gpu_that_is_not_there_is_named() {
    let place = Workplace::new();
    let recipe = Recipe { device: Device::Cuda, ..recipe() };
    let error = run(&recipe, &place.path("run"), |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, TrainingError::Runtime(RuntimeError::NoCuda { .. })), "{error:?}");
}

#[test]
fn a_checkpoint_of_another_run_is_named() {
    let place = Workplace::new();
    let run_dir = place.path("run");
    let stopped = run(&recipe(), &run_dir, |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(TrainingError::Interrupted { .. })), "{stopped:?}");
    let other = place.path("other");
    build_artifact(&place.path("encoder"), &other, false);
    let check = |artifact: &Path, train_rows: &[Encoding], recipe: &Recipe, expected: &[&str]| {
        let error = refusal(artifact, train_rows, recipe, &run_dir);
        let TrainingError::AnotherRun { differing, path } = error else { panic!("{error}") };
        assert_eq!(differing, expected);
        assert!(path.join("state.json").is_file());
    };
    let data = rows(40, 1);
    check(artifact(), &data, &Recipe { seed: 9, ..recipe() }, &["recipe"]);
    check(artifact(), &data[1..], &recipe(), &["train data"]);
    check(&other, &data, &recipe(), &["artifact"]);
    check(&other, &data[1..], &Recipe { epochs: 4, ..recipe() }, &["recipe", "artifact", "train data"]);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let place = Workplace::new();
    let recipe = Recipe { learning_rate: 1e30, checkpoint_every_steps: 1, dropout: false, ..recipe() };
    let error = run_through(&recipe, &place.path("run")).unwrap_err();
    let TrainingError::NotFinite { step, examples, checkpoint, .. } = &error else { panic!("{error}") };
    assert!(*step > 1 && !examples.is_empty() && examples.iter().all(|name| name.starts_with("e1-")), "{error}");
    assert_eq!(checkpoint.as_deref(), Some(&*place.path(&format!("run/checkpoints/step-{:08}", step - 1))));
    assert!(checkpoint.as_ref().unwrap().join("model.safetensors").is_file());
}

#[test]
fn artifacts_are_checked_first() {
    let place = Workplace::new();
    let folder = place.path("artifact");
    build_artifact(&place.path("encoder"), &folder, true);
    let manifest = fs::read_to_string(folder.join(Manifest::FILE)).unwrap();
    let least = Manifest::read(&folder).unwrap().least_onnxruntime;
    let mut value: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    value["least_onnxruntime"] = 99.into();
    fs::write(folder.join(Manifest::FILE), value.to_string()).unwrap();
    let refused = || refusal(&folder, &rows(4, 1), &recipe(), &place.path("run"));
    assert!(least < 99 && matches!(refused(), TrainingError::LibraryTooOld { needed: 99, .. }), "{}", refused());

    fs::write(folder.join(Manifest::FILE), &manifest).unwrap();
    let graph = folder.join(Manifest::TRAINING_MODEL);
    let mut bytes = fs::read(&graph).unwrap();
    bytes.push(0);
    fs::write(&graph, bytes).unwrap();
    let error = refused().to_string();
    assert!(error.contains(Manifest::TRAINING_MODEL), "{error}");

    fs::remove_file(folder.join(Manifest::FILE)).unwrap();
    let error = refused().to_string();
    assert!(error.contains(Manifest::FILE), "{error}");
}

#[test]
fn rows_of_another_task_are_refused() {
    let place = Workplace::new();
    let pairs = place.pairs(Pooling::FirstToken);
    let error = refusal(&pairs, &rows(4, 1), &recipe(), &place.path("run"));
    assert!(matches!(error, TrainingError::Unlabelled { .. }), "{error}");
    let replacing = Recipe { mention_replacement: 0.5, ..recipe() };
    let error = refusal(&pairs, &pair_rows(4, 1), &replacing, &place.path("run"));
    assert!(matches!(error, TrainingError::BadRecipe { field: "mention_replacement", .. }), "{error}");
}

#[test]
fn empty_splits_and_bad_recipes_are_refused() {
    let place = Workplace::new();
    let error = refusal(artifact(), &[], &recipe(), &place.path("run"));
    assert!(matches!(error, TrainingError::EmptySplit { split: "train" }), "{error}");
    let error = refusal(artifact(), &rows(4, 1), &Recipe { epochs: 0, ..recipe() }, &place.path("run"));
    assert!(matches!(error, TrainingError::BadRecipe { field: "epochs", .. }), "{error}");
    assert!(!place.path("run").exists(), "nothing was written");
}
