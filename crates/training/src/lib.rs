//! Trains an artifact folder on encodings on a stock ONNX Runtime, exactly resumable.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use clinsynth_runtime::Runtime;
//! use clinsynth_training::{Recipe, train};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (training_rows, dev_rows) = (Vec::new(), Vec::new());
//! let runtime = Runtime::load("libonnxruntime.so".as_ref())?;
//! let recipe = Recipe { epochs: 3, ..Recipe::default() };
//! let outcome = train(
//!     &runtime,
//!     "artifact".as_ref(),
//!     &training_rows,
//!     &dev_rows,
//!     &recipe,
//!     "run".as_ref(),
//!     &mut |progress| {
//!         eprintln!("step {} of {}, loss {:.3}", progress.step, progress.steps, progress.loss);
//!         ControlFlow::Continue(())
//!     },
//! )?;
//! println!("dev F1 {:.4} after epoch {}", outcome.best_dev_f1, outcome.best_epoch);
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing about text, files of examples, or how the graphs compute their gradients.

mod accumulation;
mod artifact;
mod batch;
mod batching;
mod checkpoint;
mod data;
mod dropout;
mod error;
mod evaluate;
mod pace;
mod progress;
mod random;
mod recipe;
mod replacement;
mod run;
mod sample;
mod schedule;
mod scores;
mod state;
mod step;
mod weights;

pub use error::TrainingError;
pub use progress::{Phase, Progress};
pub use recipe::{Precision, Recipe};
pub use run::{Observer, Outcome, train};
pub use schedule::Schedule;
