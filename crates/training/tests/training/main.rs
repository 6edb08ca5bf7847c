//! Training runs of a tiny BERT with random weights, on a real ONNX Runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod learning;
mod options;
mod refusals;
mod resume;
mod tiny;
