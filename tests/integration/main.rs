//! Integration tests through the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod layers;
