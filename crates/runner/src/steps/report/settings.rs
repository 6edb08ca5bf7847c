//! What a report says of how it all was made.

use std::collections::BTreeSet;

use clinsynth_contract::Completion;
use clinsynth_dag::{PlannedStep, StepKind, TrainOptions};
use clinsynth_prompting::Trial;
use clinsynth_reporting::Setting;

use super::actions;
use crate::RunnerError;
use crate::action::Action;
use crate::execute::Context;

/// The facts a reader asks for first.
pub(super) fn settings(context: &Context<'_>) -> Result<Vec<Setting>, RunnerError> {
    let mut settings = Vec::new();
    let models = distinct(context.rows::<Completion>("completions")?.into_iter().map(|completion| completion.model));
    if !models.is_empty() {
        settings.push(Setting::new("Text written by", models));
    }
    for (id, action) in actions(context) {
        settings.extend(searched(id, action));
    }
    settings.extend(trainings(context));
    for (name, value) in &context.plan.params {
        if !value.is_null() {
            settings.push(Setting::new(format!("Parameter {name}"), value.to_string().trim_matches('"').to_owned()));
        }
    }
    Ok(settings)
}

/// The recipe of each training step, over all its instances; the facts of one that has a single instance.
fn trainings(context: &Context<'_>) -> Vec<Setting> {
    let mut groups: Vec<Vec<(&PlannedStep, &TrainOptions, &Action)>> = Vec::new();
    for (id, action) in actions(context) {
        let Some(step) = context.plan.step(id) else { continue };
        let StepKind::Train(options) = &step.kind else { continue };
        match groups.iter_mut().find(|group| group[0].0.step == step.step) {
            Some(group) => group.push((step, options, action)),
            None => groups.push(vec![(step, options, action)]),
        }
    }
    let several = groups.len() > 1;
    let of_group = |group: &Vec<(&PlannedStep, &TrainOptions, &Action)>| {
        let name = |what: &str| if several { format!("{what} of {}", group[0].0.step) } else { what.to_owned() };
        let begun = distinct(group.iter().map(|(step, options, _)| beginning(step, options)));
        let mut settings = vec![Setting::new(name("Encoder"), begun), Setting::new(name("Recipe"), recipe(group))];
        if let [(step, _, action)] = group.as_slice() {
            let facts = action.facts.iter();
            settings.extend(facts.map(|(name, value)| Setting::new(format!("{}: {name}", step.id), shown(value))));
        }
        settings
    };
    groups.iter().flat_map(of_group).collect()
}

/// What training began with.
fn beginning(step: &PlannedStep, options: &TrainOptions) -> String {
    let model = step.inputs.iter().find(|input| input.name == "model");
    model.map_or_else(|| options.encoder.clone(), |input| format!("model of {}", input.from))
}

/// The values of all instances, those that differ side by side in their order.
fn recipe(group: &[(&PlannedStep, &TrainOptions, &Action)]) -> String {
    let all = |value: fn(&TrainOptions) -> String| {
        let mut values: Vec<String> = Vec::new();
        for (_, options, _) in group {
            let value = value(options);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let last = values.pop().unwrap_or_default();
        if values.is_empty() { last } else { format!("{} or {last}", values.join(", ")) }
    };
    let mut parts = vec![
        format!("epochs {}", all(|options| options.epochs.to_string())),
        format!("batch {}", all(|options| options.batch_size.to_string())),
        format!("learning rate {}", all(|options| options.learning_rate.to_string())),
        format!("dropout {}", all(|options| if options.dropout { "on" } else { "off" }.to_owned())),
        format!("precision {}", all(|options| serde_json::json!(options.precision).to_string()).replace('"', "")),
        format!("seed {}", all(|options| options.seed.to_string())),
    ];
    if group.iter().any(|(_, options, _)| options.examples.is_some()) {
        let examples = all(|options| options.examples.map_or_else(|| "all".to_owned(), |count| count.to_string()));
        parts.insert(0, format!("{examples} examples"));
    }
    parts.join(", ")
}

/// What a search for a prompt tried, a setting each, with its score.
fn searched(id: &str, action: &Action) -> Vec<Setting> {
    let trials: Vec<Trial> = action
        .facts
        .get("prompt search")
        .and_then(|trials| serde_json::from_value(trials.clone()).ok())
        .unwrap_or_default();
    let setting = |trial: &Trial| {
        let name = format!("{id}: prompt {} of round {}", trial.candidate, trial.round);
        let Trial { score, valid, likeness, density, variety, instructions, .. } = trial;
        let words = format!(
            "score {score:.3} (valid {valid:.2}, likeness {likeness:.3}, density {density:.2}, variety {variety:.2}): {instructions}"
        );
        Setting::new(name, words)
    };
    trials.iter().map(setting).collect()
}

/// Figures to four places; counts and words as they are.
fn shown(value: &serde_json::Value) -> String {
    match (value.as_f64(), value.as_str()) {
        (Some(figure), _) if value.is_f64() => format!("{figure:.4}"),
        (_, Some(words)) => words.to_owned(),
        _ => value.to_string(),
    }
}

fn distinct(values: impl Iterator<Item = String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}
