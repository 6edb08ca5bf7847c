use std::iter::Sum;
use std::ops::Add;

/// Mentions counted under one label (or all together, for the micro average).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Gold mentions.
    pub support: u64,
    /// Predicted mentions.
    pub predicted: u64,
    /// Predictions that match a gold mention.
    pub correct: u64,
}

/// Precision, recall and F1, each 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Correct among predicted.
    pub precision: f64,
    /// Correct among gold.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Counts {
    /// The figures of these counts. A division by zero gives 0, as in seqeval and scikit-learn (`zero_division=0`).
    pub fn figures(self) -> Figures {
        let precision = ratio(self.correct, self.predicted);
        let recall = ratio(self.correct, self.support);
        let f1 = if self.correct == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        Figures { precision, recall, f1 }
    }

    /// Whether the label occurs in gold or predictions at all.
    pub const fn occurs(self) -> bool {
        self.support + self.predicted > 0
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            support: self.support + other.support,
            predicted: self.predicted + other.predicted,
            correct: self.correct + other.correct,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// The unweighted mean of the figures of the labels that occur in gold or predictions, as seqeval's `macro avg`; 0 for
/// none. F1 is the mean of the labels' F1, not the harmonic mean of the averages.
pub fn macro_average(labels: impl IntoIterator<Item = Counts>) -> Figures {
    let mut sum = Figures::default();
    let mut number = 0.0;
    for figures in labels.into_iter().filter(|counts| counts.occurs()).map(Counts::figures) {
        sum.precision += figures.precision;
        sum.recall += figures.recall;
        sum.f1 += figures.f1;
        number += 1.0;
    }
    if number == 0.0 {
        return sum;
    }
    Figures { precision: sum.precision / number, recall: sum.recall / number, f1: sum.f1 / number }
}
