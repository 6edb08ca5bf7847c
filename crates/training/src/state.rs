use std::collections::BTreeMap;

use clinsynth_contract::{Digest, HistoryPoint};
use serde::{Deserialize, Serialize};

use crate::Recipe;
use crate::evaluate::Evaluation;

/// Version of `state.json`.
pub(crate) const STATE_FORMAT: u32 = 1;

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
    /// Epochs since the best one.
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

    /// Ends an epoch: the best is the one with the higher F1, then the lower loss, then the earlier.
    pub(crate) fn end_epoch(&mut self, evaluation: Evaluation, checkpoint: String) {
        self.epoch += 1;
        self.batch = 0;
        let (f1, loss) = (evaluation.counts.f1(), evaluation.loss);
        let better = self.best.as_ref().is_none_or(|best| {
            let order = f1.total_cmp(&best.f1).then(best.loss.total_cmp(&loss));
            order.is_gt()
        });
        self.stale_epochs = if better { 0 } else { self.stale_epochs + 1 };
        if better {
            self.best = Some(Best { epoch: self.epoch, f1, loss, checkpoint });
        }
        let out_of_patience = self.recipe.patience.is_some_and(|patience| self.stale_epochs >= patience);
        self.finished = self.epoch == self.recipe.epochs || out_of_patience;
    }
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
            let counts = Counts { gold: 10, predicted: 10, correct };
            state.end_epoch(Evaluation { loss, counts }, format!("c{index}"));
        }
        state
    }

    fn check(patience: Option<u32>, epochs: &[(u64, f64)], best: u32, finished: bool) {
        let state = ended(patience, epochs);
        assert_eq!((state.best.map(|best| best.epoch), state.finished), (Some(best), finished), "{epochs:?}");
    }

    #[test]
    fn best_epoch_by_f1_then_loss_then_age() {
        check(None, &[(5, 0.3), (6, 0.4), (5, 0.1)], 2, false);
        check(None, &[(5, 0.3), (5, 0.2)], 2, false);
        check(None, &[(5, 0.3), (5, 0.3)], 1, false);
        check(Some(2), &[(5, 0.3), (4, 0.2)], 1, false);
        check(Some(2), &[(5, 0.3), (4, 0.2), (5, 0.4)], 1, true);
        check(None, &[(1, 1.0); 9], 1, true);
    }
}
