//! Evaluation sets and the systems that were scored on them.

use std::collections::BTreeMap;

use clinsynth_contract::{Comparison, Score};

use crate::Report;

pub(crate) const MICRO: &str = "micro avg";
pub(crate) const MACRO: &str = "macro avg";
pub(crate) const ALL: &str = "all";
/// What the name of a baseline starts with.
const BASELINE: &str = "always ";
/// The axis that stands for the step's name.
pub(crate) const STEP: &str = "step";

/// One evaluation set.
#[derive(Debug)]
pub(crate) struct EvaluationSet<'r> {
    pub(crate) dataset: &'r str,
    /// Whether it is relations that were scored, and not mentions.
    pub(crate) relations: bool,
    /// The figure that its systems are known and compared by.
    pub(crate) measure: Measure,
    /// Best first, baselines last; never empty.
    pub(crate) systems: Vec<SystemScores<'r>>,
}

/// The figure that systems are compared by, as in `scores`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) scheme: String,
    pub(crate) label: String,
    pub(crate) metric: String,
}

/// One system's scores.
#[derive(Debug)]
pub(crate) struct SystemScores<'r> {
    pub(crate) name: &'r str,
    /// The name for readers.
    pub(crate) shown: String,
    pub(crate) baseline: bool,
    pub(crate) scores: Vec<&'r Score>,
}

impl<'r> SystemScores<'r> {
    /// The figure over everything, slices left out.
    pub(crate) fn figure(&self, scheme: &str, label: &str, metric: &str) -> Option<&'r Score> {
        let mut whole = self.scores.iter().filter(|score| score.slice.is_empty());
        whole.find(|score| score.scheme == scheme && score.label == label && score.metric == metric).copied()
    }

    pub(crate) fn measured(&self, measure: &Measure) -> Option<&'r Score> {
        self.figure(&measure.scheme, &measure.label, &measure.metric)
    }
}

/// The sets in the order of their first rows.
pub(crate) fn evaluation_sets(report: &Report) -> Vec<EvaluationSet<'_>> {
    let datasets = in_order(report.scores.iter().map(|score| score.dataset.as_str()));
    datasets.into_iter().map(|dataset| evaluation_set(dataset, report)).collect()
}

fn evaluation_set<'r>(dataset: &'r str, report: &'r Report) -> EvaluationSet<'r> {
    let rows: Vec<_> = report.scores.iter().filter(|score| score.dataset == dataset).collect();
    let relations = rows.iter().all(|score| of_relations(score));
    let compared = report.comparisons.iter().find(|row| row.dataset == dataset);
    let measure = measure(&rows, relations, compared);
    let names = in_order(rows.iter().map(|score| score.system.as_str()));
    let common = common_step(&names);
    let system = |name: &'r str| SystemScores {
        name,
        shown: shown(name, common.is_some()),
        baseline: is_baseline(name),
        scores: rows.iter().filter(|score| score.system == name).copied().collect(),
    };
    let mut systems: Vec<_> = names.iter().map(|name| system(name)).collect();
    let value = |system: &SystemScores<'_>| system.measured(&measure).map_or(f64::NEG_INFINITY, |score| score.value);
    systems.sort_by(|one, other| one.baseline.cmp(&other.baseline).then(value(other).total_cmp(&value(one))));
    EvaluationSet { dataset, relations, measure, systems }
}

/// What was compared, else the figure that the evaluation compares by when it is not told.
fn measure(rows: &[&Score], relations: bool, compared: Option<&Comparison>) -> Measure {
    let owned = |scheme: &str, label: &str, metric: &str| Measure {
        scheme: scheme.to_owned(),
        label: label.to_owned(),
        metric: metric.to_owned(),
    };
    if let Some(row) = compared {
        return owned(&row.scheme, &row.label, &row.metric);
    }
    if let Some(row) = rows.iter().find(|row| row.letters.is_some()) {
        return owned(&row.scheme, &row.label, &row.metric);
    }
    if relations { owned("pair", MACRO, "f1") } else { owned("strict", MICRO, "f1") }
}

/// Whether the rule matches pairs, of mentions or of concepts.
pub(crate) fn of_relations(score: &Score) -> bool {
    ["pair", "concept"].contains(&score.scheme.as_str())
}

pub(crate) fn is_average(label: &str) -> bool {
    label == MICRO || label == MACRO
}

fn is_baseline(name: &str) -> bool {
    name.starts_with(BASELINE)
}

/// The step that all systems with a point in a matrix come from, if it is one.
fn common_step<'n>(names: &[&'n str]) -> Option<&'n str> {
    let steps = in_order(names.iter().filter_map(|name| Some(name.split_once('@')?.0)));
    if let [step] = steps.as_slice() { Some(step) } else { None }
}

/// A system's name for readers: the values of its axes, after its step where there are several.
fn shown(name: &str, one_step: bool) -> String {
    match name.split_once('@') {
        Some((_, point)) if one_step => point.replace(',', ", "),
        Some((step, point)) => format!("{step}: {}", point.replace(',', ", ")),
        None if name.is_empty() => "model".to_owned(),
        None => name.to_owned(),
    }
}

/// The names of a report's systems for readers, by dataset and name.
pub(crate) fn shown_names(sets: &[EvaluationSet<'_>]) -> BTreeMap<(String, String), String> {
    let of_set = |set: &EvaluationSet<'_>| {
        let name = |system: &SystemScores<'_>| ((set.dataset.to_owned(), system.name.to_owned()), system.shown.clone());
        set.systems.iter().map(name).collect::<Vec<_>>()
    };
    sets.iter().flat_map(of_set).collect()
}

/// The values of a system's axes, its step under [`STEP`].
pub(crate) fn axes_of(name: &str) -> BTreeMap<String, String> {
    let (step, point) = name.split_once('@').unwrap_or((name, ""));
    let values = point.split(',').filter_map(|part| part.split_once('='));
    let values = values.map(|(axis, value)| (axis.to_owned(), value.to_owned()));
    std::iter::once((STEP.to_owned(), step.to_owned())).chain(values).collect()
}

/// The different ones, each where it first stands.
pub(crate) fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of the strict micro F1 of systems.
    pub(crate) fn strict_report(systems: &[(&str, f64)]) -> Report {
        let scores = systems.iter().map(|&(system, value)| score(system, "strict", MICRO, value)).collect();
        Report { scores, ..Report::default() }
    }

    fn score(system: &str, scheme: &str, label: &str, value: f64) -> Score {
        Score {
            dataset: "dev".into(),
            system: system.into(),
            scheme: scheme.into(),
            label: label.into(),
            metric: "f1".into(),
            value,
            ..Score::default()
        }
    }

    #[test]
    fn the_best_system_comes_first_and_baselines_last() {
        let scores = vec![
            score("predict@size=50", "pair", MACRO, 0.4),
            score("always yes", "pair", MACRO, 0.9),
            score("predict@size=100", "pair", MACRO, 0.6),
            score("predict@size=100", "pair", "yes", 0.5),
        ];
        let report = Report { scores, ..Report::default() };
        let sets = evaluation_sets(&report);
        let names: Vec<_> = sets[0].systems.iter().map(|system| (system.shown.as_str(), system.baseline)).collect();
        assert_eq!(names, [("size=100", false), ("size=50", false), ("always yes", true)]);
        assert_eq!((sets.len(), sets[0].relations, sets[0].measure.scheme.as_str()), (1, true, "pair"));
    }

    #[test]
    fn systems_are_named_by_what_tells_them_apart() {
        let check = |names: &[&str], expected: &[&str]| {
            let scores = names.iter().map(|name| score(name, "strict", MICRO, 0.5)).collect();
            let report = Report { scores, ..Report::default() };
            let sets = evaluation_sets(&report);
            assert_eq!(sets[0].systems.iter().map(|system| system.shown.as_str()).collect::<Vec<_>>(), expected);
        };
        check(&["", "always yes"], &["model", "always yes"]);
        check(&["predict@a=1,b=x", "predict@a=2,b=x"], &["a=1, b=x", "a=2, b=x"]);
        check(&["predict@a=1", "zero-shot"], &["a=1", "zero-shot"]);
        check(&["one@a=1", "two@a=1"], &["one: a=1", "two: a=1"]);
    }

    #[test]
    fn axes_are_read_off_names() {
        let read = |name| axes_of(name).into_iter().map(|(axis, value)| format!("{axis}={value}")).collect::<Vec<_>>();
        assert_eq!(read("predict@init=synthetic,size=50"), ["init=synthetic", "size=50", "step=predict"]);
        assert_eq!(read("zero-shot"), ["step=zero-shot"]);
    }
}
