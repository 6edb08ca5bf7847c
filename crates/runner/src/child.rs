use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clinsynth_dag::PlannedStep;
use rustix::process::{Pid, Signal, kill_process};

use crate::event::Event;
use crate::{RunnerError, local::Launch};

/// How long a step may take to write its checkpoint once it was asked to stop; replies under way are waited for longer.
const GRACE: Duration = Duration::from_secs(30);

/// What a step process tells the scheduler.
pub(crate) enum Message {
    /// It printed an event.
    Event(Event),
    /// It ended, with its exit code (128 + n for signal n).
    Ended { step: String, code: i32 },
}

/// A running step process.
pub(crate) struct Running {
    pub(crate) step: String,
    pub(crate) name: String,
    pub(crate) started: Instant,
    pub(crate) deadline: Option<Instant>,
    pub(crate) log: PathBuf,
    pid: Option<Pid>,
    asked_to_stop: Option<Instant>,
    grace: Duration,
}

impl Running {
    /// Starts `clinsynth step …` in a process group of its own, so that Ctrl-C reaches it only through the scheduler.
    pub(crate) fn start(
        launch: &Launch,
        step: &PlannedStep,
        log: PathBuf,
        timeout: Option<Duration>,
        sender: Sender<Message>,
    ) -> Result<Self, RunnerError> {
        let spawn = |source| RunnerError::Spawn { step: step.id.clone(), source };
        let log_file = open_log(&log)?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .arg(&step.id)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        own_group(&mut command);
        let mut child = command.spawn().map_err(spawn)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let started = Instant::now();
        follow(&mut child, step.id.clone(), log_file, sender).detach(child);
        let deadline = timeout.map(|timeout| started + timeout);
        let reply = step.endpoint.as_ref().map_or(0, |endpoint| endpoint.timeout_seconds);
        Ok(Self {
            step: step.id.clone(),
            name: step.step.clone(),
            started,
            deadline,
            log,
            pid,
            asked_to_stop: None,
            grace: GRACE + Duration::from_secs(reply.into()),
        })
    }

    /// Asks the process to stop, and ends it when it has not done so in time.
    pub(crate) fn stop(&mut self) {
        let Some(pid) = self.pid else { return };
        match self.asked_to_stop {
            None => {
                self.asked_to_stop = Some(Instant::now());
                let _ = kill_process(pid, Signal::TERM);
            }
            Some(asked) if asked.elapsed() > self.grace => {
                let _ = kill_process(pid, Signal::KILL);
            }
            Some(_) => {}
        }
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn open_log(path: &PathBuf) -> Result<File, RunnerError> {
    let write = |source| RunnerError::Write { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(write)?;
    }
    File::options().create(true).append(true).open(path).map_err(write)
}

/// The threads that read a child's two streams.
struct Followers {
    step: String,
    readers: Vec<JoinHandle<()>>,
    sender: Sender<Message>,
}

fn follow(child: &mut Child, step: String, log: File, sender: Sender<Message>) -> Followers {
    let mut readers = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let sender = sender.clone();
        readers.push(thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line) {
                    let _ = sender.send(Message::Event(event));
                }
            }
        }));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.push(thread::spawn(move || copy(stderr, log)));
    }
    Followers { step, readers, sender }
}

fn copy(mut from: impl Read, mut to: File) {
    let mut piece = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        // A full disk must not stop the step: its error still arrives as an event.
        let _ = to.write_all(&piece[..read]);
    }
}

impl Followers {
    /// Waits in a thread for the streams and the process to end; its standard input stays open until then.
    fn detach(self, mut child: Child) {
        thread::spawn(move || {
            let input = child.stdin.take();
            let code = child.wait().ok().map_or(1, exit_code);
            drop(input);
            for reader in self.readers {
                let _ = reader.join();
            }
            let _ = self.sender.send(Message::Ended { step: self.step, code });
        });
    }
}

#[cfg(unix)]
pub(crate) fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
