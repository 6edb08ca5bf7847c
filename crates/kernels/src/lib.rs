//! CPU kernels for the operations that the training graphs name in the domain `clinsynth`.
//!
//! The graphs define those operations by standard operators too, so a session without this crate runs them all the same;
//! with it, several passes over memory become one, and matrices are multiplied in bfloat16 where the processor does that
//! natively.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clinsynth_kernels::{Precision, operators};
//! # let Ok(library) = std::env::var("ORT_DYLIB_PATH") else { return Ok(()) };
//! # let runtime = clinsynth_runtime::Runtime::load(library.as_ref())?;
//! let builder = runtime.session_builder(&Default::default())?;
//! let builder = builder.with_operators(operators(Precision::Fp32)?).map_err(|error| error.to_string())?;
//! # drop(builder);
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing about models, batches or files: it sees slices.

// A loop body takes part in its caller's instruction set only where it is inlined.
#![allow(clippy::inline_always)]

#[allow(unsafe_code)] // As in `workers`; and one tensor that is input and output.
mod adamw;
#[allow(unsafe_code)] // As in `workers`, and functions compiled for what the processor has.
mod gelu;
#[allow(unsafe_code)] // As in `gelu`.
mod host;
mod kernel;
#[allow(unsafe_code)] // As in `gelu`.
mod layer_norm;
#[cfg(target_arch = "x86_64")]
mod matrix_product;
mod operator;
mod precision;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // Processor instructions on slices whose bounds each caller has checked.
mod product;
mod vector;
#[allow(unsafe_code)] // One slice written by several threads, each in a part of its own.
mod workers;

pub use host::{AdamWStep, Updated, adamw, add_scaled, norm};
pub use operator::operators;
pub use precision::Precision;
