use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use clinsynth_contract::{Message, Prompt};

use crate::cache::attempts::{Cap, Charge};
use crate::cache::endpoints::Usage;
use crate::{Endpoint, Parameters, PromptingError};

/// Price of a model: currency units for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// For a million tokens of prompts.
    pub prompt: f64,
    /// For a million tokens of completions.
    pub completion: f64,
}

/// A price table, as the user states it; nothing is ever guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// The day on which the prices were looked up.
    pub as_of: String,
    /// Their currency.
    pub currency: String,
    /// Price of each model.
    pub models: BTreeMap<String, Price>,
    /// Share of the price that requests of a batch cost, such as 0.5.
    pub batch_share: f64,
}

/// The most that an endpoint may cost: over all runs and processes that share a request cache.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Tokens of prompts and completions together.
    pub tokens: Option<u64>,
    /// Money, in the currency of the prices.
    pub money: Option<f64>,
}

/// What a run would take, before anything is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Requests in all.
    pub requests: usize,
    /// Requests that the cache answers.
    pub cached: usize,
    /// Tokens of the prompts to be sent: by the model's tokenizer where there is one, else as the endpoint's own counts
    /// suggest; 4 bytes are a token before there are any.
    pub prompt_tokens: u64,
    /// Tokens of the completions, likewise; half of `max-tokens` before there are any counts, 500 without it.
    pub completion_tokens: u64,
    /// Most tokens of prompts and completions; none when completions have no bound.
    pub most_tokens: Option<u64>,
    /// Likely cost in millionths of the currency; none without a price.
    pub micros: Option<u64>,
    /// Highest cost in millionths of the currency.
    pub most_micros: Option<u64>,
    /// Currency and day of the prices.
    pub prices: Option<(String, String)>,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.requests - self.cached;
        write!(f, "{} requests, {} of them in the cache", self.requests, self.cached)?;
        if open == 0 {
            return Ok(());
        }
        write!(f, "; about {} prompt and {} completion tokens", self.prompt_tokens, self.completion_tokens)?;
        if let Some(most) = self.most_tokens {
            write!(f, ", at most {most}")?;
        }
        if let (Some(micros), Some((currency, day))) = (self.micros, &self.prices) {
            write!(f, "; about {}", money(micros, currency))?;
            if let Some(most) = self.most_micros {
                write!(f, ", at most {}", money(most, currency))?;
            }
            write!(f, " by the prices of {day}")?;
        }
        Ok(())
    }
}

/// An amount with its currency, to the hundredth, or finer below one.
pub fn money(micros: u64, currency: &str) -> String {
    let amount = micros as f64 / 1e6;
    if micros == 0 || micros >= 1_000_000 {
        format!("{amount:.2} {currency}")
    } else {
        format!("{amount:.4} {currency}")
    }
}

/// Counts the tokens of a text as the model would.
#[derive(Clone)]
pub struct CountTokens(Arc<dyn Fn(&str) -> u64 + Send + Sync>);

impl CountTokens {
    /// Counts by a function.
    pub fn new(count: impl Fn(&str) -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }

    /// Tokens of a text, special ones left out.
    pub fn count(&self, text: &str) -> u64 {
        (self.0)(text)
    }
}

impl fmt::Debug for CountTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountTokens")
    }
}

/// What is known of the tokens of a prompt before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    /// Of its messages, by the model's tokenizer; none without one.
    pub(crate) messages: Option<u64>,
    /// Of the schema that may be sent beside it.
    pub(crate) schema: u64,
}

/// Weighs requests to one model of one endpoint before they are sent, and counts their cost after.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    price: Option<Price>,
    /// Share of the price that is charged.
    share: f64,
    most_completion: Option<u64>,
    pub(crate) cap: Cap,
    prices: Option<(String, String)>,
}

impl Scales {
    /// Errors: [`PromptingError::Endpoint`] for a budget that cannot be kept: in money without a price of this model, or
    /// of any kind when completions have no bound.
    pub(crate) fn new(endpoint: &Endpoint, parameters: &Parameters, batched: bool) -> Result<Self, PromptingError> {
        let price = endpoint.prices.as_ref().and_then(|prices| prices.models.get(&parameters.model)).copied();
        let budget = endpoint.budget.unwrap_or_default();
        let most_completion = most_completion(parameters);
        if budget.money.is_some() && price.is_none() {
            let model = &parameters.model;
            return Err(endpoint.error(format!("`budget.money` needs the price of `{model}` under `prices.models`")));
        }
        if most_completion.is_none() && (budget.money.is_some() || budget.tokens.is_some()) {
            return Err(endpoint.error("a `budget` can only be kept when the step sets `max-tokens`".to_owned()));
        }
        Ok(Self {
            price,
            share: if batched { endpoint.prices.as_ref().map_or(1.0, |prices| prices.batch_share) } else { 1.0 },
            most_completion,
            cap: Cap { tokens: budget.tokens, micros: budget.money.map(|money| (money * 1e6) as u64) },
            prices: endpoint.prices.as_ref().map(|prices| (prices.currency.clone(), prices.as_of.clone())),
        })
    }

    /// What so many tokens cost; rounded up to the next millionth.
    pub(crate) fn charge(&self, prompt: u64, completion: u64) -> Charge {
        let cost = |price: Price| (prompt as f64 * price.prompt + completion as f64 * price.completion) * self.share;
        // The tiny subtrahend keeps a product such as 0.15 × 100 from being rounded up for its last bit.
        let micros = self.price.map_or(0, |price| (cost(price) - 1e-6).max(0.0).ceil() as u64);
        Charge { tokens: prompt + completion, micros }
    }

    /// The most that a request can cost: by the model's tokenizer and a margin; without one a token is at least a byte,
    /// unless the endpoint's own counts say less.
    pub(crate) fn most(&self, prompt: &Prompt, counted: Counted, usage: &Usage) -> Charge {
        self.charge(most_prompt(&prompt.messages, counted, usage), self.most_completion.unwrap_or(0))
    }

    /// The likely tokens of a request, for limits of tokens a minute, which servers reckon with `max-tokens` as well.
    pub(crate) fn likely(&self, prompt: &Prompt, counted: Counted, usage: &Usage) -> u64 {
        likely_prompt(&prompt.messages, counted, usage)
            + self.most_completion.unwrap_or_else(|| self.likely_completion(usage))
    }

    fn likely_completion(&self, usage: &Usage) -> u64 {
        match usage.completion_tokens.checked_div(usage.replies) {
            Some(mean) => mean.min(self.most_completion.unwrap_or(u64::MAX)),
            None => self.most_completion.map_or(500, |most| most.div_ceil(2)),
        }
    }

    /// What the open ones of so many prompts would take.
    pub(crate) fn estimate<'a>(
        &self,
        open: impl Iterator<Item = (&'a Prompt, Counted)>,
        requests: usize,
        usage: &Usage,
    ) -> Estimate {
        let mut estimate = Estimate { requests, cached: requests, prices: self.prices.clone(), ..Estimate::default() };
        let mut most = Charge::default();
        for (prompt, counted) in open {
            estimate.cached -= 1;
            estimate.prompt_tokens += likely_prompt(&prompt.messages, counted, usage);
            estimate.completion_tokens += self.likely_completion(usage);
            let one = self.most(prompt, counted, usage);
            most = Charge { tokens: most.tokens + one.tokens, micros: most.micros + one.micros };
        }
        estimate.most_tokens = self.most_completion.map(|_| most.tokens);
        if self.price.is_some() {
            estimate.micros = Some(self.charge(estimate.prompt_tokens, estimate.completion_tokens).micros);
            estimate.most_micros = self.most_completion.map(|_| most.micros);
        }
        estimate
    }
}

/// Tokens that a completion can have at most, if the request says so.
fn most_completion(parameters: &Parameters) -> Option<u64> {
    let extra = |name: &str| parameters.extra.get(name).and_then(serde_json::Value::as_u64);
    parameters.max_tokens.map(u64::from).or_else(|| extra("max_completion_tokens")).or_else(|| extra("max_tokens"))
}

/// Bytes of the messages' text.
pub(crate) fn bytes(messages: &[Message]) -> u64 {
    messages.iter().map(|message| message.content.len() as u64).sum()
}

/// Replies after which the densest prompt so far, and a tenth, bounds the next.
const ENOUGH: u64 = 8;

/// Tokens that chat templates put around each message.
const FRAME: u64 = 16;

/// Tokens that chat templates put before the first message, such as a preamble of the model's own.
const PREAMBLE: u64 = 128;

fn most_prompt(messages: &[Message], counted: Counted, usage: &Usage) -> u64 {
    let bytes = bytes(messages);
    let frame = FRAME * messages.len() as u64;
    let by_replies = (bytes as f64 * usage.densest * 1.1).ceil() as u64 + frame;
    match counted.messages {
        // A tokenizer that is not the model's may count too few: the endpoint's own counts raise it at once.
        Some(tokens) => by_replies.max(tokens + tokens.div_ceil(10) + counted.schema + frame + PREAMBLE),
        None if usage.replies < ENOUGH => bytes + frame,
        None => by_replies,
    }
}

fn likely_prompt(messages: &[Message], counted: Counted, usage: &Usage) -> u64 {
    let bytes = bytes(messages);
    match (counted.messages, usage.prompt_bytes) {
        (Some(tokens), _) => tokens,
        (None, 0) => bytes.div_ceil(4),
        (None, counted) => (bytes as f64 * usage.prompt_tokens as f64 / counted as f64).ceil() as u64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn endpoint(budget: Budget) -> Endpoint {
        let mut endpoint = Endpoint::new("e", "http://127.0.0.1/v1");
        let models = BTreeMap::from([("m".to_owned(), Price { prompt: 0.15, completion: 0.6 })]);
        endpoint.prices = Some(Prices { as_of: "2026-11-01".into(), currency: "USD".into(), models, batch_share: 0.5 });
        endpoint.budget = Some(budget);
        endpoint
    }

    fn parameters(model: &str, max_tokens: Option<u32>) -> Parameters {
        Parameters { model: model.into(), max_tokens, ..Parameters::default() }
    }

    fn prompt(bytes: usize) -> Prompt {
        let message = Message { role: "user".into(), content: "x".repeat(bytes) };
        Prompt { messages: vec![message], ..Prompt::default() }
    }

    #[test]
    fn a_budget_that_cannot_be_kept_is_refused() {
        let check = |budget: Budget, parameters: &Parameters, expected: &str| {
            let error = Scales::new(&endpoint(budget), parameters, false).unwrap_err().to_string();
            assert_eq!(error, format!("endpoint `e`: {expected}"));
        };
        let money = Budget { money: Some(1.0), tokens: None };
        check(money, &parameters("n", Some(9)), "`budget.money` needs the price of `n` under `prices.models`");
        check(money, &parameters("m", None), "a `budget` can only be kept when the step sets `max-tokens`");
    }

    #[test]
    fn charges_by_the_table_to_the_millionth() {
        let scales = |batched| Scales::new(&endpoint(Budget::default()), &parameters("m", Some(10)), batched).unwrap();
        assert_eq!(scales(false).charge(100, 10), Charge { tokens: 110, micros: 21 });
        assert_eq!(scales(true).charge(100, 10), Charge { tokens: 110, micros: 11 });
        assert_eq!(scales(false).charge(1, 0), Charge { tokens: 1, micros: 1 });
    }

    #[test]
    fn estimates_by_bytes_and_then_by_the_endpoints_own_counts() {
        let scales = Scales::new(&endpoint(Budget::default()), &parameters("m", Some(100)), false).unwrap();
        let prompts = [prompt(400), prompt(4000)];
        let open = |count: Option<u64>| {
            prompts.iter().map(move |prompt| {
                let messages = count.map(|bytes| super::bytes(&prompt.messages) / bytes);
                (prompt, Counted { messages, schema: 30 })
            })
        };
        let mut usage = Usage::default();
        assert_eq!(
            scales.estimate(open(None), 3, &usage).to_string(),
            "3 requests, 1 of them in the cache; about 1100 prompt and 100 completion tokens, at most 4632; about \
             0.0002 USD, at most 0.0008 USD by the prices of 2026-11-01"
        );
        // By the tokenizer: a tenth more, 16 for the message, 128 for a preamble, and the schema.
        let by_tokenizer = |bytes, usage: &Usage| {
            let estimate = scales.estimate(open(Some(bytes)), 2, usage);
            (estimate.prompt_tokens, estimate.most_tokens.unwrap())
        };
        assert_eq!(by_tokenizer(5, &usage), (880, 968 + 2 * (16 + 128 + 30) + 200));
        // A tokenizer of another model counts too few: one reply of the endpoint shows it.
        usage.add(1000, 500, 40);
        assert_eq!(by_tokenizer(100, &usage), (44, 221 + 2200 + 2 * 16 + 200));
        usage = Usage::default();
        for _ in 0..8 {
            usage.add(1000, 200, 40);
        }
        let estimate = scales.estimate(open(None), 2, &usage);
        assert_eq!((estimate.prompt_tokens, estimate.completion_tokens), (880, 80));
        assert_eq!(estimate.most_tokens, Some(89 + 880 + 32 + 200));
        assert_eq!(scales.estimate([].into_iter(), 2, &usage).to_string(), "2 requests, 2 of them in the cache");
    }
}
