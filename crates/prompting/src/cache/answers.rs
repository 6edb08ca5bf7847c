//! Completions in the cache.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use clinsynth_contract::{Completion, Digest, Hasher, Message, Prompt, Sensitivity};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::JsonMode;

/// What a completion answers: its place in the cache, and what an export needs to know of the prompt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// Digest of endpoint, prompt, way of asking for JSON and sample.
    pub(crate) key: String,
    /// Fingerprint of the endpoint.
    pub(crate) endpoint: String,
    /// Model that is asked for.
    pub(crate) asked: String,
    /// Name of the task.
    pub(crate) task: String,
    /// Digest of the messages alone.
    pub(crate) messages: String,
}

/// Keys of prompts for one endpoint, in order; equal prompts are told apart by their sample, counted from 0.
///
/// `prompt.digest` covers model, messages and parameters. The schema belongs to the request where it is sent.
pub(crate) fn keys(
    prompts: &[Prompt],
    endpoint: &str,
    mode: JsonMode,
    schema: impl Fn(u32) -> Value,
) -> Vec<(String, u32)> {
    let mut samples: BTreeMap<String, u32> = BTreeMap::new();
    let mut schemas: BTreeMap<u32, String> = BTreeMap::new();
    let key = |prompt: &Prompt| {
        let schema = match mode {
            JsonMode::PromptOnly => "",
            JsonMode::Auto => schemas.entry(prompt.count).or_insert_with(|| schema(prompt.count).to_string()),
        };
        let question = Hasher::new().field("clinsynth request 1").field(endpoint).field(&prompt.digest).field(schema);
        let base = question.finish().to_string();
        let next = samples.entry(base.clone()).or_default();
        let sample = *next;
        *next += 1;
        (Hasher::new().field(base).field(sample.to_le_bytes()).finish().to_string(), sample)
    };
    prompts.iter().map(key).collect()
}

/// Digest of messages alone: the same for every model and endpoint.
pub(crate) fn messages_digest(messages: &[Message]) -> String {
    let hasher = Hasher::new().field("clinsynth messages 1");
    let fields = |hasher: Hasher, message: &Message| hasher.field(&message.role).field(&message.content);
    messages.iter().fold(hasher, fields).finish().to_string()
}

/// Keeps a completion, unless its question was answered before. True when it was kept.
pub(crate) fn insert(
    connection: &Connection,
    question: &Question,
    prompt: &Prompt,
    completion: &Completion,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO completions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT DO NOTHING",
    )?;
    let kept = statement.execute(params![
        question.key,
        milliseconds_now(),
        question.endpoint,
        completion.endpoint,
        question.asked,
        completion.digest,
        question.messages,
        completion.sample,
        question.task,
        prompt.topic,
        prompt.style,
        prompt.count,
        completion.request,
        completion.model,
        completion.text,
        completion.finish_reason,
        completion.prompt_tokens,
        completion.completion_tokens,
        completion.sensitivity.name(),
    ])?;
    Ok(kept == 1)
}

/// The completion of a key.
pub(crate) fn find(connection: &Connection, key: &str) -> rusqlite::Result<Option<Completion>> {
    let mut statement = connection.prepare_cached(
        "SELECT request, sample, digest, model, host, text, finish_reason, prompt_tokens, completion_tokens, sensitivity
         FROM completions WHERE key = ?1",
    )?;
    statement.query_row([key], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Completion> {
    Ok(Completion {
        request: row.get(0)?,
        sample: row.get(1)?,
        digest: row.get(2)?,
        model: row.get(3)?,
        endpoint: row.get(4)?,
        text: row.get(5)?,
        finish_reason: row.get(6)?,
        prompt_tokens: row.get(7)?,
        completion_tokens: row.get(8)?,
        sensitivity: sensitivity(&row.get::<_, String>(9)?),
    })
}

/// A level by name; one that this version does not know is the highest.
pub(crate) fn sensitivity(name: &str) -> Sensitivity {
    name.parse().unwrap_or(Sensitivity::Restricted)
}

/// Milliseconds since the epoch.
pub(crate) fn milliseconds_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// The fingerprint of an endpoint: where requests go. The key and the limits are no part of it.
pub(crate) fn fingerprint(base_url: &str, api_version: Option<&str>) -> String {
    let hasher = Hasher::new().field("clinsynth endpoint 1").field(base_url.trim_end_matches('/').to_ascii_lowercase());
    Digest::short(&hasher.field(api_version.unwrap_or_default()).finish()).to_owned()
}
