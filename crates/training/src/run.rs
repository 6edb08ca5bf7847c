use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clinsynth_contract::{Encoding, HistoryPoint};
use clinsynth_runtime::Runtime;

use crate::artifact::Artifact;
use crate::batch::Batch;
use crate::batching::{epoch_batches, token_budget};
use crate::checkpoint::{Checkpoint, CheckpointFolder, OPTIMIZER, drop_moments};
use crate::evaluate::Evaluator;
use crate::pace::Pace;
use crate::sample::{self, Sample};
use crate::schedule::rate_factor;
use crate::state::{Fingerprint, RunState};
use crate::step::Stepper;
use crate::weights::Weights;
use crate::{Phase, Progress, Recipe, TrainingError};

/// Told where the run stands after each step and each batch of an evaluation; a break interrupts it.
pub type Observer<'o> = dyn FnMut(&Progress) -> ControlFlow<()> + 'o;

/// What a finished run leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Folder of the best epoch's checkpoint: `model.safetensors` under the encoder's own parameter names.
    pub best_checkpoint: PathBuf,
    /// The epoch of the best dev F1, from 1.
    pub best_epoch: u32,
    /// Strict micro F1 on the dev split at that epoch.
    pub best_dev_f1: f64,
    /// Optimizer steps taken.
    pub steps: u64,
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
    let (encoder, tags) = (&artifact.manifest.encoder, artifact.manifest.tags.len());
    let data =
        Data::new(sample::samples(train, "train", encoder, tags)?, sample::samples(dev, "dev", encoder, tags)?, recipe);
    let fingerprint = Fingerprint {
        recipe: recipe.digest(),
        artifact: artifact.digest.clone(),
        train: sample::digest(&data.train),
        dev: sample::digest(&data.dev),
    };
    let folder = CheckpointFolder::open(run_dir)?;
    let found = folder.latest(&fingerprint)?;
    if let Some(outcome) = found.as_ref().and_then(|found| outcome(&folder, &found.state)) {
        return Ok(outcome);
    }
    let fresh = RunState::new(fingerprint, recipe.clone(), data.steps(recipe));
    Run::start(runtime, artifact, data, recipe, folder, found, fresh, observer)?.finish()
}

/// The outcome of a finished state.
fn outcome(folder: &CheckpointFolder, state: &RunState) -> Option<Outcome> {
    let best = state.best.as_ref().filter(|_| state.finished)?;
    Some(Outcome {
        best_checkpoint: folder.path(&best.checkpoint),
        best_epoch: best.epoch,
        best_dev_f1: best.f1,
        steps: state.step,
        history: state.history.clone(),
    })
}

/// Both splits, and what batches are made of.
struct Data {
    train: Vec<Sample>,
    dev: Vec<Sample>,
    lengths: Vec<usize>,
    budget: usize,
}

impl Data {
    fn new(train: Vec<Sample>, dev: Vec<Sample>, recipe: &Recipe) -> Self {
        let lengths = train.iter().map(|sample| sample.ids.len()).collect();
        let budget = token_budget(&train, recipe.batch_sequences);
        Self { train, dev, lengths, budget }
    }

    fn batches(&self, recipe: &Recipe, epoch: u32) -> Vec<Vec<usize>> {
        epoch_batches(&self.lengths, recipe.batch_sequences, self.budget, recipe.seed, epoch)
    }

    /// Steps of all epochs together; epochs differ by a few, as their batches are cut anew.
    fn steps(&self, recipe: &Recipe) -> u64 {
        (0..recipe.epochs).map(|epoch| self.batches(recipe, epoch).len() as u64).sum()
    }
}

struct Run<'r, 'o> {
    artifact: Artifact,
    data: Data,
    recipe: &'r Recipe,
    folder: CheckpointFolder,
    observer: &'r mut Observer<'o>,
    state: RunState,
    /// Batches of the present epoch.
    batches: Vec<Vec<usize>>,
    /// The newest checkpoint.
    saved: Option<PathBuf>,
    pace: Pace,
    // Sessions and their bindings hold the weights' memory, and go first.
    stepper: Stepper,
    evaluator: Evaluator,
    weights: Weights,
}

impl<'r, 'o> Run<'r, 'o> {
    #[allow(clippy::too_many_arguments)] // Each is a part of the run, made by `train` alone.
    fn start(
        runtime: &Runtime,
        artifact: Artifact,
        data: Data,
        recipe: &'r Recipe,
        folder: CheckpointFolder,
        found: Option<Checkpoint>,
        fresh: RunState,
        observer: &'r mut Observer<'o>,
    ) -> Result<Self, TrainingError> {
        let manifest = &artifact.manifest;
        let (mut weights, state, saved) = match found {
            Some(Checkpoint { path, state }) => {
                tracing::info!(checkpoint = %path.display(), step = state.step, "going on from a checkpoint");
                let model = path.join(clinsynth_contract::Manifest::WEIGHTS);
                (Weights::load(manifest, &model, Some(&path.join(OPTIMIZER)))?, state, Some(path))
            }
            None => (Weights::load(manifest, &artifact.weights(), None)?, fresh, None),
        };
        let stepper = Stepper::new(runtime, &artifact, recipe, &mut weights)?;
        let evaluator = Evaluator::new(runtime, &artifact, recipe, &weights)?;
        let pace = Pace::new();
        let batches = Vec::new();
        Ok(Self { artifact, data, recipe, folder, observer, state, batches, saved, pace, stepper, evaluator, weights })
    }

    fn finish(mut self) -> Result<Outcome, TrainingError> {
        while !self.state.finished {
            self.batches = self.data.batches(self.recipe, self.state.epoch);
            while self.state.batch < self.batches.len() {
                self.step()?;
                if self.tell(Phase::Training).is_break() {
                    return self.interrupt();
                }
                if self.is_checkpoint_due() {
                    self.save(&step_name(self.state.step))?;
                }
            }
            if !self.end_epoch()? {
                return self.interrupt();
            }
        }
        let missing = TrainingError::EmptySplit { split: "dev" };
        outcome(&self.folder, &self.state).ok_or(missing)
    }

    fn step(&mut self) -> Result<(), TrainingError> {
        let batch = Batch::new(&self.data.train, &self.batches[self.state.batch]);
        let factor = rate_factor(self.state.step, self.state.steps, self.recipe.warmup_fraction);
        let learning_rate = self.recipe.learning_rate * factor;
        let began = Instant::now();
        let result = self.stepper.step(&batch, self.state.step + 1, learning_rate)?;
        if !(result.loss.is_finite() && result.gradient_norm.is_finite()) {
            return Err(TrainingError::NotFinite {
                step: self.state.step + 1,
                loss: result.loss,
                gradient_norm: result.gradient_norm,
                examples: batch.samples.iter().map(|sample| sample.example.clone()).collect(),
                checkpoint: self.saved.clone(),
            });
        }
        self.pace.trained(began.elapsed(), batch.tokens(), result.loss);
        self.state.step += 1;
        self.state.batch += 1;
        self.state.unlogged.loss += f64::from(result.loss) * batch.words() as f64;
        self.state.unlogged.words += batch.words();
        self.state.unlogged.learning_rate = learning_rate;
        self.state.unlogged.gradient_norm = f64::from(result.gradient_norm);
        if self.state.step.is_multiple_of(self.recipe.log_every) {
            let epoch = self.epoch();
            self.state.log(epoch, None);
        }
        Ok(())
    }

    /// Scores the dev split and writes the epoch's checkpoint; false when the observer broke.
    fn end_epoch(&mut self) -> Result<bool, TrainingError> {
        let began = Instant::now();
        let mut progress = self.progress(Phase::Evaluating);
        let observer = &mut *self.observer;
        let tell = || {
            progress.seconds_left = (progress.seconds_left - began.elapsed().as_secs_f64()).max(0.0);
            observer(&progress)
        };
        let Some(evaluation) = self.evaluator.evaluate(&self.data.dev, tell)? else {
            return Ok(false);
        };
        self.pace.evaluated(began.elapsed());
        let name = format!("epoch-{:04}", self.state.epoch + 1);
        self.state.log(f64::from(self.state.epoch + 1), Some(evaluation));
        self.state.end_epoch(evaluation, name.clone());
        self.save(&name)?;
        if let Some(best) = self.state.best.as_ref().filter(|_| self.state.finished) {
            drop_moments(&self.folder.path(&best.checkpoint))?;
        }
        Ok(true)
    }

    fn save(&mut self, name: &str) -> Result<(), TrainingError> {
        self.saved = Some(self.folder.write(name, &self.artifact.manifest, &self.weights, &self.state)?);
        self.pace.saved();
        let best = self.state.best.as_ref().map_or(name, |best| &best.checkpoint);
        self.folder.keep(&[name, best])
    }

    fn interrupt<T>(mut self) -> Result<T, TrainingError> {
        let name = step_name(self.state.step);
        self.save(&name)?;
        Err(TrainingError::Interrupted { step: self.state.step, checkpoint: self.folder.path(&name) })
    }

    fn is_checkpoint_due(&self) -> bool {
        let Recipe { checkpoint_every_steps: steps, checkpoint_every_seconds: seconds, .. } = *self.recipe;
        (steps > 0 && self.state.step.is_multiple_of(steps))
            || (seconds > 0 && self.pace.unsaved().as_secs() >= seconds)
    }

    fn tell(&mut self, phase: Phase) -> ControlFlow<()> {
        let progress = self.progress(phase);
        (self.observer)(&progress)
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
            best_f1: self.state.best.as_ref().map(|best| best.f1),
        }
    }

    fn epoch(&self) -> f64 {
        f64::from(self.state.epoch) + self.state.batch as f64 / self.batches.len() as f64
    }
}

fn step_name(step: u64) -> String {
    format!("step-{step:08}")
}
