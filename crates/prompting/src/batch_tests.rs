//! The batch API, against a small one in this process.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::live_tests::{endpoint, run, topic};
use crate::test_server::{Reply, Seen, Server};
use crate::{Batching, Budget, Endpoint, PromptingError};

/// A provider's batches: files by identifier, batches with their looks so far, direct requests.
#[derive(Debug, Default)]
struct Provider {
    files: BTreeMap<String, String>,
    batches: Vec<(String, Value)>,
    looks: usize,
    direct: usize,
    /// How a batch ends once it was looked at often enough.
    end: &'static str,
    /// Looks until it ends.
    slow: usize,
    /// Lines from this one on are left out of the results.
    answered: usize,
    /// Whether the reply to the next creation is lost.
    lose_creation: bool,
    /// The status of every line.
    line_status: u16,
    /// Whether replies hold no choice.
    mute: bool,
}

impl Provider {
    fn respond(&mut self, seen: &Seen) -> Reply {
        let json = |value: Value| Reply::new(200, value.to_string());
        match (seen.method.as_str(), seen.path.trim_start_matches("/v1")) {
            ("POST", "/chat/completions") => {
                self.direct += 1;
                Reply::chat(&format!("direct {}", topic(&seen.body)))
            }
            ("POST", "/files") => {
                let text = String::from_utf8(seen.raw.to_vec()).unwrap();
                assert!(text.contains("name=\"purpose\"\r\n\r\nbatch\r\n"));
                let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
                let id = format!("file-{}", self.files.len());
                self.files.insert(id.clone(), lines.join("\n"));
                json(json!({ "id": id }))
            }
            ("POST", "/batches") => {
                let id = format!("batch-{}", self.batches.len());
                assert_eq!(seen.body["endpoint"], "/v1/chat/completions");
                self.batches.push((id.clone(), seen.body.clone()));
                if std::mem::take(&mut self.lose_creation) {
                    return Reply::new(502, "lost on the way");
                }
                json(json!({ "id": id, "status": "validating" }))
            }
            ("GET", "/batches") => {
                let list = self.batches.iter().map(|(id, body)| json!({ "id": id, "metadata": body["metadata"] }));
                json(json!({ "data": list.collect::<Vec<_>>(), "has_more": false }))
            }
            ("GET", path) if path.starts_with("/batches/") => {
                self.looks += 1;
                let id = path.trim_start_matches("/batches/");
                let (_, body) = self.batches.iter().find(|(found, _)| found == id).unwrap();
                if self.looks <= self.slow {
                    return json(json!({ "id": id, "status": "in_progress" }));
                }
                let file = body["input_file_id"].as_str().unwrap();
                json(
                    json!({ "id": id, "status": self.end, "output_file_id": format!("{file}-out"), "error_file_id": null,
                    "errors": { "data": [{ "message": "bad model" }] } }),
                )
            }
            ("GET", path) if path.ends_with("/content") => {
                let id = path.trim_start_matches("/files/").trim_end_matches("-out/content");
                let lines = self.files[id].lines().take(self.answered);
                Reply::new(200, lines.map(|line| self.result(line)).collect::<String>())
            }
            other => panic!("{other:?}"),
        }
    }

    fn result(&self, line: &str) -> String {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = format!("batched {}", topic(&line["body"]));
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": 20 });
        let choice = json!({ "message": { "content": text } });
        let choices = if self.mute { json!([]) } else { json!([choice]) };
        let body = json!({ "choices": choices, "usage": usage });
        let response = json!({ "status_code": self.line_status, "body": body });
        format!("{}\n", json!({ "custom_id": line["custom_id"], "response": response, "error": null }))
    }
}

fn start(provider: Provider) -> (Server, Arc<Mutex<Provider>>) {
    let provider = Arc::new(Mutex::new(provider));
    let shared = Arc::clone(&provider);
    (Server::start(move |_, seen| shared.lock().unwrap().respond(seen)), provider)
}

fn provider() -> Provider {
    Provider { end: "completed", answered: usize::MAX, slow: 2, line_status: 200, ..Provider::default() }
}

fn batching(server: &Server, requests: usize) -> Endpoint {
    let mut endpoint = endpoint(server.base_url());
    endpoint.batching = Some(Batching { requests, poll: Duration::from_millis(10), ..Batching::default() });
    endpoint
}

fn texts(answers: &crate::Answers) -> Vec<&str> {
    answers.completions.iter().map(|row| row.text.as_str()).collect()
}

#[test]
fn batches_are_split_collected_and_cached() {
    let (server, provider) = start(provider());
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let mut endpoint = batching(&server, 2);
    let answers = run(5, &endpoint, &cache).unwrap();
    assert_eq!(texts(&answers), ["batched t0", "batched t1", "batched t2", "batched t3", "batched t4"]);
    let statuses: Vec<_> = answers.egress.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Some(200); 5]);
    assert_eq!(answers.spending.tokens, 150);
    {
        let provider = provider.lock().unwrap();
        let lines: Vec<usize> = provider.files.values().map(|file| file.lines().count()).collect();
        assert_eq!((lines, provider.batches.len(), provider.direct), (vec![2, 2, 1], 3, 0));
    }
    // The same requests are in the cache, however they are sent.
    endpoint.batching = None;
    assert_eq!(run(5, &endpoint, &cache).unwrap(), answers);
    // A limit in bytes splits as well.
    endpoint.batching = Some(Batching { bytes: 10, poll: Duration::from_millis(10), ..Batching::default() });
    assert_eq!(run(7, &endpoint, &cache).unwrap().completions.len(), 7);
    assert_eq!(provider.lock().unwrap().batches.len(), 5);
}

#[test]
fn what_expires_is_asked_for_directly() {
    let (server, provider) = start(Provider { end: "expired", answered: 2, ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let answers = run(4, &batching(&server, 10), &folder.path().join("requests.sqlite")).unwrap();
    assert_eq!(texts(&answers), ["batched t0", "batched t1", "direct t2", "direct t3"]);
    assert_eq!(provider.lock().unwrap().direct, 2);
}

#[test]
fn lines_that_failed_for_a_while_are_asked_for_directly() {
    let (server, _provider) = start(Provider { line_status: 429, ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let answers = run(2, &batching(&server, 10), &folder.path().join("requests.sqlite")).unwrap();
    assert_eq!(texts(&answers), ["direct t0", "direct t1"]);
}

#[test]
fn a_restart_goes_on_with_the_same_batch_whatever_the_mode() {
    let (server, provider) = start(Provider { slow: usize::MAX, ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let mut endpoint = batching(&server, 10);
    let cleared = crate::clear(crate::live_tests::prompts(3), &crate::Backend::Live(endpoint.clone())).unwrap();
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while provider.lock().unwrap().looks < 3 {
                std::thread::sleep(Duration::from_millis(2));
            }
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        crate::live_tests::run_with(&cleared, &endpoint, &cache, &cancel, &mut |_| {}).unwrap_err()
    });
    assert!(matches!(error, PromptingError::Interrupted { done: 0, total: 3 }), "{error}");
    provider.lock().unwrap().slow = 0;
    endpoint.batching = None;
    assert_eq!(texts(&run(3, &endpoint, &cache).unwrap()), ["batched t0", "batched t1", "batched t2"]);
    let provider = provider.lock().unwrap();
    assert_eq!((provider.batches.len(), provider.files.len(), provider.direct), (1, 1, 0));
}

#[test]
fn a_creation_whose_reply_was_lost_is_found_and_not_paid_twice() {
    let (server, provider) = start(Provider { lose_creation: true, ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let answers = run(3, &batching(&server, 10), &folder.path().join("requests.sqlite")).unwrap();
    assert_eq!(answers.completions.len(), 3);
    assert_eq!(provider.lock().unwrap().batches.len(), 1);
}

#[test]
fn a_refused_batch_and_a_server_without_batches_are_one_error() {
    let (server, _provider) = start(Provider { end: "failed", ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let error = run(2, &batching(&server, 10), &cache).unwrap_err().to_string();
    let expected = "refuses batch `batch-0` (bad model): correct the step, or set `mode: direct`";
    assert!(error.ends_with(expected), "{error}");

    let plain = Server::start(|_, _| Reply::new(404, "Not Found"));
    let error = run(2, &batching(&plain, 10), &cache).unwrap_err().to_string();
    assert!(error.ends_with("has this server a batch API? set `mode: direct` if not"), "{error}");
    // Nothing stays charged for what was never taken.
    let charged: u64 = crate::list(&cache).unwrap().accounts.iter().map(|account| account.tokens).sum();
    assert_eq!(charged, 0);
}

#[test]
fn a_budget_cuts_a_batch_and_ends_the_run_when_nothing_more_fits() {
    let (server, provider) = start(provider());
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let mut endpoint = batching(&server, 100);
    // 2 + 16 + 64 tokens are reserved for each, and 30 are used.
    endpoint.budget = Some(Budget { tokens: Some(200), money: None });
    let error = run(9, &endpoint, &cache).unwrap_err();
    assert!(matches!(error, PromptingError::BudgetSpent { .. }), "{error}");
    let lines: Vec<usize> = provider.lock().unwrap().files.values().map(|file| file.lines().count()).collect();
    assert_eq!(lines, [2, 1, 1], "as each batch gives back what it did not use");
    endpoint.budget = Some(Budget { tokens: Some(2000), money: None });
    assert_eq!(run(9, &endpoint, &cache).unwrap().completions.len(), 9);
}

#[test]
fn what_a_batch_answers_unusably_is_set_aside_and_stays_charged() {
    let (server, _) = start(Provider { mute: true, ..provider() });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let answers = run(2, &batching(&server, 10), &cache).unwrap();
    assert_eq!((answers.completions.len(), answers.quarantined.len()), (0, 2));
    // 2 + 16 + 64 tokens were reserved for each.
    assert_eq!(answers.spending.tokens, 2 * 82);
}
