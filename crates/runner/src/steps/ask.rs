use std::sync::Arc;
use std::time::{Duration, Instant};

use clinsynth_dag::{GenerateOptions, JsonMode as PlannedJson, Mode};
use clinsynth_encoding::TokenCounter;
use clinsynth_prompting::{
    Answers, Backend, Batching, Budget, ClearedPrompts, Connections, CountTokens, Endpoint, GenerateSettings, JsonMode,
    Price, Prices, Progress, PromptingError, Recordings, Spending, complete, estimate, money,
};
use serde_json::{Value, json};

use crate::RunnerError;
use crate::execute::Context;
use crate::layout::write_atomically;

/// How often progress is reported.
const INTERVAL: Duration = Duration::from_millis(100);

/// Who answers a step's prompts: its recordings, or the endpoint that the plan resolved.
pub(super) fn backend(context: &Context<'_>, options: &GenerateOptions) -> Result<Backend, RunnerError> {
    let Some(planned) = &context.step.endpoint else {
        let path = context.file("recordings").map(ToOwned::to_owned).or_else(|| options.recordings.clone());
        let missing = || RunnerError::Empty {
            step: context.step.id.clone(),
            what: "provider `replay` needs `recordings`".to_owned(),
        };
        return Ok(Backend::Replay(Recordings::read(&path.ok_or_else(missing)?)?));
    };
    let endpoint = Endpoint { tokenizer: tokenizer(context)?, ..endpoint(&options.provider, planned) };
    match &planned.api_key_env {
        // A dry run sends nothing, so that it needs no key.
        Some(variable) if context.dry_run.is_none() => Ok(Backend::Live(endpoint.with_key_from(variable)?)),
        _ => Ok(Backend::Live(endpoint)),
    }
}

fn endpoint(name: &str, planned: &clinsynth_dag::Endpoint) -> Endpoint {
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let price = |price: &clinsynth_dag::Price| Price { prompt: price.prompt, completion: price.completion };
    let prices = |prices: &clinsynth_dag::Prices| Prices {
        as_of: prices.as_of.clone(),
        currency: prices.currency.clone(),
        models: prices.models.iter().map(|(model, found)| (model.clone(), price(found))).collect(),
        batch_share: prices.batch_share,
    };
    let batching = Batching { poll: seconds(planned.poll_seconds), ..Batching::default() };
    Endpoint {
        on_premises: if planned.on_premises { vec![planned.host()] } else { Vec::new() },
        json_mode: match planned.json {
            PlannedJson::Auto => JsonMode::Auto,
            PlannedJson::PromptOnly => JsonMode::PromptOnly,
        },
        key_header: planned.api_key_header.clone(),
        api_version: planned.api_version.clone(),
        concurrency: planned.concurrency as usize,
        connect_timeout: seconds(planned.connect_timeout_seconds),
        read_timeout: planned.read_timeout_seconds.map(seconds),
        timeout: seconds(planned.timeout_seconds),
        retries: planned.retries,
        patience: seconds(planned.patience_seconds),
        requests_per_minute: planned.requests_per_minute,
        tokens_per_minute: planned.tokens_per_minute,
        prices: planned.prices.as_ref().map(prices),
        budget: planned.budget.map(|budget| Budget { tokens: budget.tokens, money: budget.money }),
        batching: (planned.mode == Mode::Batch).then_some(batching),
        ..Endpoint::new(name, planned.base_url.clone())
    }
}

/// Has prompts answered; nothing that was answered before is asked again. Progress and cost become events.
///
/// Errors: [`RunnerError::DryRun`] in a dry run, once the prompts are written; [`RunnerError::Interrupted`].
pub(super) fn ask(
    context: &mut Context<'_>,
    cleared: &ClearedPrompts,
    backend: &Backend,
    settings: &GenerateSettings,
) -> Result<Answers, RunnerError> {
    let cache = context.requests.clone();
    let estimate = estimate(cleared, backend, settings, &cache)?;
    let words = estimate.as_ref().map_or_else(|| "answered from recordings".to_owned(), ToString::to_string);
    if let Some(path) = context.dry_run.clone() {
        let lines: Vec<String> = cleared.prompts().iter().map(|prompt| json!(prompt).to_string()).collect();
        write_atomically(&path, (lines.join("\n") + "\n").as_bytes())?;
        let step = context.step.id.clone();
        return Err(RunnerError::DryRun { step, prompts: cleared.prompts().len(), path, estimate: words });
    }
    if estimate.is_some_and(|estimate| estimate.requests > estimate.cached) {
        context.note(words);
    }
    let stop = Arc::clone(context.stop);
    let currency = match backend {
        Backend::Live(endpoint) => endpoint.prices.as_ref().map(|prices| prices.currency.clone()),
        Backend::Replay(_) => None,
    };
    let mut last: Option<Instant> = None;
    let mut observer = |progress: &Progress| {
        if progress.done == progress.total || last.is_none_or(|last| last.elapsed() >= INTERVAL) {
            last = Some(Instant::now());
            let note = note(progress, currency.as_deref());
            context.progress("completions", progress.done as u64, progress.total as u64, note);
        }
    };
    let mut connections = Connections { cache: &cache, cancel: &stop, observer: &mut observer };
    complete(cleared, backend, settings, &mut connections).map_err(|error| match error {
        PromptingError::Interrupted { .. } => RunnerError::Interrupted,
        other => RunnerError::Prompting(other),
    })
}

/// The tokenizer of the endpoint's model, if the pipeline names one.
fn tokenizer(context: &Context<'_>) -> Result<Option<CountTokens>, RunnerError> {
    let path = context.step.endpoint.as_ref().and_then(|endpoint| endpoint.tokenizer.as_ref());
    let counter = path.map(|path| TokenCounter::load(&context.plan.pipeline_dir.join(path))).transpose()?;
    Ok(counter.map(|counter| CountTokens::new(move |text| counter.count(text))))
}

/// Tokens and cost so far, for people.
fn note(progress: &Progress, currency: Option<&str>) -> String {
    let mut parts = Vec::new();
    if progress.completion_tokens > 0 {
        parts.push(format!("{} tokens written", progress.completion_tokens));
    }
    if let Some(currency) = currency {
        parts.push(money(progress.micros, currency));
    }
    if progress.batched > 0 {
        parts.push(format!("{} in batches", progress.batched));
    }
    if progress.set_aside > 0 {
        parts.push(format!("{} set aside", progress.set_aside));
    }
    parts.join(", ")
}

/// What a step's answers cost, as a fact for the report.
pub(super) fn cost(answers: &Answers) -> Value {
    let Spending { attempts, tokens, micros, prices } = &answers.spending;
    let counted = |count: fn(&clinsynth_contract::Completion) -> Option<u32>| {
        answers.completions.iter().filter_map(count).map(u64::from).sum::<u64>()
    };
    json!({
        "completions": answers.completions.len(),
        "attempts": attempts,
        "prompt_tokens": counted(|completion| completion.prompt_tokens),
        "completion_tokens": counted(|completion| completion.completion_tokens),
        "charged_tokens": tokens,
        "micros": micros,
        "currency": prices.as_ref().map(|(currency, _)| currency),
        "prices_as_of": prices.as_ref().map(|(_, day)| day),
    })
}
