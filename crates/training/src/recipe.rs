use clinsynth_contract::{AdamW, Digest};
use clinsynth_kernels as kernels;
use clinsynth_runtime::Device;
use serde::{Deserialize, Serialize};

use crate::{Schedule, TrainingError};

/// How to train. The defaults fit a small BERT encoder and a few thousand sentences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Passes over the training data.
    pub epochs: u32,
    /// Highest learning rate, reached after the warm-up.
    pub learning_rate: f64,
    /// Share of all steps over which the learning rate rises from zero.
    pub warmup_fraction: f64,
    /// How it falls over the others.
    pub schedule: Schedule,
    /// Decoupled weight decay of matrices and embeddings.
    pub weight_decay: f64,
    /// Global gradient norm above which gradients are scaled down.
    pub max_gradient_norm: f64,
    /// Sequences in a step, on average: a step holds as many sub-tokens, padding included, as this many sequences of
    /// mean length.
    pub batch_sequences: usize,
    /// Batches whose gradients make up one step, each counted by its words; the effective batch is so many times larger
    /// and takes the memory of one.
    pub accumulation: u32,
    /// Chance with which each mention is exchanged, anew in each step, for another of its label (Dai and Adel 2020), from
    /// 0 to 1.
    pub mention_replacement: f64,
    /// Whether activations are dropped at the artifact's sites, at its rates.
    pub dropout: bool,
    /// Seed of the order of the data, of dropout and of the mentions exchanged.
    pub seed: u64,
    /// Stop after this many epochs without a better dev F1.
    pub patience: Option<u32>,
    /// What matrices are multiplied in.
    pub precision: Precision,
    /// What is computed on.
    pub device: Device,
    /// Threads; 0 takes as many as the process may use.
    pub threads: usize,
    /// Steps between two rows of the history.
    pub log_every: u64,
    /// Write a checkpoint after this many steps, besides the one at the end of each epoch; 0 never does.
    pub checkpoint_every_steps: u64,
    /// Write a checkpoint after this many seconds, besides the one at the end of each epoch; 0 never does.
    pub checkpoint_every_seconds: u64,
}

/// What a training step multiplies matrices in; everything else is float32 throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Bfloat16 where the processor multiplies it natively, float32 elsewhere.
    #[default]
    Auto,
    /// Float32.
    Fp32,
    /// Bfloat16 factors, float32 sums (mixed precision). Needs a processor with `avx512_bf16`.
    Bf16,
}

impl Precision {
    /// What it comes to on this processor, never [`Precision::Auto`].
    ///
    /// Errors: [`TrainingError::NoBf16`].
    pub(crate) fn on_this_machine(self, device: Device) -> Result<Self, TrainingError> {
        if device == Device::Cuda {
            return Ok(Self::Fp32);
        }
        self.resolve().map(|resolved| match resolved {
            kernels::Precision::Fp32 => Self::Fp32,
            kernels::Precision::Bf16 => Self::Bf16,
        })
    }

    /// The kernels' word for it.
    ///
    /// Errors: [`TrainingError::NoBf16`].
    pub(crate) fn resolve(self) -> Result<kernels::Precision, TrainingError> {
        match self {
            Self::Auto => Ok(kernels::Precision::native()),
            Self::Fp32 => Ok(kernels::Precision::Fp32),
            Self::Bf16 if kernels::Precision::Bf16.is_native() => Ok(kernels::Precision::Bf16),
            Self::Bf16 => Err(TrainingError::NoBf16),
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            epochs: 4,
            learning_rate: 3e-4,
            warmup_fraction: 0.1,
            schedule: Schedule::Linear,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            batch_sequences: 16,
            accumulation: 1,
            mention_replacement: 0.0,
            dropout: true,
            seed: 0,
            patience: None,
            precision: Precision::Auto,
            device: Device::Cpu,
            threads: 0,
            log_every: 10,
            checkpoint_every_steps: 0,
            checkpoint_every_seconds: 60,
        }
    }
}

impl Recipe {
    /// Checks every bound.
    ///
    /// Errors: [`TrainingError::BadRecipe`] with the first field out of bounds.
    pub fn check(&self) -> Result<(), TrainingError> {
        let positive = "a number above 0";
        let bounds = [
            ("epochs", self.epochs.to_string(), self.epochs > 0, "at least 1"),
            ("learning_rate", self.learning_rate.to_string(), above_zero(self.learning_rate), positive),
            (
                "warmup_fraction",
                self.warmup_fraction.to_string(),
                (0.0..=1.0).contains(&self.warmup_fraction),
                "a number from 0 to 1",
            ),
            (
                "weight_decay",
                self.weight_decay.to_string(),
                self.weight_decay >= 0.0 && self.weight_decay.is_finite(),
                "0 or more",
            ),
            ("max_gradient_norm", self.max_gradient_norm.to_string(), self.max_gradient_norm > 0.0, positive),
            ("batch_sequences", self.batch_sequences.to_string(), self.batch_sequences > 0, "at least 1"),
            ("accumulation", self.accumulation.to_string(), self.accumulation > 0, "at least 1"),
            (
                "mention_replacement",
                self.mention_replacement.to_string(),
                (0.0..=1.0).contains(&self.mention_replacement),
                "a number from 0 to 1",
            ),
            (
                "accumulation",
                self.accumulation.to_string(),
                self.device == Device::Cpu || self.accumulation == 1,
                "1 on a GPU: the sums are the processor's",
            ),
            (
                "precision",
                format!("{:?}", self.precision),
                self.device == Device::Cpu || self.precision != Precision::Bf16,
                "another on a GPU: the bfloat16 products are the processor's",
            ),
            ("log_every", self.log_every.to_string(), self.log_every > 0, "at least 1"),
        ];
        match bounds.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((field, value, _, expected)) => Err(TrainingError::BadRecipe { field, value, expected }),
            None => Ok(()),
        }
    }

    /// Its optimizer.
    pub(crate) fn adamw(&self) -> AdamW {
        AdamW { weight_decay: self.weight_decay, max_gradient_norm: self.max_gradient_norm, ..AdamW::default() }
    }

    /// The digest of what decides the result: not of threads, nor of when rows and checkpoints are written.
    pub(crate) fn digest(&self) -> Digest {
        let decisive = Self { threads: 0, checkpoint_every_steps: 0, checkpoint_every_seconds: 0, ..self.clone() };
        Digest::of(format!("{decisive:?}").as_bytes())
    }
}

fn above_zero(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recipe: &Recipe, expected: Option<&str>) {
        let found = recipe.check().err().map(|error| match error {
            TrainingError::BadRecipe { field, .. } => field,
            other => panic!("{other}"),
        });
        assert_eq!(found, expected, "{recipe:?}");
    }

    #[test]
    fn bounds_are_checked() {
        let recipe = Recipe::default;
        check(&recipe(), None);
        check(&Recipe { max_gradient_norm: f64::INFINITY, warmup_fraction: 0.0, ..recipe() }, None);
        check(&Recipe { epochs: 0, ..recipe() }, Some("epochs"));
        check(&Recipe { learning_rate: f64::NAN, ..recipe() }, Some("learning_rate"));
        check(&Recipe { warmup_fraction: 1.1, ..recipe() }, Some("warmup_fraction"));
        check(&Recipe { weight_decay: -0.1, ..recipe() }, Some("weight_decay"));
        check(&Recipe { max_gradient_norm: 0.0, ..recipe() }, Some("max_gradient_norm"));
        check(&Recipe { batch_sequences: 0, ..recipe() }, Some("batch_sequences"));
        check(&Recipe { accumulation: 0, ..recipe() }, Some("accumulation"));
        check(&Recipe { mention_replacement: -0.1, ..recipe() }, Some("mention_replacement"));
        check(&Recipe { log_every: 0, ..recipe() }, Some("log_every"));
        let cuda = || Recipe { device: Device::Cuda, ..recipe() };
        check(&cuda(), None);
        check(&Recipe { accumulation: 2, ..cuda() }, Some("accumulation"));
        check(&Recipe { precision: Precision::Bf16, ..cuda() }, Some("precision"));
    }

    #[test]
    fn auto_is_resolved() {
        let native = if kernels::Precision::Bf16.is_native() { Precision::Bf16 } else { Precision::Fp32 };
        assert_eq!(Precision::Auto.on_this_machine(Device::Cpu).ok(), Some(native));
        assert_eq!(Precision::Fp32.on_this_machine(Device::Cpu).ok(), Some(Precision::Fp32));
        assert_eq!(Precision::Auto.on_this_machine(Device::Cuda).ok(), Some(Precision::Fp32));
    }

    #[test]
    fn digest_covers_what_decides_the_result() {
        let digest = Recipe::default().digest();
        assert_eq!(Recipe { threads: 7, checkpoint_every_steps: 1, ..Recipe::default() }.digest(), digest);
        assert_ne!(Recipe { seed: 1, ..Recipe::default() }.digest(), digest);
        assert_ne!(Recipe { dropout: false, ..Recipe::default() }.digest(), digest);
    }
}
