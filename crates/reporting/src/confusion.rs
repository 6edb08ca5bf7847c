//! What was taken for what: gold labels by predicted ones.

use serde::Serialize;

use crate::ErrorSample;
use crate::numbers::{share, thousands};
use crate::sets::{ALL, EvaluationSet, MICRO, SystemScores, in_order, is_average};

/// The matrix; the last class stands for nothing, where it is not a label of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Confusion {
    columns: Vec<String>,
    rows: Vec<Row>,
    relations: bool,
    pub(crate) cells: Vec<(String, String, u64)>,
}

#[derive(Debug, Serialize)]
struct Row {
    gold: String,
    cells: Vec<Cell>,
}

#[derive(Debug, Serialize)]
struct Cell {
    /// Empty where nothing can be: what neither side names is not counted.
    count: String,
    /// Of its row, as a percentage of colour.
    share: String,
    diagonal: bool,
}

/// The matrix of a system: errors by their labels, and on the diagonal what is right. Mentions with the right label on
/// another extent overlap, and are on the diagonal. Null where nothing was scored by the rule that errors are of, and where
/// the errors do not say their labels.
pub(crate) fn confusion(set: &EvaluationSet<'_>, system: &SystemScores<'_>, errors: &ErrorSample) -> Option<Confusion> {
    let scheme = if set.relations { "pair" } else { "strict" };
    let scored = system.scores.iter().filter(|score| score.scheme == scheme && score.slice.is_empty());
    let labels = in_order(scored.map(|score| score.label.as_str()).filter(|label| !is_average(label) && *label != ALL));
    if labels.is_empty() || (errors.pairs.is_empty() && !errors.counts.is_empty()) {
        return None;
    }
    let f1 = |label: &str| system.figure(scheme, label, "f1");
    // The class of pairs without a relation is scored by itself, but is no part of the micro average.
    let support = |label: &str| f1(label).map_or(0, |score| score.support);
    let all: u64 = labels.iter().map(|label| support(label)).sum();
    let last = labels[labels.len() - 1];
    let negative = set.relations && all != support(MICRO) && all - support(last) == support(MICRO);
    let nothing = if negative {
        last
    } else if set.relations {
        "none"
    } else {
        "nothing"
    };
    let mut classes = labels.clone();
    if !negative {
        classes.push(nothing);
    }
    // All pairs that are right, of which those with a relation are known.
    let correct = |label: &str| f1(label).map_or(0, |score| score.correct);
    let right = system.figure(scheme, ALL, "accuracy").map(|score| score.correct.saturating_sub(correct(MICRO)));
    let cell = |gold: &str, predicted: &str| {
        let side = |label: Option<&String>| label.map_or(nothing, String::as_str).to_owned();
        let wrong = errors
            .pairs
            .iter()
            .filter(|pair| side(pair.gold.as_ref()) == gold && side(pair.predicted.as_ref()) == predicted);
        let wrong: u64 = wrong.map(|pair| pair.count).sum();
        let hits = match gold {
            _ if gold != predicted => Some(0),
            _ if gold == nothing => {
                if negative {
                    Some(correct(last))
                } else {
                    right
                }
            }
            _ => Some(correct(gold)),
        };
        hits.map(|hits| hits + wrong)
    };
    let row = |gold: &&str| {
        let counts: Vec<Option<u64>> = classes.iter().map(|predicted| cell(gold, predicted)).collect();
        let sum: u64 = counts.iter().flatten().sum();
        let cells = counts.iter().zip(&classes).map(|(count, predicted)| Cell {
            count: count.map(thousands).unwrap_or_default(),
            share: share(count.unwrap_or(0) as f64, sum as f64),
            diagonal: gold == predicted,
        });
        Row { gold: (*gold).to_owned(), cells: cells.collect() }
    };
    let counted = classes.iter().flat_map(|gold| classes.iter().map(move |predicted| (*gold, *predicted)));
    let cells =
        counted.filter_map(|(gold, predicted)| Some((gold.to_owned(), predicted.to_owned(), cell(gold, predicted)?)));
    Some(Confusion {
        cells: cells.collect(),
        rows: classes.iter().map(row).collect(),
        columns: classes.iter().map(|&class| class.to_owned()).collect(),
        relations: set.relations,
    })
}

#[cfg(test)]
mod tests {
    use clinsynth_contract::Score;

    use super::*;
    use crate::sets::evaluation_sets;
    use crate::{LabelPair, Report};

    fn score(scheme: &str, label: &str, metric: &str, support: u64, correct: u64) -> Score {
        Score {
            scheme: scheme.into(),
            label: label.into(),
            metric: metric.into(),
            support,
            correct,
            ..Score::default()
        }
    }

    fn pair(gold: &str, predicted: &str, count: u64) -> LabelPair {
        let side = |label: &str| (!label.is_empty()).then(|| label.to_owned());
        LabelPair { gold: side(gold), predicted: side(predicted), count }
    }

    fn check(scores: Vec<Score>, pairs: Vec<LabelPair>, expected: &[(&str, &str, u64)]) {
        let report = Report { scores, ..Report::default() };
        let set = &evaluation_sets(&report)[0];
        let errors = ErrorSample { pairs, ..ErrorSample::default() };
        let matrix = confusion(set, &set.systems[0], &errors).unwrap_or_else(|| panic!("labels were scored"));
        let found: Vec<_> =
            matrix.cells.iter().map(|(gold, found, count)| (gold.as_str(), found.as_str(), *count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn mentions_are_right_where_their_labels_are() {
        check(
            vec![
                score("strict", "A", "f1", 10, 6),
                score("strict", "B", "f1", 5, 4),
                score("strict", MICRO, "f1", 15, 10),
            ],
            vec![pair("A", "A", 1), pair("A", "B", 2), pair("A", "", 1), pair("", "B", 3), pair("B", "", 1)],
            &[
                ("A", "A", 7),
                ("A", "B", 2),
                ("A", "nothing", 1),
                ("B", "A", 0),
                ("B", "B", 4),
                ("B", "nothing", 1),
                ("nothing", "A", 0),
                ("nothing", "B", 3),
            ],
        );
    }

    #[test]
    fn pairs_without_a_relation_are_a_class() {
        let expected = [("yes", "yes", 6), ("yes", "no", 4), ("no", "yes", 2), ("no", "no", 8)];
        let shown = vec![
            score("pair", "yes", "f1", 10, 6),
            score("pair", "no", "f1", 10, 8),
            score("pair", MICRO, "f1", 10, 6),
            score("pair", ALL, "accuracy", 20, 14),
        ];
        check(shown, vec![pair("yes", "", 4), pair("", "yes", 2)], &expected);
        let hidden = vec![
            score("pair", "yes", "f1", 10, 6),
            score("pair", MICRO, "f1", 10, 6),
            score("pair", ALL, "accuracy", 10, 6),
        ];
        let expected = [("yes", "yes", 6), ("yes", "none", 4), ("none", "yes", 0), ("none", "none", 0)];
        check(hidden, vec![pair("yes", "", 4)], &expected);
    }
}
