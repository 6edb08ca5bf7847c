use std::path::PathBuf;

/// Why the ONNX Runtime cannot be used, or why it refused a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// There is no file at the library's path.
    #[error(
        "no ONNX Runtime library at `{}`: run `clinsynth doctor`, or set `ORT_DYLIB_PATH` to a libonnxruntime of version 1.{needed} or later",
        path.display()
    )]
    LibraryMissing {
        /// Where it was looked for.
        path: PathBuf,
        /// Least minor version.
        needed: u32,
    },
    /// The file is no shared library, or not ONNX Runtime's.
    #[error(
        "`{}` is not an ONNX Runtime library: run `clinsynth doctor`, or set `ORT_DYLIB_PATH` to a libonnxruntime of version 1.{needed} or later",
        path.display()
    )]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// Least minor version.
        needed: u32,
        /// What the loader said.
        #[source]
        source: ort::LoadDynamicError,
    },
    /// The library is older than what the binding needs.
    #[error(
        "the ONNX Runtime library `{}` has version `{found}`, at least `1.{needed}` is needed: run `clinsynth doctor`, or set `ORT_DYLIB_PATH` to a newer one",
        path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version, as it reports it.
        found: String,
        /// Least minor version.
        needed: u32,
    },
    /// A process holds one library; another one was asked for.
    #[error("the ONNX Runtime library `{}` is already loaded; `{}` cannot be loaded beside it in one process", loaded.display(), asked.display())]
    AnotherLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        asked: PathBuf,
    },
    /// The library loaded, but would not start.
    #[error("the ONNX Runtime library `{}` cannot start", path.display())]
    Environment {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: ort::Error,
    },
    /// A session option was refused.
    #[error("ONNX Runtime refuses the session settings")]
    Settings(#[source] ort::Error),
    /// `device: cuda` where it cannot be had.
    #[error(
        "no CUDA with `{}`: `device: cuda` needs an NVIDIA GPU with its driver, CUDA's libraries, and a GPU build of ONNX Runtime named by `ORT_DYLIB_PATH`; `device: cpu` needs none",
        path.display()
    )]
    NoCuda {
        /// The library.
        path: PathBuf,
        /// What it said.
        #[source]
        source: ort::Error,
    },
    /// There is no model file.
    #[error("no model at `{}`", path.display())]
    ModelMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The model is broken, or needs operators that this library does not hold.
    #[error("ONNX Runtime 1.{version} refuses the model {model}")]
    ModelRefused {
        /// The file in backticks, or `of N bytes in memory`.
        model: String,
        /// The library's minor version.
        version: u32,
        /// What it said.
        #[source]
        source: ort::Error,
    },
}
