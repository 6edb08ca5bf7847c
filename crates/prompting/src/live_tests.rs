//! The live backend against servers that behave as compatible servers were seen to.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clinsynth_contract::{Digest, Prompt, Sensitivity};
use serde_json::{Value, json};

use crate::cache::open;
use crate::test_server::{Reply, Server};
use crate::{
    Answers, ApiKey, Backend, ClearedPrompts, Connections, Endpoint, GenerateSettings, JsonMode, Label, Labelling,
    Parameters, ParseSettings, Progress, PromptSeed, PromptingError, Template, clear, complete, enumerate, parse,
};

/// Set for a child process that runs [`child`]: base URL, request cache.
const CHILD: [&str; 2] = ["CLINSYNTH_TEST_CHILD_URL", "CLINSYNTH_TEST_CHILD_CACHE"];

pub(crate) fn settings() -> GenerateSettings {
    GenerateSettings {
        labelling: Labelling { labels: vec![Label::new("Disease", "an illness")], ..Labelling::default() },
        parameters: Parameters { model: "tiny".into(), max_tokens: Some(64), ..Parameters::default() },
        sensitivity: Sensitivity::Public,
        ..GenerateSettings::default()
    }
}

/// `count` prompts whose only message is the topic `t0`, `t1`, …
pub(crate) fn prompts(count: usize) -> Vec<Prompt> {
    let template = Template::parse("t.md.j2", "--- user\n{{ topic }}").unwrap();
    let seed = |index| PromptSeed { topic: Some(format!("t{index}")), count: 1, ..PromptSeed::default() };
    enumerate(&template, &(0..count).map(seed).collect::<Vec<_>>(), &settings()).unwrap()
}

pub(crate) fn endpoint(base_url: String) -> Endpoint {
    let mut endpoint = Endpoint::new("test", base_url);
    endpoint.first_backoff = Duration::from_millis(4);
    endpoint.retries = 3;
    endpoint
}

pub(crate) fn run_with(
    prompts: &ClearedPrompts,
    endpoint: &Endpoint,
    cache: &Path,
    cancel: &AtomicBool,
    observer: &mut dyn FnMut(&Progress),
) -> Result<Answers, PromptingError> {
    let mut connections = Connections { cache, cancel, observer };
    complete(prompts, &Backend::Live(endpoint.clone()), &settings(), &mut connections)
}

pub(crate) fn run(count: usize, endpoint: &Endpoint, cache: &Path) -> Result<Answers, PromptingError> {
    let cleared = clear(prompts(count), &Backend::Live(endpoint.clone())).unwrap();
    run_with(&cleared, endpoint, cache, &AtomicBool::new(false), &mut |_| {})
}

/// Runs with a cache of its own.
pub(crate) fn run_once(count: usize, endpoint: &Endpoint) -> Result<Answers, PromptingError> {
    let folder = tempfile::tempdir().unwrap();
    run(count, endpoint, &folder.path().join("requests.sqlite"))
}

/// Completion texts, or reason codes of prompts without one.
pub(crate) fn texts(answers: &Answers) -> Vec<&str> {
    let completed = answers.completions.iter().map(|completion| completion.text.as_str());
    completed.chain(answers.quarantined.iter().map(|row| row.reason.as_str())).collect()
}

/// The topic that a request asks for.
pub(crate) fn topic(body: &Value) -> String {
    body.pointer("/messages/0/content").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn asks_and_answers_in_order_and_records_what_left() {
    let server = Server::start(|_, seen| {
        let usage = json!({ "prompt_tokens": 3, "completion_tokens": 5 });
        let text = format!("answer to {}", topic(&seen.body));
        let choice = json!({ "message": { "content": text }, "finish_reason": "stop" });
        Reply::new(200, json!({ "model": "tiny-1", "choices": [choice], "usage": usage }).to_string())
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.api_key = ApiKey::new("sk-test");
    let folder = tempfile::tempdir().unwrap();
    let cleared = clear(prompts(9), &Backend::Live(endpoint.clone())).unwrap();
    let mut last = Progress::default();
    let cache = folder.path().join("requests.sqlite");
    let answers =
        run_with(&cleared, &endpoint, &cache, &AtomicBool::new(false), &mut |progress| last = *progress).unwrap();

    let expected: Vec<String> = (0..9).map(|index| format!("answer to t{index}")).collect();
    assert_eq!(texts(&answers), expected);
    assert_eq!(last, Progress { done: 9, total: 9, prompt_tokens: 27, completion_tokens: 45, ..Progress::default() });
    let first = &answers.completions[0];
    assert_eq!((first.model.as_str(), first.endpoint.as_str()), ("tiny-1", server.address.to_string().as_str()));
    assert_eq!((first.finish_reason.as_deref(), first.sensitivity), (Some("stop"), Sensitivity::Synthetic));
    assert_eq!(first.request, cleared.prompts()[0].request);

    let seen = server.seen();
    let sent = seen.iter().find(|seen| topic(&seen.body) == "t0").unwrap();
    assert_eq!(sent.path, "/v1/chat/completions");
    assert_eq!(sent.headers["authorization"], "Bearer sk-test");
    assert!(!sent.headers.contains_key("openai-organization"));
    assert_eq!(sent.body["model"], "tiny");
    assert_eq!(sent.body["max_tokens"], 64);
    assert_eq!(sent.body["stream"], false);
    assert_eq!(sent.body.get("temperature"), None);
    assert_eq!(sent.body.pointer("/response_format/type").unwrap(), "json_schema");

    assert_eq!(answers.egress.len(), 9);
    let record = answers.egress.iter().find(|record| record.request == first.request).unwrap();
    assert_eq!((record.host.as_str(), record.status), (first.endpoint.as_str(), Some(200)));
    assert_eq!(record.body_digest, Digest::of(&sent.raw).as_str());
    assert_eq!(record.body_bytes, sent.raw.len() as u64);
    assert_eq!(record.sensitivity, Sensitivity::Public);
    assert!(record.time > 1_600_000_000_000);
}

/// Serves the replies one after another (the last one for ever) to a single prompt.
fn check(replies: &[Reply], expected: &str, requests: usize) {
    let script = replies.to_vec();
    let server = Server::start(move |number, _| script[number.min(script.len() - 1)].clone());
    let found = match run_once(1, &endpoint(server.base_url())) {
        Ok(answers) => {
            assert_eq!(answers.completions.len() + answers.quarantined.len(), 1);
            let detail = answers.quarantined.first().map(|row| format!(": {}", row.detail)).unwrap_or_default();
            format!("{}{detail}", texts(&answers)[0])
        }
        Err(error) => error.to_string().replace(&server.base_url(), "URL"),
    };
    assert_eq!((found.as_str(), server.seen().len()), (expected, requests), "{replies:?}");
}

#[test]
fn transient_faults_are_tried_again() {
    let ok = || Reply::chat("fine");
    check(&[Reply::new(429, "slow down").header("retry-after", "0"), ok()], "fine", 2);
    check(&[Reply::new(429, "").header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), ok()], "fine", 2);
    check(&[Reply::new(429, r#"{"error":{"code":429,"message":"busy"}}"#), ok()], "fine", 2);
    check(&[Reply::new(503, "<html>503</html>"), Reply::new(502, ""), ok()], "fine", 3);
    check(&[Reply::new(500, "Internal Server Error"), ok()], "fine", 2);
    check(&[Reply::new(503, "<html>503</html>")], "endpoint_failed: status 503 to the end: <html>503</html>", 4);
    // A wait beyond reason is not waited for.
    check(
        &[Reply::new(429, "come back tomorrow").header("retry-after", "86400"), ok()],
        "endpoint_failed: status 429 to the end: come back tomorrow",
        1,
    );
}

#[test]
fn odd_replies_are_read_or_set_aside() {
    check(&[Reply::new(200, r#"{"choices":[{"message":{"content":"x"},"finish_reason":"eos"}]}"#)], "x", 1);
    check(
        &[Reply::new(
            200,
            r#"{"created":1.5,"service_tier":"on_demand","choices":[{"message":{"content":"x"},"finish_reason":""}]}"#,
        )],
        "x",
        1,
    );
    check(&[Reply::new(200, r#"{"choices":[]}"#)], "bad_reply: the reply holds no choice", 1);
    check(
        &[Reply::new(200, "<html>hello</html>")],
        "bad_reply: status 200 with a body that is not JSON: <html>hello</html>",
        4,
    );
    check(&[Reply::new(200, r#"{"choices":[{"mess"#), Reply::chat("whole")], "whole", 2);
    check(&[Reply::new(200, r#"{"error":{"code":429,"message":"busy"}}"#), Reply::chat("fine")], "fine", 2);
    let refusal = r#"{"choices":[{"message":{"content":null,"refusal":"I cannot"},"finish_reason":"stop"}]}"#;
    check(&[Reply::new(200, refusal)], "content_filtered: the model refused: I cannot", 1);
    check(
        &[Reply::new(
            400,
            r#"{"error":{"code":400,"message":"exceeds the context","type":"exceed_context_size_error"}}"#,
        )],
        "request_refused: status 400: exceeds the context",
        1,
    );
}

#[test]
fn faults_of_the_whole_endpoint_end_the_run() {
    check(
        &[Reply::new(401, r#"{"error":{"message":"Invalid API Key"}}"#)],
        "`URL` refuses requests with status 401 (Invalid API Key): check the API key and what it may do",
        1,
    );
    check(
        &[Reply::new(404, "Not Found")],
        "`URL` refuses requests with status 404 (Not Found): check `base-url` (it ends before `/chat/completions`) and the model's name",
        1,
    );
}

#[test]
fn a_run_that_goes_nowhere_is_given_up() {
    let server = Server::start(|_, _| Reply::new(400, r#"{"error":"no such model"}"#));
    let error = run_once(100, &endpoint(server.base_url())).unwrap_err().to_string();
    let expected = format!(
        "`{}` answered none of the first 16 requests (the last: status 400: no such model): check the model's name and \
         settings",
        server.base_url()
    );
    assert_eq!(error, expected);
    assert!(server.seen().len() <= 32);
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut endpoint = endpoint(format!("http://{}/v1", listener.local_addr().unwrap()));
    endpoint.timeout = Duration::from_millis(60);
    endpoint.retries = 1;
    let answers = run_once(1, &endpoint).unwrap();
    assert_eq!(texts(&answers), ["endpoint_failed"]);
    assert_eq!(answers.quarantined[0].detail, "no reply within 0.06 s to the end");
    assert_eq!(answers.egress.iter().map(|record| record.status).collect::<Vec<_>>(), [None, None]);
}

#[test]
fn a_server_without_tls_behind_https_is_an_error() {
    let server = Server::start(|_, _| Reply::chat("x"));
    let error = run_once(1, &endpoint(server.base_url().replace("http", "https"))).unwrap_err();
    assert!(matches!(error, PromptingError::Unreachable { .. }), "{error}");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn waits_as_long_as_the_server_asks() {
    let server = Server::start(|number, _| match number {
        0 => Reply::new(429, "").header("retry-after-ms", "300"),
        _ => Reply::chat("fine"),
    });
    let start = Instant::now();
    assert_eq!(texts(&run_once(1, &endpoint(server.base_url())).unwrap()), ["fine"]);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_reply_that_breaks_off_is_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let good = r#"{"choices":[{"message":{"content":"whole"}}]}"#;
        for (length, body) in [(100, "{\"choices\""), (good.len(), good)] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    let answers = run_once(1, &endpoint(url)).unwrap();
    assert_eq!(texts(&answers), ["whole"]);
    assert_eq!(answers.egress.iter().map(|record| record.status).collect::<Vec<_>>(), [Some(200), Some(200)]);
    server.join().unwrap();
}

#[test]
fn a_completion_cut_short_is_kept_and_salvaged() {
    let text = r#"{"examples":[{"text":"He has gout.","entities":[{"text":"gout","type":"Disease"}]},{"text":"She"#;
    let body = json!({ "choices": [{ "message": { "content": text }, "finish_reason": "length" }] });
    let server = Server::start(move |_, _| Reply::new(200, body.to_string()));
    let answers = run_once(1, &endpoint(server.base_url())).unwrap();
    let parsed = parse(&answers.completions, &prompts(1), &ParseSettings::new(settings().labelling)).unwrap();
    assert_eq!(parsed.examples.iter().map(|example| example.text.as_str()).collect::<Vec<_>>(), ["He has gout."]);
    let broken = &parsed.quarantined[0];
    assert_eq!((broken.reason.as_str(), broken.text.as_str()), ("truncated_json", r#"{"text":"She"#));
    assert_eq!(broken.detail, "the JSON breaks off or is malformed after 1 examples (finish reason `length`)");
}

#[test]
fn no_redirect_is_followed() {
    let elsewhere = Server::start(|_, _| Reply::chat("stolen"));
    let target = format!("{}/chat/completions", elsewhere.base_url());
    let location = target.clone();
    let server = Server::start(move |_, _| Reply::new(307, "").header("location", location.clone()));
    let error = run_once(1, &endpoint(server.base_url())).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "`{}` refuses requests with status 307 (no words): it redirects to `{target}`, and redirects are not followed: \
             set `base-url` to where the API is",
            server.base_url()
        )
    );
    assert_eq!((server.seen().len(), elsewhere.seen().len()), (1, 0));
}

#[test]
fn restricted_text_is_stopped_at_the_socket_even_with_a_forged_clearance() {
    let server = Server::start(|_, _| Reply::chat("leaked"));
    // The same server by an address that is not a loopback one.
    let endpoint = endpoint(format!("http://0.0.0.0:{}/v1", server.address.port()));
    let mut secret = prompts(1);
    secret[0].sensitivity = Sensitivity::Restricted;
    assert!(matches!(
        clear(secret.clone(), &Backend::Live(endpoint.clone())),
        Err(PromptingError::NotCleared { sensitivity: Sensitivity::Restricted, .. })
    ));
    let forged = ClearedPrompts::forged(secret.clone(), &endpoint);
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let error = run_with(&forged, &endpoint, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "egress guard: request `{}` for `0.0.0.0` was stopped: its text is `restricted` and the host is not in the house",
            secret[0].request
        )
    );
    assert_eq!(server.seen().len(), 0);
    let left: i64 = open(&cache).unwrap().query_row("SELECT count(*) FROM attempts", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 0);

    let mut listed = endpoint.clone();
    listed.on_premises = vec!["0.0.0.0".into()];
    let cleared = clear(secret, &Backend::Live(listed.clone())).unwrap();
    let answers = run_with(&cleared, &listed, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert_eq!(answers.completions[0].sensitivity, Sensitivity::Restricted);
    assert_eq!(answers.egress[0].sensitivity, Sensitivity::Restricted);
}

#[test]
fn prompts_go_only_where_they_were_cleared_for() {
    let server = Server::start(|_, _| Reply::chat("x"));
    let cleared = clear(prompts(1), &Backend::Live(endpoint("http://127.0.0.1:9/v1".into()))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let other = endpoint(server.base_url());
    let error = run_with(&cleared, &other, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap_err().to_string();
    assert_eq!(error, format!("prompts cleared for `127.0.0.1:9` cannot go to `{}`", server.address));
}

#[test]
fn the_ladder_is_learned_once() {
    let server = Server::start(|_, seen| match seen.body.get("response_format") {
        Some(format) if format["type"] == "json_schema" => Reply::new(
            500,
            r#"{"error":{"message":"[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type')}]"}}"#,
        ),
        Some(format) if format.get("schema").is_some() => Reply::new(400, "response_format.schema is not permitted"),
        format => Reply::chat(&format.map_or("none".to_owned(), ToString::to_string)),
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 1;
    let answers = run_once(3, &endpoint).unwrap();
    assert_eq!(texts(&answers), [r#"{"type":"json_object"}"#; 3]);
    assert_eq!(server.seen().len(), 5);
    assert_eq!(answers.egress.len(), 5);

    endpoint.json_mode = JsonMode::PromptOnly;
    assert_eq!(texts(&run_once(1, &endpoint).unwrap()), ["none"]);
}

#[test]
fn an_absent_server_is_named_with_what_to_do() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = run_once(5, &endpoint(format!("http://{free}/v1"))).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot reach `http://{free}/v1` (Connection refused (os error 111)): start the server, correct `base-url`, or \
             use recorded completions"
        )
    );
}

#[test]
fn a_run_that_failed_goes_on_without_sending_anything_twice() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let server = Server::start(|number, seen| match number {
        0..3 => Reply::chat(&format!("first {}", topic(&seen.body))),
        3 => Reply::new(401, "key expired"),
        _ => Reply::chat(&format!("second {}", topic(&seen.body))),
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 1;
    assert!(matches!(run(6, &endpoint, &cache), Err(PromptingError::EndpointRefuses { status: 401, .. })));
    let answers = run(6, &endpoint, &cache).unwrap();
    assert_eq!(texts(&answers), ["first t0", "first t1", "first t2", "second t3", "second t4", "second t5"]);
    assert_eq!(server.seen().len(), 7);
    let statuses: Vec<_> = answers.egress.iter().map(|record| record.status.unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 401, 200, 200, 200]);
    assert_eq!(run(6, &endpoint, &cache).unwrap(), answers);
    assert_eq!(server.seen().len(), 7);
}

#[test]
fn equal_prompts_are_answered_each_for_itself() {
    let server = Server::start(|number, _| Reply::chat(&number.to_string()));
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 1;
    let template = Template::parse("t.md.j2", "--- user\nsame").unwrap();
    let seed = PromptSeed { count: 1, ..PromptSeed::default() };
    let twice = enumerate(&template, &[seed.clone(), seed], &settings()).unwrap();
    let cleared = clear(twice, &Backend::Live(endpoint.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let cache = folder.path().join("requests.sqlite");
        let answers = run_with(&cleared, &endpoint, &cache, &AtomicBool::new(false), &mut |_| {}).unwrap();
        assert_eq!(texts(&answers), ["0", "1"]);
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn cancelling_waits_for_what_is_in_flight_and_loses_nothing() {
    let server = Server::start(|_, seen| Reply::chat(&topic(&seen.body)));
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 4;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let cleared = clear(prompts(30), &Backend::Live(endpoint.clone())).unwrap();
    let cancel = AtomicBool::new(false);
    let stop_at_ten = &mut |progress: &Progress| {
        if progress.done == 10 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let error = run_with(&cleared, &endpoint, &cache, &cancel, stop_at_ten).unwrap_err();
    let PromptingError::Interrupted { done, total: 30 } = error else { panic!("{error}") };
    assert!((10..=17).contains(&done), "{done}");
    assert_eq!(server.seen().len(), done);
    let mut recovered = 0;
    let answers = run_with(&cleared, &endpoint, &cache, &AtomicBool::new(false), &mut |progress| {
        recovered = progress.recovered;
    });
    assert_eq!(answers.unwrap().completions.len(), 30);
    assert_eq!((recovered, server.seen().len()), (done, 30));
}

#[test]
fn nothing_is_lost_to_five_percent_faults() {
    let server = Server::start(|number, seen| match number % 40 {
        7 => Reply::new(503, "<html>"),
        23 => Reply::new(429, "slow").header("retry-after-ms", "5"),
        _ => Reply::chat(&topic(&seen.body)),
    });
    let mut endpoint = endpoint(server.base_url());
    endpoint.concurrency = 16;
    let answers = run_once(200, &endpoint).unwrap();
    let expected: Vec<String> = (0..200).map(|index| format!("t{index}")).collect();
    assert_eq!(texts(&answers), expected);
    assert_eq!(answers.egress.len(), server.seen().len());
    assert_eq!(answers.egress.iter().filter(|record| record.status != Some(200)).count(), server.seen().len() - 200);
}

/// Not a test of its own: what the tests below run in a process that they kill or give another environment.
#[test]
fn child() {
    let [Ok(url), Ok(cache)] = CHILD.map(std::env::var) else { return };
    run(40, &endpoint(url), Path::new(&cache)).unwrap();
}

pub(crate) fn child_command(url: &str, cache: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "live_tests::child", "--test-threads", "1"]);
    command.env(CHILD[0], url).env(CHILD[1], cache).stdout(std::process::Stdio::null());
    command
}

#[test]
fn a_killed_process_pays_for_no_completion_twice() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("requests.sqlite");
    let server = Server::start(|_, seen| {
        std::thread::sleep(Duration::from_millis(5));
        Reply::chat(&topic(&seen.body))
    });
    let mut child = child_command(&server.base_url(), &cache).spawn().unwrap();
    while server.seen().len() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let durable: Vec<String> = {
        let connection = open(&cache).unwrap();
        let mut statement = connection.prepare("SELECT text FROM completions").unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert!(!durable.is_empty());
    let answers = run(40, &endpoint(server.base_url()), &cache).unwrap();
    assert_eq!(answers.completions.len(), 40);
    // Requests that were in flight when the process died are sent again; completions on the disk are not.
    let seen: Vec<String> = server.seen().iter().map(|seen| topic(&seen.body)).collect();
    for topic in durable {
        assert_eq!(seen.iter().filter(|other| **other == topic).count(), 1, "{topic}");
    }
    // Nothing leaves unrecorded; a request may be recorded and not have left when the process dies between the two.
    assert!(answers.egress.len() >= seen.len());
}

#[test]
fn proxies_of_the_environment_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::start(|_, _| Reply::chat("seen by the proxy"));
    let server = Server::start(|_, _| Reply::chat("direct"));
    let localhost = format!("http://localhost:{}/v1", server.address.port());
    let mut command = child_command(&localhost, &folder.path().join("requests.sqlite"));
    command.env("http_proxy", proxy.base_url()).env("ALL_PROXY", proxy.base_url());
    // Nor does plain HTTP need the certificates of this machine.
    let status = command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere").status().unwrap();
    assert!(status.success());
    assert_eq!((server.seen().len(), proxy.seen().len()), (40, 0));
}
