mod evaluations;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clinsynth_contract::{Completion, EgressRecord, Entity, Example, HistoryPoint, Quarantined, Sensitivity};
use clinsynth_dag::{PlannedStep, ReportOptions};
use clinsynth_reporting::{
    Count, DataCount, DropCount, Efficiency, EgressSummary, HostCount, NotRun, OutputSummary, Published, Report,
    StepCost, StepSummary, TrainingRun, plots, read_published, render, render_markdown,
};
use clinsynth_store::Dataset;

use crate::RunnerError;
use crate::action::Action;
use crate::execute::{Context, Input, Made};
use crate::layout::write_atomically;
use crate::objects::Staged;
use crate::steps::reasons::meaning;

/// Texts quoted for each reason that something was set aside.
const QUOTED_DROPS: usize = 3;

/// A page about all that the step needs, the same in Markdown, and the data of its charts.
pub(crate) fn report(context: &mut Context<'_>, options: &ReportOptions) -> Result<Made, RunnerError> {
    let title = if options.title.is_empty() { context.plan.name.clone() } else { options.title.clone() };
    let (drops, flags) = set_aside(context)?;
    let evaluations = evaluations::evaluations(context, options.error_examples as usize)?;
    let report = Report {
        title,
        pipeline: context.plan.name.clone(),
        created_by: concat!("clinsynth ", env!("CARGO_PKG_VERSION")).to_owned(),
        labels: context.plan.labels.clone(),
        settings: settings::settings(context)?,
        steps: steps(context),
        not_run: not_run(context),
        data: data(context)?,
        drops,
        flags,
        history: history(context)?,
        scores: evaluations.scores,
        comparisons: evaluations.comparisons,
        published: published(context)?,
        efficiency: efficiency(options),
        errors: evaluations.errors,
        egress: egress(context)?,
        costs: costs(context),
        sensitivity: context.sensitivity("report.html"),
    };
    write(context, &report)
}

fn write(context: &Context<'_>, report: &Report) -> Result<Made, RunnerError> {
    let [page, twin, folder] = ["report.html", "report.md", "plots"].map(|name| context.out.join(name));
    write_atomically(&page, render(report)?.as_bytes())?;
    write_atomically(&twin, render_markdown(report)?.as_bytes())?;
    fs::create_dir_all(&folder).map_err(|source| RunnerError::Write { path: folder.clone(), source })?;
    for plot in plots(report) {
        write_atomically(&folder.join(format!("{}.csv", plot.name)), plot.csv.as_bytes())?;
    }
    let staged = |name: &str, path| Staged::plain(name, path, context.sensitivity(name));
    let outputs = vec![staged("report.html", page), staged("report.md", twin), staged("plots", folder)];
    Ok(Made { outputs, ..Made::default() })
}

fn efficiency(options: &ReportOptions) -> Option<Efficiency> {
    let given = options.efficiency.as_ref()?;
    let (axis, without, with) = (given.axis.clone(), given.without.clone(), given.with.clone());
    Some(Efficiency { axis, without, with })
}

fn published(context: &Context<'_>) -> Result<Vec<Published>, RunnerError> {
    let Some(path) = context.file("published") else { return Ok(Vec::new()) };
    let read = |source| RunnerError::Read { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(read)?;
    Ok(read_published(&path.display().to_string(), &text)?)
}

/// Every step of the pipeline that was left out: a report takes what there is, and says what there is not.
fn not_run(context: &Context<'_>) -> Vec<NotRun> {
    let skipped = context.plan.skipped.iter().map(|step| NotRun {
        id: step.id.clone(),
        uses: step.uses.clone(),
        reason: step.reason.clone(),
    });
    skipped.collect()
}

/// The distinct steps behind the inputs, in the order of the plan.
fn actions<'c>(context: &'c Context<'_>) -> Vec<(&'c str, &'c Action)> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<(&str, &Action)> = Vec::new();
    for input in &context.inputs {
        if seen.insert(input.binding.from.as_str()) {
            found.push((&input.binding.from, &input.action));
        }
    }
    let place = |id: &str| context.plan.steps.iter().position(|step| step.id == id);
    found.sort_by_key(|(id, _)| place(id));
    found
}

/// Every step that the report comes after: those that it needs with what they made, those behind them by name.
fn steps(context: &Context<'_>) -> Vec<StepSummary> {
    let actions: BTreeMap<&str, &Action> = actions(context).into_iter().collect();
    let behind = behind(context);
    let planned = context.plan.steps.iter().filter(|step| behind.contains(step.id.as_str()));
    planned.map(|step| summary(step, actions.get(step.id.as_str()).copied())).collect()
}

/// Ids of all steps that lead to the report.
fn behind<'c>(context: &'c Context<'_>) -> BTreeSet<&'c str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = context.step.needs.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(context.plan.step(id).into_iter().flat_map(|step| step.needs.iter().map(String::as_str)));
        }
    }
    found
}

fn summary(step: &PlannedStep, action: Option<&Action>) -> StepSummary {
    let output = |output: &crate::action::Output| OutputSummary {
        name: output.name.clone(),
        table: output.table.clone(),
        rows: output.rows,
        digest: output.digest.to_string(),
        sensitivity: output.sensitivity,
    };
    StepSummary {
        id: step.id.clone(),
        uses: step.kind.name().to_owned(),
        key: action.map(|action| action.key.to_string()).unwrap_or_default(),
        needs: step.needs.clone(),
        outputs: action.iter().flat_map(|action| &action.outputs).map(output).collect(),
        sensitivity: step.sensitivity,
    }
}

fn data(context: &Context<'_>) -> Result<Vec<DataCount>, RunnerError> {
    let mut counts = Vec::new();
    for input in context.named("examples") {
        let mut mentions: BTreeMap<String, u64> = BTreeMap::new();
        let mut splits: BTreeMap<&str, u64> = BTreeMap::new();
        let mut rows = 0;
        for table in Dataset::<Example>::open(&input.path)?.tables() {
            for example in table?.rows() {
                rows += 1;
                for Entity { label, .. } in example.entities {
                    *mentions.entry(label).or_default() += 1;
                }
                if let Some(split) = example.split {
                    *splits.entry(split.name()).or_default() += 1;
                }
            }
        }
        counts.push(DataCount {
            name: input.binding.from.clone(),
            rows,
            mentions: mentions.into_iter().map(|(name, count)| Count::new(name, count)).collect(),
            splits: splits.into_iter().map(|(name, count)| Count::new(name, count)).collect(),
            sensitivity: input.output.sensitivity,
        });
    }
    Ok(counts)
}

/// Rows set aside and rows only flagged, by step and reason.
fn set_aside(context: &Context<'_>) -> Result<(Vec<DropCount>, Vec<DropCount>), RunnerError> {
    let mut drops = BTreeMap::new();
    let mut flags = BTreeMap::new();
    for input in context.named("quarantine") {
        for row in Dataset::<Quarantined>::open(&input.path)?.read()? {
            let counts = if meaning(&row.reason).is_warning { &mut flags } else { &mut drops };
            count(counts, input, row);
        }
    }
    Ok((drops.into_values().collect(), flags.into_values().collect()))
}

fn count(counts: &mut BTreeMap<(String, String), DropCount>, input: &Input, row: Quarantined) {
    let key = (input.binding.from.clone(), row.reason.clone());
    let entry = counts.entry(key).or_insert_with_key(|(stage, reason)| DropCount {
        stage: stage.clone(),
        reason: reason.clone(),
        meaning: meaning(reason).words.to_owned(),
        ..DropCount::default()
    });
    entry.count += 1;
    if entry.examples.len() < QUOTED_DROPS {
        entry.examples.push(if row.detail.is_empty() { row.text } else { format!("{} — {}", row.detail, row.text) });
    }
}

fn history(context: &Context<'_>) -> Result<Vec<TrainingRun>, RunnerError> {
    let mut runs = Vec::new();
    for input in context.named("history") {
        let points = Dataset::<HistoryPoint>::open(&input.path)?.read()?;
        runs.push(TrainingRun { name: input.binding.from.clone(), points });
    }
    Ok(runs)
}

/// What the `generate` steps before it noted of their cost.
fn costs(context: &Context<'_>) -> Vec<StepCost> {
    let cost = |(id, action): (&str, &Action)| {
        let mut cost: StepCost = serde_json::from_value(action.facts.get("cost")?.clone()).ok()?;
        id.clone_into(&mut cost.step);
        Some(cost)
    };
    actions(context).into_iter().filter_map(cost).collect()
}

fn egress(context: &Context<'_>) -> Result<EgressSummary, RunnerError> {
    let replayed = context.rows::<Completion>("completions")?.iter().filter(|row| row.endpoint == "replay").count();
    let mut hosts: BTreeMap<String, HostCount> = BTreeMap::new();
    for record in context.rows::<EgressRecord>("egress")? {
        let host = hosts.entry(record.host.clone()).or_insert_with(|| HostCount {
            host: record.host.clone(),
            sensitivity: Sensitivity::Public,
            ..HostCount::default()
        });
        host.requests += 1;
        host.bytes += record.body_bytes;
        host.failed += u64::from(!record.status.is_some_and(|status| (200..300).contains(&status)));
        host.sensitivity = host.sensitivity.max(record.sensitivity);
    }
    Ok(EgressSummary { hosts: hosts.into_values().collect(), replayed: replayed as u64 })
}
