//! The report of a run: one self-contained HTML page, the same as Markdown for a pull request, and the data of every chart
//! as CSV. No network, and the same bytes for the same data.
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

mod published;

mod render;

mod sets;

mod calibration;
mod comparisons;
mod confusion;
mod costs;
mod curves;
mod data;
mod efficiency;
mod errors;
mod lineage;
mod overview;
mod privacy;
mod scores;
mod slices;
mod steps;
mod training;

mod plots;

mod axis;
mod numbers;

mod error;

pub use error::ReportingError;
pub use plots::{Plot, plots};
pub use published::read_published;
pub use render::{render, render_markdown};
pub use report::{
    Count, DataCount, DropCount, Efficiency, EgressSummary, ErrorSample, HostCount, LabelPair, NotRun, OutputSummary,
    Published, Report, Setting, StepCost, StepSummary, TrainingRun,
};
