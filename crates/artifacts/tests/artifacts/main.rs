//! Artifact folders as a whole: their files, their numbers against PyTorch's, and the exported model.
//!
//! Everything runs on the stock ONNX Runtime that `ORT_DYLIB_PATH` names, on an encoder small enough to be drawn.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod export;
mod families;
mod folder;
mod markers;
mod parity;
mod peers;
mod reference;
mod sequences;
mod session;
