//! SIGINT and `kill -9` at any moment: the same command goes on, and ends with the same bytes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::workplace::Workplace;

fn start(place: &Workplace) -> Child {
    let mut command = place.command(&["run", "pipeline.yaml"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    // The process may have ended on its own by now.
    let _ = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
}

const STEPS: [&str; 7] = ["generate", "heldout", "curate", "train", "predict", "evaluate", "report"];

/// Every digest that the store's records name, by step.
fn digests(place: &Workplace) -> Vec<Vec<(String, String)>> {
    STEPS.map(|step| place.outputs(step)).to_vec()
}

#[test]
fn kill_9_at_many_moments_changes_nothing() {
    let undisturbed = Workplace::new();
    undisturbed.run().check(0, &["7 ran"]);

    let place = Workplace::new();
    let began = Instant::now();
    let mut kills = 0;
    loop {
        let mut child = start(&place);
        sleep(Duration::from_millis(40 + 35 * kills));
        send("-KILL", &child);
        let status = child.wait().unwrap();
        kills += 1;
        if status.success() || began.elapsed() > Duration::from_mins(1) {
            break;
        }
    }
    assert!(kills > 3, "the job must be killed a few times before it is done: {kills}");
    place.run().check(0, &["0 failed"]);
    assert_eq!(digests(&place), digests(&undisturbed));
    let left: Vec<_> = fs::read_dir(place.path(".clinsynth/work")).unwrap().collect();
    assert!(left.is_empty(), "work of finished steps is removed: {left:?}");
}

/// Waits until the run log says that a step has started.
fn wait_for_start(place: &Workplace, step: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let started = format!("\"event\":\"step_started\",\"step\":\"{step}\"");
    loop {
        let runs = fs::read_dir(place.path(".clinsynth/runs")).into_iter().flatten().flatten();
        let logs = runs.filter_map(|run| fs::read_to_string(run.path().join("events.ndjson")).ok());
        if logs.collect::<String>().contains(&started) {
            return;
        }
        assert!(Instant::now() < deadline, "`{step}` never started");
        sleep(Duration::from_millis(2));
    }
}

/// A pipeline whose every step is preceded by nothing else, interrupted right after it started.
fn interrupted_in(step: &str, signal: &str) {
    let place = Workplace::new();
    place.edit("epochs: 2", "epochs: 4");
    let mut child = start(&place);
    wait_for_start(&place, step);
    send(signal, &child);
    let code = child.wait().unwrap().code();
    // The step may have been done before the signal arrived; then later steps are what is interrupted.
    assert!(matches!(code, Some(130 | 0) | None), "{step}: {code:?}");
    place.run().check(0, &["0 failed"]);
    for step in STEPS {
        assert!(!place.outputs(step).is_empty(), "{step}");
    }
}

#[test]
fn sigint_in_every_step() {
    for step in STEPS {
        interrupted_in(step, "-INT");
    }
}

#[test]
fn kill_9_in_every_step() {
    for step in STEPS {
        interrupted_in(step, "-KILL");
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_name() {
    let place = Workplace::new();
    place.edit("epochs: 2", "epochs: 30");
    let checkpoints = |place: &Workplace| -> Option<std::path::PathBuf> {
        let work =
            fs::read_dir(place.path(".clinsynth/work")).ok()?.flatten().map(|entry| entry.path().join("training"));
        work.into_iter()
            .find(|folder| fs::read_dir(folder.join("checkpoints")).is_ok_and(|mut found| found.next().is_some()))
    };
    let interrupt = |seed: &str| {
        let mut command = place.command(&["run", "pipeline.yaml", "--set", &format!("seed={seed}")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while checkpoints(&place).is_none() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        send("-INT", &child);
        child.wait().unwrap();
        checkpoints(&place).expect("an interrupted training leaves a checkpoint")
    };
    let first = interrupt("1");
    let kept = place.path("first");
    fs::rename(&first, &kept).unwrap();
    let second = interrupt("2");
    fs::remove_dir_all(&second).unwrap();
    fs::rename(&kept, &second).unwrap();
    place.clinsynth(&["run", "pipeline.yaml", "--set", "seed=2"]).check(2, &["train", "another run"]);
}
