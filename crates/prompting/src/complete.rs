use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clinsynth_contract::{Completion, EgressRecord, Prompt, Quarantined};

use crate::clearance::Destination;
use crate::enumerate::prompt_digest;
use crate::live::ask_all;
use crate::{ClearedPrompts, Endpoint, Estimate, GenerateSettings, PromptingError, Recordings};

/// Who answers prompts.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum Backend {
    /// Recorded completions: no key, no network.
    Replay(Recordings),
    /// A language model behind an endpoint.
    Live(Endpoint),
}

/// How far a run of [`complete`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests that are over, with a completion or without.
    pub done: usize,
    /// Requests in all.
    pub total: usize,
    /// Requests among `done` that the request cache answered.
    pub recovered: usize,
    /// Requests among `done` that were set aside.
    pub set_aside: usize,
    /// Prompt tokens so far, as the endpoint counts them.
    pub prompt_tokens: u64,
    /// Completion tokens so far, as the endpoint counts them.
    pub completion_tokens: u64,
    /// What the requests of this run cost so far, in millionths of the currency; 0 without prices.
    pub micros: u64,
    /// Requests that a provider's batch API is working on.
    pub batched: usize,
}

/// What answers cost, over all runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spending {
    /// Times that a prompt left, repetitions included.
    pub attempts: usize,
    /// Tokens that these attempts are charged with: the endpoint's counts, or the reservation where a reply was lost.
    pub tokens: u64,
    /// The same in millionths of the currency; 0 without prices.
    pub micros: u64,
    /// Currency and day of the prices, if the endpoint has any.
    pub prices: Option<(String, String)>,
}

/// What a run of [`complete`] is connected to.
pub struct Connections<'a> {
    /// The request cache, a database that makes completions durable; runs and processes share it. Recordings need none.
    pub cache: &'a Path,
    /// Set by the caller to stop: requests in flight are waited for, no further one is sent.
    pub cancel: &'a AtomicBool,
    /// Called after each request that is over, on the calling thread.
    pub observer: &'a mut dyn FnMut(&Progress),
}

/// What came back. Each prompt has either a completion or a row in `quarantined`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Completions, in the order of the prompts.
    pub completions: Vec<Completion>,
    /// Every request that ever left for these prompts, in order, whichever process sent it.
    pub egress: Vec<EgressRecord>,
    /// Prompts without a completion and recordings that could not be read.
    pub quarantined: Vec<Quarantined>,
    /// What it cost.
    pub spending: Spending,
}

impl Answers {
    /// Adds what came back for further prompts.
    pub fn extend(&mut self, more: Self) {
        self.completions.extend(more.completions);
        self.egress.extend(more.egress);
        self.quarantined.extend(more.quarantined);
        self.spending.attempts += more.spending.attempts;
        self.spending.tokens += more.spending.tokens;
        self.spending.micros += more.spending.micros;
        self.spending.prices = self.spending.prices.take().or(more.spending.prices);
    }
}

/// Has every prompt answered. Blocks; runs its own asynchronous runtime for a live endpoint.
///
/// A live completion is in the request cache before it counts: after an interruption, a crash or an error the same call
/// sends only what is missing, and so does any other call with the same request. `settings` are those that the prompts were enumerated with.
///
/// Errors: those that concern the whole run; what concerns one prompt is a quarantined row. [`PromptingError::Interrupted`]
/// after `cancel`.
pub fn complete(
    prompts: &ClearedPrompts,
    backend: &Backend,
    settings: &GenerateSettings,
    connections: &mut Connections<'_>,
) -> Result<Answers, PromptingError> {
    check_destination(prompts, backend)?;
    check_digests(prompts.prompts(), settings)?;
    match backend {
        Backend::Replay(recordings) => replay(prompts.prompts(), recordings, settings, connections),
        Backend::Live(endpoint) => ask_all(prompts.prompts(), endpoint, settings, connections),
    }
}

/// What [`complete`] would take; none for recordings, which take nothing.
///
/// Errors: [`PromptingError::Endpoint`] for a budget that cannot be kept, and those of the request cache.
pub fn estimate(
    prompts: &ClearedPrompts,
    backend: &Backend,
    settings: &GenerateSettings,
    cache: &Path,
) -> Result<Option<Estimate>, PromptingError> {
    match backend {
        Backend::Replay(_) => Ok(None),
        Backend::Live(endpoint) => crate::live::estimate(prompts.prompts(), endpoint, settings, cache).map(Some),
    }
}

fn check_destination(prompts: &ClearedPrompts, backend: &Backend) -> Result<(), PromptingError> {
    let asked = Destination::of(backend)?;
    if *prompts.destination() == asked {
        return Ok(());
    }
    Err(PromptingError::WrongDestination {
        cleared: prompts.destination().name().to_owned(),
        asked: asked.name().to_owned(),
    })
}

/// The cache answers by digest, so a digest must be that of what would be sent.
fn check_digests(prompts: &[Prompt], settings: &GenerateSettings) -> Result<(), PromptingError> {
    for prompt in prompts {
        if prompt_digest(&prompt.messages, &settings.parameters).as_str() != prompt.digest {
            return Err(PromptingError::StalePrompt { request: prompt.request.clone() });
        }
    }
    Ok(())
}

fn replay(
    prompts: &[Prompt],
    recordings: &Recordings,
    settings: &GenerateSettings,
    connections: &mut Connections<'_>,
) -> Result<Answers, PromptingError> {
    let total = prompts.len();
    if connections.cancel.load(Ordering::Relaxed) {
        return Err(PromptingError::Interrupted { done: 0, total });
    }
    let (completions, quarantined) = recordings.answer(prompts, settings.labelling.task);
    let set_aside = total - completions.len();
    (connections.observer)(&Progress { done: total, total, set_aside, ..Progress::default() });
    Ok(Answers { completions, quarantined, ..Answers::default() })
}
