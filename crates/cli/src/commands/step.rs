use std::io::Write;

use anyhow::Result;
use clinsynth_dag::Plan;
use clinsynth_provision::Provision;
use clinsynth_runner::{Event, Layout, Machine, run_step, stop_on_signals, stop_when_input_closes};

use crate::arguments::Step;
use crate::commands::plan::{matching, read_plan};
use crate::exit::{self, Exit};
use crate::terminal::Terminal;

/// Runs one step against the store with nothing else alive.
pub(crate) fn step(arguments: &Step) -> Result<Exit> {
    let stop = stop_on_signals()?;
    if arguments.events {
        stop_when_input_closes(&stop);
    }
    let result = read_plan(&arguments.source, &[]).and_then(|plan| {
        let layout = Layout::new(std::path::absolute(&arguments.source.store)?);
        let machine = Machine::new(Provision::new(None)?);
        let mut terminal = Terminal::new();
        let events = arguments.events;
        let mut emit = |event: Event| if events { print(&event) } else { terminal.show(&event) };
        for id in instances(&plan, &arguments.instance)? {
            let action = run_step(&plan, &layout, &machine, &id, arguments.force, &stop, &mut emit)?;
            if !events {
                for output in &action.outputs {
                    println!("{:<12} {}", output.name, output.path(&layout).display());
                }
            }
        }
        Ok(Exit::Done)
    });
    if let (true, Err(error)) = (arguments.events, &result) {
        let code = exit::classify(error) as i32;
        let error = exit::with_hint(error);
        print(&Event::StepFailed { step: arguments.instance.clone(), error, code, log: String::new(), retried: false });
    }
    result
}

/// The instances that are meant; a skipped one is passed on for its own message.
fn instances(plan: &Plan, step: &str) -> Result<Vec<String>> {
    if plan.skipped.iter().any(|skipped| skipped.id == step) {
        return Ok(vec![step.to_owned()]);
    }
    matching(plan, step)
}

fn print(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut stdout = std::io::stdout().lock();
        // The runner may be gone; the step then stops through its closed standard input.
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}
