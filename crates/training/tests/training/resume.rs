use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use clinsynth_training::{Outcome, Phase, Progress, Recipe, TrainingError};

use crate::tiny::{ARTIFACT, Workplace, artifact, recipe, run, run_through, weights};

/// Where a child process works, and after how many steps it dies (0: never).
const CHILD: &str = "CLINSYNTH_TRAINING_CHILD";
const CHILD_STEPS: &str = "CLINSYNTH_TRAINING_STEPS";

fn recipe_with_checkpoints() -> Recipe {
    Recipe { checkpoint_every_steps: 3, ..recipe() }
}

fn uninterrupted(place: &Workplace) -> (Vec<(String, Vec<u8>)>, Outcome) {
    uninterrupted_by(&recipe(), place)
}

fn uninterrupted_by(recipe: &Recipe, place: &Workplace) -> (Vec<(String, Vec<u8>)>, Outcome) {
    let outcome = run_through(recipe, &place.path("whole")).unwrap();
    (weights(&place.path("whole")), outcome)
}

fn check(found: &Outcome, run_dir: &Path, expected: &(Vec<(String, Vec<u8>)>, Outcome)) {
    assert_eq!(found.history, expected.1.history);
    assert_eq!(found.best_checkpoint.file_name(), expected.1.best_checkpoint.file_name());
    assert!(weights(run_dir) == expected.0, "the weights differ");
}

/// Breaks whenever `stop` says so, as often as it does, and returns how often that was.
fn run_with_breaks(run_dir: &Path, stop: impl FnMut(&Progress) -> bool) -> (Outcome, usize) {
    run_with_breaks_by(&recipe_with_checkpoints(), run_dir, stop)
}

fn run_with_breaks_by(recipe: &Recipe, run_dir: &Path, mut stop: impl FnMut(&Progress) -> bool) -> (Outcome, usize) {
    let mut breaks = 0;
    loop {
        let done =
            run(
                recipe,
                run_dir,
                |progress| {
                    if stop(progress) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            );
        match done {
            Ok(outcome) => return (outcome, breaks),
            Err(TrainingError::Interrupted { checkpoint, .. }) => {
                assert!(checkpoint.join("state.json").is_file());
                breaks += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let place = Workplace::new();
    let expected = uninterrupted(&place);
    let epoch = expected.1.history.iter().find(|row| row.dev_f1.is_some()).unwrap().step;
    let (last, steps) = (expected.1.steps, [1, 2, 3, 5, epoch - 1, epoch, epoch + 1]);
    for stop in steps.into_iter().chain([last]) {
        let run_dir = place.path(&format!("stop-{stop}"));
        let mut stopped = false;
        let (outcome, breaks) = run_with_breaks(&run_dir, |progress| {
            let stops = progress.step == stop && !stopped;
            stopped |= stops;
            stops
        });
        assert_eq!(breaks, 1, "stop after {stop}");
        check(&outcome, &run_dir, &expected);
    }
}

#[test]
fn breaks_at_every_step_and_in_evaluations_change_nothing() {
    let place = Workplace::new();
    let expected = uninterrupted(&place);
    let (mut last, mut evaluations) = (0, 0);
    let (outcome, breaks) = run_with_breaks(&place.path("run"), |progress| match progress.phase {
        Phase::Training => std::mem::replace(&mut last, progress.step) != progress.step,
        Phase::Evaluating => {
            evaluations += 1;
            evaluations % 2 == 1
        }
    });
    assert!(breaks as u64 > expected.1.steps, "{breaks}");
    check(&outcome, &place.path("run"), &expected);
}

/// Accumulation draws several masks a step and keeps its sums outside the graph; mentions are exchanged anew each step.
#[test]
fn breaks_at_every_step_change_nothing_with_accumulation() {
    let place = Workplace::new();
    let recipe = Recipe { accumulation: 3, mention_replacement: 0.5, checkpoint_every_steps: 2, ..recipe() };
    let expected = uninterrupted_by(&recipe, &place);
    let mut last = 0;
    let (outcome, breaks) = run_with_breaks_by(&recipe, &place.path("run"), |progress| {
        std::mem::replace(&mut last, progress.step) != progress.step
    });
    assert!(breaks as u64 >= expected.1.steps - 1, "{breaks}");
    check(&outcome, &place.path("run"), &expected);
}

#[test]
fn a_finished_run_is_not_run_again() {
    let place = Workplace::new();
    let (_, outcome) = uninterrupted(&place);
    let again = run(&recipe(), &place.path("whole"), |_| panic!("a finished run takes no step"));
    assert_eq!(again.unwrap(), outcome);
    let moments = outcome.best_checkpoint.join("optimizer.safetensors");
    assert!(!moments.exists(), "a finished run needs no moments");
}

/// Not a test of its own: the body of the processes that others start.
#[test]
#[ignore = "run by other tests in a process of its own"]
fn child() {
    let Some(run_dir) = std::env::var_os(CHILD) else { return };
    let steps: u64 = std::env::var(CHILD_STEPS).unwrap().parse().unwrap();
    let outcome = run(&recipe_with_checkpoints(), Path::new(&run_dir), |progress| {
        if progress.step == steps {
            std::process::abort();
        }
        ControlFlow::Continue(())
    });
    outcome.unwrap();
}

fn child_command(program: &mut Command, run_dir: &Path, steps: u64) -> std::process::Output {
    program.args(["resume::child", "--exact", "--ignored", "--nocapture"]);
    program.env(CHILD, run_dir).env(ARTIFACT, artifact()).env(CHILD_STEPS, steps.to_string()).output().unwrap()
}

#[test]
fn killed_processes_go_on_in_fresh_ones() {
    let place = Workplace::new();
    let expected = uninterrupted(&place);
    let run_dir = place.path("run");
    let program = std::env::current_exe().unwrap();
    for steps in [2, 7, 14, expected.1.steps] {
        let output = child_command(&mut Command::new(&program), &run_dir, steps);
        assert!(!output.status.success(), "killed after step {steps}");
    }
    let output = child_command(&mut Command::new(&program), &run_dir, 0);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&run_through(&recipe(), &run_dir).unwrap(), &run_dir, &expected);
}

/// A limit on file sizes stands for a full disk: writing fails in the middle of a file.
#[test]
fn a_full_disk_leaves_the_last_checkpoint() {
    let place = Workplace::new();
    let expected = uninterrupted(&place);
    let run_dir = place.path("run");
    let stopped =
        run(
            &recipe(),
            &run_dir,
            |progress| {
                if progress.step == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
    assert!(matches!(stopped, Err(TrainingError::Interrupted { step: 4, .. })), "{stopped:?}");
    let before = weights(&run_dir);

    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let output = child_command(&mut shell, &run_dir, 0);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("model.safetensors"), "{said}");
    assert!(weights(&run_dir) == before, "the checkpoint before is untouched");
    check(&run_through(&recipe(), &run_dir).unwrap(), &run_dir, &expected);
}

#[test]
fn damaged_checkpoints_are_passed_over() {
    let place = Workplace::new();
    let expected = uninterrupted(&place);
    let epoch = expected.1.history.iter().find(|row| row.dev_f1.is_some()).unwrap().step;
    let run_dir = place.path("run");
    let stopped = run(&recipe(), &run_dir, |progress| {
        if progress.step == epoch + 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let Err(TrainingError::Interrupted { checkpoint: newest, .. }) = stopped else { panic!("{stopped:?}") };
    let checkpoints: Vec<String> = weights(&run_dir).into_iter().map(|(name, _)| name).collect();
    assert_eq!(checkpoints.len(), 2, "the best and the newest: {checkpoints:?}");

    let cut = fs::read(newest.join("optimizer.safetensors")).unwrap();
    fs::write(newest.join("optimizer.safetensors"), &cut[..cut.len() / 2]).unwrap();
    let copy = place.path("copy");
    copy_folder(&run_dir, &copy);
    check(&run_through(&recipe(), &run_dir).unwrap(), &run_dir, &expected);

    for name in checkpoints {
        fs::write(copy.join("checkpoints").join(name).join("state.json"), "{").unwrap();
    }
    let error = run_through(&recipe(), &copy).unwrap_err();
    assert!(matches!(error, TrainingError::AllDamaged { .. }), "{error}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
