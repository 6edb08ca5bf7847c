//! A synthetic PubTator file of 1 GB, read with every offset checked against its text, beside a Python reader.
//!
//! ```text
//! cargo bench -p clinsynth-corpora --bench corpora -- [--megabytes 1000] [--python PYTHON]
//! ```
//!
//! Each reader is a process of its own and reads the file once before the measured pass, so that it comes from memory.
//! Without a Python the peer's row is left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A benchmark reports on stdout or dies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use clinsynth_contract::Sensitivity;
use clinsynth_corpora::{Discontinuous, Format, ReadSettings, import};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/read_pubtator.py");
const WORDS: [&str; 24] = [
    "patients",
    "with",
    "severe",
    "acute",
    "treatment",
    "of",
    "the",
    "response",
    "was",
    "measured",
    "in",
    "a",
    "cohort",
    "β-blockers",
    "increased",
    "risk",
    "after",
    "dose",
    "and",
    "naïve",
    "controls",
    "were",
    "observed",
    "during",
];
const MENTIONS: [(&str, &str, &str); 6] = [
    ("gout", "Disease", "D006073"),
    ("Sjögren syndrome", "Disease", "D012859"),
    ("allopurinol", "Chemical", "D000493"),
    ("heart failure", "Disease", "D006333"),
    ("aspirin", "Chemical", "D001241"),
    ("breast and ovarian cancer", "Disease", "D001943|D010051"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|known| known == name).map(|index| arguments[index + 1].clone());
    if let Some(path) = value("--read") {
        println!("{}", ours(Path::new(&path)));
        return;
    }
    let megabytes: u64 = value("--megabytes").map_or(1000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("synthetic.pubtator");
    generate(&path, megabytes * 1_000_000);
    println!(
        "| reader | seconds | processor seconds | MB a processor second | peak memory (MB) | documents | mentions | mismatches |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let own = std::env::current_exe().unwrap();
    let mut readers = vec![("clinsynth", Command::new(own))];
    readers[0].1.arg("--read");
    if let Some(python) = value("--python") {
        let mut peer = Command::new(python);
        peer.arg(PEER);
        readers.push(("Python", peer));
    }
    for (name, mut command) in readers {
        let output = command.arg(&path).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let measured: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let seconds = measured["seconds"].as_f64().unwrap();
        let processor = measured["processor"].as_f64().unwrap();
        let rate = megabytes as f64 / processor;
        println!(
            "| {name} | {seconds:.1} | {processor:.1} | {rate:.0} | {:.0} | {} | {} | {} |",
            measured["megabytes"].as_f64().unwrap(),
            measured["documents"],
            measured["mentions"],
            measured["mismatches"],
        );
    }
}

/// The same bytes for the same size: words and mentions in turn, by a linear congruential generator.
fn generate(path: &Path, bytes: u64) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut state = 1_u64;
    let mut draw = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let (mut written, mut id) = (0, 10_000_000);
    while written < bytes {
        let (mut text, mut chars, mut marks) = (String::new(), 0, String::new());
        let mut title_end = 0;
        for index in 0..220 {
            if index == 12 {
                title_end = text.len();
            }
            if !text.is_empty() {
                text.push(' ');
                chars += 1;
            }
            let mention = MENTIONS[draw(MENTIONS.len())];
            let word = if draw(14) == 0 { mention.0 } else { WORDS[draw(WORDS.len())] };
            let end = chars + word.chars().count();
            if word == mention.0 {
                writeln!(marks, "{id}\t{chars}\t{end}\t{word}\t{}\t{}", mention.1, mention.2).unwrap();
            }
            text.push_str(word);
            chars = end;
        }
        let document = format!("{id}|t|{}\n{id}|a|{}\n{marks}\n", &text[..title_end], &text[title_end + 1..]);
        file.write_all(document.as_bytes()).unwrap();
        written += document.len() as u64;
        id += 1;
    }
    file.flush().unwrap();
}

/// Reads the file as `clinsynth import` does, and says how it went.
fn ours(path: &Path) -> serde_json::Value {
    let settings = ReadSettings {
        format: Format::PubTator,
        label_map: BTreeMap::new(),
        discontinuous: Discontinuous::Cover,
        source: "bench".into(),
        sensitivity: Sensitivity::Public,
    };
    std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
    let (started, before) = (Instant::now(), processor_seconds());
    let (mut documents, mut mentions, mut mismatches) = (0, 0, 0);
    for text in import(path, &settings).unwrap() {
        let text = text.unwrap();
        documents += 1;
        mentions += text.example.unwrap().entities.len();
        mismatches += text.quarantined.len();
    }
    let (seconds, processor) = (started.elapsed().as_secs_f64(), processor_seconds() - before);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    serde_json::json!({
        "seconds": seconds, "processor": processor, "megabytes": peak.unwrap_or(f64::NAN) / 1000.0,
        "documents": documents, "mentions": mentions, "mismatches": mismatches,
    })
}

/// Time that the one thread of this process has run, by Linux's own count.
fn processor_seconds() -> f64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    statistics.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}
