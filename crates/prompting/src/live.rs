use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clinsynth_contract::{Completion, Prompt};
use tokio::task::JoinSet;

use crate::asker::Asker;
use crate::batch;
use crate::cache::Cache;
use crate::cache::attempts::Charge;
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{Answers, Connections, Endpoint, Estimate, GenerateSettings, PromptingError};

/// How a request ended: with a completion and its cost, or without.
pub(crate) type Ended = Result<(Completion, Charge), Failure>;

/// How often the caller's cancel flag is looked at.
pub(crate) const CANCEL_CHECK: Duration = Duration::from_millis(50);

/// Requests that may find out how an endpoint is asked for JSON.
const SCOUTS: usize = 3;

/// Has an endpoint answer every prompt that the request cache does not.
pub(crate) fn ask_all(
    prompts: &[Prompt],
    endpoint: &Endpoint,
    settings: &GenerateSettings,
    connections: &mut Connections<'_>,
) -> Result<Answers, PromptingError> {
    let cache = Cache::open(connections.cache)?;
    let stop = Arc::new(AtomicBool::new(false));
    let asker = Arc::new(Asker::new(prompts, endpoint, settings, cache, Arc::clone(&stop))?);
    let mut tally = Tally::new(asker.cached()?);
    (connections.observer)(&tally.progress);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(PromptingError::Runtime)?;
    runtime.block_on(run(&asker, &mut tally, &stop, connections))?;
    let (egress, spending) = asker.departed()?;
    Ok(tally.into_answers(egress, spending))
}

/// What [`ask_all`] would take.
pub(crate) fn estimate(
    prompts: &[Prompt],
    endpoint: &Endpoint,
    settings: &GenerateSettings,
    cache: &Path,
) -> Result<Estimate, PromptingError> {
    let asker = Asker::new(prompts, endpoint, settings, Cache::open(cache)?, Arc::default())?;
    let tally = Tally::new(asker.cached()?);
    let open = tally.open();
    let usage = *asker.usage();
    let scales = asker.scales(endpoint.batching.is_some());
    Ok(scales.estimate(open.iter().map(|&index| (&prompts[index], asker.counted(index))), prompts.len(), &usage))
}

/// Batches first, those of earlier runs included; what they leave open is asked for one by one.
async fn run(
    asker: &Arc<Asker>,
    tally: &mut Tally,
    stop: &AtomicBool,
    connections: &mut Connections<'_>,
) -> Result<(), PromptingError> {
    batch::collect(asker, tally, connections).await?;
    if asker.endpoint.batching.is_some() {
        batch::send(asker, tally, connections).await?;
    }
    while !tally.open().is_empty() {
        drive(asker, tally, stop, connections).await?;
        // What is still open became part of another process's batch meanwhile.
        batch::collect(asker, tally, connections).await?;
    }
    Ok(())
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
    let mut flying: JoinSet<(usize, Ended)> = JoinSet::new();
    let mut fatal = None;
    loop {
        if connections.cancel.load(Ordering::Relaxed) {
            stop.store(true, Ordering::Relaxed);
        }
        while flying.len() < window(asker, tally) && !stop.load(Ordering::Relaxed) {
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
            Some(Ok((index, ended))) => asker.settle(tally, index, ended),
            Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
        };
        (connections.observer)(&tally.progress);
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

/// Requests under way at once: more than can be in flight, since some are being written down, others committed, and others
/// wait to be tried again. The first are sent one by one until one shows which way of asking for JSON the endpoint
/// understands.
fn window(asker: &Asker, tally: &Tally) -> usize {
    let begun = tally.progress.done - tally.progress.recovered;
    if begun < SCOUTS && !asker.knows_rung() {
        return 1;
    }
    let concurrency = asker.endpoint.concurrency.max(1);
    2 * concurrency + asker.line.resting().min(2 * concurrency)
}
