use serde::{Deserialize, Serialize};

use crate::action::Output;

/// What happens in a run. The terminal view, `events.ndjson` and the OpenLineage file are views of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The plan is checked; steps may start.
    RunStarted {
        /// Identifier of the run.
        run: String,
        /// Name of the pipeline.
        pipeline: String,
        /// Steps that are not skipped, in order.
        steps: Vec<String>,
    },
    /// A step's output was found in the cache.
    StepCached {
        /// The step.
        step: String,
        /// Its key.
        key: String,
        /// Its outputs.
        outputs: Vec<Output>,
    },
    /// A step is not part of this run.
    StepSkipped {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// A step starts.
    StepStarted {
        /// The step.
        step: String,
        /// Its key.
        key: String,
        /// Why it has to run.
        reason: String,
        /// Attempt, from 1.
        attempt: u32,
    },
    /// A step is under way.
    StepProgress {
        /// The step.
        step: String,
        /// What it is doing.
        phase: String,
        /// Units done.
        done: u64,
        /// Units in all, 0 when unknown.
        total: u64,
        /// Loss, rates and the like, for people.
        note: String,
    },
    /// Something a user should know that is no error.
    StepNote {
        /// The step.
        step: String,
        /// The note.
        note: String,
    },
    /// A step is done and its outputs are in the store.
    StepFinished {
        /// The step.
        step: String,
        /// Its key.
        key: String,
        /// Seconds it took.
        seconds: f64,
        /// Its outputs.
        outputs: Vec<Output>,
    },
    /// An attempt of a step failed.
    StepFailed {
        /// The step.
        step: String,
        /// The error with its causes.
        error: String,
        /// Exit code of the step.
        code: i32,
        /// File with all that it printed.
        log: String,
        /// Whether it is tried again.
        retried: bool,
    },
    /// The run is over.
    RunFinished {
        /// The run.
        run: String,
        /// Seconds it took.
        seconds: f64,
        /// Steps that ran.
        ran: usize,
        /// Steps found in the cache.
        cached: usize,
        /// Steps that failed, or did not run because one that they need failed.
        failed: usize,
    },
}
