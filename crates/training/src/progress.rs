/// What a run does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Taking optimizer steps.
    Training,
    /// Scoring the dev split at the end of an epoch.
    Evaluating,
}

/// Where a run stands: told to the observer after each step and each batch of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Optimizer steps done.
    pub step: u64,
    /// Optimizer steps of the whole run.
    pub steps: u64,
    /// Epochs done, with the fraction of the current one.
    pub epoch: f64,
    /// Loss of the last step, the mean over its words.
    pub loss: f64,
    /// Sub-tokens learned from in a second, padding not counted; 0 before the first step.
    pub tokens_per_second: f64,
    /// Seconds left, evaluations included as far as they were seen.
    pub seconds_left: f64,
    /// The best dev F1 so far.
    pub best_f1: Option<f64>,
}
