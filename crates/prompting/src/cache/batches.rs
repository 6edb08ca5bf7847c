//! Batches that a provider is working on.

use rusqlite::{Connection, params};

use crate::cache::answers::milliseconds_now;
use crate::cache::attempts::{Charge, Departure, Leave, depart, release, settle, withdraw};

/// A batch that is not over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pending {
    /// Our own name of it, which the provider keeps as well.
    pub(crate) name: String,
    /// The provider's identifier of its file, once uploaded.
    pub(crate) file: Option<String>,
    /// The provider's identifier, once created.
    pub(crate) id: Option<String>,
    /// Keys of its requests, with the number of each attempt.
    pub(crate) requests: Vec<(String, i64)>,
}

/// Which of the departures became part of a batch: for each its number, until the budget was reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Begun {
    pub(crate) granted: Vec<Option<i64>>,
    /// What the account was charged when the budget did not admit the next.
    pub(crate) over_budget: Option<Charge>,
}

/// Writes a batch down before it is uploaded. What is answered, claimed or part of another batch is left out.
pub(crate) fn begin(
    connection: &Connection,
    name: &str,
    endpoint: &str,
    departures: &[Departure],
) -> rusqlite::Result<Begun> {
    let mut begun = Begun::default();
    for departure in departures {
        let number = match depart(connection, departure)? {
            Leave::Granted(number) => {
                let mut insert = connection.prepare_cached("INSERT INTO batch_requests VALUES (?1, ?2, ?3)")?;
                insert.execute(params![departure.key, name, number])?;
                release(connection, &departure.key)?;
                Some(number)
            }
            Leave::OverBudget(spent) => {
                begun.over_budget = Some(spent);
                break;
            }
            // No limit a minute is set for what a batch holds.
            Leave::Answered | Leave::Claimed(_) | Leave::Batched | Leave::TooSoon(_) => None,
        };
        begun.granted.push(number);
    }
    if begun.granted.iter().any(Option::is_some) {
        connection.execute(
            "INSERT INTO batches VALUES (?1, ?2, NULL, NULL, ?3)",
            params![name, endpoint, milliseconds_now()],
        )?;
    }
    Ok(begun)
}

/// The batches of an endpoint.
pub(crate) fn pending(connection: &Connection, endpoint: &str) -> rusqlite::Result<Vec<Pending>> {
    let mut batches =
        connection.prepare_cached("SELECT name, file, id FROM batches WHERE endpoint = ?1 ORDER BY made, name")?;
    let mut requests =
        connection.prepare_cached("SELECT key, attempt FROM batch_requests WHERE batch = ?1 ORDER BY attempt")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Pending { name: row.get(0)?, file: row.get(1)?, id: row.get(2)?, requests: Vec::new() })
    };
    let mut found = batches.query_map([endpoint], read)?.collect::<Result<Vec<_>, _>>()?;
    for batch in &mut found {
        let pairs = requests.query_map([&batch.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        batch.requests = pairs.collect::<Result<_, _>>()?;
    }
    Ok(found)
}

/// Keeps the provider's identifier of a batch's file.
pub(crate) fn attach_file(connection: &Connection, name: &str, file: &str) -> rusqlite::Result<()> {
    connection.execute("UPDATE batches SET file = ?2 WHERE name = ?1", [name, file]).map(|_| ())
}

/// Keeps the provider's identifier of a batch.
pub(crate) fn attach_id(connection: &Connection, name: &str, id: &str) -> rusqlite::Result<()> {
    connection.execute("UPDATE batches SET id = ?2 WHERE name = ?1", [name, id]).map(|_| ())
}

/// Takes a batch back that the provider never had.
pub(crate) fn abandon(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    for (_, attempt) in requests(connection, name)? {
        withdraw(connection, attempt)?;
    }
    remove(connection, name)
}

/// Forgets a batch that is over; what it did not answer costs nothing.
pub(crate) fn finish(connection: &Connection, name: &str, ours: &[String]) -> rusqlite::Result<()> {
    for (key, attempt) in requests(connection, name)? {
        if ours.contains(&key) {
            settle(connection, attempt, None, Some(Charge::default()))?;
            leave(connection, &key)?;
        }
    }
    // Requests of another pipeline stay until that one has collected them.
    if requests(connection, name)?.is_empty() { remove(connection, name) } else { Ok(()) }
}

/// Takes a request out of its batch.
pub(crate) fn leave(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM batch_requests WHERE key = ?1")?.execute([key]).map(|_| ())
}

fn requests(connection: &Connection, name: &str) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached("SELECT key, attempt FROM batch_requests WHERE batch = ?1")?;
    statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn remove(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM batch_requests WHERE batch = ?1", [name])?;
    connection.execute("DELETE FROM batches WHERE name = ?1", [name]).map(|_| ())
}
