use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clinsynth_contract::{Encoding, HistoryPoint, Manifest};
use clinsynth_runtime::Runtime;

use crate::artifact::Artifact;
use crate::batch::Batch;
use crate::checkpoint::{Checkpoint, CheckpointFolder, OPTIMIZER, drop_moments};
use crate::data::Data;
use crate::evaluate::Evaluator;
use crate::pace::Pace;
use crate::sample::Sample;
use crate::schedule::rate_factor;
use crate::state::RunState;
use crate::step::Stepper;
use crate::weights::Weights;
use crate::{Phase, Precision, Progress, Recipe, TrainingError};

/// Told where the run stands after each step and each batch of an evaluation; a break interrupts it.
pub type Observer<'o> = dyn FnMut(&Progress) -> ControlFlow<()> + 'o;

/// What a finished run leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Folder of the best epoch's checkpoint: `model.safetensors` under the encoder's own parameter names.
    pub best_checkpoint: PathBuf,
    /// The chosen epoch, from 1: the latest whose dev F1 lies within a standard error of the highest.
    pub best_epoch: u32,
    /// Strict micro F1 on the dev split at that epoch.
    pub best_dev_f1: f64,
    /// Optimizer steps taken.
    pub steps: u64,
    /// What matrices were multiplied in: never [`Precision::Auto`].
    pub precision: Precision,
    /// A row for each logged step and one for each epoch.
    pub history: Vec<HistoryPoint>,
}

/// Trains the artifact in `artifact` on the rows of `train`, scoring `dev` after each epoch, with checkpoints in
/// `run_dir`. The same call on the same folder goes on where the last one stopped, bit for bit, however it stopped; of a
/// finished run it returns the outcome at once.
///
/// Errors: see [`TrainingError`]; [`TrainingError::Interrupted`] when the observer breaks, after a checkpoint.
pub fn train(
    runtime: &Runtime,
    artifact: &Path,
    train: &[Encoding],
    dev: &[Encoding],
    recipe: &Recipe,
    run_dir: &Path,
    observer: &mut Observer<'_>,
) -> Result<Outcome, TrainingError> {
    recipe.check()?;
    let artifact = Artifact::open(artifact, runtime.version())?;
    let data = Data::new(train, dev, recipe, &artifact.manifest)?;
    let fingerprint = data.fingerprint(recipe, &artifact);
    let folder = CheckpointFolder::open(run_dir)?;
    let (mut state, saved) = match folder.latest(&fingerprint)? {
        Some(Checkpoint { path, state }) => (state, Some(path)),
        None => (RunState::new(fingerprint, recipe.clone(), data.steps(recipe)), None),
    };
    if let Some(outcome) = outcome(&folder, &state) {
        return Ok(outcome);
    }
    let precision = recipe.precision.on_this_machine(recipe.device)?;
    if saved.is_some() && state.precision != precision {
        tracing::warn!(before = ?state.precision, now = ?precision, "going on in another precision");
    }
    state.precision = precision;
    let mut weights = first_weights(&artifact, saved.as_deref())?;
    let stepper = Stepper::new(runtime, &artifact, recipe, &mut weights)?;
    let evaluator = Evaluator::new(runtime, &artifact, recipe, &weights)?;
    let (batches, pace) = (Vec::new(), Pace::new());
    Run { stepper, evaluator, weights, artifact, data, recipe, folder, observer, state, saved, batches, pace }.finish()
}

/// The weights and moments of a checkpoint, or the artifact's own weights with moments of zero.
fn first_weights(artifact: &Artifact, saved: Option<&Path>) -> Result<Weights, TrainingError> {
    let Some(path) = saved else {
        return Weights::load(&artifact.manifest, &artifact.weights(), None);
    };
    tracing::info!(checkpoint = %path.display(), "going on from a checkpoint");
    Weights::load(&artifact.manifest, &path.join(Manifest::WEIGHTS), Some(&path.join(OPTIMIZER)))
}

/// The outcome of a finished state.
fn outcome(folder: &CheckpointFolder, state: &RunState) -> Option<Outcome> {
    let best = state.best.as_ref().filter(|_| state.finished)?;
    Some(Outcome {
        best_checkpoint: folder.path(&best.checkpoint),
        best_epoch: best.epoch,
        best_dev_f1: best.f1,
        steps: state.step,
        precision: state.precision,
        history: state.history.clone(),
    })
}

struct Run<'r, 'o> {
    // Sessions and their bindings use the weights' memory, and go first.
    stepper: Stepper,
    evaluator: Evaluator,
    weights: Weights,
    artifact: Artifact,
    data: Data,
    recipe: &'r Recipe,
    folder: CheckpointFolder,
    observer: &'r mut Observer<'o>,
    state: RunState,
    /// The newest checkpoint.
    saved: Option<PathBuf>,
    /// The present epoch's steps, as batches.
    batches: Vec<Vec<Vec<usize>>>,
    pace: Pace,
}

impl Run<'_, '_> {
    fn finish(mut self) -> Result<Outcome, TrainingError> {
        loop {
            let epoch = self.train_epoch()?;
            if epoch.is_break() || self.end_epoch()?.is_break() {
                return self.interrupt();
            }
            if let Some(outcome) = outcome(&self.folder, &self.state) {
                return Ok(outcome);
            }
        }
    }

    /// Takes the steps that are left of the epoch.
    fn train_epoch(&mut self) -> Result<ControlFlow<()>, TrainingError> {
        self.batches = self.data.epoch(self.recipe, self.state.epoch);
        while self.state.batch < self.batches.len() {
            self.step()?;
            let progress = self.progress(Phase::Training);
            if (self.observer)(&progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.is_checkpoint_due() {
                self.save(&step_name(self.state.step))?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn step(&mut self) -> Result<(), TrainingError> {
        let batches = &self.batches[self.state.batch];
        let Recipe { schedule, warmup_fraction, seed, .. } = *self.recipe;
        let seen = |&index: &usize| self.data.seen(index, seed, self.state.step);
        let batches: Vec<Vec<Cow<'_, Sample>>> = batches.iter().map(|batch| batch.iter().map(seen).collect()).collect();
        let batches: Vec<Batch<'_>> =
            batches.iter().map(|batch| Batch::new(batch.iter().map(Cow::as_ref).collect())).collect();
        let factor = rate_factor(schedule, self.state.step, self.state.steps, warmup_fraction);
        let learning_rate = self.recipe.learning_rate * factor;
        let began = Instant::now();
        let result = self.stepper.step(&mut self.weights, &batches, self.state.step + 1, learning_rate)?;
        if !(result.loss.is_finite() && result.gradient_norm.is_finite()) {
            let samples = batches.iter().flat_map(|batch| &batch.samples);
            return Err(TrainingError::NotFinite {
                step: self.state.step + 1,
                loss: result.loss,
                gradient_norm: result.gradient_norm,
                examples: samples.map(|sample| sample.example.clone()).collect(),
                checkpoint: self.saved.clone(),
            });
        }
        let tokens = batches.iter().map(Batch::tokens).sum();
        let words: usize = batches.iter().map(Batch::words).sum();
        self.pace.trained(began.elapsed(), tokens, result.loss);
        self.state.step += 1;
        self.state.batch += 1;
        self.state.unlogged.loss += f64::from(result.loss) * words as f64;
        self.state.unlogged.words += words;
        self.state.unlogged.learning_rate = learning_rate;
        self.state.unlogged.gradient_norm = f64::from(result.gradient_norm);
        if self.state.step.is_multiple_of(self.recipe.log_every) {
            let epoch = self.epoch();
            self.state.log(epoch, None);
        }
        Ok(())
    }

    /// Scores the dev split and writes the epoch's checkpoint.
    fn end_epoch(&mut self) -> Result<ControlFlow<()>, TrainingError> {
        let began = Instant::now();
        self.stepper.fetch(&mut self.weights)?;
        let mut progress = self.progress(Phase::Evaluating);
        let seconds_left = progress.seconds_left;
        let tell = || {
            progress.seconds_left = (seconds_left - began.elapsed().as_secs_f64()).max(0.0);
            (self.observer)(&progress)
        };
        let Some(evaluation) = self.evaluator.evaluate(&self.data.dev, tell)? else {
            return Ok(ControlFlow::Break(()));
        };
        self.pace.evaluated(began.elapsed());
        let name = format!("epoch-{:04}", self.state.epoch + 1);
        self.state.log(f64::from(self.state.epoch + 1), Some(evaluation));
        self.state.end_epoch(evaluation, name.clone());
        self.save(&name)?;
        if let Some(best) = self.state.best.as_ref().filter(|_| self.state.finished) {
            drop_moments(&self.folder.path(&best.checkpoint))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn save(&mut self, name: &str) -> Result<(), TrainingError> {
        self.stepper.fetch(&mut self.weights)?;
        self.saved = Some(self.folder.write(name, &self.artifact.manifest, &self.weights, &self.state)?);
        self.pace.saved();
        let best = self.state.best.as_ref().map_or(name, |best| &best.checkpoint);
        self.folder.keep(&[name, best])
    }

    fn interrupt(mut self) -> Result<Outcome, TrainingError> {
        let name = step_name(self.state.step);
        let checkpoint = self.folder.path(&name);
        // A run that is interrupted again before its next step has nothing new to keep.
        if self.saved.as_ref() != Some(&checkpoint) {
            self.save(&name)?;
        }
        Err(TrainingError::Interrupted { step: self.state.step, checkpoint })
    }

    fn is_checkpoint_due(&self) -> bool {
        let Recipe { checkpoint_every_steps: steps, checkpoint_every_seconds: seconds, .. } = *self.recipe;
        (steps > 0 && self.state.step.is_multiple_of(steps))
            || (seconds > 0 && self.pace.unsaved().as_secs() >= seconds)
    }

    fn progress(&self, phase: Phase) -> Progress {
        let epochs_left = self.recipe.epochs - self.state.epoch;
        Progress {
            phase,
            step: self.state.step,
            steps: self.state.steps,
            epoch: self.epoch(),
            loss: self.pace.loss(),
            tokens_per_second: self.pace.tokens_per_second(),
            seconds_left: self.pace.seconds_left(self.state.steps - self.state.step, epochs_left),
            best_f1: self.state.best.as_ref().map(|best| best.highest_f1),
        }
    }

    fn epoch(&self) -> f64 {
        f64::from(self.state.epoch) + self.state.batch as f64 / self.batches.len() as f64
    }
}

fn step_name(step: u64) -> String {
    format!("step-{step:08}")
}
