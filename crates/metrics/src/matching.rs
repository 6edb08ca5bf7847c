//! Which predictions count as which gold mentions, within one example.

use std::ops::{Add, AddAssign};

use clinsynth_contract::{Entity, ScoredSpan, Span};

use crate::Counts;

/// A mention under one of the scored labels (an index into them), with the row's cell it was read from.
#[derive(Debug)]
pub(crate) struct Mention<'a, T> {
    pub(crate) span: Span,
    pub(crate) label: usize,
    pub(crate) source: &'a T,
}

/// The mentions under scored labels, by span and label. A mention given twice counts once, as in seqeval.
fn select<'a, T>(cells: &'a [T], key: impl Fn(&'a T) -> (Span, &'a str), labels: &[String]) -> Vec<Mention<'a, T>> {
    let mut mentions: Vec<_> = cells
        .iter()
        .filter_map(|source| {
            let (span, name) = key(source);
            let label = labels.iter().position(|label| label == name)?;
            Some(Mention { span, label, source })
        })
        .collect();
    mentions.sort_by_key(|mention| (mention.span, mention.label));
    mentions.dedup_by_key(|mention| (mention.span, mention.label));
    mentions
}

/// The gold mentions that are scored, by span.
pub(crate) fn gold_mentions<'a>(entities: &'a [Entity], labels: &[String]) -> Vec<Mention<'a, Entity>> {
    select(entities, |entity| (entity.span(), entity.label.as_str()), labels)
}

/// The predicted mentions that are scored, by span.
pub(crate) fn predicted_mentions<'a>(spans: &'a [ScoredSpan], labels: &[String]) -> Vec<Mention<'a, ScoredSpan>> {
    select(spans, |span| (span.span(), span.label.as_str()), labels)
}

/// Mentions of one label in one document, under both matching rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    support: u64,
    predicted: u64,
    strict: u64,
    relaxed: u64,
}

impl Tally {
    pub(crate) const fn strict(self) -> Counts {
        Counts { support: self.support, predicted: self.predicted, correct: self.strict }
    }

    pub(crate) const fn relaxed(self) -> Counts {
        Counts { support: self.support, predicted: self.predicted, correct: self.relaxed }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            support: self.support + other.support,
            predicted: self.predicted + other.predicted,
            strict: self.strict + other.strict,
            relaxed: self.relaxed + other.relaxed,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Adds the mentions of one example to the tallies of its document, one for each label.
pub(crate) fn tally<G, P>(gold: &[Mention<'_, G>], predicted: &[Mention<'_, P>], tallies: &mut [Tally]) {
    for mention in gold {
        tallies[mention.label].support += 1;
        let found = predicted.binary_search_by_key(&(mention.span, mention.label), |other| (other.span, other.label));
        tallies[mention.label].strict += u64::from(found.is_ok());
    }
    for mention in predicted {
        tallies[mention.label].predicted += 1;
    }
    for matched in match_overlapping(gold, predicted).into_iter().flatten() {
        tallies[gold[matched].label].relaxed += 1;
    }
}

/// For each prediction the gold mention it is matched to under the relaxed rule: same label, at least one character
/// shared, each mention used once, as many pairs as possible (augmenting paths, Kuhn 1955).
///
/// The rule is the *type* match of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013). One-to-one is ours: otherwise one
/// prediction across a whole sentence would find every mention in it.
fn match_overlapping<G, P>(gold: &[Mention<'_, G>], predicted: &[Mention<'_, P>]) -> Vec<Option<usize>> {
    let mut matched = vec![None; predicted.len()];
    for index in 0..gold.len() {
        augment(index, gold, predicted, &mut matched, &mut vec![false; predicted.len()]);
    }
    matched
}

fn augment<G, P>(
    index: usize,
    gold: &[Mention<'_, G>],
    predicted: &[Mention<'_, P>],
    matched: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (other, prediction) in predicted.iter().enumerate() {
        if tried[other] || prediction.label != gold[index].label || !prediction.span.overlaps(gold[index].span) {
            continue;
        }
        tried[other] = true;
        let free = match matched[other] {
            None => true,
            Some(rival) => augment(rival, gold, predicted, matched, tried),
        };
        if free {
            matched[other] = Some(index);
            return true;
        }
    }
    false
}
