//! The search for a prompt, over sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clinsynth_contract::{Entity, Example, Prompt, Span};
use serde_json::{Value, json};

use crate::test_server::{Reply, Seen, Server};
use crate::{
    Answers, Backend, Connections, Endpoint, GenerateSettings, JsonMode, Label, Labelling, Parameters, PromptSeed,
    PromptingError, SearchSettings, Searched, Template, Trial, clear, complete, search,
};

fn settings() -> GenerateSettings {
    GenerateSettings {
        labelling: Labelling { labels: vec![Label::new("Disease", "")], ..Labelling::default() },
        parameters: Parameters { model: "m".into(), ..Parameters::default() },
        ..GenerateSettings::default()
    }
}

const PROPOSE: &str =
    "--- user\nPropose {{ count }}.{% for trial in tried %} {{ trial.score }} {{ trial.instructions }};{% endfor %}";
const WRITE: &str = "--- user\n{{ instructions }}: {{ count }} on {{ topic }}";

const DEV: &str = "Most patients with gout were older than those without.";

/// Proposes `a…` in the first round and `b…` in the second. By `good` what is written is the dev set's sentence, by `other`
/// something else with a mention, by `bare` nothing valid.
fn model(_: usize, seen: &Seen) -> Reply {
    let asked = seen.body["messages"][0]["content"].as_str().unwrap();
    if let Some(rest) = asked.strip_prefix("Propose 3.") {
        let prompts =
            if rest.is_empty() { json!(["other", "good 1", "bare"]) } else { json!([{ "prompt": "good 2" }]) };
        return Reply::chat(&json!({ "prompts": prompts }).to_string());
    }
    let (instructions, rest) = asked.split_once(": ").unwrap();
    assert_eq!(rest, "2 on asthma");
    let example = |text: &str| json!({ "text": text, "entities": [{ "text": "gout", "type": "Disease" }] });
    let examples: Vec<Value> = match instructions {
        "other" => vec![example("gout, gout, gout!"), example("WHY GOUT? no gout? gout")],
        "good 1" => vec![example(DEV), json!({ "text": "cut off" })],
        "good 2" => vec![example(DEV), example("Older patients with gout were fewer than most of those without it.")],
        _ => vec![json!({ "text": "no entities" })],
    };
    Reply::chat(&json!({ "examples": examples }).to_string())
}

fn run(server: &Server, cache: &Path, dev: &[Example]) -> Result<Searched, PromptingError> {
    let mut endpoint = Endpoint::new("test", server.base_url());
    endpoint.json_mode = JsonMode::PromptOnly;
    endpoint.concurrency = 1;
    let backend = Backend::Live(endpoint);
    let templates = [PROPOSE, WRITE].map(|source| Template::parse("t.md.j2", source).unwrap());
    let seed = PromptSeed { topic: Some("asthma".into()), count: 10, ..PromptSeed::default() };
    let searching = SearchSettings { rounds: 2, candidates: 3, examples: 2, repair: false };
    let mut ask = |prompts: Vec<Prompt>, settings: &GenerateSettings| -> Result<Answers, PromptingError> {
        let cancel = AtomicBool::new(false);
        let mut connections = Connections { cache, cancel: &cancel, observer: &mut |_| {} };
        complete(&clear(prompts, &backend)?, &backend, settings, &mut connections)
    };
    search([&templates[0], &templates[1]], &seed, dev, &settings(), &searching, &backend, &mut ask)
}

fn dev() -> Vec<Example> {
    vec![Example { text: DEV.into(), entities: vec![Entity::new(Span::new(19, 23), "Disease")], ..Example::default() }]
}

#[test]
fn tries_scores_and_feeds_the_best_back() {
    let server = Server::start(model);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let searched = run(&server, &cache, &dev()).unwrap();
    let tried: Vec<_> =
        searched.trials.iter().map(|trial| (trial.round, trial.candidate, trial.instructions.as_str())).collect();
    assert_eq!(tried, [(1, 1, "other"), (1, 2, "good 1"), (1, 3, "bare"), (2, 1, "good 2")]);
    // Half of what was asked for, and it is the dev set itself.
    let half =
        Trial { valid: 0.5, likeness: 1.0, density: 1.0, variety: 1.0, score: 0.5, ..searched.trials[1].clone() };
    let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
    let found = &searched.trials[1];
    assert!(close(found.score, half.score) && close(found.likeness, 1.0) && close(found.density, 1.0), "{found:?}");
    let [other, _, bare, last] = &searched.trials[..] else { panic!("four trials") };
    assert!(other.likeness < 0.4 && other.score < found.score, "{other:?}");
    assert_eq!((bare.valid, bare.score), (0.0, 0.0));
    assert!(close(last.valid, 1.0) && last.variety < 1.0, "{last:?}");
    assert!(close(last.score, last.valid * last.likeness * last.density * last.variety), "{last:?}");
    assert_eq!(searched.best().unwrap().instructions, "good 1");

    let seen = server.seen();
    let second = seen[4].body["messages"][0]["content"].as_str().unwrap();
    assert!(second.starts_with("Propose 3. 0.5 good 1; 0."), "{second}");
    assert!(second.ends_with(" other; 0.0 bare;") || second.ends_with(" other; 0 bare;"), "{second}");
    assert_eq!((seen.len(), searched.prompts.len(), searched.answers.completions.len()), (6, 6, 6));
    let trials = searched.quarantined.iter().filter(|row| row.reason == "prompt_trial").count();
    assert_eq!((trials, searched.quarantined.len()), (5, 7));

    assert_eq!(run(&server, &cache, &dev()).unwrap(), searched);
    assert_eq!(server.seen().len(), 6, "nothing is asked again");
}

#[test]
fn a_search_without_a_yardstick_or_a_candidate_is_an_error() {
    let server = Server::start(|_, _| Reply::chat("I cannot."));
    let folder = tempfile::tempdir().unwrap();
    let message = |dev: &[Example]| run(&server, &folder.path().join("c.sqlite"), dev).unwrap_err().to_string();
    assert_eq!(message(&[]), "`mode` is `search`, which takes examples to compare with, but there are none");
    assert_eq!(message(&dev()), "`mode` is `search`, but no completion gave a prompt to try; see `search-template`");
}
