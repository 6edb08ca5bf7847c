//! Training graphs for a stock ONNX Runtime: forward, loss, backward and AdamW as ONNX operators.
//!
//! [`build`] reads a BERT, `RoBERTa`, `DistilBERT` or ELECTRA encoder (`config.json`, `model.safetensors`, `tokenizer.json`) and writes an artifact folder:
//! weightless graphs for a training step, for gradients and for evaluation, the first checkpoint, and the manifest that
//! says how to feed them. [`export`] turns a checkpoint into an inference model with its weights inside, [`export_int8`]
//! into a faster one in 8-bit integers.
//!
//! ```
//! use clinsynth_artifacts::{BuildSettings, build};
//! use clinsynth_contract::{Manifest, TagSet};
//! # let Ok(encoder) = std::env::var("CLINSYNTH_ENCODER") else { return Ok(()) };
//! # let folder = tempfile::tempdir()?;
//! let tags = TagSet::new(["Disease", "Chemical"])?;
//! let built = build(encoder.as_ref(), &tags, &BuildSettings { seed: 7, ..BuildSettings::default() }, folder.path())?;
//! assert_eq!(built, Manifest::read(folder.path())?);
//! assert_eq!(built.tags, ["O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing about data, schedules or running a graph.

mod build;
#[cfg(test)]
#[allow(clippy::expect_used)]
mod check;
mod encoder;
mod error;
mod export;
mod graph;
mod head;
mod inference;
mod markers;
mod model;
mod onnx;
mod optimizer;
mod rules;
mod step;
mod tape;
mod task;
mod weights;

pub use build::{BuildSettings, build, build_classifier};
pub use encoder::Rates;
pub use error::ArtifactError;
pub use export::{Exported, export, export_int8};
pub use markers::add_markers;
pub use task::{Classification, Pooling};
