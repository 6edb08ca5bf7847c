use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use clinsynth_contract::{Completion, Prompt, Quarantined, Sensitivity};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::chat::{ChatReply, ChatRequest};
use crate::egress::{EgressGuard, Ticket};
use crate::failure::Failure;
use crate::journal::{Entry, Journal, Recovered};
use crate::ladder::Ladder;
use crate::transport::{Line, Transport};
use crate::{Answers, Connections, Endpoint, GenerateSettings, Progress, PromptingError, Reason};

/// How often the caller's cancel flag is looked at.
const CANCEL_CHECK: Duration = Duration::from_millis(50);

/// Requests that may all end without a completion before the run is given up.
const FUTILE: usize = 16;

/// How one request ended.
enum Outcome {
    Completed(Completion),
    SetAside(Quarantined),
}

/// Has an endpoint answer every prompt that the journal does not.
pub(crate) fn ask_all(
    prompts: &[Prompt],
    endpoint: &Endpoint,
    settings: &GenerateSettings,
    connections: &mut Connections<'_>,
) -> Result<Answers, PromptingError> {
    let (journal, recovered) = Journal::open(connections.journal)?;
    let mut tally = Tally::new(prompts, &recovered);
    (connections.observer)(&tally.progress);
    let stop = Arc::new(AtomicBool::new(false));
    let asker = Arc::new(Asker::new(prompts, endpoint, settings, journal, recovered, Arc::clone(&stop))?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(PromptingError::Runtime)?;
    runtime.block_on(drive(&asker, &mut tally, &stop, connections))?;
    Ok(tally.into_answers(asker.line.guard().records()))
}

/// Keeps as many requests in flight as the endpoint allows until all are over, or until one of them or the caller stops
/// the run; then waits for those in flight, whose completions are paid for.
async fn drive(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    stop: &AtomicBool,
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    let mut waiting = tally.open().into_iter();
    let mut flying: JoinSet<(usize, Result<Completion, Failure>)> = JoinSet::new();
    let mut fatal = None;
    loop {
        if connections.cancel.load(Ordering::Relaxed) {
            stop.store(true, Ordering::Relaxed);
        }
        while flying.len() < asker.endpoint.concurrency.max(1) && !stop.load(Ordering::Relaxed) {
            let Some(index) = waiting.next() else { break };
            let asker = Arc::clone(asker);
            flying.spawn(async move { (index, asker.ask(index).await) });
        }
        let joined = tokio::select! {
            joined = flying.join_next() => joined,
            () = tokio::time::sleep(CANCEL_CHECK) => continue,
        };
        let settled = match joined {
            None => break,
            Some(Ok((index, ended))) => settle(asker, tally, index, ended, connections),
            Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        };
        if let Err(error) = settled {
            stop.store(true, Ordering::Relaxed);
            fatal.get_or_insert(error);
        }
    }
    match fatal {
        Some(error) => Err(error),
        None if stop.load(Ordering::Relaxed) => Err(tally.interrupted()),
        None => Ok(()),
    }
}

/// Books a request that is over.
///
/// Errors: whatever ends the run.
fn settle(
    asker: &Asker,
    tally: &mut Tally,
    index: usize,
    ended: Result<Completion, Failure>,
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    if let Some(outcome) = asker.outcome(index, ended)? {
        tally.take(index, outcome);
        (connections.observer)(&tally.progress);
    }
    tally.nothing_answered(asker).map_or(Ok(()), Err)
}

/// What a request needs, shared by all of them.
struct Asker {
    prompts: Vec<Prompt>,
    occurrences: Vec<u32>,
    endpoint: Endpoint,
    host: String,
    settings: GenerateSettings,
    client: Client<OpenAIConfig>,
    line: Arc<Line>,
    ladder: Ladder,
    journal: Arc<Journal>,
}

impl Asker {
    fn new(
        prompts: &[Prompt],
        endpoint: &Endpoint,
        settings: &GenerateSettings,
        journal: Journal,
        recovered: Recovered,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, PromptingError> {
        let key = endpoint.api_key.expose();
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(endpoint.error("the API key holds a character that no header can carry".to_owned()));
        }
        let journal = Arc::new(journal);
        let guard = EgressGuard::new(endpoint, recovered.egress, Arc::clone(&journal))?;
        let line = Arc::new(Line::new(endpoint, guard, stop)?);
        // Every field is set, because the client takes what is left out from the environment.
        let config = OpenAIConfig::new()
            .with_api_base(endpoint.base_url.trim_end_matches('/'))
            .with_api_key(key)
            .with_org_id("")
            .with_project_id("");
        Ok(Self {
            prompts: prompts.to_vec(),
            occurrences: occurrences(prompts),
            endpoint: endpoint.clone(),
            host: endpoint.origin()?.host_and_port(),
            settings: settings.clone(),
            client: Client::build(line.client().clone(), config),
            line,
            ladder: Ladder::new(endpoint.json_mode),
            journal,
        })
    }

    /// Asks for one completion and makes it durable.
    async fn ask(&self, index: usize) -> Result<Completion, Failure> {
        let prompt = &self.prompts[index];
        let reply = self.ask_down_the_ladder(prompt).await?;
        let completion = Completion {
            request: prompt.request.clone(),
            sample: 0,
            digest: prompt.digest.clone(),
            model: reply.model.unwrap_or_else(|| self.settings.parameters.model.clone()),
            endpoint: self.host.clone(),
            text: reply.text,
            finish_reason: reply.finish_reason,
            prompt_tokens: reply.prompt_tokens,
            completion_tokens: reply.completion_tokens,
            sensitivity: prompt.sensitivity.max(Sensitivity::Synthetic),
        };
        let occurrence = self.occurrences[index];
        let entry = Entry::Completed { occurrence, completion: Box::new(completion.clone()) };
        self.journal.append(&entry).await?;
        Ok(completion)
    }

    async fn ask_down_the_ladder(&self, prompt: &Prompt) -> Result<ChatReply, Failure> {
        let schema = self.settings.labelling.answer_schema(prompt.count);
        let ticket = Ticket { request: prompt.request.clone(), sensitivity: prompt.sensitivity };
        let client = self.client.clone().with_http_service(Transport::new(Arc::clone(&self.line), ticket));
        loop {
            let rung = self.ladder.current();
            let request = ChatRequest::new(prompt, &self.settings.parameters, rung, &schema);
            let reply: Result<Value, Failure> = client.chat().create_byot(&request).await.map_err(Failure::from);
            match reply {
                Err(Failure::FormatRefused(_)) if self.ladder.step_down(rung) => {
                    // The server's words stay out of the log: they may repeat the prompt.
                    tracing::info!(endpoint = %self.endpoint.name, ?rung, "response format refused, going down the ladder");
                }
                Err(failure) => return Err(failure),
                Ok(value) => {
                    return ChatReply::read(&value).map_err(|(reason, detail)| Failure::SetAside { reason, detail });
                }
            }
        }
    }

    /// Sorts a request's end: an outcome, nothing because the run was stopped, or an error for the whole run.
    fn outcome(&self, index: usize, ended: Result<Completion, Failure>) -> Result<Option<Outcome>, PromptingError> {
        let (reason, detail) = match ended {
            Ok(completion) => return Ok(Some(Outcome::Completed(completion))),
            Err(Failure::Stopped) => return Ok(None),
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::SetAside { reason, detail }) => (reason, detail),
            Err(Failure::FormatRefused(detail)) => (Reason::RequestRefused, detail),
        };
        let prompt = &self.prompts[index];
        Ok(Some(Outcome::SetAside(reason.row(&prompt.request, detail, Some(&prompt.request), "", prompt.sensitivity))))
    }
}

/// For each prompt how many with the same digest stand before it.
fn occurrences(prompts: &[Prompt]) -> Vec<u32> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let count = |prompt| {
        let next = seen.entry(prompt).or_default();
        *next += 1;
        *next - 1
    };
    prompts.iter().map(|prompt| prompt.digest.as_str()).map(count).collect()
}

/// Outcomes by prompt.
struct Tally {
    outcomes: Vec<Option<Outcome>>,
    progress: Progress,
}

impl Tally {
    fn new(prompts: &[Prompt], recovered: &Recovered) -> Self {
        let progress = Progress { total: prompts.len(), ..Progress::default() };
        let mut tally = Self { outcomes: prompts.iter().map(|_| None).collect(), progress };
        for (index, (prompt, occurrence)) in prompts.iter().zip(occurrences(prompts)).enumerate() {
            if let Some(completion) = recovered.completions.get(&(prompt.digest.clone(), occurrence)) {
                let completion = Completion { request: prompt.request.clone(), ..completion.clone() };
                tally.take(index, Outcome::Completed(completion));
                tally.progress.recovered += 1;
            }
        }
        tally
    }

    /// Prompts without an outcome.
    fn open(&self) -> Vec<usize> {
        (0..self.outcomes.len()).filter(|&index| self.outcomes[index].is_none()).collect()
    }

    fn take(&mut self, index: usize, outcome: Outcome) {
        self.progress.done += 1;
        match &outcome {
            Outcome::Completed(completion) => {
                self.progress.prompt_tokens += u64::from(completion.prompt_tokens.unwrap_or_default());
                self.progress.completion_tokens += u64::from(completion.completion_tokens.unwrap_or_default());
            }
            Outcome::SetAside(_) => self.progress.set_aside += 1,
        }
        self.outcomes[index] = Some(outcome);
    }

    /// The error of a run that goes nowhere: nothing but faults so far, and more than could run side by side.
    fn nothing_answered(&self, asker: &Asker) -> Option<PromptingError> {
        let Progress { done, set_aside, .. } = self.progress;
        if set_aside < done || done < FUTILE.max(asker.endpoint.concurrency) {
            return None;
        }
        let last = self.outcomes.iter().rev().flatten().find_map(|outcome| match outcome {
            Outcome::SetAside(row) => Some(row.detail.clone()),
            Outcome::Completed(_) => None,
        });
        let url = asker.endpoint.base_url.clone();
        Some(PromptingError::NothingAnswered { url, tried: done, last: last.unwrap_or_default() })
    }

    fn interrupted(&self) -> PromptingError {
        PromptingError::Interrupted { done: self.progress.done, total: self.progress.total }
    }

    fn into_answers(self, egress: Vec<clinsynth_contract::EgressRecord>) -> Answers {
        let mut answers = Answers { egress, ..Answers::default() };
        for outcome in self.outcomes.into_iter().flatten() {
            match outcome {
                Outcome::Completed(completion) => answers.completions.push(completion),
                Outcome::SetAside(row) => answers.quarantined.push(row),
            }
        }
        answers
    }
}
