//! A chat server of a few lines.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a prompt's last message is answered with, and a name under which the answer is counted.
pub(crate) type Answer = fn(&str) -> (String, String);

/// Counts the good replies by name.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    answered: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Server {
    /// Holds each reply back for a while.
    pub(crate) fn start(answer: Answer, latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answered: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let counts = Arc::clone(&answered);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                thread::spawn(move || converse(stream, answer, latency, &counts));
            }
        });
        Self { address, answered }
    }

    pub(crate) fn answered(&self) -> BTreeMap<String, usize> {
        self.answered.lock().unwrap().clone()
    }

    pub(crate) fn total(&self) -> usize {
        self.answered().values().sum()
    }
}

fn converse(
    stream: TcpStream,
    answer: Answer,
    latency: Duration,
    counts: &Mutex<BTreeMap<String, usize>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
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
        stream.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        let prompt = body["messages"].as_array()?.last()?["content"].as_str()?;
        let (name, completion) = answer(prompt);
        thread::sleep(latency);
        let usage = json!({ "prompt_tokens": 12, "completion_tokens": 40 });
        let choice = json!({ "message": { "content": completion }, "finish_reason": "stop" });
        let reply = json!({ "model": "m-1", "choices": [choice], "usage": usage }).to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", reply.len());
        // Counted when it is written out whole: from then on the client may have it.
        stream.get_mut().write_all(format!("{head}{reply}").as_bytes()).ok()?;
        *counts.lock().unwrap().entry(name).or_default() += 1;
    }
}
