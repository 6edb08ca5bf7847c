//! Ten thousand requests to a server with 50 ms of latency and 6 % of faults, beside the `openai` Python client and
//! bespokelabs-curator.
//!
//! ```text
//! cargo bench -p clinsynth-prompting --bench load -- \
//!     [--requests 10000] [--concurrency 64] [--python PYTHON] [--curator PYTHON]
//! ```
//!
//! Server and clients are processes of their own on one machine. A Python with `openai` is needed for the first peer
//! (`tests/reference/requirements-load.txt`); without one its row is left out. It is asked what a careful script asks: an
//! asyncio pool of the same size, its own retries at five, and another call where it raised an error. The second peer is
//! asked only where a Python that has it is named (`tests/reference/requirements-load-curator.txt`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A benchmark reports on stdout or dies.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clinsynth_prompting::{
    Backend, Connections, Endpoint, GenerateSettings, JsonMode, Label, Labelling, Parameters, PromptSeed, Template,
    clear, complete, enumerate,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const LATENCY: Duration = Duration::from_millis(50);

/// What a client of the benchmark asks for.
#[derive(Clone)]
struct Arguments {
    requests: usize,
    concurrency: usize,
    python: String,
    /// A Python with bespokelabs-curator.
    curator: Option<String>,
    /// Set for the process that is our client: the server's address.
    client: Option<String>,
}

fn main() {
    let arguments = arguments();
    if let Some(url) = &arguments.client {
        println!("{}", our_client(url, &arguments));
        return;
    }
    let floor = arguments.requests as f64 * LATENCY.as_secs_f64() / arguments.concurrency as f64;
    println!(
        "{} requests, {} at a time, 50 ms each: {floor:.2} s without a fault\n",
        arguments.requests, arguments.concurrency
    );
    println!(
        "| client | seconds | ideal with faults | share of it | share of the faultless | processor seconds | peak memory | lost | duplicates | served (client's count) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let own = std::env::current_exe().unwrap();
    let ours = |url: &str| {
        let mut command = Command::new(&own);
        command.args(["--client", url]);
        command
    };
    measure("clinsynth", &arguments, floor, &ours);
    let scripts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference"));
    let peer = |python: &str, script: &str, url: &str| {
        let mut command = Command::new(python);
        command.arg(scripts.join(script)).args(["--url", url]);
        command
    };
    let openai = |url: &str| peer(&arguments.python, "load_openai.py", url);
    measure("openai (Python, asyncio)", &arguments, floor, &openai);
    if let Some(python) = &arguments.curator {
        measure("bespokelabs-curator", &arguments, floor, &|url| peer(python, "load_curator.py", url));
    }
}

fn arguments() -> Arguments {
    let mut arguments =
        Arguments { requests: 10_000, concurrency: 64, python: "python3".into(), curator: None, client: None };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut number = || given.next().and_then(|value| value.parse().ok()).expect("a number");
        match name.as_str() {
            "--bench" => {} // Cargo's own.
            "--requests" => arguments.requests = number(),
            "--concurrency" => arguments.concurrency = number(),
            "--python" => arguments.python = given.next().expect("a program"),
            "--curator" => arguments.curator = given.next(),
            "--client" => arguments.client = given.next(),
            _ => panic!("unknown argument `{name}`"),
        }
    }
    arguments
}

/// Starts a server and a client against it, and prints their row.
fn measure(name: &str, arguments: &Arguments, floor: f64, client: &dyn Fn(&str) -> Command) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let counters = Arc::new(Mutex::new(Counters::default()));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    runtime.spawn(serve(listener, Arc::clone(&counters)));
    let mut command = client(&url);
    command
        .args(["--requests", &arguments.requests.to_string(), "--concurrency", &arguments.concurrency.to_string()])
        .stdout(Stdio::piped());
    let output = match command.spawn() {
        Ok(child) => child.wait_with_output().unwrap(),
        Err(error) => return println!("| {name} | not run: {error} |"),
    };
    let Ok(said) = serde_json::from_slice::<Value>(&output.stdout) else {
        return println!("| {name} | not run: {} |", output.status);
    };
    let counters = counters.lock().unwrap();
    let seconds = said["seconds"].as_f64().unwrap();
    let ideal = counters.busy.as_secs_f64() / arguments.concurrency as f64;
    let completed = said["completed"].as_u64().unwrap();
    let attempts = said["attempts"].as_u64().map_or("does not tell".to_owned(), |count| count.to_string());
    println!(
        "| {name} | {seconds:.2} | {ideal:.2} | {:.1} % | {:.1} % | {:.1} | {:.0} MB | {} | {} | {} ({attempts}): {} answered, {} 429, {} 500, {} broken, {} cut off |",
        100.0 * ideal / seconds,
        100.0 * floor / seconds,
        said["cpu_seconds"].as_f64().unwrap(),
        said["peak_megabytes"].as_f64().unwrap(),
        arguments.requests as u64 - completed,
        counters.answered.values().filter(|count| **count > 1).count(),
        counters.served,
        counters.answered.len(),
        counters.refused,
        counters.failed,
        counters.broken,
        counters.cut_off,
    );
}

/// What the server did.
#[derive(Debug, Default)]
struct Counters {
    served: u64,
    /// Good replies by what was asked.
    answered: HashMap<String, u32>,
    refused: u64,
    failed: u64,
    broken: u64,
    cut_off: u64,
    /// Time that replies were held back, over all connections.
    busy: Duration,
    /// Times that each was asked.
    asked: HashMap<String, u32>,
}

/// A fault, drawn by what is asked and how often it was: the same for every client.
enum Fate {
    Answer,
    Refuse,
    Fail,
    Break,
    CutOff,
}

fn fate(topic: &str, times: u32) -> Fate {
    let digest = clinsynth_contract::Hasher::new().field(topic).field(times.to_le_bytes()).finish();
    match u32::from_str_radix(&digest.as_str()[..6], 16).unwrap() % 100 {
        0..3 => Fate::Refuse,
        3 => Fate::Fail,
        4 => Fate::Break,
        5 => Fate::CutOff,
        _ => Fate::Answer,
    }
}

async fn serve(listener: TcpListener, counters: Arc<Mutex<Counters>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(converse(stream, Arc::clone(&counters)));
    }
}

/// Answers the requests of a connection until it closes or is cut off.
async fn converse(stream: TcpStream, counters: Arc<Mutex<Counters>>) {
    let mut stream = BufReader::new(stream);
    while let Some(body) = read_request(&mut stream).await {
        let topic = serde_json::from_slice::<Value>(&body).unwrap_or_default()["messages"][0]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let times = {
            let mut counters = counters.lock().unwrap();
            counters.served += 1;
            let times = counters.asked.entry(topic.clone()).or_default();
            *times += 1;
            *times
        };
        let fate = fate(&topic, times);
        let began = Instant::now();
        if !matches!(fate, Fate::Refuse) {
            tokio::time::sleep(LATENCY).await;
        }
        let reply = settle(&counters, &topic, &fate, began.elapsed());
        if stream.write_all(reply.as_bytes()).await.is_err() || matches!(fate, Fate::CutOff) {
            return;
        }
    }
}

fn settle(counters: &Mutex<Counters>, topic: &str, fate: &Fate, held: Duration) -> String {
    let mut counters = counters.lock().unwrap();
    counters.busy += held;
    let text = json!({ "examples": [{ "text": format!("A sentence on {topic}."), "entities": [] }] }).to_string();
    let whole = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30 },
    })
    .to_string();
    let http = |status: &str, body: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let half = &whole[..whole.len() / 2];
    match fate {
        Fate::Answer => {
            *counters.answered.entry(topic.to_owned()).or_default() += 1;
            http("200 OK", &whole, whole.len())
        }
        Fate::Refuse => {
            counters.refused += 1;
            let body = r#"{"error":{"message":"slow down","type":"rate_limit","code":"rate_limit"}}"#;
            http("429 Too Many Requests", body, body.len())
        }
        Fate::Fail => {
            counters.failed += 1;
            http("500 Internal Server Error", "oops", 4)
        }
        Fate::Break => {
            counters.broken += 1;
            http("200 OK", half, half.len())
        }
        Fate::CutOff => {
            counters.cut_off += 1;
            http("200 OK", half, whole.len())
        }
    }
}

/// The body of the next request; none when the connection ends.
async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// Asks with a request cache on the disk, as a pipeline does.
fn our_client(url: &str, arguments: &Arguments) -> Value {
    let settings = GenerateSettings {
        labelling: Labelling { labels: vec![Label::new("Disease", "an illness")], ..Labelling::default() },
        parameters: Parameters { model: "m".into(), ..Parameters::default() },
        ..GenerateSettings::default()
    };
    let template = Template::parse("t.md.j2", "--- user\n{{ topic }}").unwrap();
    let seed = |index| PromptSeed { topic: Some(format!("topic {index}")), count: 1, ..PromptSeed::default() };
    let seeds: Vec<PromptSeed> = (0..arguments.requests).map(seed).collect();
    let mut endpoint = Endpoint::new("load", url);
    endpoint.concurrency = arguments.concurrency;
    // The peer is asked for JSON by the prompt alone as well.
    endpoint.json_mode = JsonMode::PromptOnly;
    let backend = Backend::Live(endpoint);
    let began = Instant::now();
    let prompts = clear(enumerate(&template, &seeds, &settings).unwrap(), &backend).unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cache = folder.path().join("requests.sqlite");
    let cancel = AtomicBool::new(false);
    let mut connections = Connections { cache: &cache, cancel: &cancel, observer: &mut |_| {} };
    let answers = complete(&prompts, &backend, &settings, &mut connections).unwrap();
    json!({
        "seconds": began.elapsed().as_secs_f64(),
        "completed": answers.completions.len(),
        "attempts": answers.egress.len(),
        "cpu_seconds": cpu_seconds(),
        "peak_megabytes": peak_megabytes(),
    })
}

/// Processor time of this process so far, in ticks of a hundredth of a second (Linux).
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Most memory that this process ever had resident (Linux).
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
