//! What kind of error each unmatched mention is.

use std::cmp::Reverse;

use clinsynth_contract::{Entity, ErrorCase, Example, Prediction, ScoredSpan};

use crate::matching::Mention;

/// A gold mention and a prediction that stand for one error, or one of them alone.
type Pair = (Option<usize>, Option<usize>);

/// The errors of one example, by position.
///
/// Correct mentions (same span, same label) are set aside first. What remains is paired one to one: same span
/// (`label`), then same label and overlapping (`boundary`), then overlapping (`both`); within each, the pair that
/// shares most characters goes first, ties by position. Gold left over is `missed`, a prediction left over `spurious`.
/// So each wrong mention is in exactly one row; rows that hold a gold mention number support minus strictly correct.
pub(crate) fn error_cases(
    example: &Example,
    prediction: &Prediction,
    gold: &[Mention<'_, Entity>],
    predicted: &[Mention<'_, ScoredSpan>],
) -> Vec<ErrorCase> {
    let mut left = Left { gold: vec![true; gold.len()], predicted: vec![true; predicted.len()] };
    left.pair(gold, predicted, |one, other| one.span == other.span && one.label == other.label);
    let mut cases: Vec<(&str, Pair)> = Vec::new();
    let mut add = |kind, pairs: Vec<(usize, usize)>| {
        cases.extend(pairs.into_iter().map(|(one, other)| (kind, (Some(one), Some(other)))));
    };
    add("label", left.pair(gold, predicted, |one, other| one.span == other.span));
    add("boundary", left.pair(gold, predicted, |one, other| one.label == other.label && one.span.overlaps(other.span)));
    add("both", left.pair(gold, predicted, |one, other| one.span.overlaps(other.span)));
    cases.extend(remaining(&left.gold).map(|index| ("missed", (Some(index), None))));
    cases.extend(remaining(&left.predicted).map(|index| ("spurious", (None, Some(index)))));
    cases.sort_by_key(|&(_, (one, other))| {
        (one.map(|index| gold[index].span).or(other.map(|index| predicted[index].span)), one.is_none())
    });
    let row = |(kind, (one, other)): (&str, Pair)| ErrorCase {
        example: example.id.clone(),
        text: example.text.clone(),
        kind: kind.to_owned(),
        gold: one.map(|index| gold[index].source.clone()),
        predicted: other.map(|index| predicted[index].source.clone()),
        sensitivity: example.sensitivity.max(prediction.sensitivity),
        ..ErrorCase::default()
    };
    cases.into_iter().map(row).collect()
}

fn remaining(left: &[bool]) -> impl Iterator<Item = usize> + '_ {
    left.iter().enumerate().filter_map(|(index, &left)| left.then_some(index))
}

/// Which mentions of an example are not yet accounted for.
struct Left {
    gold: Vec<bool>,
    predicted: Vec<bool>,
}

impl Left {
    /// Pairs what is left and accepted, most shared characters first, and takes it out.
    fn pair<G, P>(
        &mut self,
        gold: &[Mention<'_, G>],
        predicted: &[Mention<'_, P>],
        accepts: impl Fn(&Mention<'_, G>, &Mention<'_, P>) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut candidates = Vec::new();
        for one in remaining(&self.gold) {
            for other in remaining(&self.predicted).filter(|&other| accepts(&gold[one], &predicted[other])) {
                let (a, b) = (gold[one].span, predicted[other].span);
                candidates.push((Reverse(a.end.min(b.end).saturating_sub(a.start.max(b.start))), one, other));
            }
        }
        candidates.sort_unstable();
        let mut pairs = Vec::new();
        for (_, one, other) in candidates {
            if self.gold[one] && self.predicted[other] {
                self.gold[one] = false;
                self.predicted[other] = false;
                pairs.push((one, other));
            }
        }
        pairs
    }
}
