//! Integration tests through the real binary, on a pipeline and an encoder small enough to train in a second.
//!
//! They need the ONNX Runtime library; `clinsynth setup`, which `just test` runs first, brings it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cache;
mod chat_server;
mod corpora;
mod data;
mod environment;
mod interruption;
mod joint;
mod layers;
mod pipeline_file;
mod relations;
mod requests;
mod scores;
mod strategies;
mod workplace;
