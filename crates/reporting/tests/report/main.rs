//! Tests of whole pages.
#![allow(clippy::unwrap_used, clippy::pedantic)]

mod page;
mod sample;
mod screenshots;
