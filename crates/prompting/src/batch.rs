//! The batch API of a provider: upload, poll, collect. Results enter the cache as direct replies do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clinsynth_contract::Hasher;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::asker::{Arrival, Asker};
use crate::batch_api::Api;
use crate::cache::answers::milliseconds_now;
use crate::cache::attempts::{Charge, settle};
use crate::cache::batches::{self, Begun, Pending};
use crate::chat::{ChatReply, ChatRequest};
use crate::failure::Failure;
use crate::live::CANCEL_CHECK;
use crate::status::{Fault, judge};
use crate::tally::Tally;
use crate::{Batching, Connections, PromptingError};

/// Sends what is open in batches within the provider's limits, and collects them. What a batch does not answer stays open.
///
/// Errors: [`PromptingError::BudgetSpent`], [`PromptingError::BatchRefused`], [`PromptingError::Interrupted`], and those of
/// the network and the cache.
pub(crate) async fn send(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    let limits = asker.endpoint.batching.unwrap_or_default();
    let mut left: std::collections::VecDeque<usize> = tally.open().into();
    while !left.is_empty() {
        if connections.cancel.load(Ordering::Relaxed) {
            return Err(tally.interrupted());
        }
        let chunk = next_chunk(asker, &mut left, limits);
        let over_budget = submit(asker, &chunk).await?;
        if let Some((spent, first)) = over_budget {
            let before = tally.progress.done;
            collect(asker, tally, connections).await?;
            if tally.progress.done == before && first == 0 {
                return Err(asker.endpoint.budget_spent(spent, asker.ticket(chunk[first].0, true).reserved));
            }
            chunk[first..].iter().rev().for_each(|(index, _)| left.push_front(*index));
        }
    }
    collect(asker, tally, connections).await
}

/// Takes requests with their lines until the next would break a limit.
fn next_chunk(asker: &Asker, left: &mut std::collections::VecDeque<usize>, limits: Batching) -> Vec<(usize, Vec<u8>)> {
    let mut chunk = Vec::new();
    let mut size = 0;
    while let Some(&index) = left.front() {
        let line = line(asker, index);
        if !chunk.is_empty() && (chunk.len() >= limits.requests || size + line.len() > limits.bytes) {
            break;
        }
        size += line.len();
        chunk.push((index, line));
        left.pop_front();
    }
    chunk
}

/// A line of a batch's file.
fn line(asker: &Asker, index: usize) -> Vec<u8> {
    let prompt = &asker.prompts[index];
    let schema = asker.settings.labelling.answer_schema(prompt.count);
    let body = ChatRequest::new(prompt, &asker.settings.parameters, asker.ladder.current(), &schema);
    let url = if asker.endpoint.api_version.is_some() { "/chat/completions" } else { "/v1/chat/completions" };
    let line = json!({ "custom_id": asker.keys[index].0, "method": "POST", "url": url, "body": body });
    format!("{line}\n").into_bytes()
}

/// Writes a batch down, uploads and creates it. Returns what was spent and the first request left out when the budget
/// does not admit all.
async fn submit(asker: &Arc<Asker>, chunk: &[(usize, Vec<u8>)]) -> Result<Option<(Charge, usize)>, PromptingError> {
    let departure = |(index, line): &(usize, Vec<u8>)| asker.line.guard().departure(line, &asker.ticket(*index, true));
    let departures: Vec<_> = chunk.iter().map(departure).collect();
    let stamp = Hasher::new().field(asker.cache.owner()).field(milliseconds_now().to_le_bytes()).finish();
    let name = format!("clinsynth-{}", stamp.short());
    let (label, place) = (name.clone(), asker.fingerprint().to_owned());
    let begun: Begun =
        asker.cache.write(move |connection| batches::begin(connection, &label, &place, &departures)).await?;
    let file: Vec<u8> = chunk
        .iter()
        .zip(&begun.granted)
        .filter(|(_, granted)| granted.is_some())
        .flat_map(|((_, line), _)| line.iter().copied())
        .collect();
    if !file.is_empty() {
        let sensitivity = chunk.iter().map(|(index, _)| asker.prompts[*index].sensitivity);
        let api = Api::new(asker, clinsynth_contract::Sensitivity::highest(sensitivity));
        create(asker, &api, &name, file).await?;
    }
    Ok(begun.over_budget.map(|spent| (spent, begun.granted.len())))
}

async fn create(asker: &Asker, api: &Api<'_>, name: &str, file: Vec<u8>) -> Result<(), PromptingError> {
    let label = name.to_owned();
    let file = match api.upload(name, file).await {
        Ok(file) => file,
        Err(error) => {
            // Without its file no batch can have been made.
            asker.cache.write(move |connection| batches::abandon(connection, &label)).await?;
            return Err(error);
        }
    };
    let id = file.clone();
    asker.cache.write(move |connection| batches::attach_file(connection, &label, &id)).await?;
    create_from(asker, api, name, &file).await
}

/// Creates a batch from its file, unless the provider has it already: a lost reply must not pay twice.
async fn create_from(asker: &Asker, api: &Api<'_>, name: &str, file: &str) -> Result<(), PromptingError> {
    let id = match api.create(name, file).await {
        Ok(id) => id,
        Err(error) => match api.find(name).await? {
            Some(id) => id,
            None => return Err(error),
        },
    };
    let label = name.to_owned();
    asker.cache.write(move |connection| batches::attach_id(connection, &label, &id)).await
}

/// Waits for the batches that hold an open request, of this run or an earlier one, and takes their results.
pub(crate) async fn collect(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    let poll = asker.endpoint.batching.unwrap_or_default().poll;
    loop {
        let open: BTreeMap<String, usize> =
            tally.open().into_iter().map(|index| (asker.keys[index].0.clone(), index)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let place = asker.fingerprint().to_owned();
        let mut batches = asker.cache.write(move |connection| batches::pending(connection, &place)).await?;
        batches.retain(|batch| batch.requests.iter().any(|(key, _)| open.contains_key(key)));
        tally.progress.batched = batches.iter().map(|batch| batch.requests.len()).sum();
        (connections.observer)(&tally.progress);
        if batches.is_empty() {
            return Ok(());
        }
        let mut moved = false;
        for batch in batches {
            moved |= advance(asker, tally, &batch, &open, connections).await?;
        }
        if !moved {
            pause(poll, tally, connections).await?;
        }
    }
}

async fn pause(wait: std::time::Duration, tally: &Tally, connections: &Connections<'_>) -> Result<(), PromptingError> {
    let until = Instant::now() + wait;
    loop {
        if connections.cancel.load(Ordering::Relaxed) {
            return Err(tally.interrupted());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        sleep(left.min(CANCEL_CHECK)).await;
    }
}

/// Looks at a batch. True when it is over or was brought on its way.
async fn advance(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    batch: &Pending,
    open: &BTreeMap<String, usize>,
    connections: &mut Connections<'_>,
) -> Result<bool, PromptingError> {
    let api = Api::new(asker, clinsynth_contract::Sensitivity::Public);
    let name = batch.name.clone();
    let Some(id) = &batch.id else {
        // An earlier run ended between its upload and the provider's answer.
        match (&batch.file, api.find(&batch.name).await?) {
            (_, Some(id)) => asker.cache.write(move |connection| batches::attach_id(connection, &name, &id)).await?,
            (Some(file), None) => create_from(asker, &api, &batch.name, file).await?,
            (None, None) => asker.cache.write(move |connection| batches::abandon(connection, &name)).await?,
        }
        return Ok(true);
    };
    let state = api.look(id).await?;
    match state.status.as_str() {
        "completed" | "expired" | "cancelled" => {
            for file in state.files {
                take_results(asker, tally, batch, open, &api.content(&file).await?, connections).await?;
            }
            finish(asker, name, open).await.map(|()| true)
        }
        "failed" => {
            finish(asker, name, open).await?;
            let url = asker.endpoint.base_url.clone();
            Err(PromptingError::BatchRefused { url, id: id.clone(), message: state.words })
        }
        _ => Ok(false),
    }
}

async fn finish(asker: &Asker, name: String, open: &BTreeMap<String, usize>) -> Result<(), PromptingError> {
    let ours: Vec<String> = open.keys().cloned().collect();
    asker.cache.write(move |connection| batches::finish(connection, &name, &ours)).await
}

/// Takes a file of results, one JSON object a line.
async fn take_results(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    batch: &Pending,
    open: &BTreeMap<String, usize>,
    file: &[u8],
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        // What cannot be read stays open, and is asked for directly.
        let Ok(result) = serde_json::from_slice::<Value>(line) else { continue };
        let Some(key) = result.get("custom_id").and_then(Value::as_str) else { continue };
        let number = batch.requests.iter().find(|(found, _)| found == key).map(|(_, number)| *number);
        let (Some(&index), Some(number)) = (open.get(key), number) else { continue };
        let ended = match read_result(asker, &result) {
            Ok(reply) => asker.keep(index, Arrival { reply, number, batched: true }).await,
            Err((status, failure)) => {
                // What was answered, though not usably, is charged as it was reserved; what failed costs nothing.
                let answered = status == Some(200) && matches!(failure, Failure::SetAside { .. });
                let cost = (!answered).then(Charge::default);
                asker.cache.write(move |connection| settle(connection, number, status, cost)).await?;
                Err(failure)
            }
        };
        let key = key.to_owned();
        asker.cache.write(move |connection| batches::leave(connection, &key)).await?;
        asker.settle(tally, index, ended)?;
        tally.progress.batched = tally.progress.batched.saturating_sub(1);
        (connections.observer)(&tally.progress);
    }
    Ok(())
}

/// The reply within a result. A failure that a direct request may not meet is [`Failure::Batched`]: it stays open.
fn read_result(asker: &Asker, result: &Value) -> Result<ChatReply, (Option<u16>, Failure)> {
    let code =
        result.pointer("/response/status_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or((None, Failure::Batched))?;
    let body = result.pointer("/response/body").unwrap_or(&Value::Null);
    let text = body.to_string();
    match judge(&asker.endpoint, status, &HeaderMap::new(), text.as_bytes(), true) {
        Ok(()) => ChatReply::read(body).map_err(|(reason, detail)| (code, Failure::SetAside { reason, detail })),
        Err(Fault::Permanent(failure @ Failure::SetAside { .. })) => Err((code, failure)),
        Err(_) => Err((code, Failure::Batched)),
    }
}
