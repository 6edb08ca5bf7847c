use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::RuntimeError;

/// The library in use: it cannot be unloaded and its environment is one for each process.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// A loaded ONNX Runtime library and its environment. Clones share them.
#[derive(Clone, Debug)]
pub struct Runtime {
    path: PathBuf,
    version: u32,
    pub(crate) environment: Environment,
}

impl Runtime {
    /// Least minor version (of major 1) of the library that the binding accepts.
    pub const LEAST_VERSION: u32 = ort::MINOR_VERSION;

    /// Loads the library at `path` with telemetry off. The first call decides for the whole process; a later call with
    /// the same file gives the same environment.
    ///
    /// Errors: [`RuntimeError::LibraryMissing`], [`RuntimeError::NotALibrary`], [`RuntimeError::TooOld`] (after each of
    /// which another path may be tried), [`RuntimeError::AnotherLoaded`], [`RuntimeError::Environment`].
    pub fn load(path: &Path) -> Result<Self, RuntimeError> {
        // The canonical path: ort would resolve a relative one against the executable, and links name one file twice.
        let path = path
            .canonicalize()
            .map_err(|_| RuntimeError::LibraryMissing { path: path.to_owned(), needed: Self::LEAST_VERSION })?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*loaded {
            Some(runtime) if runtime.path == path => Ok(runtime.clone()),
            Some(runtime) => Err(RuntimeError::AnotherLoaded { loaded: runtime.path.clone(), asked: path }),
            None => Ok(loaded.insert(start(path)?).clone()),
        }
    }

    /// The library's minor version: 32 for 1.32.0.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn start(path: PathBuf) -> Result<Runtime, RuntimeError> {
    let needed = Runtime::LEAST_VERSION;
    let builder = ort::init_from(&path).map_err(|error| match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            RuntimeError::TooOld { path: path.clone(), found: version_str, needed }
        }
        source => RuntimeError::NotALibrary { path: path.clone(), needed, source },
    })?;
    let environment = builder
        .with_telemetry(false)
        .build()
        .map_err(|source| RuntimeError::Environment { path: path.clone(), source })?;
    // The binding asks for every message down to verbose, which costs a callback each.
    environment.set_log_level(LogLevel::Warning);
    let version = ort::util::probe(&path).unwrap_or(needed);
    tracing::debug!(path = %path.display(), version, "loaded ONNX Runtime");
    Ok(Runtime { path, version, environment })
}
