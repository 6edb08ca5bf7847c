//! Prompts for language models, and labelled examples out of their completions.
//!
//! This crate knows nothing about curation, training or files of tables.

mod align;
mod backoff;
mod chat;
mod clearance;
mod coerce;
mod complete;
mod egress;
mod endpoint;
mod enumerate;
mod error;
mod extract;
mod failure;
mod fold;
mod journal;
mod labels;
mod ladder;
mod live;
mod locate;
mod parse;
mod reason;
mod replay;
mod seeds;
mod status;
mod task;
mod template;
mod transport;

pub use clearance::{ClearedPrompts, clear};
pub use complete::{Answers, Backend, Connections, Progress, complete};
pub use endpoint::{ApiKey, Endpoint, JsonMode, Origin};
pub use enumerate::{GenerateSettings, Parameters, enumerate};
pub use error::PromptingError;
pub use parse::{ParseSettings, Parsed, Warning, parse};
pub use reason::Reason;
pub use replay::{Recording, Recordings};
pub use seeds::{PromptSeed, read_seeds, seed_rows};
pub use task::{Label, Labelling, Task};
pub use template::Template;
