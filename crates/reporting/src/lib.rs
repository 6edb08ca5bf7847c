//! One self-contained HTML report of a run: no network, no script, the same bytes for the same data.
//!
//! ```
//! use clinsynth_reporting::{Report, Setting, render};
//! let report = Report {
//!     title: "Diseases & chemicals".into(),
//!     settings: vec![Setting::new("Encoder", "all-MiniLM-L6-v2")],
//!     ..Report::default()
//! };
//! let page = render(&report)?;
//! assert!(page.starts_with("<!doctype html>") && page.contains("Diseases &amp; chemicals"));
//! # Ok::<(), clinsynth_reporting::ReportingError>(())
//! ```
//!
//! This crate knows nothing about files, steps or where the figures come from.

mod report;

mod render;

mod axis;
mod costs;
mod data;
mod errors;
mod lineage;
mod numbers;
mod privacy;
mod scores;
mod steps;
mod training;

mod error;

pub use error::ReportingError;
pub use render::render;
pub use report::{
    Count, DataCount, DropCount, EgressSummary, ErrorSample, HostCount, OutputSummary, Report, Setting, StepCost,
    StepSummary, TrainingRun,
};
