use clinsynth_contract::TagSet;

/// Strict micro counts over mentions: a prediction is correct when its words and its label are those of a gold mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub gold: u64,
    pub predicted: u64,
    pub correct: u64,
}

impl Counts {
    /// Adds one sequence of words.
    pub(crate) fn add(&mut self, tags: &TagSet, gold: &[u32], predicted: &[u32]) {
        let (gold, predicted) = (tags.decode(gold), tags.decode(predicted));
        self.gold += gold.len() as u64;
        self.predicted += predicted.len() as u64;
        // Both are sorted and free of duplicates, as every mention ends before the next starts.
        self.correct += predicted.iter().filter(|span| gold.binary_search(span).is_ok()).count() as u64;
    }

    /// Adds one pair by the scores of its classes. Each pair has one class and is given one, so that micro precision,
    /// recall and F1 all are the accuracy.
    pub(crate) fn add_class(&mut self, gold: u32, logits: &[f32]) {
        let best = (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
        self.gold += 1;
        self.predicted += 1;
        self.correct += u64::from(best == gold as usize);
    }

    pub(crate) fn precision(self) -> f64 {
        share(self.correct, self.predicted)
    }

    pub(crate) fn recall(self) -> f64 {
        share(self.correct, self.gold)
    }

    /// `2 correct / (gold + predicted)`, the harmonic mean of both.
    pub(crate) fn f1(self) -> f64 {
        share(2 * self.correct, self.gold + self.predicted)
    }
}

/// Zero for an empty whole, as seqeval has it.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_strict() {
        let tags = TagSet::new("XY".chars()).unwrap_or_else(|error| panic!("{error}"));
        let mut counts = Counts::default();
        counts.add(&tags, &[1, 2, 0, 3], &[1, 2, 0, 3]);
        counts.add(&tags, &[1, 2, 0, 0], &[1, 0, 0, 2]);
        counts.add(&tags, &[1], &[3]);
        assert_eq!(counts, Counts { gold: 4, predicted: 5, correct: 2 });
        assert!((counts.f1() - 4.0 / 9.0).abs() < 1e-12);
        assert!((counts.precision() - 0.4).abs() < 1e-12);
        assert!((counts.recall() - 0.5).abs() < 1e-12);
        assert!(Counts::default().f1() == 0.0);
    }

    #[test]
    fn micro_f1_of_classes_is_the_accuracy() {
        let mut counts = Counts::default();
        counts.add_class(1, &[0.5, 2.0, -1.0]);
        counts.add_class(0, &[0.5, 0.5, 0.25]);
        counts.add_class(2, &[0.5, 2.0, -1.0]);
        assert_eq!(counts, Counts { gold: 3, predicted: 3, correct: 2 });
    }
}
