//! A live endpoint through the real binary: kills, the request cache, budgets, dry runs.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::chat_server::Server;
use crate::workplace::{Ended, Workplace, recording};

/// Answers with what is recorded for the topic of a prompt.
fn recorded(prompt: &str) -> (String, String) {
    let topic = prompt.rsplit_once(" on ").unwrap().1.trim_end_matches('.').to_owned();
    let number = topic.rsplit(' ').next().unwrap().parse().unwrap();
    let recorded: Value = serde_json::from_str(&recording(&topic, number)).unwrap();
    (topic, recorded["completion"].as_str().unwrap().to_owned())
}

/// The small job with a live endpoint for its `generate` step.
fn live(server: &Server, more: &str) -> Workplace {
    let place = Workplace::new();
    let endpoint = format!(
        "endpoints:\n  local: {{base-url: 'http://{}/v1', model: m, concurrency: 2, json: prompt-only{more}}}\nsteps:\n",
        server.address
    );
    place.edit("steps:\n", &endpoint);
    place.edit("provider: replay, recordings: ner.jsonl", "provider: local, max-tokens: 100");
    place
}

const GENERATE: [&str; 4] = ["run", "pipeline.yaml", "--only", "generate"];

/// The digest of the examples: it does not depend on how often the run was killed.
fn examples(place: &Workplace) -> Vec<(String, String)> {
    let outputs = place.outputs("generate");
    let found: Vec<_> = outputs.into_iter().filter(|(name, _)| name == "examples").collect();
    assert_eq!(found.len(), 1);
    found
}

#[test]
fn kill_9_at_many_moments_pays_for_no_completion_twice() {
    let undisturbed = Server::start(recorded, Duration::from_millis(1));
    let calm = live(&undisturbed, "");
    calm.clinsynth(&GENERATE).check(0, &["1 ran"]);
    assert_eq!(undisturbed.total(), 24);

    let server = Server::start(recorded, Duration::from_millis(25));
    let place = live(&server, "");
    let mut kills = 0;
    loop {
        let mut child = place.command(&GENERATE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(90 + 17 * kills));
        let _ = child.kill();
        kills += 1;
        if child.wait().unwrap().success() || kills > 40 {
            break;
        }
        // The step is a process of its own: it notices that its runner is gone and ends what is under way.
        thread::sleep(Duration::from_millis(60));
    }
    place.clinsynth(&GENERATE).check(0, &["0 failed"]);
    assert!(kills > 2, "{kills}");
    assert_eq!(server.answered().len(), 24);
    assert_eq!(server.total(), 24, "{:?}", server.answered());
    assert_eq!(examples(&place), examples(&calm));
}

/// Here the step itself is killed, in the middle of its requests: at most what was under way is asked again.
#[test]
fn kill_9_of_the_step_process_asks_again_only_for_what_was_under_way() {
    let server = Server::start(recorded, Duration::from_millis(20));
    let place = live(&server, "");
    let step = ["step", "pipeline.yaml", "generate"];
    let mut repeated = 0;
    loop {
        let mut child = place.command(&step).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // In the middle of its requests, however slow the machine is.
        let before = server.total();
        while server.total() < before + 3 && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        if child.wait().unwrap().success() {
            break;
        }
        repeated += 1;
        assert!(repeated < 60, "no progress: {:?}", server.answered());
    }
    assert_eq!(server.answered().len(), 24);
    // Two in flight, and two that are answered and not yet committed.
    assert!(server.total() <= 24 + 4 * repeated, "{repeated} kills: {:?}", server.answered());
}

#[test]
fn what_is_in_the_cache_is_not_asked_again_by_another_step_or_run() {
    let server = Server::start(recorded, Duration::from_millis(1));
    let place = live(&server, "");
    place.clinsynth(&GENERATE).check(0, &["24 requests, 0 of them in the cache"]);
    // The step is forgotten, the completions are not.
    fs::remove_dir_all(place.path(".clinsynth/actions")).unwrap();
    place.clinsynth(&GENERATE).check(0, &["1 ran"]);
    assert_eq!(server.total(), 24);

    place.clinsynth(&["cache", "ls"]).check(0, &["127.0.0.1", "24", "ner"]);
    let exported = place.clinsynth(&["cache", "export", "again.jsonl"]);
    exported.check(0, &["24 recordings written"]);
    place.edit("provider: local, max-tokens: 100", "provider: replay, recordings: again.jsonl");
    place.clinsynth(&GENERATE).check(0, &["24 completions, 96 examples, 0 quarantine, 0 egress"]);
    assert_eq!(server.total(), 24);
    place.clinsynth(&["cache", "gc", "--days", "0"]).check(0, &["removed 24 completions"]);
    place.clinsynth(&["cache", "ls", "--store", "nowhere"]).check(2, &["nowhere/requests.sqlite"]);
}

#[test]
fn a_step_that_another_pipeline_ran_is_the_latest_of_this_one_as_well() {
    let server = Server::start(recorded, Duration::from_millis(1));
    let place = live(&server, "");
    place.clinsynth(&GENERATE).check(0, &["1 ran"]);
    let text = fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    place.write("other.yaml", &text.replace("name: small", "name: other"));
    place.clinsynth(&["step", "other.yaml", "generate"]).check(0, &[]);
    let latest =
        |pipeline: &str| fs::read(place.path(&format!(".clinsynth/latest/{pipeline}/generate/examples.parquet")));
    assert_eq!(latest("other").unwrap(), latest("small").unwrap());
    assert_eq!(server.total(), 24);
}

#[test]
fn a_step_without_an_example_says_what_was_commonly_wrong() {
    let server = Server::start(|_| ("prose".to_owned(), "I would rather not.".to_owned()), Duration::ZERO);
    let place = live(&server, "");
    place.clinsynth(&GENERATE).check(1, &["24 rows were set aside, most of them as `no_json`, such as: "]);
}

#[test]
fn two_runs_at_once_share_what_they_ask() {
    let server = Server::start(recorded, Duration::from_millis(10));
    let place = live(&server, "");
    // Another pipeline of the same store with the same requests: no lock of a step keeps them apart.
    let text = fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    place.write(
        "other.yaml",
        &text.replace("name: small", "name: other").replace("task: ner,", "task: ner, requests: 23,"),
    );
    let start = |file: &str| {
        let mut command = place.command(&["run", file, "--only", "generate"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start("pipeline.yaml"), start("other.yaml")];
    for child in children {
        Ended::of(&child.wait_with_output().unwrap()).check(0, &["1 ran"]);
    }
    assert_eq!(server.total(), 24, "{:?}", server.answered());
}

#[test]
fn sigterm_waits_for_what_is_under_way() {
    let server = Server::start(recorded, Duration::from_millis(300));
    let place = live(&server, "");
    let mut child = place.command(&GENERATE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while server.total() < 2 {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let answered = server.total();
    assert!(answered < 24, "{answered}");
    // What was under way when the signal came is in the cache as well.
    place.clinsynth(&GENERATE).check(0, &[&format!("24 requests, {answered} of them in the cache")]);
    assert_eq!(server.total(), 24);
}

const PRICES: &str = ", prices: {as-of: 2026-11-01, currency: EUR, models: {m: {prompt: 1, completion: 2}}}";

#[test]
fn a_budget_ends_the_step_and_a_raised_one_goes_on() {
    let server = Server::start(recorded, Duration::from_millis(1));
    let place = live(&server, &format!("{PRICES}, budget: {{money: 0.001}}"));
    // A request costs 92 millionths.
    place.clinsynth(&GENERATE).check(1, &["the budget is spent", "EUR", "raise `budget`"]);
    let spent = server.total();
    assert!((8..=10).contains(&spent), "{spent}");
    place.clinsynth(&GENERATE).check(1, &["the budget is spent"]);
    assert_eq!(server.total(), spent);
    place.edit("money: 0.001", "money: 1");
    place.clinsynth(&GENERATE).check(0, &["1 ran"]);
    assert_eq!(server.total(), 24);
    // The report shows what it cost.
    place.run().check(0, &["0 failed"]);
    let report = fs::read_to_string(place.output("report", "report.html")).unwrap();
    assert!(report.contains("0.0022 EUR (prices of 2026-11-01)"), "the cost is in the report");
}

#[test]
fn a_dry_run_renders_prompts_and_calls_nothing() {
    let server = Server::start(recorded, Duration::from_millis(1));
    let place = live(&server, &format!("{PRICES}, api-key-env: NO_SUCH_KEY"));
    let ended = place.clinsynth(&["run", "pipeline.yaml", "--dry-run"]);
    ended.check(0, &["generate", "24", "heldout", "by the prices of", "answered from recordings"]);
    assert_eq!(server.total(), 0);
    let text = fs::read_to_string(place.path(".clinsynth/dry-run/small/generate.jsonl")).unwrap();
    let prompts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(prompts.len(), 24);
    assert_eq!(prompts[3]["messages"][0]["content"], "Write 4 sentences on topic 3.");
    assert!(!place.path(".clinsynth/actions").exists());
    // Without the key a real run is an error that names the variable.
    place.clinsynth(&GENERATE).check(4, &["NO_SUCH_KEY"]);
}
