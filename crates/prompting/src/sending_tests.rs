//! Pace, budget, cache and odd endpoints, over sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clinsynth_contract::Sensitivity;
use serde_json::{Value, json};

use crate::live_tests::{endpoint, prompts, run, run_once, run_with, settings, texts, topic};
use crate::test_server::{Reply, Server};
use crate::{
    ApiKey, Backend, Budget, CountTokens, Endpoint, JsonMode, Price, Prices, PromptSeed, PromptingError, Recordings,
    Template, clear, collect_garbage, complete, enumerate, estimate, export, list,
};

/// A reply with the endpoint's counts.
fn counted(text: &str, prompt_tokens: u32, completion_tokens: u32) -> Reply {
    let usage = json!({ "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens });
    Reply::new(200, json!({ "choices": [{ "message": { "content": text } }], "usage": usage }).to_string())
}

fn priced(mut endpoint: Endpoint, budget: Budget) -> Endpoint {
    let models = BTreeMap::from([("tiny".to_owned(), Price { prompt: 1.0, completion: 2.0 })]);
    endpoint.prices = Some(Prices { as_of: "2026-11-01".into(), currency: "USD".into(), models, batch_share: 1.0 });
    endpoint.budget = Some(budget);
    endpoint
}

#[test]
fn azure_is_asked_by_its_header_and_version() {
    let server = Server::start(|_, _| Reply::chat("fine"));
    let mut endpoint = endpoint(format!("http://{}/openai/deployments/d", server.address));
    endpoint.api_key = ApiKey::new("azure-secret");
    endpoint.key_header = Some("api-key".into());
    endpoint.api_version = Some("2024-10-21".into());
    assert_eq!(texts(&run_once(1, &endpoint).unwrap()), ["fine"]);
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.path.as_str(), seen.query.as_str()),
        ("/openai/deployments/d/chat/completions", "api-version=2024-10-21")
    );
    assert_eq!(seen.headers["api-key"], "azure-secret");
    assert!(!seen.headers.contains_key("authorization"));
    endpoint.key_header = Some("api key".into());
    assert_eq!(run_once(1, &endpoint).unwrap_err().to_string(), "endpoint `test`: `api key` is no header name");
}

#[test]
fn no_file_of_a_run_holds_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::new(401, "wrong key sk-very-secret"));
    let mut endpoint = endpoint(server.base_url());
    endpoint.api_key = ApiKey::new("sk-very-secret");
    let error = run(2, &endpoint, &folder.path().join("requests.sqlite")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("very-secret"));
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"very-secret"), "{:?}", entry.path());
    }
}

#[test]
fn requests_a_minute_are_kept() {
    let server = Server::start(|_, _| Reply::chat("fine"));
    let mut endpoint = endpoint(server.base_url());
    endpoint.requests_per_minute = Some(600);
    let start = Instant::now();
    assert_eq!(run_once(15, &endpoint).unwrap().completions.len(), 15);
    // Ten a second after a second's worth at once.
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
}

#[test]
fn tokens_a_minute_are_kept() {
    let server = Server::start(|_, _| counted("fine", 36, 64));
    let mut endpoint = endpoint(server.base_url());
    // 64 are asked for and the prompt is less than one: four requests are a second's worth.
    endpoint.tokens_per_minute = Some(60 * 260);
    let start = Instant::now();
    assert_eq!(run_once(8, &endpoint).unwrap().completions.len(), 8);
    assert!(start.elapsed() >= Duration::from_millis(800), "{:?}", start.elapsed());
}

#[test]
fn an_overloaded_server_is_asked_by_fewer_at_once_and_loses_nothing() {
    let (flying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&flying), Arc::clone(&most));
    // Serves two at a time; the others are refused.
    let server = Server::start(move |number, seen| {
        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
        if number > 150 {
            peak.fetch_max(now, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(3));
        inside.fetch_sub(1, Ordering::SeqCst);
        if now > 2 { Reply::new(429, "too many") } else { Reply::chat(&topic(&seen.body)) }
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 16;
    endpoint.retries = 2;
    let answers = run_once(200, &endpoint).unwrap();
    assert_eq!((answers.completions.len(), answers.quarantined.len()), (200, 0));
}

#[test]
fn a_server_that_went_away_ends_the_run_and_loses_nothing() {
    let up = Arc::new(AtomicBool::new(true));
    let is_up = Arc::clone(&up);
    let server = Server::start(move |number, seen| {
        if number == 10 {
            is_up.store(false, Ordering::SeqCst);
        }
        if is_up.load(Ordering::SeqCst) {
            Reply::chat(&topic(&seen.body))
        } else {
            Reply::new(503, "<html>gone</html>")
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 4;
    endpoint.patience = Duration::from_millis(300);
    let error = run(60, &endpoint, &cache).unwrap_err();
    assert!(matches!(error, PromptingError::EndpointDown { .. }), "{error}");
    assert!(error.to_string().contains("(the last: status 503") || error.to_string().contains("the last: status 503"));
    let before = server.seen().len();
    // Probed by one at a time, not hammered.
    assert!(before < 100, "{before}");
    up.store(true, Ordering::SeqCst);
    let answers = run(60, &endpoint, &cache).unwrap();
    assert_eq!((answers.completions.len(), answers.quarantined.len()), (60, 0));
    let answered: usize = answers.egress.iter().filter(|record| record.status == Some(200)).count();
    assert_eq!(answered, 60, "nothing is asked again that was answered");
}

#[test]
fn an_outage_is_waited_out() {
    let start = Instant::now();
    let server = Server::start(move |number, seen| match start.elapsed().as_millis() {
        100..700 if number > 5 => Reply::new(503, "restarting"),
        _ => {
            std::thread::sleep(Duration::from_millis(5));
            Reply::chat(&topic(&seen.body))
        }
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 4;
    let answers = run_once(150, &endpoint).unwrap();
    assert_eq!((answers.completions.len(), answers.quarantined.len()), (150, 0));
}

#[test]
fn the_ladder_is_kept_between_runs() {
    let server = Server::start(|_, seen| match seen.body.get("response_format") {
        Some(_) => Reply::new(400, "response_format is not supported"),
        None => Reply::chat("by words"),
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let endpoint = endpoint(server.base_url());
    assert_eq!(run(4, &endpoint, &cache).unwrap().completions.len(), 4);
    assert_eq!(server.seen().len(), 3 + 4, "one request finds the rung for all");
    assert_eq!(run(6, &endpoint, &cache).unwrap().completions.len(), 6);
    assert_eq!(server.seen().len(), 3 + 6);
}

#[test]
fn a_budget_holds_over_runs_and_a_raised_one_goes_on() {
    let server = Server::start(|_, _| counted("fine", 10, 30));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    // A request takes 40 tokens and 70 millionths; up to 18 + 64 tokens are reserved for it.
    let limited = |tokens| priced(endpoint(server.base_url()), Budget { tokens: Some(tokens), money: None });
    let error = run(20, &limited(400), &cache).unwrap_err();
    let PromptingError::BudgetSpent { spent, .. } = &error else { panic!("{error}") };
    let sent = server.seen().len();
    assert!((8..=10).contains(&sent), "{sent}");
    assert_eq!(spent, &format!("{} tokens, {:.4} USD", 40 * sent, 70e-6 * sent as f64));
    // The same command again sends nothing more.
    assert!(matches!(run(20, &limited(400), &cache), Err(PromptingError::BudgetSpent { .. })));
    assert_eq!(server.seen().len(), sent);
    let answers = run(20, &limited(2000), &cache).unwrap();
    assert_eq!((answers.completions.len(), server.seen().len()), (20, 20));
    let spending = answers.spending;
    assert_eq!((spending.attempts, spending.tokens, spending.micros), (20, 800, 1400));
    assert_eq!(spending.prices, Some(("USD".into(), "2026-11-01".into())));
}

#[test]
fn a_tokenizer_reserves_what_the_model_counts_and_a_margin() {
    let server = Server::start(|_, _| counted("fine", 1050, 30));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let mut endpoint = endpoint(server.base_url());
    endpoint.json_mode = JsonMode::PromptOnly;
    endpoint.budget = Some(Budget { tokens: Some(3000), money: None });
    let template = Template::parse("t.md.j2", "--- user\n{{ topic }}").unwrap();
    let seed = |letter: &str| PromptSeed { topic: Some(letter.repeat(4000)), count: 1, ..PromptSeed::default() };
    let seeds = ["a", "b", "c"].map(seed);
    let ask = |endpoint: &Endpoint| {
        let prompts = enumerate(&template, &seeds, &settings()).unwrap();
        let cleared = clear(prompts, &Backend::Live(endpoint.clone())).unwrap();
        run_with(&cleared, endpoint, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap_err()
    };
    // Without it a byte is taken for a token: 4000 + 16 + 64.
    let error = ask(&endpoint).to_string();
    assert!(error.contains("4080 tokens"), "{error}");
    assert_eq!(server.seen().len(), 0);
    // With it 1000 and a tenth, 16, 128 and 64: one more fits after the first, which took 1080.
    endpoint.tokenizer = Some(CountTokens::new(|text| text.len() as u64 / 4));
    let error = ask(&endpoint).to_string();
    assert!(error.contains("2160 tokens") && error.contains("1308 tokens"), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_budget_of_money_holds_over_runs_that_share_a_cache_at_once() {
    let server = Server::start(|_, _| counted("fine", 10, 30));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let limited = priced(endpoint(server.base_url()), Budget { tokens: None, money: Some(0.001) });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| run(60, &limited, &cache).unwrap_err());
        }
    });
    let sent = server.seen().len();
    assert!(sent * 70 <= 1000 && sent > 8, "{sent}");
}

#[test]
fn two_runs_at_once_ask_for_each_request_once() {
    let server = Server::start(|_, seen| {
        std::thread::sleep(Duration::from_millis(2));
        Reply::chat(&topic(&seen.body))
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let endpoint = endpoint(server.base_url());
    let both: Vec<Vec<String>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2).map(|_| scope.spawn(|| run(60, &endpoint, &cache).unwrap())).collect();
        let texts = |answers: crate::Answers| answers.completions.into_iter().map(|row| row.text).collect();
        runs.into_iter().map(|run| texts(run.join().unwrap())).collect()
    });
    let expected: Vec<String> = (0..60).map(|index| format!("t{index}")).collect();
    assert_eq!(both, [expected.clone(), expected]);
    let topics: BTreeSet<String> = server.seen().iter().map(|seen| topic(&seen.body)).collect();
    assert_eq!((server.seen().len(), topics.len()), (60, 60));
}

#[test]
fn a_cached_completion_is_as_sensitive_as_its_present_prompt() {
    let server = Server::start(|_, _| Reply::chat("fine"));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let endpoint = endpoint(server.base_url());
    run(1, &endpoint, &cache).unwrap();
    let mut secret = prompts(1);
    secret[0].sensitivity = Sensitivity::Restricted;
    let cleared = clear(secret, &Backend::Live(endpoint.clone())).unwrap();
    let answers = run_with(&cleared, &endpoint, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert_eq!((server.seen().len(), answers.completions[0].sensitivity), (1, Sensitivity::Restricted));
}

#[test]
fn restricted_completions_are_not_exported() {
    let server = Server::start(|_, _| Reply::chat("fine"));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let endpoint = endpoint(server.base_url());
    let mut some = prompts(3);
    some[1].sensitivity = Sensitivity::Restricted;
    let cleared = clear(some, &Backend::Live(endpoint.clone())).unwrap();
    run_with(&cleared, &endpoint, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap();
    let mut recording = Vec::new();
    let exported = export(&cache, None, &mut recording).unwrap();
    assert_eq!((exported.written, exported.withheld), (2, 1));
    assert!(!String::from_utf8(recording).unwrap().contains("t1"));
}

#[test]
fn what_decides_a_completion_is_part_of_its_key() {
    let server = Server::start(|number, _| Reply::chat(&number.to_string()));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let ask = |endpoint: &Endpoint| texts(&run(1, endpoint, &cache).unwrap())[0].to_owned();
    let plain = endpoint(server.base_url());
    assert_eq!((ask(&plain), ask(&plain)), ("0".into(), "0".into()));
    // Limits and keys decide nothing; another address, version or way of asking for JSON does.
    let mut other = plain.clone();
    (other.concurrency, other.api_key) = (1, ApiKey::new("k"));
    assert_eq!(ask(&other), "0");
    other.json_mode = crate::JsonMode::PromptOnly;
    assert_eq!(ask(&other), "1");
    other.api_version = Some("2".into());
    assert_eq!(ask(&other), "2");
    let elsewhere = endpoint(format!("http://localhost:{}/v1", server.address.port()));
    assert_eq!(ask(&elsewhere), "3");
}

#[test]
fn an_estimate_sends_nothing_and_counts_the_cache() {
    let server = Server::start(|_, _| counted("fine", 10, 30));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let backend = Backend::Live(priced(endpoint(server.base_url()), Budget::default()));
    let cleared = clear(prompts(3), &backend).unwrap();
    let shown = || estimate(&cleared, &backend, &settings(), &cache).unwrap().unwrap().to_string();
    assert_eq!(
        shown(),
        "3 requests, 0 of them in the cache; about 3 prompt and 96 completion tokens, at most 246; about 0.0002 USD, at \
         most 0.0004 USD by the prices of 2026-11-01"
    );
    assert_eq!(server.seen().len(), 0);
    let Backend::Live(endpoint) = &backend else { panic!("live") };
    run(2, endpoint, &cache).unwrap();
    assert!(shown().starts_with("3 requests, 2 of them in the cache; about 10 prompt and 30 completion tokens"));
}

#[test]
fn an_export_plays_again_without_a_network() {
    let server = Server::start(|_, seen| Reply::chat(&format!("on {}", topic(&seen.body))));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let answers = run(5, &endpoint(server.base_url()), &cache).unwrap();
    let mut recording = Vec::new();
    let exported = export(&cache, Some("tiny"), &mut recording).unwrap();
    assert_eq!((exported.written, exported.withheld), (5, 0));
    assert_eq!(export(&cache, Some("other"), &mut Vec::new()).unwrap().written, 0);

    let path = folder.path().join("recording.jsonl");
    std::fs::write(&path, &recording).unwrap();
    let backend = Backend::Replay(Recordings::read(&path).unwrap());
    let cleared = clear(prompts(5), &backend).unwrap();
    let mut connections =
        crate::Connections { cache: Path::new("/nowhere"), cancel: &AtomicBool::new(false), observer: &mut |_| {} };
    let replayed = complete(&cleared, &backend, &settings(), &mut connections).unwrap();
    assert_eq!(texts(&replayed), texts(&answers));
    assert_eq!(replayed.quarantined, []);
    // The lines stand in an order of their own: another run's export is the same.
    let first: Value = serde_json::from_slice(recording.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&first["topic"], &first["model"], &first["task"]), (&json!("t0"), &json!("tiny"), &json!("ner")));
}

#[test]
fn lists_and_cleans_but_never_forgets_what_was_charged() {
    let server = Server::start(|_, _| counted("fine", 10, 30));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    assert!(matches!(list(&cache), Err(PromptingError::File { .. })));
    run(4, &priced(endpoint(server.base_url()), Budget::default()), &cache).unwrap();
    let listing = list(&cache).unwrap();
    let row = &listing.completions[0];
    assert_eq!((row.model.as_str(), row.task.as_str(), row.completions), ("tiny", "ner", 4));
    assert_eq!((row.prompt_tokens, row.completion_tokens), (40, 120));
    assert_eq!((listing.accounts[0].tokens, listing.accounts[0].micros), (160, 280));
    let kept = collect_garbage(&cache, Some(Duration::from_hours(24))).unwrap();
    assert_eq!((kept.completions, kept.claims), (0, 0));
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(collect_garbage(&cache, Some(Duration::ZERO)).unwrap().completions, 4);
    let listing = list(&cache).unwrap();
    assert_eq!((listing.completions.len(), listing.accounts[0].tokens), (0, 160));
}
