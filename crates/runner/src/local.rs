use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clinsynth_dag::{Plan, PlannedStep, Retry};

use crate::action::{Action, make_latest};
use crate::child::{Message, Running};
use crate::event::Event;
use crate::key::{KeyMaker, StepKey};
use crate::layout::Layout;
use crate::machine::Machine;
use crate::slots::Slots;
use crate::{RunnerError, Stop};

/// Exit code of a step that was asked to stop.
const INTERRUPTED: i32 = 130;

/// How to start one step: `program arguments… STEP`.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The clinsynth binary.
    pub program: PathBuf,
    /// Everything before the step's identifier.
    pub arguments: Vec<String>,
}

/// What a run is asked to do beyond its plan.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Steps to run again although their output is there.
    pub force: BTreeSet<String>,
    /// Run what does not stand on a failed step, instead of stopping at the first failure.
    pub keep_going: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Finished steps with their records.
    pub finished: BTreeMap<String, Action>,
    /// Steps that ran in this run.
    pub ran: usize,
    /// Steps found in the cache.
    pub cached: usize,
    /// Exit code of each failed step.
    pub failed: BTreeMap<String, i32>,
    /// Steps that did not run because one that they need failed, or the run stopped before.
    pub left: Vec<String>,
    /// Whether somebody asked for a stop.
    pub interrupted: bool,
    /// Whether the run was asked to go on after a failure.
    pub kept_going: bool,
}

/// The local executor: starts a process for each step when its inputs are there and a slot is free.
pub struct LocalExecutor<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    machine: &'a Machine,
    launch: &'a Launch,
    options: &'a RunOptions,
    run: String,
    slots: Slots,
    waiting: Vec<&'a PlannedStep>,
    running: Vec<Running>,
    keys: BTreeMap<String, StepKey>,
    attempts: BTreeMap<String, u32>,
    not_before: BTreeMap<String, Instant>,
    errors: BTreeMap<String, String>,
    summary: Summary,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

impl<'a> LocalExecutor<'a> {
    /// An executor for one run.
    pub fn new(
        plan: &'a Plan,
        layout: &'a Layout,
        machine: &'a Machine,
        launch: &'a Launch,
        options: &'a RunOptions,
        run: String,
    ) -> Self {
        let (sender, receiver) = channel();
        Self {
            plan,
            layout,
            machine,
            launch,
            options,
            run,
            slots: Slots::of_this_machine(&plan.limits),
            waiting: plan.steps.iter().collect(),
            running: Vec::new(),
            keys: BTreeMap::new(),
            attempts: BTreeMap::new(),
            not_before: BTreeMap::new(),
            errors: BTreeMap::new(),
            summary: Summary::default(),
            sender,
            receiver,
        }
    }

    /// Runs until every step is finished, failed or out of reach.
    ///
    /// Errors: those of the store and of starting processes; a failing step is no error but part of the summary.
    pub fn run(mut self, stop: &Stop, observer: &mut dyn FnMut(&Event)) -> Result<Summary, RunnerError> {
        for skipped in &self.plan.skipped {
            observer(&Event::StepSkipped { step: skipped.id.clone(), reason: skipped.reason.clone() });
        }
        loop {
            let stopping = stop.load(Ordering::SeqCst) || (!self.options.keep_going && !self.summary.failed.is_empty());
            if !stopping {
                self.start_ready(observer)?;
            }
            let may_retry = !stopping && self.waiting.iter().any(|step| self.not_before.contains_key(&step.id));
            if self.running.is_empty() && !may_retry {
                break;
            }
            if stop.load(Ordering::SeqCst) {
                self.running.iter_mut().for_each(Running::stop);
            }
            self.enforce_timeouts();
            match self.receiver.recv_timeout(Duration::from_millis(100)) {
                Ok(Message::Event(event)) => self.pass_on(event, observer),
                Ok(Message::Ended { step, code }) => self.ended(&step, code, stop, observer)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        self.summary.interrupted = stop.load(Ordering::SeqCst);
        self.summary.kept_going = self.options.keep_going;
        self.summary.left.extend(self.waiting.iter().map(|step| step.id.clone()));
        Ok(self.summary)
    }

    /// Takes every ready step from the cache, or starts it when a slot is free. Cache hits take no slot.
    fn start_ready(&mut self, observer: &mut dyn FnMut(&Event)) -> Result<(), RunnerError> {
        let mut keys = KeyMaker::new(self.layout, self.machine);
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for step in self.waiting.clone() {
                if !self.is_ready(step) {
                    continue;
                }
                let key = keys.key(step, &self.summary.finished)?;
                let found = keys.look_up(&self.plan.name, &step.id, &key)?;
                let reason = match found {
                    Ok(action) if !self.options.force.contains(&step.id) => {
                        self.take_cached(step, action, observer)?;
                        moved = true;
                        continue;
                    }
                    Ok(_) => "asked for by --force".to_owned(),
                    Err(reason) => reason,
                };
                if self.below_max_parallel(step) && self.slots.take(step) {
                    self.start(step, key, reason, observer)?;
                }
            }
        }
        Ok(())
    }

    fn is_ready(&self, step: &PlannedStep) -> bool {
        let rested = self.not_before.get(&step.id).is_none_or(|time| *time <= Instant::now());
        rested && step.needs.iter().all(|need| self.summary.finished.contains_key(need))
    }

    fn below_max_parallel(&self, step: &PlannedStep) -> bool {
        let siblings = self.running.iter().filter(|running| running.name == step.step).count();
        step.max_parallel.is_none_or(|most| siblings < most as usize)
    }

    fn take_cached(
        &mut self,
        step: &PlannedStep,
        action: Action,
        observer: &mut dyn FnMut(&Event),
    ) -> Result<(), RunnerError> {
        make_latest(self.layout, &self.plan.name, &step.id, &action)?;
        observer(&Event::StepCached {
            step: step.id.clone(),
            key: action.key.to_string(),
            outputs: action.outputs.clone(),
        });
        self.waiting.retain(|waiting| waiting.id != step.id);
        self.summary.cached += 1;
        self.summary.finished.insert(step.id.clone(), action);
        Ok(())
    }

    fn start(
        &mut self,
        step: &PlannedStep,
        key: StepKey,
        reason: String,
        observer: &mut dyn FnMut(&Event),
    ) -> Result<(), RunnerError> {
        let attempt = self.attempts.entry(step.id.clone()).or_insert(0);
        *attempt += 1;
        observer(&Event::StepStarted { step: step.id.clone(), key: key.digest.to_string(), reason, attempt: *attempt });
        let log = self.layout.log(&self.run, &step.id);
        let mut launch = self.launch.clone();
        if self.options.force.contains(&step.id) {
            launch.arguments.push("--force".to_owned());
        }
        let timeout = step.timeout_seconds.map(Duration::from_secs);
        let running = Running::start(&launch, step, log, timeout, self.sender.clone())?;
        self.not_before.remove(&step.id);
        self.waiting.retain(|waiting| waiting.id != step.id);
        self.keys.insert(step.id.clone(), key);
        self.running.push(running);
        Ok(())
    }

    /// The process's own start and end are the executor's to tell; its progress goes straight through.
    fn pass_on(&mut self, event: Event, observer: &mut dyn FnMut(&Event)) {
        match event {
            Event::StepFailed { step, error, .. } => {
                self.errors.insert(step, error);
            }
            Event::StepProgress { .. } | Event::StepNote { .. } => observer(&event),
            _ => {}
        }
    }

    fn ended(&mut self, id: &str, code: i32, stop: &Stop, observer: &mut dyn FnMut(&Event)) -> Result<(), RunnerError> {
        let Some(position) = self.running.iter().position(|running| running.step == id) else { return Ok(()) };
        let running = self.running.remove(position);
        let step = self.plan.steps.iter().find(|step| step.id == id);
        if let Some(step) = step {
            self.slots.give_back(step);
        }
        let key = self.keys.remove(id);
        let action = key.as_ref().map(|key| Action::find(self.layout, &key.digest)).transpose()?.flatten();
        match (code, action) {
            (0, Some(action)) => {
                let seconds = running.started.elapsed().as_secs_f64();
                let (key, outputs) = (action.key.to_string(), action.outputs.clone());
                observer(&Event::StepFinished { step: id.to_owned(), key, seconds, outputs });
                self.summary.ran += 1;
                self.summary.finished.insert(id.to_owned(), action);
            }
            (0, None) => {
                self.failed(&running, step, 1, "the pipeline or an input changed while it ran", false, observer);
            }
            (INTERRUPTED, _) if stop.load(Ordering::SeqCst) => {
                observer(&Event::StepNote {
                    step: id.to_owned(),
                    note: "stopped; it goes on from here next time".to_owned(),
                });
                self.summary.left.push(id.to_owned());
            }
            (code, _) => {
                let stopped = stop.load(Ordering::SeqCst);
                let error = self.errors.remove(id).unwrap_or_else(|| ended_without_words(&running, code));
                self.failed(&running, step, code, &error, !stopped, observer);
            }
        }
        Ok(())
    }

    fn failed(
        &mut self,
        running: &Running,
        step: Option<&'a PlannedStep>,
        code: i32,
        error: &str,
        may_retry: bool,
        observer: &mut dyn FnMut(&Event),
    ) {
        let attempts = self.attempts.get(&running.step).copied().unwrap_or(1);
        let again = step.filter(|step| may_retry && code != 2 && attempts <= step.retry.limit);
        observer(&Event::StepFailed {
            step: running.step.clone(),
            error: error.to_owned(),
            code,
            log: running.log.display().to_string(),
            retried: again.is_some(),
        });
        if let Some(step) = again {
            self.not_before.insert(step.id.clone(), Instant::now() + wait(&step.retry, attempts));
            self.waiting.push(step);
            return;
        }
        self.summary.failed.insert(running.step.clone(), code);
        if step.is_some_and(|step| step.fail_fast) {
            self.give_up_siblings(&running.name);
        }
    }

    /// The other instances of a failed step are not started, and those under way are stopped.
    fn give_up_siblings(&mut self, name: &str) {
        let (given_up, waiting) = self.waiting.drain(..).partition(|step| step.step == name);
        self.waiting = waiting;
        self.summary.left.extend(given_up.into_iter().map(|step: &PlannedStep| step.id.clone()));
        self.running.iter_mut().filter(|running| running.name == name).for_each(Running::stop);
    }

    fn enforce_timeouts(&mut self) {
        for running in &mut self.running {
            if running.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.errors.insert(running.step.clone(), "ran longer than its `timeout-minutes`".to_owned());
                running.stop();
            }
        }
    }
}

/// Exponential back-off: the first wait, doubled for each further attempt, up to the greatest.
fn wait(retry: &Retry, attempts: u32) -> Duration {
    let doubled = retry.backoff.first_seconds.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    Duration::from_secs(doubled.min(retry.backoff.greatest_seconds))
}

fn ended_without_words(running: &Running, code: i32) -> String {
    match code {
        137 => "was killed (signal 9); the usual cause is too little memory".to_owned(),
        code if code > 128 => format!("was ended by signal {}", code - 128),
        code => format!("ended with exit code {code}; see {}", running.log.display()),
    }
}
