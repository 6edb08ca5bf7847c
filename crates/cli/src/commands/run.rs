use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clinsynth_dag::Plan;
use clinsynth_provision::Provision;
use clinsynth_runner::{Event, Launch, Layout, LocalExecutor, Machine, RunLog, RunOptions, Summary, stop_on_signals};

use crate::arguments::Run;
use crate::commands::dry_run::dry_run;
use crate::commands::plan::{matching, read_plan};
use crate::commands::setup::tell;
use crate::exit::Exit;
use crate::scores;
use crate::terminal::{Terminal, duration};

/// Runs a pipeline on this machine and ends with the table of scores and the place of the report.
pub(crate) fn run(arguments: &Run) -> Result<Exit> {
    let began = Instant::now();
    let plan = read_plan(&arguments.source, &arguments.only)?;
    if arguments.dry {
        return dry_run(&plan, &arguments.source.store);
    }
    let options = RunOptions { force: forced(&plan, &arguments.force)?, keep_going: arguments.keep_going };
    let stop = stop_on_signals()?;
    let machine = Machine::new(Provision::new(None)?);
    machine.prepare(&plan, &mut tell)?;
    let layout = Layout::new(std::path::absolute(&arguments.source.store)?);
    let launch = launch(arguments, &layout)?;
    let mut log = RunLog::start(&layout, &plan)?;

    let mut view = View { terminal: (!arguments.json).then(Terminal::new) };
    let started = Event::RunStarted {
        run: log.run().to_owned(),
        pipeline: plan.name.clone(),
        steps: plan.steps.iter().map(|step| step.id.clone()).collect(),
    };
    let mut observe = |event: &Event| {
        log.append(event);
        view.show(event);
    };
    observe(&started);
    let run = started_run(&started);
    let executor = LocalExecutor::new(&plan, &layout, &machine, &launch, &options, run.clone());
    let summary = executor.run(&stop, &mut observe)?;
    observe(&Event::RunFinished {
        run,
        seconds: began.elapsed().as_secs_f64(),
        ran: summary.ran,
        cached: summary.cached,
        failed: summary.failed.len() + summary.left.len(),
    });
    if !arguments.json {
        conclude(&layout, &plan.name, &summary, began)?;
    }
    Ok(exit(&summary))
}

struct View {
    terminal: Option<Terminal>,
}

impl View {
    fn show(&mut self, event: &Event) {
        match &mut self.terminal {
            Some(terminal) => terminal.show(event),
            None => println!("{}", serde_json::to_string(event).unwrap_or_default()),
        }
    }
}

fn started_run(event: &Event) -> String {
    if let Event::RunStarted { run, .. } = event { run.clone() } else { String::new() }
}

fn forced(plan: &Plan, patterns: &[String]) -> Result<BTreeSet<String>> {
    let mut forced = BTreeSet::new();
    for pattern in patterns {
        forced.extend(matching(plan, pattern)?);
    }
    Ok(forced)
}

/// Steps are started as `clinsynth step --events … PIPELINE STEP`, the same command a batch scheduler calls.
fn launch(arguments: &Run, layout: &Layout) -> Result<Launch> {
    let program = std::env::current_exe().context("cannot find the clinsynth binary itself")?;
    let mut words = vec!["step".to_owned(), "--events".to_owned(), "--store".to_owned()];
    words.push(layout.root().display().to_string());
    for pair in &arguments.source.set {
        words.extend(["--set".to_owned(), pair.clone()]);
    }
    if let Some(provider) = &arguments.source.provider {
        words.extend(["--provider".to_owned(), provider.clone()]);
    }
    words.push(arguments.source.pipeline.display().to_string());
    Ok(Launch { program, arguments: words })
}

/// Standard output holds what a user asked for: scores and report. Everything else went to standard error.
fn conclude(layout: &Layout, pipeline: &str, summary: &Summary, began: Instant) -> Result<()> {
    let outputs = |name: &str| -> Vec<PathBuf> {
        let found = summary.finished.values().filter_map(|action| action.output(name));
        found.map(|output| output.path(layout)).collect()
    };
    if let Some(table) = scores::table(&outputs("scores"))? {
        println!(
            "\nScores in per cent, mentions by the strict rule (95 % bootstrap intervals over documents)\n{table}"
        );
    }
    for (step, action) in &summary.finished {
        if let Some(report) = action.output("report.html") {
            println!("report: {}", shown(&layout.latest(pipeline, step).join(&report.file)).display());
        }
    }
    for step in &summary.left {
        eprintln!("- {step} did not run");
    }
    if summary.interrupted {
        eprintln!("interrupted; the same command goes on where this one stopped");
    }
    eprintln!(
        "{} ran, {} cached, {} failed, {}",
        summary.ran,
        summary.cached,
        summary.failed.len(),
        duration(began.elapsed().as_secs_f64())
    );
    Ok(())
}

/// A path below the current folder is shown relative to it.
pub(super) fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

fn exit(summary: &Summary) -> Exit {
    if summary.interrupted {
        return Exit::Interrupted;
    }
    let Some(first) = summary.failed.values().next() else { return Exit::Done };
    match first {
        _ if !summary.finished.is_empty() && summary.kept_going => Exit::Partial,
        2 => Exit::Usage,
        4 => Exit::Environment,
        _ => Exit::Failed,
    }
}
