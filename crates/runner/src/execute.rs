use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clinsynth_contract::{Row, Sensitivity};
use clinsynth_dag::{InputBinding, Plan, PlannedStep, StepKind};
use clinsynth_store::{Dataset, InputRef, Lineage, WriteSettings, write_rows};
use serde_json::Value;

use crate::action::{Action, Output, make_latest};
use crate::event::Event;
use crate::key::{KeyMaker, StepKey};
use crate::layout::Layout;
use crate::machine::Machine;
use crate::objects::{Staged, adopt};
use crate::slots::machine_cores;
use crate::{RunnerError, Stop, steps};

/// One input of a step: what the plan calls it, and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) binding: InputBinding,
    pub(crate) output: Output,
    pub(crate) action: Action,
    pub(crate) path: PathBuf,
}

/// What a step works with.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a PlannedStep,
    pub(crate) machine: &'a Machine,
    pub(crate) inputs: Vec<Input>,
    /// Survives an interruption: checkpoints.
    pub(crate) work: PathBuf,
    /// Where outputs are written; emptied before each attempt.
    pub(crate) out: PathBuf,
    pub(crate) lineage: Lineage,
    pub(crate) stop: &'a Stop,
    /// The request cache of the store.
    pub(crate) requests: PathBuf,
    /// Set in a dry run: the file for the rendered prompts.
    pub(crate) dry_run: Option<PathBuf>,
    emit: &'a mut dyn FnMut(Event),
}

/// What a step made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) outputs: Vec<Staged>,
    pub(crate) facts: BTreeMap<String, Value>,
}

impl Context<'_> {
    /// The inputs of that name, in the order of `needs`.
    pub(crate) fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Input> {
        self.inputs.iter().filter(move |input| input.binding.name == name)
    }

    /// All rows of all inputs of that name.
    pub(crate) fn rows<R: Row>(&self, name: &str) -> Result<Vec<R>, RunnerError> {
        let mut rows = Vec::new();
        for input in self.named(name) {
            rows.extend(Dataset::<R>::open(&input.path)?.read()?);
        }
        Ok(rows)
    }

    /// The path of the one input of that name.
    pub(crate) fn path(&self, name: &str) -> Result<&Path, RunnerError> {
        let found = self.inputs.iter().find(|input| input.binding.name == name);
        found.map(|input| input.path.as_path()).ok_or_else(|| RunnerError::Empty {
            step: self.step.id.clone(),
            what: format!("no `{name}` among its inputs"),
        })
    }

    /// The outside file in that role.
    pub(crate) fn file(&self, role: &str) -> Option<&Path> {
        self.step.files.iter().find(|file| file.role == role).map(|file| file.path.as_path())
    }

    /// How far an output may travel, as planned.
    pub(crate) fn sensitivity(&self, output: &str) -> Sensitivity {
        let planned = self.step.outputs.iter().find(|planned| planned.name == output);
        planned.map_or(Sensitivity::Restricted, |planned| planned.sensitivity)
    }

    /// Writes an output table.
    pub(crate) fn write<R: Row>(&self, name: &str, rows: impl IntoIterator<Item = R>) -> Result<Staged, RunnerError> {
        let path = self.out.join(format!("{name}.parquet"));
        let settings = WriteSettings { sensitivity: self.sensitivity(name), lineage: self.lineage.clone() };
        let info = write_rows(&path, rows, settings)?;
        Ok(Staged::dataset(name, path, info))
    }

    pub(crate) fn progress(&mut self, phase: &str, done: u64, total: u64, note: impl Into<String>) {
        let step = self.step.id.clone();
        (self.emit)(Event::StepProgress { step, phase: phase.to_owned(), done, total, note: note.into() });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        (self.emit)(Event::StepNote { step: self.step.id.clone(), note: note.into() });
    }

    /// Threads for numerical work: the cores that the step was given.
    pub(crate) fn threads(&self) -> usize {
        self.step.cpus(machine_cores()) as usize
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// Runs one step in this process, unless its output is in the store already, and records it.
///
/// At most one process works on a key at a time; another waits for it and then takes its output.
///
/// Errors: [`RunnerError::NotReady`] when a needed step has not run; [`RunnerError::Interrupted`] when stopped, in which
/// case the next call goes on; whatever the step itself meets.
pub fn run_step(
    plan: &Plan,
    layout: &Layout,
    machine: &Machine,
    id: &str,
    force: bool,
    stop: &Stop,
    emit: &mut dyn FnMut(Event),
) -> Result<Action, RunnerError> {
    let step = find(plan, id)?;
    let (key, inputs) = resolve(plan, layout, machine, step)?;
    let _lock = lock(layout, &key, stop)?;
    if !force && let Some(action) = Action::find(layout, &key.digest)? {
        make_latest(layout, &plan.name, &step.id, &action)?;
        return Ok(action);
    }
    let work = layout.work(key.digest.as_str());
    let out = work.join("out");
    recreate(&out)?;
    let lineage = Lineage {
        step: step.id.clone(),
        key: key.digest.clone(),
        inputs: inputs
            .iter()
            .map(|input| InputRef { name: input.binding.name.clone(), digest: input.output.digest.clone() })
            .collect(),
    };
    let mut context = Context {
        plan,
        step,
        machine,
        inputs,
        work: work.clone(),
        out,
        lineage,
        stop,
        requests: layout.requests(),
        dry_run: None,
        emit,
    };
    let made = perform(&mut context)?;
    let outputs = made.outputs.iter().map(|staged| adopt(layout, staged)).collect::<Result<Vec<_>, _>>()?;
    let action =
        Action { key: key.digest, step: step.id.clone(), components: key.components, outputs, facts: made.facts };
    action.save(layout)?;
    make_latest(layout, &plan.name, &step.id, &action)?;
    // The work is in the store now; what cannot be removed is only disk space.
    let _ = fs::remove_dir_all(&work);
    Ok(action)
}

/// Renders the prompts of a `generate` step into a file, as far as they do not depend on answers, and says how many there
/// are and what asking for their completions would take. Sends nothing and needs no key.
///
/// Errors: as for [`run_step`].
pub fn dry_run_step(
    plan: &Plan,
    layout: &Layout,
    machine: &Machine,
    id: &str,
    path: &Path,
) -> Result<(usize, String), RunnerError> {
    let step = find(plan, id)?;
    let (key, inputs) = resolve(plan, layout, machine, step)?;
    let mut context = Context {
        plan,
        step,
        machine,
        inputs,
        work: layout.work(key.digest.as_str()),
        out: layout.work(key.digest.as_str()).join("out"),
        lineage: Lineage::default(),
        stop: &Stop::default(),
        requests: layout.requests(),
        dry_run: Some(path.to_owned()),
        emit: &mut |_| {},
    };
    match perform(&mut context) {
        Err(RunnerError::DryRun { prompts, estimate, .. }) => Ok((prompts, estimate)),
        Err(error) => Err(error),
        Ok(_) => Ok((0, "asks nothing".to_owned())),
    }
}

fn perform(context: &mut Context<'_>) -> Result<Made, RunnerError> {
    let step = context.step;
    match &step.kind {
        StepKind::Generate(options) => steps::generate(context, options),
        StepKind::Import(options) => steps::import(context, options),
        StepKind::Curate(options) => steps::curate(context, options),
        StepKind::Train(options) => steps::train(context, options),
        StepKind::Predict(options) => steps::predict(context, options),
        StepKind::Evaluate(options) => steps::evaluate(context, options),
        StepKind::Report(options) => steps::report(context, options),
        StepKind::Command(options) => steps::command(context, options),
    }
}

fn find<'p>(plan: &'p Plan, id: &str) -> Result<&'p PlannedStep, RunnerError> {
    if let Some(step) = plan.step(id) {
        return Ok(step);
    }
    if let Some(skipped) = plan.skipped.iter().find(|skipped| skipped.id == id) {
        return Err(RunnerError::Skipped { step: id.to_owned(), reason: skipped.reason.clone() });
    }
    let known: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    Err(RunnerError::UnknownStep { step: id.to_owned(), pipeline: plan.name.clone(), known: known.join(", ") })
}

/// Finds the finished actions of everything a step stands on, and with them its key and inputs.
fn resolve(
    plan: &Plan,
    layout: &Layout,
    machine: &Machine,
    step: &PlannedStep,
) -> Result<(StepKey, Vec<Input>), RunnerError> {
    let mut keys = KeyMaker::new(layout, machine);
    let mut finished = BTreeMap::new();
    let ancestors = ancestors(plan, step);
    for ancestor in plan.steps.iter().filter(|candidate| ancestors.contains(&candidate.id.as_str())) {
        let key = keys.key(ancestor, &finished)?;
        let not_ready = || RunnerError::NotReady { step: step.id.clone(), needed: ancestor.id.clone() };
        let action = Action::find(layout, &key.digest)?.ok_or_else(not_ready)?;
        finished.insert(ancestor.id.clone(), action);
    }
    let key = keys.key(step, &finished)?;
    let inputs = step.inputs.iter().filter_map(|binding| {
        let action = finished.get(&binding.from)?.clone();
        let output = action.output(&binding.output)?.clone();
        Some(Input { binding: binding.clone(), path: output.path(layout), output, action })
    });
    Ok((key, inputs.collect()))
}

fn ancestors<'p>(plan: &'p Plan, step: &'p PlannedStep) -> Vec<&'p str> {
    let mut found: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = step.needs.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if !found.contains(&id) {
            found.push(id);
            open.extend(plan.step(id).into_iter().flat_map(|step| step.needs.iter().map(String::as_str)));
        }
    }
    found
}

/// Holds the key's lock file; the system releases it when the process ends, however it ends.
fn lock(layout: &Layout, key: &StepKey, stop: &Stop) -> Result<File, RunnerError> {
    let path = layout.lock(key.digest.as_str());
    let write = |source| RunnerError::Write { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(write)?;
    }
    let file = File::options().create(true).append(true).open(&path).map_err(write)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::Error(source)) => return Err(write(source)),
            Err(fs::TryLockError::WouldBlock) if stop.load(Ordering::SeqCst) => return Err(RunnerError::Interrupted),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(200)),
        }
    }
}

fn recreate(folder: &Path) -> Result<(), RunnerError> {
    let write = |source| RunnerError::Write { path: folder.to_owned(), source };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(write)?;
    }
    fs::create_dir_all(folder).map_err(write)
}
