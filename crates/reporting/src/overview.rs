//! All systems of an evaluation set in one table, with what others published.

use clinsynth_contract::Score;
use serde::Serialize;

use crate::Published;
use crate::axis::{Axis, Tick};
use crate::scores::{Figure, figure, metric_name, value_text};
use crate::sets::{ALL, EvaluationSet, MACRO, MICRO, SystemScores, in_order};

/// Further columns, as far as there are such figures: scheme, label, metric.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("strict", MICRO, "precision"),
    ("strict", MICRO, "recall"),
    ("strict", MICRO, "f1"),
    ("strict", MACRO, "f1"),
    ("relaxed", MICRO, "f1"),
    ("pair", MICRO, "precision"),
    ("pair", MICRO, "recall"),
    ("pair", MICRO, "f1"),
    ("pair", MACRO, "f1"),
    ("pair", ALL, "accuracy"),
    ("pair", ALL, "mcc"),
    ("concept", MICRO, "f1"),
];

/// One row for each system.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    /// The compared figure, and its axis.
    measure: String,
    ticks: Vec<Tick>,
    columns: Vec<String>,
    /// Whether some system has several runs.
    runs: bool,
    /// Whether systems were tested against each other.
    letters: bool,
    rows: Vec<Row>,
    published: Vec<PublishedRow>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    baseline: bool,
    main: Option<Figure>,
    sd: Option<String>,
    runs: u32,
    letters: Option<String>,
    cells: Vec<Option<String>>,
}

#[derive(Debug, Serialize)]
struct PublishedRow {
    name: String,
    source: String,
    main: Option<String>,
    cells: Vec<Option<String>>,
    /// Figures that have no column.
    others: Vec<String>,
}

/// The table, unless there is one system alone.
pub(crate) fn overview(set: &EvaluationSet<'_>, published: &[Published], axis: &Axis) -> Option<Overview> {
    let ours: Vec<_> = published.iter().filter(|row| same_name(&row.dataset, set.dataset)).collect();
    if set.systems.len() + ours.len() < 2 {
        return None;
    }
    let measure = &set.measure;
    let is_main = |column: &(&str, &str, &str)| *column == (&measure.scheme, &measure.label, &measure.metric);
    let has = |&(scheme, label, metric): &(&str, &str, &str)| {
        set.systems.iter().any(|system| system.figure(scheme, label, metric).is_some())
    };
    let columns: Vec<_> = COLUMNS.into_iter().filter(|column| !is_main(column) && has(column)).collect();
    let rows: Vec<Row> = set.systems.iter().map(|system| row(set, system, &columns, axis)).collect();
    let groups = in_order(ours.iter().map(|row| row.system.as_str()));
    let published = groups.iter().map(|name| {
        let of_system: Vec<_> = ours.iter().filter(|row| row.system == **name).copied().collect();
        published_row(name, &of_system, (&measure.label, &measure.metric), &columns)
    });
    Some(Overview {
        measure: crate::scores::figure_name(measure),
        ticks: axis.ticks_across(|value| axis.plain_percent(value)),
        columns: columns.iter().map(|column| column_name(column, &measure.scheme)).collect(),
        runs: rows.iter().any(|row| row.runs > 1),
        letters: rows.iter().any(|row| row.letters.is_some()),
        rows,
        published: published.collect(),
    })
}

/// Figures of others whose evaluation set is none of ours.
pub(crate) fn elsewhere<'p>(sets: &[EvaluationSet<'_>], published: &'p [Published]) -> Vec<&'p Published> {
    published.iter().filter(|row| sets.iter().all(|set| !same_name(&row.dataset, set.dataset))).collect()
}

/// Whether a published figure is of our evaluation set: the same words, whatever the case and what stands between them.
/// Ours may name its split, as papers seldom do.
fn same_name(published: &str, ours: &str) -> bool {
    let words = |name: &str| -> Vec<String> {
        let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let (published, ours) = (words(published), words(ours));
    let rest = ours.strip_prefix(published.as_slice());
    rest.is_some_and(|rest| rest.iter().all(|word| ["dev", "validation", "test", "train"].contains(&word.as_str())))
}

fn column_name((scheme, label, metric): &(&str, &str, &str), main: &str) -> String {
    let scheme = if *scheme == main { String::new() } else { format!("{scheme} ") };
    let average = if *label == MACRO { "macro " } else { "" };
    format!("{scheme}{average}{}", metric_name(metric))
}

fn row(set: &EvaluationSet<'_>, system: &SystemScores<'_>, columns: &[(&str, &str, &str)], axis: &Axis) -> Row {
    let main = system.measured(&set.measure);
    let cell = |&(scheme, label, metric): &(&str, &str, &str)| {
        system.figure(scheme, label, metric).map(|score: &Score| value_text(metric, score.value))
    };
    Row {
        name: system.shown.clone(),
        baseline: system.baseline,
        main: main.map(|score| figure(score, axis)),
        sd: main.and_then(|score| Some(value_text(&score.metric, score.sd?))),
        runs: main.map_or(1, |score| score.runs.max(1)),
        letters: main.and_then(|score| score.letters.clone()),
        cells: columns.iter().map(cell).collect(),
    }
}

fn published_row(
    name: &str,
    rows: &[&Published],
    (label, metric): (&str, &str),
    columns: &[(&str, &str, &str)],
) -> PublishedRow {
    let find = |label: &str, metric: &str| rows.iter().find(|row| row.label == label && row.metric == metric).copied();
    // Papers do not name their matching rule: a figure stands in the first column of its label and metric.
    let first = |index: usize| {
        let (_, label, metric) = columns[index];
        columns[..index].iter().all(|(_, other, name)| (*other, *name) != (label, metric))
    };
    let main = find(label, metric);
    let cells: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, (_, column, name))| {
            find(column, name).filter(|found| first(index) && main.is_none_or(|main| !std::ptr::eq(main, *found)))
        })
        .collect();
    let shown = |row: &Published| value_text(&row.metric, row.value);
    let placed = |row: &&&Published| {
        main.into_iter().chain(cells.iter().copied().flatten()).all(|one| !std::ptr::eq(one, **row))
    };
    PublishedRow {
        name: name.to_owned(),
        source: in_order(rows.iter().map(|row| row.source.as_str())).join("; "),
        main: main.map(shown),
        others: rows
            .iter()
            .filter(placed)
            .map(|row| format!("{} of {} {}", metric_name(&row.metric), row.label, shown(row)))
            .collect(),
        cells: cells.iter().map(|cell| cell.map(shown)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;
    use crate::sets::evaluation_sets;

    fn published(dataset: &str, label: &str, value: f64) -> Published {
        Published {
            dataset: dataset.into(),
            system: "Others".into(),
            label: label.into(),
            metric: "f1".into(),
            value,
            source: "a paper, table 1".into(),
        }
    }

    #[test]
    fn names_are_the_same_by_their_words() {
        let check = |published: &str, ours: &str, expected: bool| {
            assert_eq!(same_name(published, ours), expected, "{published} and {ours}");
        };
        check("NCBI-disease", "ncbi disease dev", true);
        check("GAD", "GAD", true);
        check("BC5CDR", "BC5CDR disease dev", false);
        check("BC5CDR disease", "BC5CDR", false);
        check("", "GAD", false);
    }

    #[test]
    fn published_figures_stand_beside_ours_of_the_same_set() {
        let score = Score {
            dataset: "NCBI-disease".into(),
            scheme: "strict".into(),
            label: MICRO.into(),
            metric: "f1".into(),
            value: 0.72,
            ..Score::default()
        };
        let report = Report {
            scores: vec![score],
            published: vec![
                published("ncbi disease", MICRO, 0.6399),
                published("ncbi disease", "Disease", 0.5),
                published("GAD", MICRO, 0.8),
            ],
            ..Report::default()
        };
        let sets = evaluation_sets(&report);
        let axis = Axis::covering(0.0, 1.0, 5);
        let table = overview(&sets[0], &report.published, &axis);
        let rows: Vec<_> = table.iter().flat_map(|table| &table.published).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].main.as_deref(), rows[0].others.as_slice()),
            (Some("64.0"), &["F1 of Disease 50.0".to_owned()][..])
        );
        assert_eq!(rows[0].source, "a paper, table 1");
        let others: Vec<_> = elsewhere(&sets, &report.published).iter().map(|row| row.dataset.as_str()).collect();
        assert_eq!(others, ["GAD"]);
        assert!(overview(&sets[0], &[], &axis).is_none());
    }
}
