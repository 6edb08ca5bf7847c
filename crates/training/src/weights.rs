use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use clinsynth_contract::{AdamW, Manifest, Parameter};
use clinsynth_runtime::ort;
use clinsynth_runtime::ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use clinsynth_runtime::ort::session::{IoBinding, Session};
use clinsynth_runtime::ort::value::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, View, serialize_to_file};

use crate::TrainingError;

/// A parameter and its moments, in memory that ONNX Runtime updates in place.
pub(crate) struct Slot {
    pub value: Tensor<f32>,
    pub first: Tensor<f32>,
    pub second: Tensor<f32>,
}

/// All trained parameters, in the manifest's order.
pub(crate) struct Weights {
    pub slots: Vec<Slot>,
}

/// Which tensor of each slot a file holds.
#[derive(Clone, Copy)]
enum Part {
    Value,
    First,
    Second,
}

impl Part {
    fn prefix(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::First => "exp_avg.",
            Self::Second => "exp_avg_sq.",
        }
    }

    /// Factor from the graph's scale to the true one; parameters have none.
    fn scale(self) -> Option<f64> {
        match self {
            Self::Value => None,
            Self::First => Some(1.0 - AdamW::default().beta1),
            Self::Second => Some(1.0 - AdamW::default().beta2),
        }
    }

    /// Whether a parameter has it: a frozen one has no moments.
    fn is_kept(self, parameter: &Parameter) -> bool {
        matches!(self, Self::Value) || !parameter.is_frozen()
    }

    fn of(self, slot: &Slot) -> &Tensor<f32> {
        match self {
            Self::Value => &slot.value,
            Self::First => &slot.first,
            Self::Second => &slot.second,
        }
    }

    fn of_mut(self, slot: &mut Slot) -> &mut Tensor<f32> {
        match self {
            Self::Value => &mut slot.value,
            Self::First => &mut slot.first,
            Self::Second => &mut slot.second,
        }
    }
}

impl Weights {
    /// Reads parameters, and moments where there are any (zero otherwise).
    ///
    /// Errors: [`TrainingError::Io`], [`TrainingError::WrongTensors`], [`TrainingError::Compute`].
    pub(crate) fn load(manifest: &Manifest, model: &Path, optimizer: Option<&Path>) -> Result<Self, TrainingError> {
        let mut weights = Self::zeros(manifest).map_err(TrainingError::compute("reserved memory for parameters"))?;
        weights.read(manifest, model, &[Part::Value])?;
        if let Some(optimizer) = optimizer {
            weights.read(manifest, optimizer, &[Part::First, Part::Second])?;
        }
        Ok(weights)
    }

    fn zeros(manifest: &Manifest) -> ort::Result<Self> {
        let slots = manifest.parameters.iter().map(|parameter| {
            let moment = || if parameter.is_frozen() { zeros(&[0]) } else { zeros(&parameter.shape) };
            let (value, first, second) = (zeros(&parameter.shape)?, moment()?, moment()?);
            Ok(Slot { value, first, second })
        });
        Ok(Self { slots: slots.collect::<ort::Result<_>>()? })
    }

    /// Binds every parameter and moment as input and as the output that replaces it; a frozen parameter as input alone.
    pub(crate) fn bind_in_place(&mut self, manifest: &Manifest, binding: &mut IoBinding) -> ort::Result<()> {
        for (parameter, slot) in manifest.parameters.iter().zip(&mut self.slots) {
            let name = &parameter.name;
            if parameter.is_frozen() {
                binding.bind_input(name, &slot.value)?;
                continue;
            }
            let tensors = [("", &mut slot.value), (".m", &mut slot.first), (".v", &mut slot.second)];
            for (suffix, tensor) in tensors {
                binding.bind_input(format!("{name}{suffix}"), tensor)?;
                binding.bind_output(format!("{name}{suffix}.next"), tensor)?;
            }
        }
        Ok(())
    }

    /// Binds every parameter as input.
    pub(crate) fn bind(&self, manifest: &Manifest, binding: &mut IoBinding) -> ort::Result<()> {
        let mut pairs = manifest.parameters.iter().zip(&self.slots);
        pairs.try_for_each(|(parameter, slot)| binding.bind_input(&parameter.name, &slot.value))
    }

    /// A copy in the memory of the GPU that a session computes on.
    pub(crate) fn on_gpu(&self, session: &Session) -> ort::Result<Self> {
        let info = MemoryInfo::new(AllocationDevice::CUDA, 0, AllocatorType::Device, MemoryType::Default)?;
        let allocator = Allocator::new(session, info)?;
        let copy = |tensor: &Tensor<f32>| {
            let shape: Vec<usize> = tensor.shape().iter().map(|&size| size as usize).collect();
            // The moments of frozen parameters hold nothing, and nothing reads them.
            if shape == [0] {
                return zeros(&shape);
            }
            let mut copy = Tensor::new(&allocator, shape)?;
            tensor.copy_into(&mut copy)?;
            Ok(copy)
        };
        let slots = self
            .slots
            .iter()
            .map(|slot| Ok(Slot { value: copy(&slot.value)?, first: copy(&slot.first)?, second: copy(&slot.second)? }));
        Ok(Self { slots: slots.collect::<ort::Result<_>>()? })
    }

    /// Copies every tensor to the one of the same place.
    pub(crate) fn copy_to(&self, target: &mut Self) -> ort::Result<()> {
        for (from, to) in self.slots.iter().zip(&mut target.slots) {
            for part in [Part::Value, Part::First, Part::Second] {
                if part.of(from).shape().iter().all(|&size| size > 0) {
                    part.of(from).copy_into(part.of_mut(to))?;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, manifest: &Manifest, path: &Path, parts: &[Part]) -> Result<(), TrainingError> {
        let bytes = fs::read(path).map_err(TrainingError::io("read", path))?;
        let wrong = |problem: String| TrainingError::WrongTensors { path: path.to_owned(), problem };
        let file = SafeTensors::deserialize(&bytes).map_err(|error| wrong(error.to_string()))?;
        for (parameter, slot) in manifest.parameters.iter().zip(&mut self.slots) {
            for &part in parts.iter().filter(|part| part.is_kept(parameter)) {
                fill(part.of_mut(slot).extract_tensor_mut().1, parameter, part, &file).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Writes the parameters under the encoder's own names, float32.
    ///
    /// Errors: [`TrainingError::Tensors`].
    pub(crate) fn write_model(&self, manifest: &Manifest, path: &Path) -> Result<(), TrainingError> {
        self.write(manifest, path, &[Part::Value])
    }

    /// Writes both moments in their true scale. As float64: rounding to float32 would not lead back to the very
    /// numbers that the graph keeps, and a resumed run would part from an uninterrupted one.
    ///
    /// Errors: [`TrainingError::Tensors`].
    pub(crate) fn write_optimizer(&self, manifest: &Manifest, path: &Path) -> Result<(), TrainingError> {
        self.write(manifest, path, &[Part::First, Part::Second])
    }

    fn write(&self, manifest: &Manifest, path: &Path, parts: &[Part]) -> Result<(), TrainingError> {
        let mut views = Vec::new();
        for (parameter, slot) in manifest.parameters.iter().zip(&self.slots) {
            for &part in parts.iter().filter(|part| part.is_kept(parameter)) {
                let mut rest = part.of(slot).extract_tensor().1;
                for stored in &parameter.stored {
                    let (values, tail) = rest.split_at(stored.shape.iter().product());
                    rest = tail;
                    let view = StoredView { shape: &stored.shape, values, scale: part.scale() };
                    views.push((format!("{}{}", part.prefix(), stored.name), view));
                }
            }
        }
        // Hugging Face's loader asks for the `format` key.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize_to_file(views, Some(metadata), path)
            .map_err(|source| TrainingError::Tensors { path: path.to_owned(), source })
    }
}

fn zeros(shape: &[usize]) -> ort::Result<Tensor<f32>> {
    // Not the session's arena, which rounds up to powers of two: these tensors are large and live long.
    let mut tensor = Tensor::new(&Allocator::default(), shape.to_vec())?;
    tensor.extract_tensor_mut().1.fill(0.0);
    Ok(tensor)
}

/// Fills a tensor from its stored parts; the error says what does not fit.
fn fill(values: &mut [f32], parameter: &Parameter, part: Part, file: &SafeTensors<'_>) -> Result<(), String> {
    let mut rest = values;
    for stored in &parameter.stored {
        let name = format!("{}{}", part.prefix(), stored.name);
        let found = file.tensor(&name).map_err(|_| format!("`{name}` is missing"))?;
        let expected = if part.scale().is_some() { Dtype::F64 } else { Dtype::F32 };
        if found.shape() != stored.shape || found.dtype() != expected {
            let (dtype, shape) = (found.dtype(), found.shape());
            return Err(format!("`{name}` is {dtype}{shape:?}, expected {expected}{:?}", stored.shape));
        }
        let (target, tail) = rest.split_at_mut(stored.shape.iter().product());
        rest = tail;
        copy(target, found.data(), part.scale());
    }
    Ok(())
}

fn copy(target: &mut [f32], bytes: &[u8], scale: Option<f64>) {
    match scale {
        None => {
            let stored = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            target.iter_mut().zip(stored).for_each(|(value, stored)| *value = stored);
        }
        Some(scale) => {
            let stored = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            target.iter_mut().zip(stored).for_each(|(value, stored)| *value = (stored / scale) as f32);
        }
    }
}

/// One tensor of a file, turned to bytes when it is written.
struct StoredView<'a> {
    shape: &'a [usize],
    values: &'a [f32],
    scale: Option<f64>,
}

impl View for StoredView<'_> {
    fn dtype(&self) -> Dtype {
        if self.scale.is_some() { Dtype::F64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match self.scale {
            None => self.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
            Some(scale) => {
                self.values
                    .iter()
                    .for_each(|&value| bytes.extend_from_slice(&(f64::from(value) * scale).to_le_bytes()));
            }
        }
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.values.len() * if self.scale.is_some() { 8 } else { 4 }
    }
}
