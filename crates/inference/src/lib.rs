//! Tags encodings, or classifies encoded pairs, with an exported model.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let Ok(library) = std::env::var("ORT_DYLIB_PATH") else { return Ok(()) };
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny");
//! use std::ops::ControlFlow;
//! use clinsynth_contract::Encoding;
//! use clinsynth_inference::{InferenceSettings, Tagger};
//! use clinsynth_runtime::Runtime;
//! let encodings = [Encoding {
//!     example: "e1".into(),
//!     input_ids: vec![1, 7, 8, 2],
//!     token_words: vec![-1, 0, 1, -1],
//!     word_starts: vec![0, 5],
//!     word_ends: vec![4, 12],
//!     owned_to: 2,
//!     ..Encoding::default()
//! }];
//! let runtime = Runtime::load(library.as_ref())?;
//! let mut tagger = Tagger::load(&runtime, folder.as_ref(), &InferenceSettings::default())?;
//! let predictions = tagger.predict(&encodings, &mut |_done, _total| ControlFlow::Continue(()))?;
//! assert_eq!(predictions[0].example, "e1");
//! assert!(predictions[0].spans.iter().all(|span| span.score > 0.2));
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing about tokenizers, nor about how a model was trained.

mod batches;
mod error;
mod folder;
mod margins;
mod model;
mod pairs;
mod session;
mod tagger;
mod windows;

pub use error::InferenceError;
pub use margins::Decoding;
pub use pairs::{PairClass, PairClassifier};
pub use tagger::{InferenceSettings, Tagger};
