//! Scores: the headline of each evaluation set, the chart of intervals, and the table of every figure.

use clinsynth_contract::Score;
use serde::Serialize;

use crate::axis::{Axis, Tick};
use crate::numbers::{percent, share, thousands};

/// Metrics in the order of their columns; others follow as they come.
const METRICS: [(&str, &str); 6] = [
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
    ("accuracy", "Accuracy"),
    ("mcc", "MCC"),
    ("ece", "Calibration error"),
];
const MICRO: &str = "micro avg";
const MACRO: &str = "macro avg";

/// The figure that an evaluation set is known by.
#[derive(Debug, Serialize)]
pub(crate) struct Headline {
    dataset: String,
    anchor: String,
    metric: String,
    value: String,
    interval: Option<Interval>,
    precision: Option<String>,
    recall: Option<String>,
    relaxed: Option<String>,
    support: String,
    relations: bool,
    at: String,
}

/// An interval in words and, on the axis of its chart, in places.
#[derive(Debug, Serialize)]
pub(crate) struct Interval {
    low: String,
    high: String,
    level: Option<String>,
    low_at: String,
    high_at: String,
    width: String,
}

/// All scores of one evaluation set.
#[derive(Debug, Serialize)]
pub(crate) struct ScoreSet {
    dataset: String,
    anchor: String,
    level: Option<String>,
    /// Whether it is relations that were scored, and not mentions.
    relations: bool,
    metrics: Vec<String>,
    labels: Vec<LabelScores>,
    chart: Chart,
}

#[derive(Debug, Serialize)]
struct LabelScores {
    label: String,
    average: bool,
    schemes: Vec<SchemeScores>,
}

#[derive(Debug, Serialize)]
struct SchemeScores {
    scheme: String,
    cells: Vec<Option<Figure>>,
    support: String,
    predicted: String,
    correct: String,
}

/// One score.
#[derive(Debug, Serialize)]
struct Figure {
    value: String,
    at: String,
    interval: Option<Interval>,
}

/// One dot and whisker for each label and scheme.
#[derive(Debug, Serialize)]
struct Chart {
    metric: String,
    ticks: Vec<Tick>,
    rows: Vec<ChartRow>,
}

#[derive(Debug, Serialize)]
struct ChartRow {
    label: String,
    average: bool,
    strict: Option<Figure>,
    relaxed: Option<Figure>,
}

/// The scores of everything that was evaluated, slices left out; a system or a baseline is a set of its own.
pub(crate) fn whole(scores: &[Score]) -> Vec<Score> {
    let rows = scores.iter().filter(|score| score.slice.is_empty()).cloned();
    let named = |mut score: Score| {
        if !score.system.is_empty() {
            score.dataset = format!("{}: {}", score.dataset, score.system);
        }
        score
    };
    rows.map(named).collect()
}

/// One headline for each evaluation set that has a strict figure over all labels.
pub(crate) fn headlines(scores: &[Score]) -> Vec<Headline> {
    let axis = Axis::covering(0.0, 1.0, 5);
    let sets = in_order(scores.iter().map(|score| score.dataset.as_str()));
    let headline = |(index, dataset): (usize, &&str)| {
        let overall = |metric: &str| {
            let mut of_set = scores.iter().filter(|score| score.dataset == **dataset && score.metric == metric);
            of_set.find(|score| score.label == MICRO && score.scheme != "relaxed")
        };
        let score = overall("f1").or_else(|| scores.iter().find(|score| score.dataset == **dataset))?;
        let relaxed = scores.iter().find(|other| {
            other.scheme == "relaxed" && other.dataset == score.dataset && other.label == MICRO && other.metric == "f1"
        });
        Some(Headline {
            dataset: score.dataset.clone(),
            anchor: anchor(index),
            metric: format!("{} {}", score.scheme, metric_name(&score.metric)),
            value: percent(score.value),
            interval: interval(score, &axis),
            precision: overall("precision").map(|score| percent(score.value)),
            recall: overall("recall").map(|score| percent(score.value)),
            relaxed: relaxed.map(|score| percent(score.value)),
            support: thousands(score.support),
            relations: of_relations(score),
            at: axis.across(score.value),
        })
    };
    sets.iter().enumerate().filter_map(headline).collect()
}

/// The scores by evaluation set, in the order of their first rows. All charts share one axis, so that they compare.
pub(crate) fn score_sets(scores: &[Score]) -> Vec<ScoreSet> {
    let axis = shared_axis(scores);
    let sets = in_order(scores.iter().map(|score| score.dataset.as_str()));
    let of = |dataset: &str| scores.iter().filter(|score| score.dataset == dataset).collect::<Vec<_>>();
    sets.iter().enumerate().map(|(index, dataset)| score_set(index, dataset, &of(dataset), &axis)).collect()
}

fn score_set(index: usize, dataset: &str, scores: &[&Score], axis: &Axis) -> ScoreSet {
    let metrics = metrics_of(scores);
    let labels = in_order(scores.iter().map(|score| score.label.as_str()));
    let charted = if metrics.contains(&"f1") { "f1" } else { metrics.first().copied().unwrap_or_default() };
    ScoreSet {
        dataset: dataset.to_owned(),
        anchor: anchor(index),
        level: scores.iter().find_map(|score| score.level).map(level),
        relations: scores.iter().all(|score| of_relations(score)),
        labels: labels.iter().map(|label| label_scores(label, scores, &metrics, axis)).collect(),
        chart: chart(charted, &labels, scores, axis),
        metrics: metrics.into_iter().map(metric_name).collect(),
    }
}

fn label_scores(label: &str, scores: &[&Score], metrics: &[&str], axis: &Axis) -> LabelScores {
    let rows: Vec<_> = scores.iter().filter(|score| score.label == label).collect();
    let schemes = in_order(rows.iter().map(|score| score.scheme.as_str()));
    let of_scheme = |scheme: &&str| {
        let rows: Vec<_> = rows.iter().filter(|score| score.scheme == **scheme).collect();
        let cell = |metric: &&str| rows.iter().find(|score| score.metric == **metric).map(|score| figure(score, axis));
        let count = |of: fn(&Score) -> u64| rows.first().map(|score| thousands(of(score))).unwrap_or_default();
        SchemeScores {
            scheme: (*scheme).to_owned(),
            cells: metrics.iter().map(cell).collect(),
            support: count(|score| score.support),
            predicted: count(|score| score.predicted),
            correct: count(|score| score.correct),
        }
    };
    LabelScores {
        label: label.to_owned(),
        average: is_average(label),
        schemes: schemes.iter().map(of_scheme).collect(),
    }
}

fn chart(metric: &str, labels: &[&str], scores: &[&Score], axis: &Axis) -> Chart {
    let rows = labels.iter().filter_map(|label| {
        let of_scheme = |relaxed: bool| {
            let mut rows = scores.iter().filter(|score| score.label == *label && score.metric == metric);
            rows.find(|score| (score.scheme == "relaxed") == relaxed).map(|score| figure(score, axis))
        };
        let (strict, relaxed) = (of_scheme(false), of_scheme(true));
        let charted = strict.is_some() || relaxed.is_some();
        charted.then(|| ChartRow { label: (*label).to_owned(), average: is_average(label), strict, relaxed })
    });
    Chart {
        metric: metric_name(metric),
        ticks: axis.ticks_across(|value| axis.plain_percent(value)),
        rows: rows.collect(),
    }
}

/// Covers every interval with some air and at least a quarter of the scale: less would dramatise small differences.
fn shared_axis(scores: &[Score]) -> Axis {
    let values = scores.iter().filter(|score| score.metric == "f1" && score.value.is_finite());
    let ends = values.flat_map(|score| [score.low.unwrap_or(score.value), score.high.unwrap_or(score.value)]);
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    if low > high {
        return Axis::covering(0.0, 1.0, 5);
    }
    let air = ((0.25 - (high - low)) / 2.0).max(0.02);
    Axis::covering((low - air).max(0.0), (high + air).min(1.0), 5)
}

fn figure(score: &Score, axis: &Axis) -> Figure {
    Figure { value: percent(score.value), at: axis.across(score.value), interval: interval(score, axis) }
}

fn interval(score: &Score, axis: &Axis) -> Option<Interval> {
    let (low, high) = score.low.zip(score.high)?;
    Some(Interval {
        low: percent(low),
        high: percent(high),
        level: score.level.map(level),
        low_at: axis.across(low),
        high_at: axis.across(high),
        width: share(axis.fraction(high) - axis.fraction(low), 1.0),
    })
}

fn level(level: f64) -> String {
    // 0.975 keeps its decimal, 0.95 needs none.
    let text = format!("{:.1}", level * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

fn metrics_of<'a>(scores: &[&'a Score]) -> Vec<&'a str> {
    let found = in_order(scores.iter().map(|score| score.metric.as_str()));
    let known = METRICS.iter().filter_map(|(name, _)| found.iter().find(|metric| *metric == name)).copied();
    let others = found.iter().filter(|metric| METRICS.iter().all(|(name, _)| name != *metric)).copied();
    known.chain(others).collect()
}

fn metric_name(metric: &str) -> String {
    METRICS.iter().find(|(name, _)| *name == metric).map_or(metric, |(_, shown)| shown).to_owned()
}

/// Whether the rule matches pairs, of mentions or of concepts.
fn of_relations(score: &Score) -> bool {
    ["pair", "concept"].contains(&score.scheme.as_str())
}

fn is_average(label: &str) -> bool {
    label == MICRO || label == MACRO
}

fn anchor(index: usize) -> String {
    format!("scores-{}", index + 1)
}

/// The different ones, each where it first stands.
fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_sets_of_their_own_and_slices_are_left_out() {
        let score = |system: &str, slice: &str| Score {
            dataset: "dev".into(),
            system: system.into(),
            slice: slice.into(),
            metric: "f1".into(),
            ..Score::default()
        };
        let scores = [score("", ""), score("", "words=1"), score("always yes", "")];
        let sets: Vec<String> = whole(&scores).into_iter().map(|score| score.dataset).collect();
        assert_eq!(sets, ["dev", "dev: always yes"]);
    }

    #[test]
    fn a_set_is_of_relations_by_its_rules_and_charts_what_has_the_figure() {
        let score = |scheme: &str, label: &str, metric: &str| Score {
            scheme: scheme.into(),
            label: label.into(),
            metric: metric.into(),
            ..Score::default()
        };
        let check = |scores: &[Score], relations: bool, charted: &[&str]| {
            let set = score_sets(scores).remove(0);
            assert_eq!(set.relations, relations);
            assert_eq!(set.chart.rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), charted);
        };
        check(&[score("pair", "positive", "f1"), score("pair", "all", "accuracy")], true, &["positive"]);
        check(&[score("strict", "Disease", "f1"), score("relaxed", "Disease", "f1")], false, &["Disease"]);
    }
}
