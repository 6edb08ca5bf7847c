use clinsynth_contract::{Completion, EgressRecord, Quarantined};

use crate::{Answers, Progress, PromptingError, Spending};

/// Requests that may all end without a completion before the run is given up.
const FUTILE: usize = 16;

/// How one request ended.
pub(crate) enum Outcome {
    Completed(Completion),
    SetAside(Quarantined),
}

/// Outcomes by prompt.
pub(crate) struct Tally {
    outcomes: Vec<Option<Outcome>>,
    pub(crate) progress: Progress,
}

impl Tally {
    /// The outcomes that the cache holds.
    pub(crate) fn new(cached: Vec<Option<Completion>>) -> Self {
        let progress = Progress { total: cached.len(), ..Progress::default() };
        let mut tally = Self { outcomes: cached.iter().map(|_| None).collect(), progress };
        for (index, completion) in cached.into_iter().enumerate() {
            if let Some(completion) = completion {
                tally.progress.recovered += 1;
                tally.take(index, Outcome::Completed(completion), 0);
            }
        }
        tally
    }

    /// Prompts without an outcome.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.outcomes.len()).filter(|&index| self.outcomes[index].is_none()).collect()
    }

    /// Books an outcome and what it cost.
    pub(crate) fn take(&mut self, index: usize, outcome: Outcome, micros: u64) {
        self.progress.done += 1;
        self.progress.micros += micros;
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
    pub(crate) fn nothing_answered(&self, url: &str, concurrency: usize) -> Option<PromptingError> {
        let Progress { done, set_aside, .. } = self.progress;
        if set_aside < done || done < FUTILE.max(concurrency) {
            return None;
        }
        let last = self.outcomes.iter().rev().flatten().find_map(|outcome| match outcome {
            Outcome::SetAside(row) => Some(row.detail.clone()),
            Outcome::Completed(_) => None,
        });
        Some(PromptingError::NothingAnswered { url: url.to_owned(), tried: done, last: last.unwrap_or_default() })
    }

    pub(crate) fn interrupted(&self) -> PromptingError {
        PromptingError::Interrupted { done: self.progress.done, total: self.progress.total }
    }

    pub(crate) fn into_answers(self, egress: Vec<EgressRecord>, spending: Spending) -> Answers {
        let mut answers = Answers { egress, spending, ..Answers::default() };
        for outcome in self.outcomes.into_iter().flatten() {
            match outcome {
                Outcome::Completed(completion) => answers.completions.push(completion),
                Outcome::SetAside(row) => answers.quarantined.push(row),
            }
        }
        answers
    }
}
