//! Tests of whole pages.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod page;
mod sample;
mod screenshots;
