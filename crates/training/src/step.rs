use clinsynth_contract::{AdamW, AdamWScalars, DropoutSite, Manifest};
use clinsynth_kernels::operators;
use clinsynth_runtime::ort;
use clinsynth_runtime::ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use clinsynth_runtime::ort::session::{IoBinding, Session};
use clinsynth_runtime::ort::value::Tensor;
use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};

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

/// The training graph with parameters and moments bound in place: a run of the session is a step of the optimizer.
pub(crate) struct Stepper {
    // Tensors of the arena go before the session that owns it.
    binding: IoBinding,
    masks: Vec<Mask>,
    scalars: Vec<Tensor<f32>>,
    loss: Tensor<f32>,
    gradient_norm: Tensor<f32>,
    arena: Allocator,
    session: Session,
    inputs: BatchInputs,
    adamw: AdamW,
    seed: u64,
    dropout: bool,
}

struct Mask {
    site: DropoutSite,
    tensor: Option<Tensor<f32>>,
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
        let settings = SessionSettings { threads: recipe.threads, ..SessionSettings::default() };
        let operators =
            operators(recipe.precision.resolve()?).map_err(TrainingError::compute("registered its kernels"))?;
        let model = artifact.file(Manifest::TRAINING_MODEL);
        let session = runtime.session_with(ModelSource::File(&model), &settings, operators)?;
        check_scalars(&artifact.manifest)?;
        let inputs = BatchInputs::new(&artifact.manifest)?;
        let adamw = AdamW {
            weight_decay: recipe.weight_decay,
            max_gradient_norm: recipe.max_gradient_norm,
            ..AdamW::default()
        };
        Self::bind(session, inputs, adamw, artifact, recipe, weights)
            .map_err(TrainingError::compute("bound the training graph"))
    }

    fn bind(
        session: Session,
        inputs: BatchInputs,
        adamw: AdamW,
        artifact: &Artifact,
        recipe: &Recipe,
        weights: &mut Weights,
    ) -> ort::Result<Self> {
        let mut binding = session.create_binding()?;
        weights.bind_in_place(&artifact.manifest, &mut binding)?;
        let scalars = artifact.manifest.scalars.iter().map(|name| {
            let scalar = scalar()?;
            binding.bind_input(name, &scalar)?;
            Ok(scalar)
        });
        let scalars = scalars.collect::<ort::Result<_>>()?;
        let (mut loss, mut gradient_norm) = (scalar()?, scalar()?);
        binding.bind_output("loss", &mut loss)?;
        binding.bind_output("gradient_norm", &mut gradient_norm)?;
        let sites = artifact.manifest.dropout.iter();
        let masks = sites.map(|site| Mask { site: site.clone(), tensor: None }).collect();
        let arena = arena(&session)?;
        let (seed, dropout) = (recipe.seed, recipe.dropout);
        Ok(Self { binding, masks, scalars, loss, gradient_norm, arena, session, inputs, adamw, seed, dropout })
    }

    /// Takes one step on a batch; `step` counts from 1.
    ///
    /// Errors: [`TrainingError::Compute`].
    pub(crate) fn step(
        &mut self,
        batch: &Batch<'_>,
        step: u64,
        learning_rate: f64,
    ) -> Result<StepResult, TrainingError> {
        self.run(batch, step, learning_rate).map_err(TrainingError::compute("took a training step"))
    }

    fn run(&mut self, batch: &Batch<'_>, step: u64, learning_rate: f64) -> ort::Result<StepResult> {
        self.inputs.bind(&mut self.binding, &self.arena, batch)?;
        for (index, mask) in self.masks.iter_mut().enumerate() {
            let rate = if self.dropout { mask.site.rate } else { 0.0 };
            mask.refill(&mut self.binding, &self.arena, batch, rate, mask_key(self.seed, step, index))?;
        }
        let values = self.adamw.scalars(step, learning_rate).values();
        for (scalar, value) in self.scalars.iter_mut().zip(values) {
            scalar.extract_tensor_mut().1[0] = value;
        }
        self.session.run_binding(&self.binding)?;
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
    ) -> ort::Result<()> {
        let shape = batch.shape(&self.site.shape);
        let same = |tensor: &Tensor<f32>| tensor.shape().iter().map(|&size| size as usize).eq(shape.iter().copied());
        let mut tensor = match self.tensor.take() {
            Some(tensor) if same(&tensor) => tensor,
            _ => {
                let tensor = Tensor::new(arena, shape)?;
                binding.bind_input(&self.site.name, &tensor)?;
                tensor
            }
        };
        fill_mask(tensor.extract_tensor_mut().1, rate, key);
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

fn scalar() -> ort::Result<Tensor<f32>> {
    Tensor::new(&Allocator::default(), Vec::<usize>::new())
}

/// The session's own arena: it hands memory back without returning it to the system, which would have to clear the
/// pages of every mask anew at each step.
pub(crate) fn arena(session: &Session) -> ort::Result<Allocator> {
    let info = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Arena, MemoryType::Default)?;
    Allocator::new(session, info)
}
