//! What was learned about an endpoint's model: how it is asked for JSON, and how its tokens are to be counted.

use rusqlite::{Connection, OptionalExtension, params};

/// Counts over the replies of one model at one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) replies: u64,
    pub(crate) prompt_bytes: u64,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    /// Most tokens that a byte of a prompt has been.
    pub(crate) densest: f64,
}

impl Usage {
    /// Counts one more reply.
    pub(crate) fn add(&mut self, prompt_bytes: u64, prompt_tokens: u64, completion_tokens: u64) {
        self.replies += 1;
        self.prompt_bytes += prompt_bytes;
        self.prompt_tokens += prompt_tokens;
        self.completion_tokens += completion_tokens;
        self.densest = self.densest.max(prompt_tokens as f64 / prompt_bytes.max(1) as f64);
    }
}

/// The rung and the counts so far.
pub(crate) fn learned(
    connection: &Connection,
    endpoint: &str,
    model: &str,
) -> rusqlite::Result<(Option<String>, Usage)> {
    let mut statement = connection.prepare_cached(
        "SELECT rung, replies, prompt_bytes, prompt_tokens, completion_tokens, densest FROM endpoints
         WHERE endpoint = ?1 AND model = ?2",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let count = |index| row.get::<_, i64>(index).map(|count| count as u64);
        let usage = Usage {
            replies: count(1)?,
            prompt_bytes: count(2)?,
            prompt_tokens: count(3)?,
            completion_tokens: count(4)?,
            densest: row.get(5)?,
        };
        Ok((row.get(0)?, usage))
    };
    Ok(statement.query_row([endpoint, model], read).optional()?.unwrap_or_default())
}

/// Keeps the rung that a model turned out to stand on.
pub(crate) fn learn_rung(connection: &Connection, endpoint: &str, model: &str, rung: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO endpoints (endpoint, model, rung) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET rung = ?3",
        [endpoint, model, rung],
    )?;
    Ok(())
}

/// Adds a reply to the counts.
pub(crate) fn count_reply(
    connection: &Connection,
    endpoint: &str,
    model: &str,
    bytes: u64,
    tokens: (u32, u32),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO endpoints (endpoint, model, replies, prompt_bytes, prompt_tokens, completion_tokens, densest)
         VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET replies = replies + 1, prompt_bytes = prompt_bytes + ?3,
           prompt_tokens = prompt_tokens + ?4, completion_tokens = completion_tokens + ?5, densest = max(densest, ?6)",
    )?;
    let density = f64::from(tokens.0) / bytes.max(1) as f64;
    statement.execute(params![endpoint, model, bytes as i64, tokens.0, tokens.1, density])?;
    Ok(())
}
