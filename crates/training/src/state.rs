use std::collections::BTreeMap;

use clinsynth_contract::{Digest, HistoryPoint};
use serde::{Deserialize, Serialize};

use crate::evaluate::Evaluation;
use crate::{Precision, Recipe};

/// Version of `state.json`.
pub(crate) const STATE_FORMAT: u32 = 2;

/// What decides a run's result: a checkpoint belongs to a run whose fingerprint is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    pub recipe: Digest,
    pub artifact: Digest,
    pub train: Digest,
    pub dev: Digest,
}

impl Fingerprint {
    /// In words, what differs between the two.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            ("recipe", &self.recipe, &other.recipe),
            ("artifact", &self.artifact, &other.artifact),
            ("train data", &self.train, &other.train),
            ("dev data", &self.dev, &other.dev),
        ];
        parts.into_iter().filter(|(_, mine, theirs)| mine != theirs).map(|(name, ..)| name).collect()
    }
}

/// `state.json` of a checkpoint: where the run stands, enough to go on as if it had never stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunState {
    /// [`STATE_FORMAT`].
    pub format: u32,
    pub fingerprint: Fingerprint,
    /// For people: the fingerprint has its digest.
    pub recipe: Recipe,
    /// What the recipe's precision came to where the run last went on.
    #[serde(default)]
    pub precision: Precision,
    /// Optimizer steps done, of how many.
    pub step: u64,
    pub steps: u64,
    /// Epochs done and evaluated.
    pub epoch: u32,
    /// Batches done of the epoch after those.
    pub batch: usize,
    /// Whether nothing is left to do.
    pub finished: bool,
    pub best: Option<Best>,
    /// Epochs since the one of the highest F1.
    pub stale_epochs: u32,
    pub unlogged: Unlogged,
    pub history: Vec<HistoryPoint>,
    /// Digest of each other file of the checkpoint.
    pub files: BTreeMap<String, Digest>,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Best {
    /// Counted from 1.
    pub epoch: u32,
    pub f1: f64,
    pub loss: f64,
    /// The highest F1 of any epoch so far.
    pub highest_f1: f64,
    /// Name of its checkpoint.
    pub checkpoint: String,
}

/// What the next row of the history sums up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unlogged {
    /// Sum of the loss over words.
    pub loss: f64,
    pub words: usize,
    pub learning_rate: f64,
    pub gradient_norm: f64,
}

impl RunState {
    /// The state before the first step.
    pub(crate) fn new(fingerprint: Fingerprint, recipe: Recipe, steps: u64) -> Self {
        Self {
            format: STATE_FORMAT,
            fingerprint,
            recipe,
            precision: Precision::Auto,
            step: 0,
            steps,
            epoch: 0,
            batch: 0,
            finished: false,
            best: None,
            stale_epochs: 0,
            unlogged: Unlogged::default(),
            history: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Ends the row of the history that is open, with dev scores at the end of an epoch.
    pub(crate) fn log(&mut self, epoch: f64, evaluation: Option<Evaluation>) {
        let Unlogged { loss, words, learning_rate, gradient_norm } = self.unlogged;
        self.history.push(HistoryPoint {
            step: self.step,
            epoch,
            loss: (words > 0).then(|| loss / words as f64),
            learning_rate,
            gradient_norm: Some(gradient_norm),
            dev_loss: evaluation.map(|found| found.loss),
            dev_precision: evaluation.map(|found| found.counts.precision()),
            dev_recall: evaluation.map(|found| found.counts.recall()),
            dev_f1: evaluation.map(|found| found.counts.f1()),
        });
        self.unlogged = Unlogged { loss: 0.0, words: 0, learning_rate, gradient_norm };
    }

    /// Ends an epoch. The best is the latest one whose F1 lies within a standard error of the highest: a few hundred
    /// dev mentions cannot tell such epochs apart, and the later one has the lower learning rate behind it.
    ///
    /// Source: the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, section 3.4.3.
    pub(crate) fn end_epoch(&mut self, evaluation: Evaluation, checkpoint: String) {
        self.epoch += 1;
        self.batch = 0;
        let (f1, loss) = (evaluation.counts.f1(), evaluation.loss);
        let before = self.best.as_ref().map(|best| best.highest_f1);
        let highest_f1 = before.map_or(f1, |before| before.max(f1));
        let higher = before.is_none_or(|before| f1 > before);
        self.stale_epochs = if higher { 0 } else { self.stale_epochs + 1 };
        if f1 >= highest_f1 - standard_error(highest_f1, evaluation.counts.gold) {
            self.best = Some(Best { epoch: self.epoch, f1, loss, highest_f1, checkpoint });
        }
        let out_of_patience = self.recipe.patience.is_some_and(|patience| self.stale_epochs >= patience);
        self.finished = self.epoch == self.recipe.epochs || out_of_patience;
    }
}

/// Standard error of an F1 over `mentions` gold mentions, taken as a share of them: `√(F1 (1 - F1) / mentions)`.
fn standard_error(f1: f64, mentions: u64) -> f64 {
    (f1 * (1.0 - f1) / mentions.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::Counts;

    fn ended(patience: Option<u32>, epochs: &[(u64, f64)]) -> RunState {
        let fingerprint = Fingerprint {
            recipe: Digest::default(),
            artifact: Digest::default(),
            train: Digest::default(),
            dev: Digest::default(),
        };
        let mut state = RunState::new(fingerprint, Recipe { patience, epochs: 9, ..Recipe::default() }, 90);
        for (index, &(correct, loss)) in epochs.iter().enumerate() {
            let counts = Counts { gold: 100, predicted: 100, correct };
            state.end_epoch(Evaluation { loss, counts }, format!("c{index}"));
        }
        state
    }

    fn check(patience: Option<u32>, epochs: &[(u64, f64)], best: u32, finished: bool) {
        let state = ended(patience, epochs);
        assert_eq!((state.best.map(|best| best.epoch), state.finished), (Some(best), finished), "{epochs:?}");
    }

    /// At an F1 of 0.6 over 100 mentions the standard error is 0.049.
    #[test]
    fn best_epoch_is_the_latest_within_a_standard_error_of_the_highest() {
        check(None, &[(50, 0.3), (60, 0.4), (50, 0.1)], 2, false);
        check(None, &[(50, 0.3), (60, 0.4), (56, 0.5)], 3, false);
        check(None, &[(60, 0.3), (55, 0.2)], 1, false);
        check(None, &[(56, 0.3), (50, 0.2), (60, 0.2), (55, 0.1)], 3, false);
        check(Some(2), &[(60, 0.3), (58, 0.2)], 2, false);
        check(Some(2), &[(60, 0.3), (58, 0.2), (57, 0.4)], 3, true);
        check(Some(2), &[(60, 0.3), (58, 0.2), (61, 0.4)], 3, false);
        check(None, &[(10, 1.0); 9], 9, true);
    }
}
