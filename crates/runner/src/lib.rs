//! Runs a plan: finds what is done, starts what is not, keeps what was made.
//!
//! ```no_run
//! use clinsynth_provision::Provision;
//! use clinsynth_runner::{Layout, Machine, Stop, run_step};
//! let plan = clinsynth_dag::read_plan("pipelines/ner.yaml".as_ref(), &[])?;
//! let machine = Machine::new(Provision::new(None)?);
//! let action = run_step(&plan, &Layout::new(".clinsynth"), &machine, "generate", false, &Stop::default(), &mut |_| {})?;
//! assert!(action.output("examples").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing about terminals: it emits [`Event`]s, and whoever runs it shows them.

mod action;
mod child;
mod error;
mod event;
mod execute;
mod files;
mod key;
mod layout;
mod local;
mod machine;
mod objects;
mod openlineage;
mod outlook;
mod run_log;
mod slots;
mod steps;
mod stop;

pub use action::{Action, Output};
pub use error::RunnerError;
pub use event::Event;
pub use execute::{dry_run_step, run_step};
pub use key::{KeyMaker, StepKey};
pub use layout::Layout;
pub use local::{Launch, LocalExecutor, RunOptions, Summary};
pub use machine::Machine;
pub use outlook::{Outlook, latest_output, outlook};
pub use run_log::RunLog;
pub use stop::{Stop, stop_on_signals, stop_when_input_closes};
