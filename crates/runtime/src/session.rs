use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use ort::ep::CUDA;
use ort::operator::OperatorDomain;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use serde::{Deserialize, Serialize};

use crate::{Runtime, RuntimeError};

/// Where a model is.
#[derive(Clone, Copy, Debug)]
pub enum ModelSource<'m> {
    /// An `.onnx` file, external data beside it.
    File(&'m Path),
    /// The bytes of one, without external data.
    Bytes(&'m [u8]),
}

/// What a session computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first NVIDIA GPU, by a GPU build of the library; products in full float32, not TF32. Operators without a
    /// CUDA kernel run on the processor.
    Cuda,
}

/// How a session computes. What is not listed is the same for every session: all graph optimisations, the arena
/// allocator on, denormal numbers taken as zero (moments of untouched embedding rows would decay into them, and
/// arithmetic on them is slow).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// Threads within an operator; 0 takes as many as the process may use at once.
    pub threads: usize,
    /// Plan all of a run's memory in one block for each set of input shapes. Faster for shapes that recur; a training
    /// step of changing shapes peaks at 1.6 times the memory with it.
    pub memory_pattern: bool,
    /// Whether idle threads spin while they wait. Faster for one busy session; with several in a process each takes
    /// the others' cores.
    pub spinning: bool,
    /// What it computes on.
    pub device: Device,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { threads: 0, memory_pattern: false, spinning: true, device: Device::Cpu }
    }
}

impl SessionSettings {
    /// The number of threads that [`SessionSettings::threads`] stands for.
    pub fn resolved_threads(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// Held while a session with operators of its own is built.
static REGISTERING: Mutex<()> = Mutex::new(());

impl Runtime {
    /// Builds a session for a model.
    ///
    /// Errors: [`RuntimeError::ModelMissing`], [`RuntimeError::ModelRefused`] with the library's own words,
    /// [`RuntimeError::NoCuda`], and [`RuntimeError::Settings`].
    pub fn session(&self, model: ModelSource<'_>, settings: &SessionSettings) -> Result<Session, RuntimeError> {
        self.commit(model, self.session_builder(settings)?, settings.device)
    }

    /// Builds a session whose graph may run kernels of our own.
    ///
    /// Errors: those of [`Runtime::session`].
    pub fn session_with(
        &self,
        model: ModelSource<'_>,
        settings: &SessionSettings,
        operators: OperatorDomain,
    ) -> Result<Session, RuntimeError> {
        // The library looks whether the domain is known and then adds it, without a lock of its own.
        let _one_at_a_time = REGISTERING.lock().unwrap_or_else(PoisonError::into_inner);
        let builder = self.session_builder(settings)?.with_operators(operators);
        self.commit(model, builder.map_err(|error| RuntimeError::Settings(error.into()))?, settings.device)
    }

    fn commit(
        &self,
        model: ModelSource<'_>,
        mut builder: SessionBuilder,
        device: Device,
    ) -> Result<Session, RuntimeError> {
        // A missing GPU or driver is found when the session starts, and the library has no code for it.
        let is_cuda = |error: &ort::Error| device == Device::Cuda && error.to_string().contains("CUDA");
        let refused = |model, source: ort::Error| {
            if is_cuda(&source) {
                return self.no_cuda(source);
            }
            RuntimeError::ModelRefused { model, version: self.version(), source }
        };
        match model {
            ModelSource::File(path) if !path.exists() => Err(RuntimeError::ModelMissing { path: path.to_owned() }),
            ModelSource::File(path) => {
                builder.commit_from_file(path).map_err(|error| refused(format!("`{}`", path.display()), error))
            }
            ModelSource::Bytes(bytes) => builder
                .commit_from_memory(bytes)
                .map_err(|error| refused(format!("of {} bytes in memory", bytes.len()), error)),
        }
    }

    /// A builder that carries the settings, for sessions that need options of their own (initializers, operators).
    ///
    /// Errors: [`RuntimeError::Settings`], [`RuntimeError::NoCuda`].
    pub fn session_builder(&self, settings: &SessionSettings) -> Result<SessionBuilder, RuntimeError> {
        let builder = Session::builder(&self.environment).map_err(RuntimeError::Settings)?;
        let builder = configure(builder, settings).map_err(RuntimeError::Settings)?;
        match settings.device {
            Device::Cpu => Ok(builder),
            Device::Cuda => {
                let provider = CUDA::default().with_tf32(false).build().error_on_failure();
                builder.with_execution_providers([provider]).map_err(|error| self.no_cuda(error.into()))
            }
        }
    }

    fn no_cuda(&self, source: ort::Error) -> RuntimeError {
        RuntimeError::NoCuda { path: self.path().to_owned(), source }
    }
}

fn configure(builder: SessionBuilder, settings: &SessionSettings) -> ort::Result<SessionBuilder> {
    Ok(builder
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(settings.resolved_threads())?
        .with_memory_pattern(settings.memory_pattern)?
        .with_intra_op_spinning(settings.spinning)?
        .with_flush_to_zero()?)
}
