use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_openai::Client;
use clinsynth_contract::{Completion, Prompt, Sensitivity};
use serde_json::Value;

use crate::address::Address;
use crate::cache::Cache;
use crate::cache::answers::{self, Question, keys, messages_digest};
use crate::cache::attempts::{Charge, departed, release, settle};
use crate::cache::endpoints::{Usage, count_reply, learn_rung, learned};
use crate::chat::{ChatReply, ChatRequest};
use crate::egress::{EgressGuard, Ticket};
use crate::failure::Failure;
use crate::ladder::{Ladder, Rung};
use crate::live::Ended;
use crate::price::{Counted, Scales, bytes};
use crate::tally::{Outcome, Tally};
use crate::transport::{Line, Parcel, Transport};
use crate::{CountTokens, Endpoint, GenerateSettings, JsonMode, PromptingError, Reason, Spending};

/// What requests to one endpoint need, shared by all of them.
pub(crate) struct Asker {
    pub(crate) prompts: Vec<Prompt>,
    /// For each prompt its place in the cache.
    pub(crate) keys: Vec<(String, u32)>,
    pub(crate) endpoint: Endpoint,
    pub(crate) address: Address,
    pub(crate) line: Arc<Line>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) ladder: Ladder,
    pub(crate) settings: GenerateSettings,
    fingerprint: String,
    host: String,
    client: Client<Address>,
    scales: Scales,
    batch_scales: Scales,
    usage: Mutex<Usage>,
    /// Tokens of each prompt by the model's tokenizer, counted when they are first asked for.
    counts: Vec<OnceLock<u64>>,
    /// Tokens of the answer's schema, likewise.
    schema_tokens: u64,
    rung_is_kept: AtomicBool,
}

/// A reply on its way into the cache.
pub(crate) struct Arrival {
    pub(crate) reply: ChatReply,
    /// Number of the attempt that brought it.
    pub(crate) number: i64,
    pub(crate) batched: bool,
}

impl Asker {
    /// Errors: [`PromptingError::Endpoint`] for settings that cannot work, and those of the cache.
    pub(crate) fn new(
        prompts: &[Prompt],
        endpoint: &Endpoint,
        settings: &GenerateSettings,
        cache: Cache,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, PromptingError> {
        let cache = Arc::new(cache);
        let address = Address::new(endpoint)?;
        let scales = Scales::new(endpoint, &settings.parameters, false)?;
        let guard = EgressGuard::new(endpoint, scales.cap, Arc::clone(&cache))?;
        let line = Arc::new(Line::new(endpoint, guard, stop)?);
        let fingerprint = endpoint.fingerprint();
        let (place, model) = (fingerprint.clone(), settings.parameters.model.clone());
        let (rung, usage) = cache.write_now(move |connection| learned(connection, &place, &model))?;
        let schema = |count| settings.labelling.answer_schema(count);
        let schema_tokens = match (&endpoint.tokenizer, endpoint.json_mode) {
            (Some(tokenizer), JsonMode::Auto) => tokenizer.count(&schema(1).to_string()),
            _ => 0,
        };
        Ok(Self {
            counts: prompts.iter().map(|_| OnceLock::new()).collect(),
            schema_tokens,
            keys: keys(prompts, &fingerprint, endpoint.json_mode, schema),
            prompts: prompts.to_vec(),
            endpoint: endpoint.clone(),
            host: endpoint.origin()?.host_and_port(),
            settings: settings.clone(),
            client: Client::build(line.client().clone(), address.clone()),
            address,
            line,
            ladder: Ladder::new(endpoint.json_mode, rung.as_deref()),
            rung_is_kept: AtomicBool::new(rung.is_some()),
            cache,
            fingerprint,
            scales,
            batch_scales: Scales::new(endpoint, &settings.parameters, true)?,
            usage: Mutex::new(usage),
        })
    }

    /// What the cache holds, by prompt.
    pub(crate) fn cached(&self) -> Result<Vec<Option<Completion>>, PromptingError> {
        let keys = self.keys.clone();
        let found = self.cache.write_now(move |connection| {
            keys.iter().map(|(key, _)| answers::find(connection, key)).collect::<Result<Vec<_>, _>>()
        })?;
        let named =
            |(completion, prompt): (Option<Completion>, &Prompt)| completion.map(|found| renamed(found, prompt));
        Ok(found.into_iter().zip(&self.prompts).map(named).collect())
    }

    pub(crate) fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scales(&self, batched: bool) -> &Scales {
        if batched { &self.batch_scales } else { &self.scales }
    }

    /// The tokens of a prompt, as far as a tokenizer tells.
    pub(crate) fn counted(&self, index: usize) -> Counted {
        let messages = &self.prompts[index].messages;
        let count = |tokenizer: &CountTokens| {
            *self.counts[index].get_or_init(|| messages.iter().map(|message| tokenizer.count(&message.content)).sum())
        };
        Counted { messages: self.endpoint.tokenizer.as_ref().map(count), schema: self.schema_tokens }
    }

    /// What is known of a request before it is sent.
    pub(crate) fn ticket(&self, index: usize, batched: bool) -> Ticket {
        let prompt = &self.prompts[index];
        let (usage, counted) = (*self.usage(), self.counted(index));
        Ticket {
            request: prompt.request.clone(),
            key: self.keys[index].0.clone(),
            sensitivity: prompt.sensitivity,
            reserved: self.scales(batched).most(prompt, counted, &usage),
            tokens: self.scales.likely(prompt, counted, &usage),
        }
    }

    /// Asks for one completion and makes it durable. Returns it with its cost.
    pub(crate) async fn ask(&self, index: usize) -> Ended {
        match self.ask_down_the_ladder(index).await {
            Ok(arrival) => self.keep(index, arrival).await,
            Err(Failure::Answered) => {
                let key = self.keys[index].0.clone();
                let found = self.cache.write(move |connection| answers::find(connection, &key)).await?;
                let found = found.map(|completion| (renamed(completion, &self.prompts[index]), Charge::default()));
                found.ok_or(Failure::Stopped)
            }
            Err(failure) => {
                let key = self.keys[index].0.clone();
                drop(self.cache.submit(move |connection| release(connection, &key)));
                Err(failure)
            }
        }
    }

    async fn ask_down_the_ladder(&self, index: usize) -> Result<Arrival, Failure> {
        let prompt = &self.prompts[index];
        let ticket = self.ticket(index, false);
        let schema = self.settings.labelling.answer_schema(prompt.count);
        loop {
            let rung = self.ladder.current();
            let transport = Transport::new(Arc::clone(&self.line), Parcel::Prompt(ticket.clone()));
            let client = self.client.clone().with_http_service(transport.clone());
            let request = ChatRequest::new(prompt, &self.settings.parameters, rung, &schema);
            let reply: Result<Value, Failure> = client.chat().create_byot(&request).await.map_err(Failure::from);
            let value = match reply {
                Err(Failure::FormatRefused(_)) if self.ladder.step_down(rung) => {
                    // The server's words stay out of the log: they may repeat the prompt.
                    tracing::info!(endpoint = %self.endpoint.name, ?rung, "response format refused, going down the ladder");
                    continue;
                }
                reply => reply?,
            };
            let number = transport.number();
            return match ChatReply::read(&value) {
                Ok(reply) => {
                    self.keep_rung(rung);
                    Ok(Arrival { reply, number, batched: false })
                }
                Err((reason, detail)) => {
                    // Something was written, and is charged as it was reserved.
                    self.line.settled();
                    drop(self.cache.submit(move |connection| settle(connection, number, Some(200), None)));
                    Err(Failure::SetAside { reason, detail })
                }
            };
        }
    }

    /// Whether it is known how the endpoint is asked for JSON.
    pub(crate) fn knows_rung(&self) -> bool {
        self.endpoint.json_mode == JsonMode::PromptOnly || self.rung_is_kept.load(Ordering::Relaxed)
    }

    /// The first good reply shows which rung the endpoint stands on.
    fn keep_rung(&self, rung: Rung) {
        if self.endpoint.json_mode == JsonMode::Auto && !self.rung_is_kept.swap(true, Ordering::Relaxed) {
            let (place, model) = (self.fingerprint.clone(), self.settings.parameters.model.clone());
            drop(self.cache.submit(move |connection| learn_rung(connection, &place, &model, rung.name())));
        }
    }

    /// Makes a reply durable: completion, cost and counts in one transaction.
    pub(crate) async fn keep(&self, index: usize, arrival: Arrival) -> Ended {
        let prompt = self.prompts[index].clone();
        let Arrival { reply, number, batched } = arrival;
        let (prompt_tokens, completion_tokens) = counted(&prompt, &reply);
        let cost = self.scales(batched).charge(prompt_tokens.into(), completion_tokens.into());
        let counts = reply.prompt_tokens.zip(reply.completion_tokens);
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
        let prompt_bytes = bytes(&prompt.messages);
        if let Some((prompt_tokens, completion_tokens)) = counts {
            self.usage().add(prompt_bytes, prompt_tokens.into(), completion_tokens.into());
        }
        let question = self.question(index);
        let kept = Completion { sample: self.keys[index].1, ..completion.clone() };
        let write = self.cache.write(move |connection| {
            answers::insert(connection, &question, &prompt, &kept)?;
            settle(connection, number, Some(200), Some(cost))?;
            release(connection, &question.key)?;
            match counts {
                Some(tokens) => count_reply(connection, &question.endpoint, &question.asked, prompt_bytes, tokens),
                None => Ok(()),
            }
        });
        write.await?;
        if !batched {
            self.line.settled();
            self.line.pace().correct(self.ticket(index, false).tokens, cost.tokens);
        }
        Ok((completion, cost))
    }

    fn question(&self, index: usize) -> Question {
        Question {
            key: self.keys[index].0.clone(),
            endpoint: self.fingerprint.clone(),
            asked: self.settings.parameters.model.clone(),
            task: self.settings.labelling.task.name().to_owned(),
            messages: messages_digest(&self.prompts[index].messages),
        }
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Sorts a request's end into the tally.
    ///
    /// Errors: whatever ends the run.
    pub(crate) fn settle(&self, tally: &mut Tally, index: usize, ended: Ended) -> Result<(), PromptingError> {
        let (reason, detail) = match ended {
            Ok((completion, cost)) => {
                tally.take(index, Outcome::Completed(completion), cost.micros);
                return Ok(());
            }
            Err(Failure::Stopped | Failure::Batched | Failure::Answered) => return Ok(()),
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::SetAside { reason, detail }) => (reason, detail),
            Err(Failure::FormatRefused(detail)) => (Reason::RequestRefused, detail),
        };
        let prompt = &self.prompts[index];
        let row = reason.row(&prompt.request, detail, Some(&prompt.request), "", prompt.sensitivity);
        tally.take(index, Outcome::SetAside(row), 0);
        tally.nothing_answered(&self.endpoint.base_url, self.endpoint.concurrency).map_or(Ok(()), Err)
    }

    /// Everything that ever left for these prompts, and what it cost.
    pub(crate) fn departed(&self) -> Result<(Vec<clinsynth_contract::EgressRecord>, Spending), PromptingError> {
        let name = |((key, _), prompt): (&(String, u32), &Prompt)| (key.clone(), prompt.request.clone());
        let requests: Vec<(String, String)> = self.keys.iter().zip(&self.prompts).map(name).collect();
        let (egress, cost) = self.cache.write_now(move |connection| departed(connection, &requests))?;
        let spending = Spending {
            attempts: egress.len(),
            tokens: cost.tokens,
            micros: cost.micros,
            prices: self.endpoint.prices.as_ref().map(|prices| (prices.currency.clone(), prices.as_of.clone())),
        };
        Ok((egress, spending))
    }
}

/// The endpoint's counts, or four bytes a token where it gives none.
fn counted(prompt: &Prompt, reply: &ChatReply) -> (u32, u32) {
    let guess = |bytes: u64| u32::try_from(bytes.div_ceil(4)).unwrap_or(u32::MAX);
    let prompt_tokens = reply.prompt_tokens.unwrap_or_else(|| guess(bytes(&prompt.messages)));
    (prompt_tokens, reply.completion_tokens.unwrap_or_else(|| guess(reply.text.len() as u64)))
}

/// A completion from the cache, under the request's present name. An equal prompt may have had less sensitive inputs then.
fn renamed(completion: Completion, prompt: &Prompt) -> Completion {
    let sensitivity = completion.sensitivity.max(prompt.sensitivity);
    Completion { request: prompt.request.clone(), sample: 0, sensitivity, ..completion }
}
