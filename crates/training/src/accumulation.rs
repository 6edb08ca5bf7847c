use clinsynth_contract::{AdamW, AdamWScalars, Manifest, Parameter};
use clinsynth_kernels::{AdamWStep, Updated, adamw, add_scaled, norm};
use clinsynth_runtime::ort::memory::Allocator;
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{Runtime, SessionSettings, ort};

use crate::artifact::Artifact;
use crate::batch::Batch;
use crate::step::{Feed, StepResult, scalar};
use crate::weights::Weights;
use crate::{Recipe, TrainingError};

/// The gradient graph, run once for each batch of a step; sum, norm and AdamW are computed here.
///
/// A step's gradient is that of its batches taken as one: each batch counts by its words, not as one of so many.
pub(crate) struct Accumulation {
    feed: Feed,
    /// What the graph writes, and the sums, of every trained parameter in the manifest's order.
    gradients: Vec<Tensor<f32>>,
    sums: Vec<Vec<f32>>,
    loss: Tensor<f32>,
    parameters: Vec<Parameter>,
    adamw: AdamW,
    batches: u64,
    threads: usize,
}

impl Accumulation {
    /// Builds the session and binds the parameters.
    ///
    /// Errors: those of [`Feed::new`].
    pub(crate) fn new(
        runtime: &Runtime,
        artifact: &Artifact,
        recipe: &Recipe,
        weights: &Weights,
    ) -> Result<Self, TrainingError> {
        let feed = Feed::new(runtime, artifact, recipe, Manifest::GRADIENT_MODEL)?;
        Self::bind(feed, artifact, recipe, weights).map_err(TrainingError::compute("bound the gradient graph"))
    }

    fn bind(mut feed: Feed, artifact: &Artifact, recipe: &Recipe, weights: &Weights) -> ort::Result<Self> {
        weights.bind(&artifact.manifest, &mut feed.binding)?;
        let (mut gradients, mut sums) = (Vec::new(), Vec::new());
        for parameter in artifact.manifest.parameters.iter().filter(|parameter| !parameter.is_frozen()) {
            let mut gradient = Tensor::new(&Allocator::default(), parameter.shape.clone())?;
            feed.binding.bind_output(format!("{}.grad", parameter.name), &mut gradient)?;
            gradients.push(gradient);
            sums.push(vec![0.0; parameter.shape.iter().product()]);
        }
        let mut loss = scalar()?;
        feed.binding.bind_output("loss", &mut loss)?;
        let threads = SessionSettings { threads: recipe.threads, ..SessionSettings::default() }.resolved_threads();
        let (parameters, batches) = (artifact.manifest.parameters.clone(), u64::from(recipe.accumulation));
        Ok(Self { feed, gradients, sums, loss, parameters, adamw: recipe.adamw(), batches, threads })
    }

    /// Takes one step; `step` counts from 1.
    pub(crate) fn run(
        &mut self,
        weights: &mut Weights,
        batches: &[Batch<'_>],
        step: u64,
        learning_rate: f64,
    ) -> ort::Result<StepResult> {
        self.sums.iter_mut().for_each(|sum| sum.fill(0.0));
        let words: usize = batches.iter().map(Batch::words).sum();
        let mut loss = 0.0;
        for (draw, batch) in ((step - 1) * self.batches + 1..).zip(batches) {
            self.feed.run(batch, draw)?;
            let share = batch.words() as f32 / words.max(1) as f32;
            loss += self.loss.extract_tensor().1[0] * share;
            let gradients = self.gradients.iter().map(|gradient| gradient.extract_tensor().1);
            let pairs = self.sums.iter_mut().map(Vec::as_mut_slice).zip(gradients);
            add_scaled(pairs.collect(), share, self.threads);
        }
        let sums: Vec<&[f32]> = self.sums.iter().map(Vec::as_slice).collect();
        let norm = norm(&sums, self.threads);
        let scalars = self.adamw.scalars(step, learning_rate);
        let clip = self.adamw.clip_factor(norm) as f32;
        let trained = self.parameters.iter().zip(&mut weights.slots).filter(|(parameter, _)| !parameter.is_frozen());
        let updated = trained.zip(&self.sums).map(|((parameter, slot), gradient)| Updated {
            value: slot.value.extract_tensor_mut().1,
            first: slot.first.extract_tensor_mut().1,
            second: slot.second.extract_tensor_mut().1,
            gradient,
            step: paced(parameter, &scalars, clip),
        });
        adamw(updated.collect(), self.threads);
        Ok(StepResult { loss, gradient_norm: norm as f32 })
    }
}

/// A parameter's scalars at its own share `r` of the learning rate: `r · k_update`, and `1 - r · (1 - k_decay)` if it
/// decays at all.
fn paced(parameter: &Parameter, scalars: &AdamWScalars, clip: f32) -> AdamWStep {
    let decay = if parameter.decay { 1.0 - parameter.rate * (1.0 - scalars.k_decay) } else { 1.0 };
    AdamWStep {
        clip,
        update: parameter.rate * scalars.k_update,
        epsilon: scalars.k_epsilon,
        decay,
        beta1: scalars.beta1,
        beta2: scalars.beta2,
    }
}
