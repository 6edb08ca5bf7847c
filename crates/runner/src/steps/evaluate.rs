use std::collections::BTreeSet;

use clinsynth_contract::{Comparison, ErrorCase, Example, Prediction, Score, Split};
use clinsynth_dag::{EvaluateOptions, Interval};
use clinsynth_metrics::{
    Bootstrap, EvaluationSettings, IntervalMethod, Measure, MentionCounts, System, Task, compare, evaluate as score,
};
use clinsynth_store::Dataset;

use crate::RunnerError;
use crate::execute::{Context, Made};

/// Predictions are scored against gold examples, with intervals, and each error becomes a row. Several predictions are
/// compared.
pub(crate) fn evaluate(context: &mut Context<'_>, options: &EvaluateOptions) -> Result<Made, RunnerError> {
    let gold: Vec<Example> = context.rows("examples")?;
    let runs = predictions(context, options)?;
    let settings = settings(context, options, &gold, &runs)?;
    let (scores, mut errors, comparisons) = match runs.as_slice() {
        [run] => {
            let evaluation = score(&options.dataset, &gold, run, &settings)?;
            (evaluation.scores, evaluation.errors, Vec::new())
        }
        runs => ranking(options, &gold, runs, &settings)?,
    };
    for error in &mut errors {
        error.sensitivity = error.sensitivity.max(context.sensitivity("errors"));
    }
    let outputs = vec![
        context.write("scores", scores)?,
        context.write("errors", errors)?,
        context.write("comparisons", comparisons)?,
    ];
    Ok(Made { outputs, ..Made::default() })
}

type Tables = (Vec<Score>, Vec<ErrorCase>, Vec<Comparison>);

/// Runs of the same name are one system.
fn ranking(
    options: &EvaluateOptions,
    gold: &[Example],
    runs: &[Vec<Prediction>],
    settings: &EvaluationSettings,
) -> Result<Tables, RunnerError> {
    let mut systems: Vec<System<'_>> = Vec::new();
    for (name, run) in options.systems.iter().zip(runs) {
        match systems.iter_mut().find(|system| system.name == *name) {
            Some(system) => system.runs.push(run),
            None => systems.push(System { name: name.clone(), runs: vec![run] }),
        }
    }
    let measure = match &options.measure {
        Some([scheme, label, metric]) => {
            Measure { scheme: scheme.clone(), label: label.clone(), metric: metric.clone() }
        }
        None => Measure::of_task(&settings.task),
    };
    let ranking = compare(&options.dataset, gold, &systems, &measure, settings)?;
    Ok((ranking.scores, ranking.errors, ranking.comparisons))
}

/// The predictions of each input, under the labels that they count as.
fn predictions(context: &Context<'_>, options: &EvaluateOptions) -> Result<Vec<Vec<Prediction>>, RunnerError> {
    let mut runs = Vec::new();
    for input in context.named("predictions") {
        let mut rows = Dataset::<Prediction>::open(&input.path)?.read()?;
        for row in &mut rows {
            relabel(row, options);
        }
        runs.push(rows);
    }
    Ok(runs)
}

fn relabel(row: &mut Prediction, options: &EvaluateOptions) {
    let counts_as = |label: &mut String| match options.label_map.get(label.as_str()) {
        Some(Some(other)) => {
            other.clone_into(label);
            true
        }
        Some(None) => false,
        None => true,
    };
    // Relations point to spans by place: a span that is left out loses its label instead.
    for span in &mut row.spans {
        if !counts_as(&mut span.label) {
            span.label.clear();
        }
    }
    row.relations.retain_mut(|relation| counts_as(&mut relation.label));
}

fn settings(
    context: &Context<'_>,
    options: &EvaluateOptions,
    gold: &[Example],
    runs: &[Vec<Prediction>],
) -> Result<EvaluationSettings, RunnerError> {
    let has_relations = || runs.iter().flatten().any(|row| !row.relations.is_empty());
    let relations = match options.task {
        Some(task) => task == clinsynth_dag::Task::Re,
        None => has_relations(),
    };
    let method = match options.interval {
        Interval::Percentile => IntervalMethod::Percentile,
        Interval::Bca => IntervalMethod::Bca,
    };
    Ok(EvaluationSettings {
        task: if relations { Task::Relations { negative: options.negative.clone() } } else { Task::Entities },
        labels: if relations {
            scored_relations(context, options, gold, runs)?
        } else {
            scored_labels(context, options, gold)?
        },
        training: training(context, options)?,
        bins: options.bins,
        bootstrap: Bootstrap { samples: options.resamples, level: options.level, seed: options.seed, method },
        sensitivity: context.sensitivity("scores"),
    })
}

/// The mentions that the model learned from, where the pipeline says which.
fn training(context: &Context<'_>, options: &EvaluateOptions) -> Result<Option<MentionCounts>, RunnerError> {
    if options.training.is_empty() {
        return Ok(None);
    }
    let mut counts = MentionCounts::default();
    for input in context.named("training") {
        for table in Dataset::<Example>::open(&input.path)?.tables() {
            for example in table?.rows().filter(|row| row.split.is_none_or(|split| split == Split::Train)) {
                counts.add(&example);
            }
        }
    }
    Ok(Some(counts))
}

/// Every relation of gold and predictions but the one that stands for none.
fn scored_relations(
    context: &Context<'_>,
    options: &EvaluateOptions,
    gold: &[Example],
    runs: &[Vec<Prediction>],
) -> Result<Vec<String>, RunnerError> {
    if let Some(relations) = &options.relations {
        return Ok(relations.clone());
    }
    let golds = gold.iter().flat_map(|row| &row.relations).map(|relation| &relation.label);
    let found = runs.iter().flatten().flat_map(|row| &row.relations).map(|relation| &relation.label);
    let labels: BTreeSet<&String> = golds.chain(found).filter(|label| **label != options.negative).collect();
    if labels.is_empty() {
        let what =
            format!("no relation other than `{}` in the gold examples or among the predictions", options.negative);
        return Err(RunnerError::Empty { step: context.step.id.clone(), what });
    }
    Ok(labels.into_iter().cloned().collect())
}

/// Only labels that the gold examples carry can be scored: a corpus that annotates diseases alone says nothing about
/// predicted chemicals.
fn scored_labels(
    context: &Context<'_>,
    options: &EvaluateOptions,
    gold: &[Example],
) -> Result<Vec<String>, RunnerError> {
    if let Some(labels) = &options.labels {
        return Ok(labels.clone());
    }
    let found: BTreeSet<&str> =
        gold.iter().flat_map(|example| &example.entities).map(|entity| entity.label.as_str()).collect();
    let scored: Vec<String> =
        context.plan.labels.iter().filter(|label| found.contains(label.as_str())).cloned().collect();
    if scored.is_empty() {
        let found: Vec<&str> = found.into_iter().collect();
        let what = format!(
            "none of the pipeline's labels ({}) occurs in the gold examples, which carry {}; see `label-map` of the import step",
            context.plan.labels.join(", "),
            if found.is_empty() { "no label".to_owned() } else { found.join(", ") },
        );
        return Err(RunnerError::Empty { step: context.step.id.clone(), what });
    }
    Ok(scored)
}
