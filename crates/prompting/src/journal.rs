use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use clinsynth_contract::{Completion, EgressRecord};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::PromptingError;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
pub(crate) enum Entry {
    /// A request is about to leave; written before it does.
    Departed {
        /// Number of the request within the journal, from 0.
        number: usize,
        /// What leaves.
        record: EgressRecord,
    },
    /// An answer came to a request that left.
    Returned {
        /// Number of the request.
        number: usize,
        /// HTTP status of the answer.
        status: u32,
    },
    /// A completion was received.
    Completed {
        /// How many equal prompts stand before this one.
        occurrence: u32,
        /// The completion; its digest is the key.
        completion: Box<Completion>,
    },
}

/// What a journal held when it was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recovered {
    /// Completions by prompt digest and occurrence.
    pub(crate) completions: BTreeMap<(String, u32), Completion>,
    /// Requests that left, in order.
    pub(crate) egress: Vec<EgressRecord>,
}

/// An append-only JSON-lines file: an entry is on the disk before [`Journal::append`] returns, so that no completion is
/// paid for twice. Entries that arrive together share one `fsync`.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

/// The receipt of a queued entry.
#[derive(Debug)]
pub(crate) struct Written(oneshot::Receiver<Result<(), PromptingError>>);

#[derive(Debug)]
struct Pending {
    line: Vec<u8>,
    written: oneshot::Sender<Result<(), PromptingError>>,
}

impl Journal {
    /// Opens or creates a journal and reads what it holds. A torn last line is cut off.
    ///
    /// Errors: [`PromptingError::JournalInUse`], [`PromptingError::JournalDamaged`], [`PromptingError::File`].
    pub(crate) fn open(path: &Path) -> Result<(Self, Recovered), PromptingError> {
        let mut file = open_locked(path)?;
        let recovered = recover(&mut file, path)?;
        let (lines, receiver) = channel();
        let place = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_lines(file, &place, &receiver))
            .map_err(|source| PromptingError::file("write", path, source))?;
        Ok((Self { lines: Some(lines), thread: Some(thread), path: path.to_owned() }, recovered))
    }

    /// Appends an entry and waits until it is on the disk.
    ///
    /// Errors: [`PromptingError::File`], such as for a full disk.
    pub(crate) async fn append(&self, entry: &Entry) -> Result<(), PromptingError> {
        let written = self.submit(entry)?;
        self.wait(written).await
    }

    /// Queues an entry: entries are written in the order in which they were queued.
    pub(crate) fn submit(&self, entry: &Entry) -> Result<Written, PromptingError> {
        let mut line =
            serde_json::to_vec(entry).map_err(|error| PromptingError::file("write", &self.path, error.into()))?;
        line.push(b'\n');
        let (written, wait) = oneshot::channel();
        let queued = self.lines.as_ref().and_then(|lines| lines.send(Pending { line, written }).ok());
        queued.map(|()| Written(wait)).ok_or_else(|| self.closed())
    }

    /// Waits until a queued entry is on the disk.
    pub(crate) async fn wait(&self, written: Written) -> Result<(), PromptingError> {
        written.0.await.unwrap_or_else(|_| Err(self.closed()))
    }

    /// What is said when the writer stopped after a failed write.
    fn closed(&self) -> PromptingError {
        PromptingError::file("write", &self.path, io::Error::other("an earlier write failed"))
    }
}

impl Drop for Journal {
    /// Waits for the writer, so that the file's lock is gone when this returns.
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn open_locked(path: &Path) -> Result<File, PromptingError> {
    let failed = |source| PromptingError::file("open", path, source);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(PromptingError::JournalInUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    // The file's name must be as durable as its lines.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(file)
}

/// Reads all entries and leaves the file positioned at its end.
fn recover(file: &mut File, path: &Path) -> Result<Recovered, PromptingError> {
    let failed = |source| PromptingError::file("read", path, source);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let mut recovered = Recovered::default();
    let mut kept = 0;
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_last = kept + line.len() == bytes.len();
        let taken = match serde_json::from_slice(line) {
            Ok(entry) if line.ends_with(b"\n") => recovered.take(entry),
            // Without its newline an entry was never acknowledged.
            Ok(_) => break,
            Err(error) => Err(error.to_string()),
        };
        match taken {
            Ok(()) => kept += line.len(),
            Err(_) if is_last => break,
            Err(problem) => {
                return Err(PromptingError::JournalDamaged { path: path.to_owned(), line: index + 1, problem });
            }
        }
    }
    file.set_len(kept as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
    Ok(recovered)
}

impl Recovered {
    fn take(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Departed { number, record } if number == self.egress.len() => self.egress.push(record),
            Entry::Departed { number, .. } => return Err(format!("request number {number} is out of order")),
            Entry::Returned { number, status } => match self.egress.get_mut(number) {
                Some(record) => record.status = Some(status),
                None => return Err(format!("request number {number} never departed")),
            },
            Entry::Completed { occurrence, completion } => {
                self.completions.insert((completion.digest.clone(), occurrence), *completion);
            }
        }
        Ok(())
    }
}

/// Writes what arrives until every sender is gone.
fn write_lines(mut file: File, path: &Path, receiver: &Receiver<Pending>) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter());
        let bytes: Vec<u8> = batch.iter().flat_map(|pending| &pending.line).copied().collect();
        let outcome = file
            .write_all(&bytes)
            .and_then(|()| file.sync_data())
            .map_err(|source| PromptingError::file("write", path, source));
        for pending in batch {
            // A receiver that is gone belonged to a request that was given up.
            drop(pending.written.send(copy_outcome(&outcome, path)));
        }
        // After a failed write the file may end in half a line: nothing may follow it.
        if outcome.is_err() {
            return;
        }
    }
}

fn copy_outcome(outcome: &Result<(), PromptingError>, path: &Path) -> Result<(), PromptingError> {
    match outcome {
        Err(PromptingError::File { action, source, .. }) => {
            Err(PromptingError::File { action, path: path.to_owned(), source: source.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn completed(digest: &str) -> Entry {
        let completion = Completion { digest: digest.into(), text: "…".into(), ..Completion::default() };
        Entry::Completed { occurrence: 0, completion: Box::new(completion) }
    }

    fn departed(number: usize) -> Entry {
        Entry::Departed { number, record: EgressRecord { request: format!("q{number}"), ..EgressRecord::default() } }
    }

    fn write(path: &Path, entries: &[Entry]) {
        let (journal, _) = Journal::open(path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for entry in entries {
            runtime.block_on(journal.append(entry)).unwrap();
        }
    }

    #[test]
    fn reads_back_what_was_appended_over_several_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("journal.jsonl");
        write(&path, &[departed(0), completed("a"), Entry::Returned { number: 0, status: 200 }]);
        write(&path, &[departed(1), completed("b")]);
        let (_journal, recovered) = Journal::open(&path).unwrap();
        let keys: Vec<_> = recovered.completions.keys().cloned().collect();
        assert_eq!(keys, [("a".to_owned(), 0), ("b".to_owned(), 0)]);
        let egress: Vec<_> = recovered.egress.iter().map(|record| (record.request.as_str(), record.status)).collect();
        assert_eq!(egress, [("q0", Some(200)), ("q1", None)]);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_breaks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        write(&path, &[completed("a"), completed("b")]);
        let whole = fs::read(&path).unwrap();
        let first = 1 + whole.iter().position(|&byte| byte == b'\n').unwrap();
        for length in first..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (_, recovered) = Journal::open(&path).unwrap();
            assert_eq!(recovered.completions.len(), 1, "cut at {length}");
            assert_eq!(fs::read(&path).unwrap(), whole[..first]);
        }
        write(&path, &[completed("c")]);
        assert_eq!(Journal::open(&path).unwrap().1.completions.len(), 2);
    }

    #[test]
    fn damage_and_a_second_writer_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        write(&path, &[completed("a")]);
        let (_held, _) = Journal::open(&path).unwrap();
        assert!(matches!(Journal::open(&path), Err(PromptingError::JournalInUse { .. })));
        let damaged = folder.path().join("damaged.jsonl");
        let mut text = b"{\"entry\":\"arrived\"}\n".to_vec();
        text.extend(fs::read(&path).unwrap());
        fs::write(&damaged, text).unwrap();
        assert!(matches!(Journal::open(&damaged), Err(PromptingError::JournalDamaged { line: 1, .. })));
    }
}
