use std::collections::{BTreeMap, HashMap, HashSet};

use clinsynth_contract::{ErrorCase, Example, Prediction, Score, Sensitivity};

use crate::bootstrap::{percentiles, resample};
use crate::error::first_few;
use crate::matching::{Tally, gold_mentions, predicted_mentions, tally};
use crate::taxonomy::error_cases;
use crate::{Bootstrap, Counts, Figures, MetricsError, macro_average};

/// `Score::scheme` of the strict rule: same span and same label.
pub const STRICT: &str = "strict";
/// `Score::scheme` of the relaxed rule: same label, at least one shared character, one to one.
pub const RELAXED: &str = "relaxed";
/// `Score::label` of the figures over the mentions of all labels together.
pub const MICRO: &str = "micro avg";
/// `Score::label` of the unweighted mean over the labels that occur.
pub const MACRO: &str = "macro avg";

const METRICS: [&str; 3] = ["precision", "recall", "f1"];

/// What is scored, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationSettings {
    /// The labels that the evaluation set annotates. Mentions under any other, gold or predicted, are left out: a model
    /// of several labels is not punished for finding what a corpus of one does not annotate.
    pub labels: Vec<String>,
    /// How intervals are computed.
    pub bootstrap: Bootstrap,
    /// Sensitivity of the scores. Error rows quote text, so each has the higher of its example's and its prediction's.
    pub sensitivity: Sensitivity,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// For each scheme, each label in the order of the settings, then the averages: precision, recall, F1.
    pub scores: Vec<Score>,
    /// One row for each error under the strict rule, in the order of the gold examples, then by position.
    pub errors: Vec<ErrorCase>,
}

/// Scores predictions against gold.
///
/// The unit of resampling is the document; an example that names none is its own. Scores do not depend on the order of
/// rows.
///
/// Errors: an empty set or label list, a level outside 0 to 1, identifiers that repeat, gold examples without a row of
/// predictions, and predictions for examples that are not in `gold`.
pub fn evaluate(
    dataset: &str,
    gold: &[Example],
    predicted: &[Prediction],
    settings: &EvaluationSettings,
) -> Result<Evaluation, MetricsError> {
    check_settings(dataset, gold, settings)?;
    let pairs = pair_rows(dataset, gold, predicted)?;
    let labels = settings.labels.len();
    let mut documents: BTreeMap<&str, Vec<Tally>> = BTreeMap::new();
    let mut errors = Vec::new();
    for (example, prediction) in pairs {
        let golds = gold_mentions(&example.entities, &settings.labels);
        let found = predicted_mentions(&prediction.spans, &settings.labels);
        let document = if example.document.is_empty() { &example.id } else { &example.document };
        tally(&golds, &found, documents.entry(document).or_insert_with(|| vec![Tally::default(); labels]));
        errors.extend(error_cases(example, prediction, &golds, &found));
    }
    let documents: Vec<Tally> = documents.into_values().flatten().collect();
    Ok(Evaluation { scores: score_rows(dataset, &documents, settings), errors })
}

fn check_settings(dataset: &str, gold: &[Example], settings: &EvaluationSettings) -> Result<(), MetricsError> {
    let dataset = || dataset.to_owned();
    if gold.is_empty() {
        return Err(MetricsError::NoExamples { dataset: dataset() });
    }
    if settings.labels.is_empty() {
        return Err(MetricsError::NoLabels { dataset: dataset() });
    }
    let mut seen = HashSet::new();
    if let Some(label) = settings.labels.iter().find(|&label| !seen.insert(label)) {
        return Err(MetricsError::RepeatedLabel { dataset: dataset(), label: label.clone() });
    }
    let level = settings.bootstrap.level;
    if level > 0.0 && level < 1.0 { Ok(()) } else { Err(MetricsError::BadLevel { level }) }
}

/// Each gold example with its prediction, in the order of the examples.
fn pair_rows<'a>(
    dataset: &str,
    gold: &'a [Example],
    predicted: &'a [Prediction],
) -> Result<Vec<(&'a Example, &'a Prediction)>, MetricsError> {
    let repeated = |what, id: &str| MetricsError::Repeated { dataset: dataset.to_owned(), what, id: id.to_owned() };
    let mut found: HashMap<&str, &Prediction> = HashMap::with_capacity(predicted.len());
    for prediction in predicted {
        if found.insert(&prediction.example, prediction).is_some() {
            return Err(repeated("prediction for example", &prediction.example));
        }
    }
    let mut known = HashSet::with_capacity(gold.len());
    let mut missing = Vec::new();
    let mut pairs = Vec::with_capacity(gold.len());
    for example in gold {
        if !known.insert(example.id.as_str()) {
            return Err(repeated("example", &example.id));
        }
        match found.get(example.id.as_str()) {
            Some(&prediction) => pairs.push((example, prediction)),
            None => missing.push(example.id.as_str()),
        }
    }
    if !missing.is_empty() {
        let (count, ids) = (missing.len(), first_few(&missing));
        return Err(MetricsError::MissingPredictions { dataset: dataset.to_owned(), count, ids });
    }
    let strangers: Vec<&str> =
        predicted.iter().map(|row| row.example.as_str()).filter(|id| !known.contains(id)).collect();
    if !strangers.is_empty() {
        let (count, ids) = (strangers.len(), first_few(&strangers));
        return Err(MetricsError::UnknownExamples { dataset: dataset.to_owned(), count, ids });
    }
    Ok(pairs)
}

/// A matching rule, with the counts it gives.
type Scheme = (&'static str, fn(Tally) -> Counts);

const SCHEMES: [Scheme; 2] = [(STRICT, Tally::strict), (RELAXED, Tally::relaxed)];

/// A block of three rows: the scheme, the label or average, its counts and its figures.
type Block = (&'static str, usize, Counts, Figures);

/// The blocks of rows of summed tallies: for each scheme each label, then micro (index `labels`) and macro average.
fn blocks(sums: &[Tally]) -> impl Iterator<Item = Block> + '_ {
    SCHEMES.into_iter().flat_map(move |(scheme, counts)| {
        let each = sums.iter().map(move |&tally| counts(tally));
        let total: Counts = each.clone().sum();
        let averages = [total.figures(), macro_average(each.clone())].map(|figures| (total, figures));
        let rows = each.map(|counts| (counts, counts.figures())).chain(averages);
        rows.enumerate().map(move |(index, (counts, figures))| (scheme, index, counts, figures))
    })
}

fn score_rows(dataset: &str, documents: &[Tally], settings: &EvaluationSettings) -> Vec<Score> {
    let labels = settings.labels.len();
    let mut sums = vec![Tally::default(); labels];
    for (index, &tally) in documents.iter().enumerate() {
        sums[index % labels] += tally;
    }
    let intervals = intervals(documents, settings);
    let mut rows = Vec::new();
    for (scheme, index, counts, figures) in blocks(&sums) {
        let average = if index == labels { MICRO } else { MACRO };
        let label = settings.labels.get(index).map_or(average, String::as_str);
        for (metric, value) in METRICS.into_iter().zip([figures.precision, figures.recall, figures.f1]) {
            let interval = intervals.get(rows.len()).copied();
            rows.push(Score {
                dataset: dataset.to_owned(),
                scheme: scheme.to_owned(),
                label: label.to_owned(),
                metric: metric.to_owned(),
                value,
                low: interval.map(|(low, _)| low),
                high: interval.map(|(_, high)| high),
                level: interval.map(|_| settings.bootstrap.level),
                support: counts.support,
                predicted: counts.predicted,
                correct: counts.correct,
                runs: 1,
                interval: interval.map(|_| "percentile".to_owned()),
                sensitivity: settings.sensitivity,
                ..Score::default()
            });
        }
    }
    rows
}

/// One interval for each row, in their order; none when no resample is wanted.
fn intervals(documents: &[Tally], settings: &EvaluationSettings) -> Vec<(f64, f64)> {
    if settings.bootstrap.samples == 0 {
        return Vec::new();
    }
    let mut values: Vec<Vec<f64>> = Vec::new();
    resample(documents, settings.labels.len(), settings.bootstrap, |sums| {
        let figures = blocks(sums).flat_map(|(_, _, _, figures)| [figures.precision, figures.recall, figures.f1]);
        for (row, value) in figures.enumerate() {
            match values.get_mut(row) {
                Some(column) => column.push(value),
                None => values.push(vec![value]),
            }
        }
    });
    values.into_iter().map(|column| percentiles(column, settings.bootstrap.level)).collect()
}
