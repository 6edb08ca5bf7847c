//! Several systems on the same documents: means over runs, and tests of every pair.

use std::collections::HashSet;

use clinsynth_contract::{Comparison, ErrorCase, Example, Prediction, Score};

use crate::board::{Block, CountTable, Figure};
use crate::bootstrap::resample;
use crate::distributions::t_quantile;
use crate::evaluate::{Counted, MACRO, MICRO, PAIR, STRICT, Task, count};
use crate::significance::{bootstrap_p, holm, letters, randomisation_p};
use crate::{EvaluationSettings, MetricsError};

/// A system with its runs, such as one for each seed.
#[derive(Clone, Debug)]
pub struct System<'p> {
    /// Its name, unique.
    pub name: String,
    /// The predictions of each run, on the same examples. Runs of two systems are paired in this order.
    pub runs: Vec<&'p [Prediction]>,
}

/// The figure that systems are compared by, as in `scores`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Matching rule.
    pub scheme: String,
    /// A label or an average.
    pub label: String,
    /// The figure.
    pub metric: String,
}

impl Measure {
    /// Strict F1 of all mentions, or F1 of relations averaged over the classes.
    pub fn of_task(task: &Task) -> Self {
        let (scheme, label) = match task {
            Task::Entities => (STRICT, MICRO),
            Task::Relations { .. } => (PAIR, MACRO),
        };
        Self { scheme: scheme.to_owned(), label: label.to_owned(), metric: "f1".to_owned() }
    }
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The figures of each system, best first: the mean over its runs, with their standard deviation and Student's t
    /// interval of the mean; for a system of one run as [`evaluate`](crate::evaluate) gives them. The compared figure
    /// carries significance letters.
    pub scores: Vec<Score>,
    /// Every pair of systems, by the compared figure.
    pub comparisons: Vec<Comparison>,
    /// The errors of every run, each under its system's name.
    pub errors: Vec<ErrorCase>,
}

/// Compares systems by one figure, the mean over their runs.
///
/// Documents are resampled for all systems alike, and swapped between two systems with all their runs: what is tested is
/// whether the difference would hold for other documents. How much it varies from run to run is what the scores' intervals
/// say. Pairs of systems with unequal numbers of runs have no randomisation test.
///
/// Errors: those of [`evaluate`](crate::evaluate), names that repeat, and a figure that there is not.
pub fn compare(
    dataset: &str,
    gold: &[Example],
    systems: &[System<'_>],
    measure: &Measure,
    settings: &EvaluationSettings,
) -> Result<Ranking, MetricsError> {
    let mut names = HashSet::new();
    if let Some(system) = systems.iter().find(|system| !names.insert(system.name.as_str())) {
        let (dataset, id) = (dataset.to_owned(), system.name.clone());
        return Err(MetricsError::Repeated { dataset, what: "system", id });
    }
    let mut entrants = Vec::new();
    for system in systems {
        let runs = system.runs.iter().map(|run| Run::new(dataset, gold, run, measure, settings));
        entrants.push(Entrant { name: &system.name, runs: runs.collect::<Result<_, _>>()? });
    }
    entrants.retain(|entrant| !entrant.runs.is_empty());
    entrants.sort_by(|one, other| other.value().total_cmp(&one.value()).then(one.name.cmp(other.name)));
    let comparisons = test_pairs(dataset, &entrants, measure, settings);
    let alpha = 1.0 - settings.bootstrap.level;
    let differ = |one: usize, other: usize| {
        let row = comparisons.iter().find(|row| row.system == entrants[one].name && row.other == entrants[other].name);
        row.and_then(|row| row.p_randomisation_holm.or(row.p_bootstrap_holm)).is_some_and(|p| p < alpha)
    };
    let letters = if comparisons.is_empty() { Vec::new() } else { letters(entrants.len(), differ) };
    let (mut scores, mut errors) = (Vec::new(), Vec::new());
    for (place, entrant) in entrants.iter_mut().enumerate() {
        let mut rows = entrant.scores(dataset, settings);
        // Baselines are of the gold alone: once is enough.
        rows.retain(|row| place == 0 || row.system == entrant.name);
        if let Some(row) = rows.iter_mut().find(|row| is_measured(row, measure)) {
            row.letters = letters.get(place).cloned();
        }
        scores.extend(rows);
        for mut error in entrant.runs.iter_mut().flat_map(|run| std::mem::take(&mut run.counted.errors)) {
            entrant.name.clone_into(&mut error.system);
            errors.push(error);
        }
    }
    Ok(Ranking { scores, comparisons, errors })
}

fn is_measured(row: &Score, measure: &Measure) -> bool {
    row.slice.is_empty() && (&row.scheme, &row.label, &row.metric) == (&measure.scheme, &measure.label, &measure.metric)
}

/// One run, and what the compared figure is made of.
#[derive(Debug)]
struct Run {
    counted: Counted,
    /// The counts behind the figure alone.
    table: CountTable,
    /// What makes figures of them.
    block: Block,
    /// Which of its figures is meant.
    figure: usize,
}

impl Run {
    fn new(
        dataset: &str,
        gold: &[Example],
        predicted: &[Prediction],
        measure: &Measure,
        settings: &EvaluationSettings,
    ) -> Result<Self, MetricsError> {
        let counted = count(dataset, gold, predicted, settings)?;
        let total = counted.table.total();
        let mut known = Vec::new();
        for block in counted.blocks.iter().filter(|block| block.system.is_empty() && block.slice.is_empty()) {
            let mut figures = Vec::new();
            block.figures(&total, &mut figures);
            let wanted = |figure: &Figure<'_>| {
                block.scheme == measure.scheme && figure.label == measure.label && figure.metric == measure.metric
            };
            if let Some(figure) = figures.iter().position(wanted) {
                let table = counted.table.columns(block.at, block.width());
                let block = Block { at: 0, ..block.clone() };
                return Ok(Self { counted, table, block, figure });
            }
            known.extend(
                figures.iter().map(|row| format!("`{}` of `{}` under `{}`", row.metric, row.label, block.scheme)),
            );
        }
        let Measure { scheme, label, metric } = measure.clone();
        Err(MetricsError::UnknownMeasure {
            dataset: dataset.to_owned(),
            scheme,
            label,
            metric,
            known: known.join(", "),
        })
    }

    /// The compared figure for counts summed over some documents.
    fn value(&self, sums: &[u64]) -> f64 {
        let mut figures = Vec::new();
        self.block.figures(sums, &mut figures);
        figures[self.figure].value
    }
}

/// A system with its counts.
#[derive(Debug)]
struct Entrant<'s> {
    name: &'s str,
    runs: Vec<Run>,
}

impl Entrant<'_> {
    fn value(&self) -> f64 {
        self.mean(&self.table().total())
    }

    /// The compared figure, mean over the runs, for sums of [`Self::table`]'s counts.
    fn mean(&self, sums: &[u64]) -> f64 {
        let mut rest = sums;
        let mut sum = 0.0;
        for run in &self.runs {
            let (own, others) = rest.split_at(run.table.width());
            sum += run.value(own);
            rest = others;
        }
        sum / self.runs.len() as f64
    }

    /// The counts of all runs, side by side.
    fn table(&self) -> CountTable {
        CountTable::beside(&self.runs.iter().map(|run| &run.table).collect::<Vec<_>>())
    }

    fn scores(&self, dataset: &str, settings: &EvaluationSettings) -> Vec<Score> {
        if let [run] = self.runs.as_slice() {
            return run.counted.scores(dataset, self.name, settings);
        }
        let no_intervals = EvaluationSettings {
            bootstrap: crate::Bootstrap { samples: 0, ..settings.bootstrap },
            labels: settings.labels.clone(),
            sensitivity: settings.sensitivity,
            ..EvaluationSettings::default()
        };
        let runs: Vec<_> = self.runs.iter().map(|run| run.counted.scores(dataset, self.name, &no_intervals)).collect();
        let same = |one: &Score, other: &Score| {
            let key = |row: &Score| [&row.system, &row.scheme, &row.slice, &row.label, &row.metric].map(String::clone);
            key(one) == key(other)
        };
        let over_runs = |first: &Score| {
            let rows = runs.iter().map(|rows| rows.iter().find(|row| same(first, row)));
            Some(mean_row(&rows.collect::<Option<Vec<_>>>()?, settings.bootstrap.level))
        };
        runs[0].iter().filter_map(over_runs).collect()
    }
}

/// The mean over runs with the sample standard deviation and the t interval of the mean.
fn mean_row(rows: &[&Score], level: f64) -> Score {
    let number = rows.len() as f64;
    let mean = rows.iter().map(|row| row.value).sum::<f64>() / number;
    let variance = rows.iter().map(|row| (row.value - mean).powi(2)).sum::<f64>() / (number - 1.0);
    let half = t_quantile(f64::midpoint(1.0, level), rows.len() as u32 - 1) * (variance / number).sqrt();
    let sum = |of: fn(&Score) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    Score {
        value: mean,
        low: Some(mean - half),
        high: Some(mean + half),
        level: Some(level),
        interval: Some("t".to_owned()),
        runs: rows.len() as u32,
        sd: Some(variance.sqrt()),
        support: sum(|row| row.support),
        predicted: sum(|row| row.predicted),
        correct: sum(|row| row.correct),
        ..rows[0].clone()
    }
}

/// Every pair of systems, the better one first.
fn test_pairs(
    dataset: &str,
    entrants: &[Entrant<'_>],
    measure: &Measure,
    settings: &EvaluationSettings,
) -> Vec<Comparison> {
    let tables: Vec<CountTable> = entrants.iter().map(Entrant::table).collect();
    let pairs: Vec<(usize, usize)> =
        (0..entrants.len()).flat_map(|one| (one + 1..entrants.len()).map(move |other| (one, other))).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    let joined = CountTable::beside(&tables.iter().collect::<Vec<_>>());
    let resampled = resample(&joined, settings.bootstrap, |sums, values| {
        let means = means(entrants, sums);
        values.extend(pairs.iter().map(|&(one, other)| means[one] - means[other]));
    });
    let means = means(entrants, &joined.total());
    let mut rows = Vec::new();
    for (pair, &(one, other)) in pairs.iter().enumerate() {
        let interval = resampled.interval(pair, settings.bootstrap.level);
        let (first, second) = (&entrants[one], &entrants[other]);
        let samples = settings.bootstrap.samples;
        let can_swap = samples > 0 && first.runs.len() == second.runs.len();
        let difference = |own: &[u64], others: &[u64]| first.mean(own) - second.mean(others);
        rows.push(Comparison {
            dataset: dataset.to_owned(),
            scheme: measure.scheme.clone(),
            label: measure.label.clone(),
            metric: measure.metric.clone(),
            system: first.name.to_owned(),
            other: second.name.to_owned(),
            system_value: means[one],
            other_value: means[other],
            difference: means[one] - means[other],
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            level: interval.map(|_| settings.bootstrap.level),
            p_bootstrap: resampled.columns.get(pair).map(|column| bootstrap_p(column, resampled.observed[pair])),
            p_randomisation: can_swap
                .then(|| randomisation_p(&tables[one], &tables[other], samples, settings.bootstrap.seed, difference)),
            sensitivity: settings.sensitivity,
            ..Comparison::default()
        });
    }
    correct(&mut rows, |row| row.p_bootstrap, |row, p| row.p_bootstrap_holm = Some(p));
    correct(&mut rows, |row| row.p_randomisation, |row, p| row.p_randomisation_holm = Some(p));
    rows
}

/// The mean over its runs of each system's figure, for sums of all systems' counts side by side.
fn means(entrants: &[Entrant<'_>], sums: &[u64]) -> Vec<f64> {
    let mut rest = sums;
    let mean = |entrant: &Entrant<'_>| {
        let (own, others) = rest.split_at(entrant.runs.iter().map(|run| run.table.width()).sum());
        rest = others;
        entrant.mean(own)
    };
    entrants.iter().map(mean).collect()
}

/// Holm's correction over the rows that have a p-value.
fn correct(rows: &mut [Comparison], of: fn(&Comparison) -> Option<f64>, set: fn(&mut Comparison, f64)) {
    let values: Vec<f64> = rows.iter().filter_map(of).collect();
    let tested = rows.iter_mut().filter(|row| of(row).is_some());
    tested.zip(holm(&values)).for_each(|(row, p)| set(row, p));
}
