//! Looking after the request cache: what it holds, what may go, and what can be played again.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clinsynth_contract::Sensitivity;
use rusqlite::Connection;
use serde::Serialize;

use crate::PromptingError;
use crate::cache::answers::{milliseconds_now, sensitivity};
use crate::cache::{open, owner, trouble};
use crate::replay::Recording;

/// What a request cache holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CacheListing {
    /// Completions by host, model and task.
    pub completions: Vec<CachedCompletions>,
    /// What each endpoint was charged.
    pub accounts: Vec<Account>,
}

/// Completions of one model for one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CachedCompletions {
    /// Host that answered.
    pub host: String,
    /// Model that was asked for.
    pub model: String,
    /// Task.
    pub task: String,
    /// Number of completions.
    pub completions: u64,
    /// Tokens of their prompts, as the endpoint counts them.
    pub prompt_tokens: u64,
    /// Tokens of the completions.
    pub completion_tokens: u64,
    /// When the first was kept, in milliseconds since 1970.
    pub oldest: i64,
    /// When the last was kept.
    pub newest: i64,
}

/// What an endpoint was charged, over all runs: what a budget is held against.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Account {
    /// Fingerprint of the endpoint.
    pub endpoint: String,
    /// Its host.
    pub host: String,
    /// Tokens.
    pub tokens: u64,
    /// Money in millionths of the currency; 0 without prices.
    pub micros: u64,
    /// Batches that the provider is working on.
    pub batches: u64,
}

/// What [`collect_garbage`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Completions that were too old, with the record of what left for them.
    pub completions: usize,
    /// Claims of processes that are gone.
    pub claims: usize,
    /// Bytes by which the database shrank.
    pub bytes: u64,
}

/// What [`export`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Recordings.
    pub written: usize,
    /// Completions left out because they are above `synthetic`.
    pub withheld: usize,
}

/// Lists what a request cache holds.
///
/// Errors: [`PromptingError::File`] when there is none, [`PromptingError::CacheDamaged`].
pub fn list(cache: &Path) -> Result<CacheListing, PromptingError> {
    let connection = existing(cache)?;
    read_listing(&connection).map_err(|error| trouble(cache, &error))
}

fn read_listing(connection: &Connection) -> rusqlite::Result<CacheListing> {
    let count = |row: &rusqlite::Row<'_>, index| row.get::<_, i64>(index).map(|count| count.max(0) as u64);
    let mut completions = connection.prepare(
        "SELECT host, asked, task, count(*), total(prompt_tokens), total(completion_tokens), min(made), max(made)
         FROM completions GROUP BY host, asked, task ORDER BY host, asked, task",
    )?;
    let completions = completions.query_map((), |row| {
        Ok(CachedCompletions {
            host: row.get(0)?,
            model: row.get(1)?,
            task: row.get(2)?,
            completions: count(row, 3)?,
            prompt_tokens: row.get::<_, f64>(4)? as u64,
            completion_tokens: row.get::<_, f64>(5)? as u64,
            oldest: row.get(6)?,
            newest: row.get(7)?,
        })
    })?;
    let mut accounts = connection.prepare(
        "SELECT account, coalesce((SELECT host FROM attempts WHERE attempts.account = accounts.account LIMIT 1), ''),
           tokens, micros, (SELECT count(*) FROM batches WHERE endpoint = account) FROM accounts ORDER BY account",
    )?;
    let accounts = accounts.query_map((), |row| {
        Ok(Account {
            endpoint: row.get(0)?,
            host: row.get(1)?,
            tokens: count(row, 2)?,
            micros: count(row, 3)?,
            batches: count(row, 4)?,
        })
    })?;
    Ok(CacheListing {
        completions: completions.collect::<Result<_, _>>()?,
        accounts: accounts.collect::<Result<_, _>>()?,
    })
}

/// Removes completions that are older than an age, if one is given, and what processes that are gone left behind; gives
/// the space back. How each model is asked for JSON will be found out anew. What an endpoint was charged stays, so that a budget holds.
///
/// Errors: those of [`list`].
pub fn collect_garbage(cache: &Path, age: Option<Duration>) -> Result<Collected, PromptingError> {
    let mut connection = existing(cache)?;
    let size = || std::fs::metadata(cache).map_or(0, |metadata| metadata.len());
    let mut collected = sweep(&mut connection, cache, age).map_err(|error| trouble(cache, &error))?;
    let before = size();
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").map_err(|error| trouble(cache, &error))?;
    collected.bytes = before.saturating_sub(size());
    owner::remove_dead(cache);
    Ok(collected)
}

fn sweep(connection: &mut Connection, cache: &Path, age: Option<Duration>) -> rusqlite::Result<Collected> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut collected = Collected::default();
    if let Some(age) = age {
        let limit = milliseconds_now() - age.as_millis() as i64;
        collected.completions = transaction.execute("DELETE FROM completions WHERE made < ?1", [limit])?;
        transaction.execute(
            "DELETE FROM attempts WHERE time < ?1 AND key NOT IN (SELECT key FROM completions)
             AND number NOT IN (SELECT attempt FROM batch_requests)",
            [limit],
        )?;
    }
    let owners: Vec<String> = {
        let mut statement = transaction.prepare("SELECT DISTINCT owner FROM claims")?;
        statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    for owner in owners.iter().filter(|owner| !owner::is_alive(cache, owner)) {
        collected.claims += transaction.execute("DELETE FROM claims WHERE owner = ?1", [owner])?;
    }
    transaction.execute("UPDATE endpoints SET rung = NULL", ())?;
    transaction.commit()?;
    Ok(collected)
}

/// Writes completions as recordings that the replay backend plays, one JSON object a line, in an order of their own. Text
/// above `synthetic` is left out: recordings are made to be shared.
///
/// Errors: those of [`list`], and [`PromptingError::File`] for a target that cannot be written.
pub fn export(cache: &Path, model: Option<&str>, target: &mut dyn Write) -> Result<Exported, PromptingError> {
    let connection = existing(cache)?;
    let (recordings, withheld) = recordings(&connection, model).map_err(|error| trouble(cache, &error))?;
    for recording in &recordings {
        let line = serde_json::json!(recording);
        writeln!(target, "{line}").map_err(|source| PromptingError::file("write", "the recording", source))?;
    }
    Ok(Exported { written: recordings.len(), withheld })
}

fn recordings(connection: &Connection, model: Option<&str>) -> rusqlite::Result<(Vec<Recording>, usize)> {
    let mut statement = connection.prepare(
        "SELECT request, task, topic, style, count, model, text, messages, sensitivity FROM completions
         WHERE ?1 IS NULL OR asked = ?1 ORDER BY task, topic, style, count, messages, sample, made",
    )?;
    let mut rows = statement.query([model])?;
    let (mut found, mut withheld) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        // A task of another version cannot be played by this one.
        let Ok(task) = row.get::<_, String>(1)?.parse() else { continue };
        if sensitivity(&row.get::<_, String>(8)?) > Sensitivity::Synthetic {
            withheld += 1;
            continue;
        }
        found.push(Recording {
            id: row.get(0)?,
            task,
            topic: row.get(2)?,
            style: row.get(3)?,
            count: row.get(4)?,
            model: row.get(5)?,
            completion: row.get(6)?,
            messages: row.get(7)?,
        });
    }
    Ok((found, withheld))
}

/// Opens a cache that is there.
fn existing(cache: &Path) -> Result<Connection, PromptingError> {
    std::fs::metadata(cache).map_err(|source| PromptingError::file("open", cache, source))?;
    open(cache)
}
