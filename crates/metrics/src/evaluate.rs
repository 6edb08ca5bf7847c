use std::collections::HashSet;

use clinsynth_contract::{ErrorCase, Example, Prediction, Score, Sensitivity};

use crate::board::{Block, CountTable, Figure};
use crate::bootstrap::{Resampled, resample};
use crate::calibration::Calibration;
use crate::entities::count_entities;
use crate::pairing::pair_rows;
use crate::relations::count_relations;
use crate::{Bootstrap, MentionCounts, MetricsError};

/// `Score::scheme` of the strict rule: same span and same label.
pub const STRICT: &str = "strict";
/// `Score::scheme` of the relaxed rule: same label, at least one shared character, one to one.
pub const RELAXED: &str = "relaxed";
/// `Score::scheme` of the rule that looks at types alone: same label anywhere in the example, one to one.
pub const TYPE: &str = "type";
/// `Score::scheme` of relations between two mentions of an example.
pub const PAIR: &str = "pair";
/// `Score::scheme` of relations between two concepts of a document.
pub const CONCEPT: &str = "concept";
/// `Score::label` of the figures over the mentions of all labels together; over the relations of all labels but the one
/// that stands for none.
pub const MICRO: &str = "micro avg";
/// `Score::label` of the unweighted mean over the labels that occur.
pub const MACRO: &str = "macro avg";
/// `Score::label` of figures that labels have no part of, such as accuracy.
pub const ALL: &str = "all";

/// What is scored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Mentions.
    #[default]
    Entities,
    /// Labelled pairs of mentions, and of the concepts of a document where mentions have some.
    Relations {
        /// The label that stands for no relation. A pair that gold or prediction does not list has it.
        negative: String,
    },
}

/// What is scored, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationSettings {
    /// Mentions or relations.
    pub task: Task,
    /// The labels that the evaluation set annotates. Mentions under any other, gold or predicted, are left out: a model
    /// of several labels is not punished for finding what a corpus of one does not annotate. Relations under any other
    /// count as none.
    pub labels: Vec<String>,
    /// The mentions of the examples that the model learned from, to tell seen from unseen ones; null when not known.
    pub training: Option<MentionCounts>,
    /// Bins of scores, of equal width, for calibration; 0 to leave it out.
    pub bins: u32,
    /// How intervals are computed.
    pub bootstrap: Bootstrap,
    /// Sensitivity of the scores. Error rows quote text, so each has the higher of its example's and its prediction's.
    pub sensitivity: Sensitivity,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Entities: for each scheme, each label in the order of the settings, then the averages: precision, recall, F1; then
    /// the slices under the strict rule. Relations: for pairs and then for concepts the same for each class, with accuracy
    /// and Matthews' correlation, and after each the baseline that always answers with the most frequent relation. Then
    /// calibration.
    pub scores: Vec<Score>,
    /// One row for each error under the strict rule or of a pair, in the order of the gold examples, then by position.
    pub errors: Vec<ErrorCase>,
}

/// Scores predictions against gold.
///
/// The unit of resampling is the document; an example that names none is its own. Scores do not depend on the order of
/// rows.
///
/// Errors: an empty set or label list, a level outside 0 to 1, identifiers that repeat, gold examples without a row of
/// predictions, predictions for examples that are not in `gold`, and relations of mentions that are not there.
pub fn evaluate(
    dataset: &str,
    gold: &[Example],
    predicted: &[Prediction],
    settings: &EvaluationSettings,
) -> Result<Evaluation, MetricsError> {
    let mut counted = count(dataset, gold, predicted, settings)?;
    let errors = std::mem::take(&mut counted.errors);
    Ok(Evaluation { scores: counted.scores(dataset, "", settings), errors })
}

/// Everything that scores are computed from.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) table: CountTable,
    pub(crate) blocks: Vec<Block>,
    pub(crate) calibration: Calibration,
    /// The scheme that calibration and errors are of.
    pub(crate) scheme: &'static str,
    pub(crate) errors: Vec<ErrorCase>,
}

/// Counts per document; everything else works on these.
pub(crate) fn count(
    dataset: &str,
    gold: &[Example],
    predicted: &[Prediction],
    settings: &EvaluationSettings,
) -> Result<Counted, MetricsError> {
    check_settings(dataset, gold, settings)?;
    let pairs = pair_rows(dataset, gold, predicted)?;
    let mut counted = match &settings.task {
        Task::Entities => count_entities(&pairs, settings),
        Task::Relations { negative } => count_relations(&pairs, settings, negative)?,
    };
    let total = counted.table.total();
    counted.blocks.retain(|block| {
        block.slice.is_empty() || total[block.at..block.at + block.width()].iter().any(|&count| count > 0)
    });
    Ok(counted)
}

/// The document that an example is resampled with.
pub(crate) fn document_of(example: &Example) -> &str {
    if example.document.is_empty() { &example.id } else { &example.document }
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

impl Counted {
    /// All rows, with intervals over documents. `system` names the model when it is one of several.
    pub(crate) fn scores(&self, dataset: &str, system: &str, settings: &EvaluationSettings) -> Vec<Score> {
        let total = self.table.total();
        let resampled = self.resample(settings.bootstrap);
        let mut rows = Vec::new();
        for block in &self.blocks {
            let mut figures = Vec::new();
            block.figures(&total, &mut figures);
            for figure in figures {
                let interval = resampled.interval(rows.len(), settings.bootstrap.level);
                rows.push(figure_row(dataset, system, block, &figure, interval, settings));
            }
        }
        rows.extend(self.calibration_rows(dataset, system, settings));
        rows
    }

    fn resample(&self, bootstrap: Bootstrap) -> Resampled {
        resample(&self.table, bootstrap, |sums, values| {
            let mut figures = Vec::new();
            self.blocks.iter().for_each(|block| block.figures(sums, &mut figures));
            values.extend(figures.iter().map(|figure| figure.value));
        })
    }

    fn calibration_rows(&self, dataset: &str, system: &str, settings: &EvaluationSettings) -> Vec<Score> {
        let names = self.blocks.first().map_or(&[][..], |block| &block.labels);
        let row = |figure: crate::calibration::Reliability| Score {
            dataset: dataset.to_owned(),
            system: system.to_owned(),
            scheme: self.scheme.to_owned(),
            slice: figure.slice,
            label: figure.label,
            metric: figure.metric.to_owned(),
            value: figure.value,
            runs: 1,
            predicted: figure.counts.predicted,
            correct: figure.counts.correct,
            sensitivity: settings.sensitivity,
            ..Score::default()
        };
        self.calibration.figures(names).into_iter().map(row).collect()
    }
}

/// The row of a figure of one run; a baseline keeps its own name.
fn figure_row(
    dataset: &str,
    system: &str,
    block: &Block,
    figure: &Figure<'_>,
    interval: Option<(f64, f64)>,
    settings: &EvaluationSettings,
) -> Score {
    Score {
        dataset: dataset.to_owned(),
        system: if block.system.is_empty() { system.to_owned() } else { block.system.clone() },
        scheme: block.scheme.to_owned(),
        slice: block.slice.clone(),
        label: figure.label.to_owned(),
        metric: figure.metric.to_owned(),
        value: figure.value,
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        level: interval.map(|_| settings.bootstrap.level),
        interval: interval.map(|_| settings.bootstrap.method.name().to_owned()),
        runs: 1,
        support: figure.counts.support,
        predicted: figure.counts.predicted,
        correct: figure.counts.correct,
        sensitivity: settings.sensitivity,
        ..Score::default()
    }
}
