use std::time::{Duration, Instant};

/// How fast a run goes, for progress and for checkpoints by the clock; never part of its result.
#[derive(Debug)]
pub(crate) struct Pace {
    steps: u64,
    tokens: usize,
    training: Duration,
    evaluation: Duration,
    loss: f32,
    saved: Instant,
}

impl Pace {
    /// From now on.
    pub(crate) fn new() -> Self {
        Self {
            steps: 0,
            tokens: 0,
            training: Duration::ZERO,
            evaluation: Duration::ZERO,
            loss: 0.0,
            saved: Instant::now(),
        }
    }

    pub(crate) fn trained(&mut self, duration: Duration, tokens: usize, loss: f32) {
        self.training += duration;
        self.tokens += tokens;
        self.steps += 1;
        self.loss = loss;
    }

    pub(crate) fn evaluated(&mut self, duration: Duration) {
        self.evaluation = duration;
    }

    pub(crate) fn saved(&mut self) {
        self.saved = Instant::now();
    }

    /// Time since the last checkpoint.
    pub(crate) fn unsaved(&self) -> Duration {
        self.saved.elapsed()
    }

    pub(crate) fn loss(&self) -> f64 {
        f64::from(self.loss)
    }

    pub(crate) fn tokens_per_second(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.tokens as f64 / self.training.as_secs_f64() }
    }

    /// From the mean time of the steps of this process and the time of the last evaluation.
    pub(crate) fn seconds_left(&self, steps: u64, epochs: u32) -> f64 {
        if self.steps == 0 {
            return 0.0;
        }
        let step = self.training.as_secs_f64() / self.steps as f64;
        step * steps as f64 + self.evaluation.as_secs_f64() * f64::from(epochs)
    }
}
