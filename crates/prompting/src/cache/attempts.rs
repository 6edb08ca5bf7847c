//! What left, what it cost, and who is asking.

use clinsynth_contract::EgressRecord;
use rusqlite::{Connection, OptionalExtension, params};

use crate::cache::answers::sensitivity;

/// Tokens, and money in millionths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) tokens: u64,
    pub(crate) micros: u64,
}

/// The most that an account may be charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cap {
    pub(crate) tokens: Option<u64>,
    pub(crate) micros: Option<u64>,
}

impl Cap {
    fn admits(self, spent: Charge, more: Charge) -> bool {
        let within = |cap: Option<u64>, sum: u64| cap.is_none_or(|cap| sum <= cap);
        within(self.tokens, spent.tokens + more.tokens) && within(self.micros, spent.micros + more.micros)
    }
}

/// The most that may leave for an account in a minute, whichever process sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerMinute {
    pub(crate) requests: Option<u32>,
    pub(crate) tokens: Option<u32>,
}

/// A prompt that is about to leave.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) key: String,
    pub(crate) owner: String,
    pub(crate) record: EgressRecord,
    /// Fingerprint of the endpoint: who charges.
    pub(crate) account: String,
    /// What it is charged until the reply says what it used.
    pub(crate) reserved: Charge,
    pub(crate) cap: Cap,
    pub(crate) per_minute: PerMinute,
    /// Tokens that it is booked with where tokens a minute are limited.
    pub(crate) likely: u64,
}

/// Whether it may leave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Leave {
    /// It may, under this number.
    Granted(i64),
    /// Another process had it answered meanwhile.
    Answered,
    /// Another process is asking for it.
    Claimed(String),
    /// It is part of a batch.
    Batched,
    /// It could cost more than the budget leaves.
    OverBudget(Charge),
    /// As much as a minute allows left within the last one; how many milliseconds until some of it is older.
    TooSoon(i64),
}

/// Milliseconds over which limits a minute are kept.
const MINUTE: i64 = 60_000;

/// Lets a prompt leave unless it need not or may not; claims its key and charges the account in the same transaction.
pub(crate) fn depart(connection: &Connection, departure: &Departure) -> rusqlite::Result<Leave> {
    let key = &departure.key;
    let exists = |query: &str| connection.prepare_cached(query)?.exists([key]);
    if exists("SELECT 1 FROM completions WHERE key = ?1")? {
        return Ok(Leave::Answered);
    }
    if exists("SELECT 1 FROM batch_requests WHERE key = ?1")? {
        return Ok(Leave::Batched);
    }
    let mut claim = connection.prepare_cached("SELECT owner FROM claims WHERE key = ?1")?;
    match claim.query_row([key], |row| row.get::<_, String>(0)).optional()? {
        Some(owner) if owner != departure.owner => return Ok(Leave::Claimed(owner)),
        Some(_) => {}
        None => {
            let mut insert = connection.prepare_cached("INSERT INTO claims VALUES (?1, ?2)")?;
            insert.execute([key, &departure.owner])?;
        }
    }
    let spent = spent(connection, &departure.account)?;
    if !departure.cap.admits(spent, departure.reserved) {
        return Ok(Leave::OverBudget(spent));
    }
    if let Some(wait) = too_soon(connection, departure)? {
        return Ok(Leave::TooSoon(wait));
    }
    Ok(Leave::Granted(record(connection, departure)?))
}

/// How long until a prompt keeps the limits with what left in the minute before it. What is under way counts as this one
/// is expected to, since only its reservation is known.
fn too_soon(connection: &Connection, departure: &Departure) -> rusqlite::Result<Option<i64>> {
    let PerMinute { requests, tokens } = departure.per_minute;
    if requests.is_none() && tokens.is_none() {
        return Ok(None);
    }
    let now = departure.record.time;
    let mut statement = connection.prepare_cached(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN status IS NULL THEN ?3 ELSE tokens END), 0), MIN(time) FROM attempts
         WHERE account = ?1 AND time > ?2
         AND NOT EXISTS (SELECT 1 FROM batch_requests WHERE batch_requests.key = attempts.key)",
    )?;
    let likely = departure.likely as i64;
    let (count, sum, oldest): (i64, i64, Option<i64>) = statement
        .query_row(params![departure.account, now - MINUTE, likely], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let full = |limit: Option<u32>, used: i64, more: i64| limit.is_some_and(|limit| used + more > i64::from(limit));
    // One prompt alone may be larger than the limit: it goes when nothing else did.
    let exceeds = full(requests, count, 1) || full(tokens, sum, likely);
    Ok(oldest.filter(|_| exceeds).map(|oldest| (oldest + MINUTE - now).max(1)))
}

/// Writes a departure down and charges it.
pub(crate) fn record(connection: &Connection, departure: &Departure) -> rusqlite::Result<i64> {
    let Departure { record, reserved, .. } = departure;
    let mut insert = connection.prepare_cached(
        "INSERT INTO attempts (key, time, host, request, body_digest, body_bytes, status, sensitivity, account, tokens, micros)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, ?7, ?8, ?9, ?10)",
    )?;
    let number = insert.insert(params![
        departure.key,
        record.time,
        record.host,
        record.request,
        record.body_digest,
        record.body_bytes as i64,
        record.sensitivity.name(),
        departure.account,
        reserved.tokens as i64,
        reserved.micros as i64,
    ])?;
    charge(connection, &departure.account, *reserved, Charge::default())?;
    Ok(number)
}

/// What an account was charged so far.
pub(crate) fn spent(connection: &Connection, account: &str) -> rusqlite::Result<Charge> {
    let mut statement = connection.prepare_cached("SELECT tokens, micros FROM accounts WHERE account = ?1")?;
    Ok(statement.query_row([account], read_charge).optional()?.unwrap_or_default())
}

fn read_charge(row: &rusqlite::Row<'_>) -> rusqlite::Result<Charge> {
    let number = |index| row.get::<_, i64>(index).map(|number| number.max(0) as u64);
    Ok(Charge { tokens: number(0)?, micros: number(1)? })
}

fn charge(connection: &Connection, account: &str, more: Charge, less: Charge) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO accounts VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET tokens = tokens + ?2, micros = micros + ?3",
    )?;
    let tokens = more.tokens as i64 - less.tokens as i64;
    statement.execute(params![account, tokens, more.micros as i64 - less.micros as i64])?;
    Ok(())
}

/// Notes the status of an attempt's answer, and what it really costs where that is known: `None` leaves the reservation,
/// because a reply that was lost may still be on the bill.
pub(crate) fn settle(
    connection: &Connection,
    number: i64,
    status: Option<u16>,
    cost: Option<Charge>,
) -> rusqlite::Result<()> {
    if let Some(status) = status {
        connection
            .prepare_cached("UPDATE attempts SET status = ?2 WHERE number = ?1")?
            .execute(params![number, status])?;
    }
    let Some(cost) = cost else { return Ok(()) };
    let mut statement = connection.prepare_cached("SELECT tokens, micros, account FROM attempts WHERE number = ?1")?;
    let found = statement.query_row([number], |row| Ok((read_charge(row)?, row.get::<_, String>(2)?))).optional()?;
    let Some((reserved, account)) = found else { return Ok(()) };
    connection.prepare_cached("UPDATE attempts SET tokens = ?2, micros = ?3 WHERE number = ?1")?.execute(params![
        number,
        cost.tokens as i64,
        cost.micros as i64
    ])?;
    charge(connection, &account, cost, reserved)
}

/// Takes back a departure that never left.
pub(crate) fn withdraw(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    settle(connection, number, None, Some(Charge::default()))?;
    connection.prepare_cached("DELETE FROM attempts WHERE number = ?1")?.execute([number]).map(|_| ())
}

/// Gives a key free for others.
pub(crate) fn release(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM claims WHERE key = ?1")?.execute([key]).map(|_| ())
}

/// Gives free what a process holds.
pub(crate) fn release_all(connection: &Connection, owner: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM claims WHERE owner = ?1", [owner]).map(|_| ())
}

/// Everything that ever left for these keys, in the order it left, under the requests' present names; and its cost.
pub(crate) fn departed(
    connection: &Connection,
    requests: &[(String, String)],
) -> rusqlite::Result<(Vec<EgressRecord>, Charge)> {
    let mut statement = connection.prepare_cached(
        "SELECT tokens, micros, number, time, host, body_digest, body_bytes, status, sensitivity FROM attempts
         WHERE key = ?1",
    )?;
    let mut found: Vec<(i64, EgressRecord)> = Vec::new();
    let mut cost = Charge::default();
    for (key, request) in requests {
        let mut rows = statement.query([key])?;
        while let Some(row) = rows.next()? {
            let charge = read_charge(row)?;
            cost = Charge { tokens: cost.tokens + charge.tokens, micros: cost.micros + charge.micros };
            let record = EgressRecord {
                time: row.get(3)?,
                host: row.get(4)?,
                request: request.clone(),
                body_digest: row.get(5)?,
                body_bytes: row.get::<_, i64>(6)? as u64,
                status: row.get(7)?,
                sensitivity: sensitivity(&row.get::<_, String>(8)?),
            };
            found.push((row.get(2)?, record));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok((found.into_iter().map(|(_, record)| record).collect(), cost))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cache::open;

    fn departure(key: &str, owner: &str, tokens: u64, cap: u64) -> Departure {
        Departure {
            key: key.into(),
            owner: owner.into(),
            record: EgressRecord { request: format!("q-{key}"), ..EgressRecord::default() },
            account: "e".into(),
            reserved: Charge { tokens, micros: 10 * tokens },
            cap: Cap { tokens: Some(cap), micros: None },
            per_minute: PerMinute::default(),
            likely: tokens,
        }
    }

    #[test]
    fn limits_a_minute_hold_over_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.sqlite");
        let (one, two) = (open(&path).unwrap(), open(&path).unwrap());
        let at = |key: &str, time: i64, per_minute: PerMinute| {
            let mut leaving = departure(key, key, 40, u64::MAX);
            (leaving.record.time, leaving.per_minute) = (time, per_minute);
            leaving
        };
        let requests = PerMinute { requests: Some(2), tokens: None };
        assert_eq!(depart(&one, &at("a", 1_000, requests)).unwrap(), Leave::Granted(1));
        assert_eq!(depart(&two, &at("b", 3_000, requests)).unwrap(), Leave::Granted(2));
        assert_eq!(depart(&one, &at("c", 5_000, requests)).unwrap(), Leave::TooSoon(56_000));
        assert_eq!(depart(&one, &at("c", 61_000, requests)).unwrap(), Leave::Granted(3));
        // What is known of a reply counts, what is under way as the prompt itself does.
        settle(&two, 2, Some(200), Some(Charge { tokens: 70, micros: 1 })).unwrap();
        let tokens = |most| PerMinute { requests: None, tokens: Some(most) };
        assert_eq!(depart(&two, &at("d", 62_000, tokens(149))).unwrap(), Leave::TooSoon(1_000));
        assert_eq!(depart(&two, &at("d", 62_000, tokens(150))).unwrap(), Leave::Granted(4));
        assert_eq!(depart(&two, &at("e", 200_000, tokens(1))).unwrap(), Leave::Granted(5));
    }

    #[test]
    fn a_key_is_one_owners_and_the_cap_holds_over_connections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.sqlite");
        let (one, two) = (open(&path).unwrap(), open(&path).unwrap());
        assert_eq!(depart(&one, &departure("a", "x", 60, 100)).unwrap(), Leave::Granted(1));
        assert_eq!(depart(&two, &departure("a", "y", 10, 100)).unwrap(), Leave::Claimed("x".into()));
        let spent = Charge { tokens: 60, micros: 600 };
        assert_eq!(depart(&two, &departure("b", "y", 50, 100)).unwrap(), Leave::OverBudget(spent));
        // The reply used less than was reserved, so there is room again.
        settle(&one, 1, Some(200), Some(Charge { tokens: 20, micros: 7 })).unwrap();
        assert_eq!(depart(&two, &departure("b", "y", 50, 100)).unwrap(), Leave::Granted(2));
        assert_eq!(super::spent(&one, "e").unwrap(), Charge { tokens: 70, micros: 507 });
        withdraw(&two, 2).unwrap();
        assert_eq!(super::spent(&one, "e").unwrap(), Charge { tokens: 20, micros: 7 });
        release(&one, "a").unwrap();
        assert_eq!(depart(&two, &departure("a", "y", 1, 100)).unwrap(), Leave::Granted(2));
        let (records, cost) = departed(&one, &[("a".into(), "renamed".into())]).unwrap();
        let shown: Vec<_> = records.iter().map(|record| (record.request.as_str(), record.status)).collect();
        assert_eq!(shown, [("renamed", Some(200)), ("renamed", None)]);
        assert_eq!(cost, Charge { tokens: 21, micros: 17 });
        release_all(&two, "y").unwrap();
        assert_eq!(depart(&one, &departure("a", "z", 1, 100)).unwrap(), Leave::Granted(3));
    }
}
