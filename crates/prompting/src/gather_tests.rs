//! Exact numbers, repairs and restarts, over sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clinsynth_contract::Prompt;
use serde_json::{Value, json};

use crate::test_server::{Reply, Seen, Server};
use crate::{
    Answers, Backend, Connections, Endpoint, GatherSettings, Gathered, GenerateSettings, JsonMode, Label, Labelling,
    Parameters, PromptSeed, PromptingError, Recordings, Target, Template, clear, complete, export, gather,
};

fn settings() -> GenerateSettings {
    let labels = ["Disease", "Chemical"].map(|name| Label::new(name, "")).into();
    GenerateSettings {
        labelling: Labelling { labels, ..Labelling::default() },
        parameters: Parameters { model: "m".into(), ..Parameters::default() },
        ..GenerateSettings::default()
    }
}

/// Each request is for one term of one label.
fn seeds() -> Vec<PromptSeed> {
    let seed = |(mention, label): (&str, &str)| PromptSeed {
        mention: Some(mention.into()),
        label: Some(label.into()),
        count: 2,
        ..PromptSeed::default()
    };
    [("gout", "Disease"), ("aspirin", "Chemical"), ("flu", "Disease"), ("zinc", "Chemical")].map(seed).into()
}

/// Two sentences about the term, the second with a mention that is not there; a repair is good. The number keeps texts apart.
fn writer(number: usize, seen: &Seen) -> Reply {
    let messages = seen.body["messages"].as_array().unwrap();
    let asked = messages[0]["content"].as_str().unwrap();
    let (term, label) = asked.split_once(" as ").unwrap();
    let example =
        |text: String, mention: &str| json!({ "text": text, "entities": [{ "text": mention, "type": label }] });
    let examples: Vec<Value> = match messages.len() {
        1 => vec![example(format!("{number} has {term}"), term), example(format!("{number} again"), term)],
        _ => vec![example(format!("{number} mended {term}"), term)],
    };
    Reply::chat(&json!({ "examples": examples }).to_string())
}

fn run(backend: &Backend, cache: &Path, gathering: &GatherSettings) -> Result<Gathered, PromptingError> {
    let template = Template::parse("t.md.j2", "--- user\n{{ mention }} as {{ label }}").unwrap();
    let settings = settings();
    let mut ask = |prompts: Vec<Prompt>, settings: &GenerateSettings| -> Result<Answers, PromptingError> {
        let mut observer = |_: &_| {};
        let cancel = AtomicBool::new(false);
        let mut connections = Connections { cache, cancel: &cancel, observer: &mut observer };
        complete(&clear(prompts, backend)?, backend, settings, &mut connections)
    };
    gather(&template, &seeds(), &settings, gathering, backend, &mut ask)
}

fn live(server: &Server) -> Backend {
    let mut endpoint = Endpoint::new("test", server.base_url());
    endpoint.json_mode = JsonMode::PromptOnly;
    endpoint.concurrency = 1;
    Backend::Live(endpoint)
}

fn target(count: usize, max_candidates: usize, balance: &[(&str, u32)]) -> Target {
    let balance = balance.iter().map(|&(class, weight)| (class.to_owned(), weight)).collect();
    Target { count, max_candidates, balance }
}

fn labels(gathered: &Gathered) -> Vec<&str> {
    gathered.parsed.examples.iter().map(|example| example.entities[0].label.as_str()).collect()
}

#[test]
fn reaches_the_count_with_repairs_and_asks_nothing_again_after_a_restart() {
    let server = Server::start(writer);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let gathering = GatherSettings { repair: true, target: Some(target(6, 20, &[])) };
    let first = run(&live(&server), &cache, &gathering).unwrap();
    assert_eq!(labels(&first), ["Disease", "Disease", "Chemical", "Chemical", "Disease", "Disease"]);
    assert_eq!(first.parsed.quarantined, []);
    // Three requests of two sentences, each with its repair.
    assert_eq!(server.seen().len(), 6);
    assert_eq!(run(&live(&server), &cache, &gathering).unwrap(), first);
    assert_eq!(server.seen().len(), 6);

    // What was answered plays again without the server, repairs included.
    let recordings = folder.path().join("all.jsonl");
    export(&cache, None, &mut std::fs::File::create(&recordings).unwrap()).unwrap();
    let replay = Backend::Replay(Recordings::read(&recordings).unwrap());
    let replayed = run(&replay, &cache, &gathering).unwrap();
    let texts =
        |gathered: &Gathered| gathered.parsed.examples.iter().map(|example| example.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&replayed), texts(&first));
}

#[test]
fn goes_on_in_waves_and_over_the_seeds_again_until_each_label_has_its_share() {
    let server = Server::start(writer);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let balance = [("Chemical", 1), ("Disease", 3)];
    let gathering = GatherSettings { repair: false, target: Some(target(8, 60, &balance)) };
    let gathered = run(&live(&server), &cache, &gathering).unwrap();
    let found = labels(&gathered);
    let diseases = found.iter().filter(|label| **label == "Disease").count();
    assert_eq!((found.len(), diseases), (8, 6));
    let faults = gathered.parsed.quarantined.iter().filter(|row| row.reason == "mention_not_found").count();
    assert_eq!(faults, gathered.prompts.len(), "one in each completion");
    let chemical = |prompt: &&Prompt| prompt.messages[0].content.ends_with("Chemical");
    assert!(gathered.prompts.iter().filter(chemical).count() <= 4, "full classes are passed over");
    let sent = server.seen().len();
    assert_eq!(run(&live(&server), &cache, &gathering).unwrap(), gathered);
    assert_eq!(server.seen().len(), sent, "a repeated prompt is another sample, and each is paid for once");
}

#[test]
fn says_what_is_missing_when_the_candidates_are_used_up() {
    let server = Server::start(writer);
    let folder = tempfile::tempdir().unwrap();
    let gathering = GatherSettings { repair: false, target: Some(target(8, 8, &[("Chemical", 1), ("Disease", 1)])) };
    let error = run(&live(&server), &folder.path().join("requests.sqlite"), &gathering).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 of 8 examples were accepted out of 8 candidates (missing: 2 of `Chemical`, 2 of `Disease`; set aside: 4 as \
         `mention_not_found`): raise `max-candidates`, add seeds or recordings, or lower `count`"
    );
}
