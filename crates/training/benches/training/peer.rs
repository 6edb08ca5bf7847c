//! A Python process that answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Peer {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of `tests/reference`; none where Python or its packages are missing.
    pub(crate) fn start(python: &str, script: &str, arguments: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(script);
        let mut command = Command::new(python);
        command.arg(script).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let (ask, answers) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        let mut peer = Self { process, ask, answers };
        (peer.answer() == "ready").then_some(peer)
    }

    /// Asks a line and waits for the number that answers it.
    pub(crate) fn ask(&mut self, line: &str) -> f64 {
        writeln!(self.ask, "{line}").unwrap();
        self.answer().parse().unwrap_or(f64::NAN)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
