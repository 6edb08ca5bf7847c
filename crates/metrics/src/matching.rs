//! Which predictions count as which gold mentions, within one example.

use clinsynth_contract::{Entity, ScoredSpan, Span};

use crate::evaluate::{RELAXED, STRICT, TYPE};

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

/// The matching rules, in the order of their cells.
pub(crate) const SCHEMES: [&str; 3] = [STRICT, RELAXED, TYPE];

/// Adds the mentions of one example to the counts of its document: for each scheme and label support, predicted and
/// correct.
pub(crate) fn count_mentions<G, P>(
    gold: &[Mention<'_, G>],
    predicted: &[Mention<'_, P>],
    labels: usize,
    cells: &mut [u32],
) {
    let cell = |scheme: usize, label: usize| 3 * (scheme * labels + label);
    for scheme in 0..SCHEMES.len() {
        for mention in gold {
            cells[cell(scheme, mention.label)] += 1;
        }
        for mention in predicted {
            cells[cell(scheme, mention.label) + 1] += 1;
        }
    }
    for mention in gold.iter().filter(|mention| is_among(mention, predicted)) {
        cells[cell(0, mention.label) + 2] += 1;
    }
    for matched in match_overlapping(gold, predicted).into_iter().flatten() {
        cells[cell(1, gold[matched].label) + 2] += 1;
    }
    for label in 0..labels {
        let golds = gold.iter().filter(|mention| mention.label == label).count();
        let found = predicted.iter().filter(|mention| mention.label == label).count();
        cells[cell(2, label) + 2] += golds.min(found) as u32;
    }
}

/// Whether the other side has the same span under the same label.
pub(crate) fn is_among<T, U>(mention: &Mention<'_, T>, others: &[Mention<'_, U>]) -> bool {
    others.binary_search_by_key(&(mention.span, mention.label), |other| (other.span, other.label)).is_ok()
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
