//! What a report says of how it all was made.

use std::collections::BTreeSet;

use clinsynth_contract::Completion;
use clinsynth_dag::{PlannedStep, StepKind, TrainOptions};
use clinsynth_prompting::Trial;
use clinsynth_reporting::Setting;
use serde_json::{Value, json};

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
        let mut settings = vec![
            Setting::new(name("Encoder"), begun),
            Setting::new(name("Recipe"), recipe(group.iter().map(|(_, options, _)| *options))),
        ];
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

/// Options that a recipe always names, in this order.
const RECIPE: [&str; 6] = ["epochs", "batch-size", "learning-rate", "dropout", "precision", "seed"];
/// Options that say what is learnt, or that do not bear on it.
const NO_RECIPE: [&str; 6] = ["encoder", "task", "relations", "pairs", "int8", "checkpoint-steps"];

/// The options of all instances, those that differ side by side in their order: the usual ones, and others where they are
/// not as they are by default.
fn recipe<'o>(instances: impl Iterator<Item = &'o TrainOptions>) -> String {
    let instances: Vec<Value> = instances.map(|options| json!(options)).collect();
    let default = json!(TrainOptions::default());
    let all = |name: &str| {
        let mut values: Vec<String> = Vec::new();
        for value in instances.iter().map(|options| shown_option(name, &options[name])) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let last = values.pop().unwrap_or_default();
        let values = if values.is_empty() { last } else { format!("{} or {last}", values.join(", ")) };
        match name {
            "epochs" | "examples" => format!("{values} {name}"),
            _ => format!("{} {values}", name.replace('-', " ")),
        }
    };
    let is_chosen = |name: &&String| {
        let usual = RECIPE.contains(&name.as_str()) || NO_RECIPE.contains(&name.as_str());
        !usual && instances.iter().any(|options| options[name.as_str()] != default[name.as_str()])
    };
    let names: Vec<&String> = default.as_object().into_iter().flat_map(|options| options.keys()).collect();
    let chosen = names.into_iter().filter(is_chosen).map(|name| all(name));
    RECIPE.into_iter().map(all).chain(chosen).collect::<Vec<_>>().join(", ")
}

fn shown_option(name: &str, value: &Value) -> String {
    match value {
        Value::Null => if name == "examples" { "all" } else { "none" }.to_owned(),
        Value::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
        Value::String(word) => word.clone(),
        other => other.to_string(),
    }
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
fn shown(value: &Value) -> String {
    match (value.as_f64(), value.as_str()) {
        (Some(figure), _) if value.is_f64() => format!("{figure:.4}"),
        (_, Some(words)) => words.to_owned(),
        _ => value.to_string(),
    }
}

fn distinct(values: impl Iterator<Item = String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_names_the_usual_options_and_those_that_were_chosen() {
        let check = |instances: &[TrainOptions], expected: &str| assert_eq!(recipe(instances.iter()), expected);
        let usual = "4 epochs, batch size 16, learning rate 0.0003, dropout on, precision auto, seed 0";
        check(&[TrainOptions::default()], usual);
        let of = |examples, seed, replace_mentions| TrainOptions {
            examples,
            seed,
            replace_mentions,
            patience: Some(2),
            encoder: "./other".to_owned(),
            ..TrainOptions::default()
        };
        check(
            &[of(Some(50), 0, 0.5), of(None, 1, 0.5)],
            "4 epochs, batch size 16, learning rate 0.0003, dropout on, precision auto, seed 0 or 1, 50 or all examples, \
             replace mentions 0.5, patience 2",
        );
    }
}
