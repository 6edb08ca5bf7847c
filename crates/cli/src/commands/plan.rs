use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clinsynth_dag::Plan;
use clinsynth_provision::Provision;
use clinsynth_runner::{Layout, Machine, Outlook, outlook};
use comfy_table::Table;
use serde_json::json;

use crate::arguments::{Plan as PlanArguments, Source};
use crate::exit::Exit;

/// Reads the pipeline file with its overrides and checks all of it.
pub(crate) fn read_plan(source: &Source, only: &[String]) -> Result<Plan> {
    let mut overrides = source.set.clone();
    overrides.extend(source.provider.iter().map(|provider| format!("provider={provider}")));
    let mut plan = clinsynth_dag::read_plan(&source.pipeline, &overrides)?;
    if !only.is_empty() {
        let mut kept = BTreeSet::new();
        for pattern in only {
            kept.extend(matching(&plan, pattern)?);
        }
        keep_with_needs(&mut plan, kept);
    }
    Ok(plan)
}

/// Ids that a step's name, an instance's id or a pattern with `*` stands for.
pub(crate) fn matching(plan: &Plan, pattern: &str) -> Result<Vec<String>> {
    Ok(plan.select(pattern)?.into_iter().map(|step| step.id.clone()).collect())
}

fn keep_with_needs(plan: &mut Plan, mut kept: BTreeSet<String>) {
    for step in plan.steps.iter().rev() {
        if kept.contains(&step.id) {
            kept.extend(step.needs.iter().cloned());
        }
    }
    plan.steps.retain(|step| kept.contains(&step.id));
}

/// Shows each step, whether it would run and why, and how sensitive its output is.
pub(crate) fn plan(arguments: &PlanArguments) -> Result<Exit> {
    let plan = read_plan(&arguments.source, &arguments.only)?;
    let layout = Layout::new(std::path::absolute(&arguments.source.store)?);
    // A plan downloads nothing: without a pip command, what is not there is an answer and not an action.
    let machine = Machine::new(Provision::new(None)?.with_pip(Vec::new()));
    let outlooks = outlook(&plan, &layout, &machine)?;
    if arguments.json {
        print_json(&plan, &outlooks)?;
    } else {
        print_table(&plan, &outlooks);
    }
    Ok(Exit::Done)
}

fn print_json(plan: &Plan, outlooks: &BTreeMap<String, Outlook>) -> Result<()> {
    let value = json!({ "plan": plan, "outlook": outlooks });
    println!("{}", serde_json::to_string_pretty(&value)?);
    Ok(())
}

/// Identifiers of needed instances; many of one step by their number.
fn shown_needs(needs: &[String]) -> String {
    let step = |id: &String| id.split('@').next().unwrap_or_default().to_owned();
    let shown = needs.chunk_by(|a, b| step(a) == step(b)).map(|instances| match instances {
        [_, _, _, ..] => format!("{} ({} instances)", step(&instances[0]), instances.len()),
        few => few.join(", "),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn print_table(plan: &Plan, outlooks: &BTreeMap<String, Outlook>) {
    let mut table = Table::new();
    table.load_style(crate::terminal::LINES).set_header(["step", "uses", "needs", "sensitivity", "outlook"]);
    for step in &plan.steps {
        let outlook = outlooks.get(&step.id).map_or_else(String::new, ToString::to_string);
        let needs = shown_needs(&step.needs);
        table.add_row([step.id.as_str(), step.kind.name(), &needs, step.sensitivity.name(), &outlook]);
    }
    for skipped in &plan.skipped {
        table.add_row([skipped.id.as_str(), &skipped.uses, "", "", &format!("skipped: {}", skipped.reason)]);
    }
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_instances_of_a_step_are_counted() {
        let check = |needs: &[&str], expected: &str| {
            let needs: Vec<String> = needs.iter().map(|&id| id.to_owned()).collect();
            assert_eq!(shown_needs(&needs), expected);
        };
        check(&[], "");
        check(&["a", "b@seed=0", "b@seed=1"], "a, b@seed=0, b@seed=1");
        check(&["a", "b@seed=0", "b@seed=1", "b@seed=2", "c"], "a, b (3 instances), c");
    }
}
