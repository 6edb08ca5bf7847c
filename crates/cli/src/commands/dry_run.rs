use std::path::Path;

use anyhow::Result;
use clinsynth_dag::{Plan, StepKind};
use clinsynth_provision::Provision;
use clinsynth_runner::{Layout, Machine, RunnerError, dry_run_step};
use comfy_table::Table;

use crate::exit::Exit;

/// Renders the prompts of every `generate` step and says what asking for their completions would take.
pub(crate) fn dry_run(plan: &Plan, store: &Path) -> Result<Exit> {
    let layout = Layout::new(std::path::absolute(store)?);
    let machine = Machine::new(Provision::new(None)?.with_pip(Vec::new()));
    let mut table = Table::new();
    table.load_style(crate::terminal::LINES).set_header(["step", "prompts", "estimate", "file"]);
    for step in plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Generate(_))) {
        let path = layout.dry_run(&plan.name, &step.id);
        match dry_run_step(plan, &layout, &machine, &step.id, &path) {
            Ok((prompts, estimate)) => {
                let path = super::run::shown(&path).display().to_string();
                table.add_row([step.id.clone(), prompts.to_string(), estimate, path]);
            }
            Err(RunnerError::NotReady { needed, .. }) => {
                table.add_row([step.id.clone(), String::new(), format!("waits for {needed}"), String::new()]);
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("{table}");
    Ok(Exit::Done)
}
