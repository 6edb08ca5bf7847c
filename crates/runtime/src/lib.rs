//! Loads a stock ONNX Runtime library and builds sessions with the house settings.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clinsynth_runtime::{ModelSource, Runtime, SessionSettings};
//! # let Ok(library) = std::env::var("ORT_DYLIB_PATH") else { return Ok(()) };
//! let runtime = Runtime::load(library.as_ref())?;
//! assert!(runtime.version() >= Runtime::LEAST_VERSION);
//! let refused = runtime.session(ModelSource::Bytes(b"no model"), &SessionSettings::default());
//! assert!(refused.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing about where the library comes from, nor about what a graph computes.

mod environment;
mod error;
mod session;

pub use environment::Runtime;
pub use error::RuntimeError;
/// The binding underneath, so that its users take tensors and bindings from one place.
pub use ort;
pub use session::{Device, ModelSource, SessionSettings};
