//! The figures behind every chart as CSV (RFC 4180, with a row of names).

use clinsynth_contract::Score;

use crate::curves::curves;
use crate::efficiency::replaced;
use crate::sets::{EvaluationSet, evaluation_sets};
use crate::slices::SCORE;
use crate::{DropCount, Report};

/// The data of one kind of chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Name of the file, without `.csv`.
    pub name: &'static str,
    /// The content; lines end with `\n`.
    pub csv: String,
}

/// Every chart's data, those without rows left out. Figures are shares (0 to 1) in full precision.
pub fn plots(report: &Report) -> Vec<Plot> {
    let sets = evaluation_sets(report);
    let all = [
        plot("scores", &SCORE_COLUMNS, scores(report, |score| score.slice.is_empty())),
        plot("slices", &SCORE_COLUMNS, scores(report, |score| !score.slice.is_empty() && !of_calibration(score))),
        plot("calibration", &SCORE_COLUMNS, scores(report, of_calibration)),
        plot("learning-curves", &CURVE_COLUMNS, sets.iter().flat_map(curve_rows)),
        plot("label-efficiency", &EFFICIENCY_COLUMNS, sets.iter().flat_map(|set| efficiency_rows(set, report))),
        plot("comparisons", &COMPARISON_COLUMNS, comparisons(report)),
        plot("confusion", &["dataset", "system", "gold", "predicted", "count"], confusions(&sets, report)),
        plot("errors", &["dataset", "system", "kind", "count"], errors(report)),
        plot("training", &TRAINING_COLUMNS, training(report)),
        plot("data", &["dataset", "what", "name", "count"], data(report)),
        plot("set-aside", &["stage", "reason", "outcome", "count"], set_aside(report)),
        plot("costs", &COST_COLUMNS, costs(report)),
        plot("lineage", &["step", "needs"], lineage(report)),
    ];
    all.into_iter().flatten().collect()
}

type Row = Vec<String>;

const SCORE_COLUMNS: [&str; 16] = [
    "dataset",
    "system",
    "scheme",
    "slice",
    "label",
    "metric",
    "value",
    "low",
    "high",
    "level",
    "interval",
    "runs",
    "sd",
    "support",
    "predicted",
    "correct",
];
const CURVE_COLUMNS: [&str; 12] =
    ["dataset", "axis", "line", "number", "scheme", "label", "metric", "value", "low", "high", "level", "runs"];
const EFFICIENCY_COLUMNS: [&str; 6] =
    ["dataset", "curves", "gold_examples", "value_with", "relation", "gold_examples_without"];
const COMPARISON_COLUMNS: [&str; 15] = [
    "dataset",
    "scheme",
    "label",
    "metric",
    "system",
    "other",
    "system_value",
    "other_value",
    "difference",
    "low",
    "high",
    "p_bootstrap",
    "p_bootstrap_holm",
    "p_randomisation",
    "p_randomisation_holm",
];
const TRAINING_COLUMNS: [&str; 9] =
    ["run", "step", "epoch", "loss", "learning_rate", "dev_loss", "dev_precision", "dev_recall", "dev_f1"];
const COST_COLUMNS: [&str; 8] = [
    "step",
    "completions",
    "attempts",
    "prompt_tokens",
    "completion_tokens",
    "charged_tokens",
    "millionths",
    "currency",
];

/// The file, unless it has no row.
fn plot(name: &'static str, columns: &[&str], rows: impl IntoIterator<Item = Row>) -> Option<Plot> {
    let mut csv = columns.join(",");
    csv.push('\n');
    let header = csv.len();
    for row in rows {
        csv.push_str(&row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(","));
        csv.push('\n');
    }
    (csv.len() > header).then_some(Plot { name, csv })
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn of_calibration(score: &Score) -> bool {
    score.slice.strip_prefix(SCORE).is_some_and(|rest| rest.starts_with('='))
}

fn scores(report: &Report, keep: impl Fn(&Score) -> bool) -> impl Iterator<Item = Row> {
    let row = |score: &Score| {
        let names = [&score.dataset, &score.system, &score.scheme, &score.slice, &score.label, &score.metric];
        let figures = [Some(score.value), score.low, score.high, score.level].map(optional);
        let interval = score.interval.clone().unwrap_or_default();
        let counts = [score.support, score.predicted, score.correct].map(|count| count.to_string());
        let spread = [interval, score.runs.to_string(), optional(score.sd)];
        names.map(String::clone).into_iter().chain(figures).chain(spread).chain(counts).collect()
    };
    report.scores.iter().filter(move |score| keep(score)).map(row)
}

fn curve_rows(set: &EvaluationSet<'_>) -> Vec<Row> {
    curves(set).into_iter().flat_map(|curve| curve.cells).collect()
}

fn efficiency_rows(set: &EvaluationSet<'_>, report: &Report) -> Vec<Row> {
    let found = report.efficiency.as_ref().map(|settings| replaced(set, settings)).unwrap_or_default();
    found.into_iter().flat_map(|one| one.cells).collect()
}

fn comparisons(report: &Report) -> impl Iterator<Item = Row> {
    report.comparisons.iter().map(|row| {
        let names = [&row.dataset, &row.scheme, &row.label, &row.metric, &row.system, &row.other];
        let figures = [row.system_value, row.other_value, row.difference].map(|value| value.to_string());
        let tests = [row.p_bootstrap, row.p_bootstrap_holm, row.p_randomisation, row.p_randomisation_holm];
        let rest = [row.low, row.high].into_iter().chain(tests).map(optional);
        names.map(String::clone).into_iter().chain(figures).chain(rest).collect()
    })
}

fn confusions(sets: &[EvaluationSet<'_>], report: &Report) -> Vec<Row> {
    let mut rows = Vec::new();
    for sample in &report.errors {
        let set = sets.iter().find(|set| set.dataset == sample.dataset);
        let system = set.and_then(|set| Some((set, set.systems.iter().find(|system| system.name == sample.system)?)));
        let matrix = system.and_then(|(set, system)| crate::confusion::confusion(set, system, sample));
        let cells = matrix.into_iter().flat_map(|matrix| matrix.cells);
        rows.extend(cells.map(|(gold, predicted, count)| {
            vec![sample.dataset.clone(), sample.system.clone(), gold, predicted, count.to_string()]
        }));
    }
    rows
}

fn errors(report: &Report) -> impl Iterator<Item = Row> {
    let of_sample = |sample: &crate::ErrorSample| {
        let row = |kind: &crate::Count| {
            vec![sample.dataset.clone(), sample.system.clone(), kind.name.clone(), kind.count.to_string()]
        };
        sample.counts.iter().map(row).collect::<Vec<_>>()
    };
    report.errors.iter().flat_map(of_sample)
}

fn training(report: &Report) -> impl Iterator<Item = Row> {
    let of_run = |run: &crate::TrainingRun| {
        let row = |point: &clinsynth_contract::HistoryPoint| {
            let plain = [run.name.clone(), point.step.to_string(), point.epoch.to_string()];
            let rate = Some(point.learning_rate);
            let dev = [point.dev_loss, point.dev_precision, point.dev_recall, point.dev_f1];
            let figures = [point.loss, rate].into_iter().chain(dev).map(optional);
            plain.into_iter().chain(figures).collect()
        };
        run.points.iter().map(row).collect::<Vec<Row>>()
    };
    report.history.iter().flat_map(of_run)
}

fn data(report: &Report) -> impl Iterator<Item = Row> {
    let of_set = |data: &crate::DataCount| {
        let row = |what: &str, name: &str, count: u64| {
            vec![data.name.clone(), what.to_owned(), name.to_owned(), count.to_string()]
        };
        let splits = data.splits.iter().map(|split| row("split", &split.name, split.count));
        let mentions = data.mentions.iter().map(|label| row("mentions", &label.name, label.count));
        std::iter::once(row("rows", "", data.rows)).chain(splits).chain(mentions).collect::<Vec<_>>()
    };
    report.data.iter().flat_map(of_set)
}

fn set_aside(report: &Report) -> impl Iterator<Item = Row> {
    let row = |outcome: &'static str| {
        move |drop: &DropCount| {
            vec![drop.stage.clone(), drop.reason.clone(), outcome.to_owned(), drop.count.to_string()]
        }
    };
    report.drops.iter().map(row("dropped")).chain(report.flags.iter().map(row("flagged")))
}

fn costs(report: &Report) -> impl Iterator<Item = Row> {
    report.costs.iter().map(|cost| {
        let tokens = [cost.prompt_tokens, cost.completion_tokens, cost.charged_tokens];
        let counts = [cost.completions, cost.attempts].into_iter().chain(tokens).chain([cost.micros]);
        let currency = cost.currency.clone().unwrap_or_default();
        std::iter::once(cost.step.clone()).chain(counts.map(|count| count.to_string())).chain([currency]).collect()
    })
}

fn lineage(report: &Report) -> impl Iterator<Item = Row> {
    report.steps.iter().flat_map(|step| step.needs.iter().map(|need| vec![step.id.clone(), need.clone()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let rows = [vec!["a, \"b\"".to_owned(), "1".to_owned()], vec!["c\nd".to_owned(), String::new()]];
        let plot = plot("costs", &["x", "y"], rows).map(|plot| plot.csv);
        assert_eq!(plot.as_deref(), Some("x,y\n\"a, \"\"b\"\"\",1\n\"c\nd\",\n"));
        assert_eq!(super::plot("costs", &["x"], []), None);
    }
}
