use std::collections::BTreeSet;

use clinsynth_contract::{Example, Prediction};
use clinsynth_dag::EvaluateOptions;
use clinsynth_metrics::{Bootstrap, EvaluationSettings, evaluate as score};

use crate::RunnerError;
use crate::execute::{Context, Made};

/// Predictions are scored against gold examples, with intervals, and each error becomes a row.
pub(crate) fn evaluate(context: &mut Context<'_>, options: &EvaluateOptions) -> Result<Made, RunnerError> {
    let gold: Vec<Example> = context.rows("examples")?;
    let predicted: Vec<Prediction> = context.rows("predictions")?;
    let settings = EvaluationSettings {
        labels: scored_labels(context, options, &gold)?,
        bootstrap: Bootstrap { samples: options.resamples, level: options.level, seed: options.seed },
        sensitivity: context.sensitivity("scores"),
    };
    let evaluation = score(&dataset(context, options), &gold, &predicted, &settings)?;
    let mut errors = evaluation.errors;
    for error in &mut errors {
        error.sensitivity = error.sensitivity.max(context.sensitivity("errors"));
    }
    let outputs = vec![context.write("scores", evaluation.scores)?, context.write("errors", errors)?];
    Ok(Made { outputs, ..Made::default() })
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

fn dataset(context: &Context<'_>, options: &EvaluateOptions) -> String {
    if !options.dataset.is_empty() {
        return options.dataset.clone();
    }
    context.named("examples").next().map_or_else(|| "examples".to_owned(), |input| input.binding.from.clone())
}
