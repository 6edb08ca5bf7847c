//! Scores: the headline of each evaluation set, and for each system the chart of intervals and the table of every figure.

use clinsynth_contract::Score;
use serde::Serialize;

use crate::Report;
use crate::axis::{Axis, Tick};
use crate::calibration::{Calibration, calibration};
use crate::comparisons::{ComparisonTable, comparison_table};
use crate::confusion::{Confusion, confusion};
use crate::curves::{Curve, curves};
use crate::efficiency::{Replaced, replaced};
use crate::numbers::{percent, share, thousands};
use crate::overview::{Overview, overview};
use crate::sets::{ALL, EvaluationSet, MACRO, MICRO, Measure, SystemScores, in_order, is_average};
use crate::slices::{SliceChart, slice_chart};

/// Metrics in the order of their columns; others follow as they come.
const METRICS: [(&str, &str); 6] = [
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
    ("accuracy", "Accuracy"),
    ("mcc", "MCC"),
    ("ece", "Calibration error"),
];
/// Systems of a set up to which each has its charts, and not only the best.
const CHARTED: usize = 4;

/// The figure that an evaluation set is known by.
#[derive(Debug, Serialize)]
pub(crate) struct Headline {
    dataset: String,
    anchor: String,
    metric: String,
    /// The system, where there are several.
    system: Option<String>,
    value: String,
    interval: Option<Interval>,
    precision: Option<String>,
    recall: Option<String>,
    relaxed: Option<String>,
    /// The baseline with its figure.
    baseline: Option<(String, String)>,
    support: String,
    relations: bool,
    at: String,
}

/// An interval in words and, on the axis of its chart, in places.
#[derive(Debug, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: String,
    pub(crate) high: String,
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
    overview: Option<Overview>,
    curves: Vec<Curve>,
    replaced: Vec<Replaced>,
    comparisons: Option<ComparisonTable>,
    systems: Vec<SystemDetail>,
}

/// Every figure of one system.
#[derive(Debug, Serialize)]
struct SystemDetail {
    name: String,
    /// Runs that the counts are sums over.
    runs: u32,
    metrics: Vec<String>,
    labels: Vec<LabelScores>,
    /// Charts, unless there are too many systems to draw them all.
    chart: Option<Chart>,
    slices: Option<SliceChart>,
    calibration: Option<Calibration>,
    confusion: Option<Confusion>,
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
    /// Empty for figures that are of predictions alone.
    support: String,
    predicted: String,
    correct: String,
}

/// One score.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) value: String,
    at: String,
    pub(crate) interval: Option<Interval>,
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

/// One headline for each evaluation set: its best system.
pub(crate) fn headlines(sets: &[EvaluationSet<'_>]) -> Vec<Headline> {
    sets.iter().enumerate().filter_map(|(index, set)| headline(index, set)).collect()
}

fn headline(index: usize, set: &EvaluationSet<'_>) -> Option<Headline> {
    let axis = Axis::covering(0.0, 1.0, 5);
    let (best, competitors) = (set.systems.first()?, set.systems.iter().filter(|system| !system.baseline).count());
    let scheme = set.measure.scheme.as_str();
    let overall = |metric: &str| best.figure(scheme, MICRO, metric);
    let relaxed = best.figure("relaxed", MICRO, "f1").filter(|_| scheme == "strict");
    let score = best.measured(&set.measure).or_else(|| overall("f1")).or_else(|| best.scores.first().copied())?;
    let baseline = set.systems.iter().find(|system| system.baseline && !best.baseline);
    let baseline =
        baseline.and_then(|system| Some((system.shown.clone(), figure_text(system.measured(&set.measure)?))));
    Some(Headline {
        dataset: set.dataset.to_owned(),
        anchor: anchor(index),
        metric: figure_name(&Measure {
            scheme: score.scheme.clone(),
            label: score.label.clone(),
            metric: score.metric.clone(),
        }),
        system: (competitors > 1).then(|| format!("best of {competitors} systems: {}", best.shown)),
        value: figure_text(score),
        interval: interval(score, &axis),
        precision: overall("precision").map(figure_text),
        recall: overall("recall").map(figure_text),
        relaxed: relaxed.map(figure_text),
        baseline,
        support: thousands(overall("f1").unwrap_or(score).support / u64::from(score.runs.max(1))),
        relations: set.relations,
        at: axis.across(score.value),
    })
}

/// The scores by evaluation set. All charts share one axis, so that they compare.
pub(crate) fn score_sets(sets: &[EvaluationSet<'_>], report: &Report) -> Vec<ScoreSet> {
    let axis = shared_axis(&report.scores);
    sets.iter().enumerate().map(|(index, set)| score_set(index, set, report, &axis)).collect()
}

fn score_set(index: usize, set: &EvaluationSet<'_>, report: &Report, axis: &Axis) -> ScoreSet {
    let levels = set.systems.iter().flat_map(|system| &system.scores).find_map(|score| score.level);
    let all_charted = set.systems.len() <= CHARTED;
    let detail = |(place, system): (usize, &SystemScores<'_>)| {
        let errors = report.errors.iter().find(|sample| sample.dataset == set.dataset && sample.system == system.name);
        system_detail(set, system, errors, (all_charted || place == 0).then_some(axis))
    };
    ScoreSet {
        dataset: set.dataset.to_owned(),
        anchor: anchor(index),
        level: levels.map(level),
        relations: set.relations,
        overview: overview(set, &report.published, axis),
        curves: curves(set),
        replaced: report.efficiency.as_ref().map(|settings| replaced(set, settings)).unwrap_or_default(),
        comparisons: comparison_table(set, &report.comparisons),
        systems: set.systems.iter().enumerate().map(detail).collect(),
    }
}

/// Charts are drawn on `axis`, where they are wanted.
fn system_detail(
    set: &EvaluationSet<'_>,
    system: &SystemScores<'_>,
    errors: Option<&crate::ErrorSample>,
    axis: Option<&Axis>,
) -> SystemDetail {
    let scores: Vec<&Score> = system.scores.iter().filter(|score| score.slice.is_empty()).copied().collect();
    let metrics = metrics_of(&scores);
    let labels = in_order(scores.iter().map(|score| score.label.as_str()));
    let charted = if metrics.contains(&"f1") { "f1" } else { metrics.first().copied().unwrap_or_default() };
    let zero_to_one = Axis::covering(0.0, 1.0, 5);
    let places = axis.unwrap_or(&zero_to_one);
    let drawn = axis.filter(|_| !system.baseline);
    SystemDetail {
        name: system.shown.clone(),
        runs: scores.iter().map(|score| score.runs).max().unwrap_or(1).max(1),
        labels: labels.iter().map(|label| label_scores(label, &scores, &metrics, places)).collect(),
        chart: drawn.map(|axis| chart(charted, &labels, &scores, axis)),
        slices: drawn.and_then(|_| slice_chart(system)),
        calibration: drawn.and_then(|_| calibration(system)),
        confusion: drawn.and(errors).and_then(|errors| confusion(set, system, errors)),
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
        // A calibration error over all labels has predictions, but no part of the gold that it could be held against.
        let without_gold = label == ALL && rows.iter().all(|score| score.support == 0);
        SchemeScores {
            scheme: (*scheme).to_owned(),
            cells: metrics.iter().map(cell).collect(),
            support: if without_gold { String::new() } else { count(|score| score.support) },
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
    covering(scores.iter().filter(|score| score.metric == "f1" && score.slice.is_empty()))
}

/// Such an axis for some scores.
pub(crate) fn covering<'s>(scores: impl Iterator<Item = &'s Score>) -> Axis {
    let values = scores.filter(|score| score.value.is_finite());
    let ends = values.flat_map(|score| [score.low.unwrap_or(score.value), score.high.unwrap_or(score.value)]);
    let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    if low > high {
        return Axis::covering(0.0, 1.0, 5);
    }
    let air = ((0.25 - (high - low)) / 2.0).max(0.02);
    Axis::covering((low - air).max(0.0), (high + air).min(1.0), 5)
}

pub(crate) fn figure(score: &Score, axis: &Axis) -> Figure {
    Figure { value: figure_text(score), at: axis.across(score.value), interval: interval(score, axis) }
}

fn interval(score: &Score, axis: &Axis) -> Option<Interval> {
    let (low, high) = score.low.zip(score.high)?;
    Some(Interval {
        low: value_text(&score.metric, low),
        high: value_text(&score.metric, high),
        level: score.level.map(level),
        low_at: axis.across(low),
        high_at: axis.across(high),
        width: share(axis.fraction(high) - axis.fraction(low), 1.0),
    })
}

/// A figure as it is written: in per cent, but a correlation as a coefficient.
pub(crate) fn value_text(metric: &str, value: f64) -> String {
    if metric == "mcc" && value.is_finite() { format!("{value:.3}") } else { percent(value) }
}

fn figure_text(score: &Score) -> String {
    value_text(&score.metric, score.value)
}

/// A figure with its interval.
pub(crate) fn figure_words(score: &Score) -> String {
    let ends = score.low.zip(score.high);
    let interval =
        ends.map(|(low, high)| format!(" ({} to {})", value_text(&score.metric, low), value_text(&score.metric, high)));
    format!("{}{}", figure_text(score), interval.unwrap_or_default())
}

/// The name of a figure, such as `strict F1` or `pair macro F1`.
pub(crate) fn figure_name(measure: &Measure) -> String {
    let metric = metric_name(&measure.metric);
    match measure.label.as_str() {
        MICRO | ALL => format!("{} {metric}", measure.scheme),
        MACRO => format!("{} macro {metric}", measure.scheme),
        label => format!("{} {metric} of {label}", measure.scheme),
    }
}

pub(crate) fn level(level: f64) -> String {
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

pub(crate) fn metric_name(metric: &str) -> String {
    METRICS.iter().find(|(name, _)| *name == metric).map_or(metric, |(_, shown)| shown).to_owned()
}

fn anchor(index: usize) -> String {
    format!("scores-{}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::evaluation_sets;

    fn score(scheme: &str, label: &str, metric: &str) -> Score {
        Score { scheme: scheme.into(), label: label.into(), metric: metric.into(), ..Score::default() }
    }

    fn detail(scores: &[Score]) -> SystemDetail {
        let report = Report { scores: scores.to_vec(), ..Report::default() };
        score_sets(&evaluation_sets(&report), &report).remove(0).systems.remove(0)
    }

    #[test]
    fn a_set_charts_what_has_the_figure() {
        let check = |scores: &[Score], charted: &[&str]| {
            let chart = detail(scores).chart;
            let rows: Vec<_> = chart.iter().flat_map(|chart| &chart.rows).map(|row| row.label.as_str()).collect();
            assert_eq!(rows, charted);
        };
        check(&[score("pair", "positive", "f1"), score("pair", "all", "accuracy")], &["positive"]);
        check(&[score("strict", "Disease", "f1"), score("relaxed", "Disease", "f1")], &["Disease"]);
    }

    #[test]
    fn calibration_over_all_labels_has_no_gold_and_correlation_is_no_percentage() {
        let gold = |detail: &SystemDetail| detail.labels[0].schemes[0].support.clone();
        let predicted = Score { predicted: 7, value: 0.125, ..score("strict", "all", "ece") };
        let calibration = detail(&[predicted]);
        assert_eq!((gold(&calibration), calibration.labels[0].schemes[0].predicted.as_str()), (String::new(), "7"));
        let correlation =
            Score { support: 7, value: 0.6124, low: Some(-0.1), high: Some(0.7), ..score("pair", "all", "mcc") };
        let scored = detail(std::slice::from_ref(&correlation));
        assert_eq!((gold(&scored), figure_words(&correlation).as_str()), ("7".to_owned(), "0.612 (-0.100 to 0.700)"));
    }

    #[test]
    fn figures_are_named_by_what_they_are_of() {
        let name =
            |label: &str| figure_name(&Measure { scheme: "pair".into(), label: label.into(), metric: "f1".into() });
        assert_eq!([MICRO, MACRO, "positive"].map(name), ["pair F1", "pair macro F1", "pair F1 of positive"]);
    }
}
