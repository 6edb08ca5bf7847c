use clinsynth_contract::{AdamW, AdamWScalars, DropoutSite, Manifest};
use clinsynth_kernels::operators;
use clinsynth_runtime::ort;
use clinsynth_runtime::ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use clinsynth_runtime::ort::session::{IoBinding, Session};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{Device, ModelSource, Runtime, SessionSettings};

use crate::accumulation::Accumulation;
use crate::artifact::Artifact;
use crate::batch::{Batch, BatchInputs};
use crate::dropout::{fill_mask, mask_key};
use crate::weights::Weights;
use crate::{Recipe, TrainingError};

/// What a training step reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepResult {
    /// Mean cross-entropy over the batch's words.
    pub loss: f32,
    /// Global gradient norm before clipping.
    pub gradient_norm: f32,
}

/// Takes the steps of a run.
pub(crate) enum Stepper {
    /// A batch a step, optimizer included, in one graph.
    Whole(WholeStep),
    /// Several batches a step.
    Accumulation(Accumulation),
}

impl Stepper {
    /// Builds the session and binds the parameters.
    ///
    /// Errors: [`TrainingError::Runtime`], [`TrainingError::UnknownInput`], [`TrainingError::Compute`].
    pub(crate) fn new(
        runtime: &Runtime,
        artifact: &Artifact,
        recipe: &Recipe,
        weights: &mut Weights,
    ) -> Result<Self, TrainingError> {
        if recipe.accumulation > 1 {
            return Accumulation::new(runtime, artifact, recipe, weights).map(Self::Accumulation);
        }
        WholeStep::new(runtime, artifact, recipe, weights).map(Self::Whole)
    }

    /// Takes one step on its batches; `step` counts from 1.
    ///
    /// Errors: [`TrainingError::Compute`].
    pub(crate) fn step(
        &mut self,
        weights: &mut Weights,
        batches: &[Batch<'_>],
        step: u64,
        learning_rate: f64,
    ) -> Result<StepResult, TrainingError> {
        let result = match (self, batches) {
            (Self::Whole(whole), [batch]) => whole.run(batch, step, learning_rate),
            (Self::Accumulation(accumulation), batches) => accumulation.run(weights, batches, step, learning_rate),
            (Self::Whole(_), _) => Err(ort::Error::new("a step without accumulation takes one batch")),
        };
        result.map_err(|source| TrainingError::step(batches, source))
    }

    /// Brings the parameters and moments to `weights`, where a GPU has them.
    ///
    /// Errors: [`TrainingError::Compute`].
    pub(crate) fn fetch(&self, weights: &mut Weights) -> Result<(), TrainingError> {
        match self {
            Self::Whole(WholeStep { on_device: Some(held), .. }) => {
                held.copy_to(weights).map_err(TrainingError::compute("brought the parameters from the GPU"))
            }
            _ => Ok(()),
        }
    }
}

/// A graph's session with everything bound that a batch brings.
pub(crate) struct Feed {
    // Tensors of the arena go before the session that owns it.
    pub binding: IoBinding,
    masks: Vec<Mask>,
    arena: Allocator,
    session: Session,
    inputs: BatchInputs,
    seed: u64,
    dropout: bool,
    device: Device,
}

struct Mask {
    site: DropoutSite,
    tensor: Option<Tensor<f32>>,
}

impl Feed {
    /// A session on one of the artifact's graphs, its kernels registered.
    ///
    /// Errors: [`TrainingError::Runtime`], [`TrainingError::UnknownInput`], [`TrainingError::Compute`].
    pub(crate) fn new(
        runtime: &Runtime,
        artifact: &Artifact,
        recipe: &Recipe,
        model: &str,
    ) -> Result<Self, TrainingError> {
        let inputs = BatchInputs::new(&artifact.manifest)?;
        let Recipe { threads, device, seed, dropout, .. } = *recipe;
        let settings = SessionSettings { threads, device, ..SessionSettings::default() };
        let (path, compute) = (artifact.file(model), TrainingError::compute("registered its kernels"));
        let session = match device {
            Device::Cpu => {
                let operators = operators(recipe.precision.resolve()?).map_err(compute)?;
                runtime.session_with(ModelSource::File(&path), &settings, operators)?
            }
            // Our kernels are the processor's: the graph's own definitions run instead.
            Device::Cuda => runtime.session(ModelSource::File(&path), &settings)?,
        };
        let sites = artifact.manifest.dropout.iter();
        let masks = sites.map(|site| Mask { site: site.clone(), tensor: None }).collect();
        let bind = || Ok((session.create_binding()?, arena(&session)?));
        let (binding, arena) = bind().map_err(TrainingError::compute("bound the training graph"))?;
        Ok(Self { binding, masks, arena, session, inputs, seed, dropout, device })
    }

    /// Runs the graph on a batch; `draw` numbers the dropout masks over the run.
    pub(crate) fn run(&mut self, batch: &Batch<'_>, draw: u64) -> ort::Result<()> {
        self.inputs.bind(&mut self.binding, &self.arena, batch)?;
        for (index, mask) in self.masks.iter_mut().enumerate() {
            let rate = if self.dropout { mask.site.rate } else { 0.0 };
            mask.refill(&mut self.binding, &self.arena, batch, rate, mask_key(self.seed, draw, index), self.device)?;
        }
        self.session.run_binding(&self.binding)?;
        Ok(())
    }
}

/// The training graph with parameters and moments bound in place: a run of the session is a step of the optimizer.
pub(crate) struct WholeStep {
    /// What a GPU holds, which goes before the session that owns its memory.
    on_device: Option<Weights>,
    feed: Feed,
    scalars: Vec<Tensor<f32>>,
    loss: Tensor<f32>,
    gradient_norm: Tensor<f32>,
    adamw: AdamW,
}

impl WholeStep {
    fn new(
        runtime: &Runtime,
        artifact: &Artifact,
        recipe: &Recipe,
        weights: &mut Weights,
    ) -> Result<Self, TrainingError> {
        check_scalars(&artifact.manifest)?;
        let feed = Feed::new(runtime, artifact, recipe, Manifest::TRAINING_MODEL)?;
        Self::bind(feed, artifact, recipe, weights).map_err(TrainingError::compute("bound the training graph"))
    }

    fn bind(mut feed: Feed, artifact: &Artifact, recipe: &Recipe, weights: &mut Weights) -> ort::Result<Self> {
        let mut on_device = match feed.device {
            Device::Cpu => None,
            Device::Cuda => Some(weights.on_gpu(&feed.session)?),
        };
        on_device.as_mut().unwrap_or(weights).bind_in_place(&artifact.manifest, &mut feed.binding)?;
        let scalars = artifact.manifest.scalars.iter().map(|name| {
            let scalar = scalar()?;
            feed.binding.bind_input(name, &scalar)?;
            Ok(scalar)
        });
        let scalars = scalars.collect::<ort::Result<_>>()?;
        let (mut loss, mut gradient_norm) = (scalar()?, scalar()?);
        feed.binding.bind_output("loss", &mut loss)?;
        feed.binding.bind_output("gradient_norm", &mut gradient_norm)?;
        Ok(Self { on_device, feed, scalars, loss, gradient_norm, adamw: recipe.adamw() })
    }

    fn run(&mut self, batch: &Batch<'_>, step: u64, learning_rate: f64) -> ort::Result<StepResult> {
        let values = self.adamw.scalars(step, learning_rate).values();
        for ((scalar, value), name) in self.scalars.iter_mut().zip(values).zip(AdamWScalars::NAMES) {
            scalar.extract_tensor_mut().1[0] = value;
            if self.feed.device == Device::Cuda {
                self.feed.binding.bind_input(name, &*scalar)?;
            }
        }
        self.feed.run(batch, step)?;
        Ok(StepResult {
            loss: self.loss.extract_tensor().1[0],
            gradient_norm: self.gradient_norm.extract_tensor().1[0],
        })
    }
}

impl Mask {
    /// Draws the mask anew, in the same memory while the batch's shape stays.
    fn refill(
        &mut self,
        binding: &mut IoBinding,
        arena: &Allocator,
        batch: &Batch<'_>,
        rate: f32,
        key: u64,
        device: Device,
    ) -> ort::Result<()> {
        let shape = batch.shape(&self.site.shape);
        let same = |tensor: &Tensor<f32>| tensor.shape().iter().map(|&size| size as usize).eq(shape.iter().copied());
        let kept = self.tensor.take().filter(same);
        // A GPU takes its copy when the tensor is bound.
        let bound = kept.is_some() && device == Device::Cpu;
        let mut tensor = kept.map_or_else(|| Tensor::new(arena, shape.clone()), Ok)?;
        fill_mask(tensor.extract_tensor_mut().1, rate, key);
        if !bound {
            binding.bind_input(&self.site.name, &tensor)?;
        }
        self.tensor = Some(tensor);
        Ok(())
    }
}

/// The values are filled in the order of [`AdamWScalars::NAMES`], so the graph must ask for them in it.
fn check_scalars(manifest: &Manifest) -> Result<(), TrainingError> {
    let mut unknown = manifest.scalars.iter().zip(AdamWScalars::NAMES).filter(|(name, known)| name != known);
    let surplus = manifest.scalars.get(AdamWScalars::NAMES.len());
    match unknown.next().map(|(name, _)| name).or(surplus) {
        Some(name) => Err(TrainingError::UnknownInput { name: name.clone() }),
        None => Ok(()),
    }
}

pub(crate) fn scalar() -> ort::Result<Tensor<f32>> {
    Tensor::new(&Allocator::default(), Vec::<usize>::new())
}

/// The session's own arena: it hands memory back without returning it to the system, which would have to clear the
/// pages of every mask anew at each step.
pub(crate) fn arena(session: &Session) -> ort::Result<Allocator> {
    let info = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Arena, MemoryType::Default)?;
    Allocator::new(session, info)
}
