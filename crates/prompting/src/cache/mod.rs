//! The request cache: one `SQLite` database in which every completion is committed before it counts.
//!
//! All writes go through one thread, which commits whatever arrived together in one transaction: many requests in flight
//! share one `fsync`. Several processes may hold the database open at once.

pub(crate) mod answers;
pub(crate) mod attempts;
pub(crate) mod batches;
pub(crate) mod endpoints;
pub(crate) mod keeping;
mod owner;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::PromptingError;
use crate::cache::owner::Owner;
pub(crate) use crate::cache::schema::{open, trouble};

/// Tells the caller of a write how its transaction ended.
type Announce = Box<dyn FnOnce(Result<(), Arc<rusqlite::Error>>) + Send>;
/// A write: done inside a transaction, or not at all when none could begin; announced after it.
type Job = Box<dyn FnOnce(Option<&Connection>) -> (rusqlite::Result<()>, Announce) + Send>;

/// The open cache of this process.
#[derive(Debug)]
pub(crate) struct Cache {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    owner: Owner,
}

/// The receipt of a write under way.
#[derive(Debug)]
pub(crate) struct Receipt<T> {
    outcome: oneshot::Receiver<Result<T, Option<Arc<rusqlite::Error>>>>,
    path: PathBuf,
}

impl Cache {
    /// Opens or makes the database.
    ///
    /// Errors: [`PromptingError::File`], [`PromptingError::CacheDamaged`], [`PromptingError::CacheVersion`].
    pub(crate) fn open(path: &Path) -> Result<Self, PromptingError> {
        let connection = open(path)?;
        owner::remove_dead(path);
        let owner = Owner::new(path)?;
        let (jobs, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("request-cache".to_owned())
            .spawn(move || serve(connection, &receiver))
            .map_err(|source| PromptingError::file("open", path, source))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), path: path.to_owned(), owner })
    }

    /// Name of this process in claims.
    pub(crate) fn owner(&self) -> &str {
        self.owner.name()
    }

    /// Whether the process of a claim still runs.
    pub(crate) fn is_alive(&self, owner: &str) -> bool {
        owner::is_alive(&self.path, owner)
    }

    /// Queues work on the database; it is on the disk once the receipt says so. Work is done in the order of its queuing.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Receipt<T> {
        let (sender, outcome) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let (result, value) = match connection.map(work) {
                Some(Ok(value)) => (Ok(()), Some(value)),
                Some(Err(error)) => (Err(error), None),
                None => (Ok(()), None),
            };
            let announce: Announce = Box::new(move |committed| {
                let said = match (committed, value) {
                    (Ok(()), Some(value)) => Ok(value),
                    (Err(error), _) => Err(Some(error)),
                    (Ok(()), None) => Err(None),
                };
                // A receiver that is gone belonged to a request that was given up.
                drop(sender.send(said));
            });
            (result, announce)
        });
        // A closed channel drops the job with its sender, which the receipt reports.
        drop(self.jobs.as_ref().map(|jobs| jobs.send(job)));
        Receipt { outcome, path: self.path.clone() }
    }

    /// Does work on the database and waits until it is on the disk.
    ///
    /// Errors: [`PromptingError::File`], such as for a full disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PromptingError> {
        let receipt = self.submit(work);
        let said = receipt.outcome.await;
        told(&receipt.path, said)
    }

    /// The same outside of an asynchronous runtime.
    pub(crate) fn write_now<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PromptingError> {
        let receipt = self.submit(work);
        let said = receipt.outcome.blocking_recv();
        told(&receipt.path, said)
    }
}

fn told<T>(
    path: &Path,
    said: Result<Result<T, Option<Arc<rusqlite::Error>>>, oneshot::error::RecvError>,
) -> Result<T, PromptingError> {
    match said {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Some(error))) => Err(trouble(path, &error)),
        Ok(Err(None)) | Err(_) => {
            Err(PromptingError::file("write", path, std::io::Error::other("an earlier write failed")))
        }
    }
}

impl Drop for Cache {
    /// Waits for the writer, so that everything queued is on the disk when this returns.
    fn drop(&mut self) {
        let owner = self.owner.name().to_owned();
        drop(self.submit(move |connection| attempts::release_all(connection, &owner)));
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Does what arrives until every sender is gone, a transaction at a time.
fn serve(mut connection: Connection, receiver: &Receiver<Job>) {
    while let Ok(first) = receiver.recv() {
        let mut announcements = Vec::new();
        let outcome = commit(&mut connection, first, receiver, &mut announcements).map_err(Arc::new);
        for announce in announcements {
            announce(outcome.clone());
        }
    }
}

fn commit(
    connection: &mut Connection,
    first: Job,
    receiver: &Receiver<Job>,
    announcements: &mut Vec<Announce>,
) -> rusqlite::Result<()> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            announcements.push(first(None).1);
            return Err(error);
        }
    };
    for job in std::iter::once(first).chain(receiver.try_iter()) {
        let (result, announce) = job(Some(&transaction));
        announcements.push(announce);
        result?;
    }
    transaction.commit()
}
