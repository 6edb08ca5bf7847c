use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};

use crate::PromptingError;

/// How long a transaction waits for another process to end its own.
const BUSY: Duration = Duration::from_mins(1);

/// Version of the tables below, kept in the database's `user_version`.
const VERSION: i64 = 1;

/// `completions`: what was answered, by key. `attempts`: every prompt that left, with what it is charged; `accounts` sums
/// the charges for each endpoint. `claims`: who is asking for a key. `endpoints`: what was learned about an endpoint's
/// model. `batches` and `batch_requests`: what a provider's batch API is working on.
const TABLES: &str = "
CREATE TABLE completions (
  key TEXT PRIMARY KEY, made INTEGER NOT NULL, endpoint TEXT NOT NULL, host TEXT NOT NULL, asked TEXT NOT NULL,
  digest TEXT NOT NULL, messages TEXT NOT NULL, sample INTEGER NOT NULL, task TEXT NOT NULL, topic TEXT, style TEXT,
  count INTEGER NOT NULL, request TEXT NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL, finish_reason TEXT,
  prompt_tokens INTEGER, completion_tokens INTEGER, sensitivity TEXT NOT NULL
);
CREATE TABLE attempts (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL, time INTEGER NOT NULL, host TEXT NOT NULL, request TEXT NOT NULL,
  body_digest TEXT NOT NULL, body_bytes INTEGER NOT NULL, status INTEGER, sensitivity TEXT NOT NULL,
  account TEXT NOT NULL, tokens INTEGER NOT NULL, micros INTEGER NOT NULL
);
CREATE INDEX attempts_by_key ON attempts (key);
CREATE TABLE accounts (account TEXT PRIMARY KEY, tokens INTEGER NOT NULL, micros INTEGER NOT NULL);
CREATE TABLE claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE endpoints (
  endpoint TEXT NOT NULL, model TEXT NOT NULL, rung TEXT, replies INTEGER NOT NULL DEFAULT 0,
  prompt_bytes INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
  completion_tokens INTEGER NOT NULL DEFAULT 0, densest REAL NOT NULL DEFAULT 0, PRIMARY KEY (endpoint, model)
);
CREATE TABLE batches (
  name TEXT PRIMARY KEY, endpoint TEXT NOT NULL, file TEXT, id TEXT, made INTEGER NOT NULL
);
CREATE TABLE batch_requests (key TEXT PRIMARY KEY, batch TEXT NOT NULL, attempt INTEGER NOT NULL);
";

/// Opens or makes the database at a path, so that a commit is on the disk when it returns and readers block nobody.
///
/// Errors: [`PromptingError::File`], [`PromptingError::CacheDamaged`], [`PromptingError::CacheVersion`].
pub(crate) fn open(path: &Path) -> Result<Connection, PromptingError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(|source| PromptingError::file("open", path, source))?;
    let (connection, version) = patiently(|| prepare(path)).map_err(|error| trouble(path, &error))?;
    if version != VERSION {
        return Err(PromptingError::CacheVersion { path: path.to_owned(), found: version, known: VERSION });
    }
    Ok(connection)
}

/// Tries again for as long as a statement would wait: changing a new file's journal does not wait by itself for another
/// process that does the same.
fn patiently<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let began = Instant::now();
    loop {
        let result = attempt();
        let busy = matches!(&result, Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)));
        if !busy || began.elapsed() > BUSY {
            return result;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn prepare(path: &Path) -> rusqlite::Result<(Connection, i64)> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // `synchronous = FULL` makes each commit survive a power cut, not only a crash of this process.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.set_prepared_statement_cache_capacity(64);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut version: i64 = transaction.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        version = VERSION;
    }
    if version == VERSION {
        // Made here as well, for databases from before limits a minute were shared.
        transaction.execute_batch("CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (account, time)")?;
    }
    transaction.commit()?;
    Ok((connection, version))
}

/// A database error in the words of this crate: what the system refused as a file error, the rest as damage.
pub(crate) fn trouble(path: &Path, error: &rusqlite::Error) -> PromptingError {
    let file = |action, kind: io::ErrorKind| {
        PromptingError::file(action, path, io::Error::new(kind, format!("database: {error}")))
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => file("write", io::ErrorKind::StorageFull),
        Some(ErrorCode::CannotOpen) => file("open", io::ErrorKind::Other),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => file("write", io::ErrorKind::PermissionDenied),
        Some(ErrorCode::SystemIoFailure) => file("write", io::ErrorKind::Other),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => file("write", io::ErrorKind::ResourceBusy),
        _ => PromptingError::CacheDamaged { path: path.to_owned(), problem: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn opens_twice_and_refuses_what_it_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("requests.sqlite");
        let first = open(&path).unwrap();
        let second = open(&path).unwrap();
        let mode: String = second.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        first.pragma_update(None, "user_version", 7).unwrap();
        assert!(matches!(open(&path), Err(PromptingError::CacheVersion { found: 7, known: 1, .. })));
        let other = folder.path().join("other.sqlite");
        fs::write(&other, "this is no database at all, but long enough to look at").unwrap();
        assert!(matches!(open(&other), Err(PromptingError::CacheDamaged { .. })));
    }
}
