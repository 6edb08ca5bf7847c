//! Prompts for language models, and labelled examples out of their completions.
//!
//! Seeds and a template become prompts ([`enumerate`]); prompts that may travel ([`clear`]) are answered by recordings or by
//! any OpenAI-compatible endpoint ([`complete`]); completions become examples with character offsets ([`parse`]). What fails
//! on the way is a row of the `quarantine` table with a [`Reason`].
//!
//! ```
//! use clinsynth_contract::{Completion, Entity, Span};
//! use clinsynth_prompting::{GenerateSettings, Label, Labelling, ParseSettings, Parameters, PromptSeed, Template};
//!
//! let labelling = Labelling { labels: vec![Label::new("Disease", "an illness")], ..Labelling::default() };
//! let template = Template::parse("ner.md.j2", "--- user\nWrite {{ count }} sentences on {{ topic }}.")?;
//! let seed = PromptSeed { topic: Some("gout".into()), count: 1, ..PromptSeed::default() };
//! let settings = GenerateSettings {
//!     labelling: labelling.clone(),
//!     parameters: Parameters { model: "any".into(), ..Parameters::default() },
//!     ..GenerateSettings::default()
//! };
//! let prompts = clinsynth_prompting::enumerate(&template, &[seed], &settings)?;
//! assert_eq!(prompts[0].messages[0].content, "Write 1 sentences on gout.");
//!
//! let text = r#"{"examples": [{"text": "He has gout.", "entities": [{"text": "gout", "type": "disease"}]}]}"#;
//! let completion = Completion { request: prompts[0].request.clone(), text: text.into(), ..Completion::default() };
//! let parsed = clinsynth_prompting::parse(&[completion], &prompts, &ParseSettings::new(labelling))?;
//! assert_eq!(parsed.examples[0].entities, [Entity::new(Span::new(7, 11), "Disease")]);
//! # Ok::<(), clinsynth_prompting::PromptingError>(())
//! ```
//!
//! This crate knows nothing about curation, training or files of tables.

mod address;
mod align;
mod annotate;
#[cfg(test)]
mod annotate_tests;
mod asker;
mod backoff;
mod batch;
mod batch_api;
#[cfg(test)]
mod batch_tests;
mod cache;
mod chat;
mod clearance;
mod coerce;
mod complete;
mod draw;
mod egress;
mod endpoint;
mod enumerate;
mod error;
mod extract;
mod failure;
mod fold;
mod gather;
#[cfg(test)]
mod gather_tests;
mod given;
mod held;
mod labels;
mod ladder;
mod live;
#[cfg(test)]
mod live_tests;
mod locate;
mod pace;
mod parse;
mod price;
mod quotes;
mod reason;
mod repair;
mod replay;
mod search;
#[cfg(test)]
mod search_tests;
mod seeds;
mod selection;
#[cfg(test)]
mod sending_tests;
mod status;
mod tally;
mod task;
mod template;
#[cfg(test)]
mod test_server;
mod text;
#[cfg(test)]
mod tls_tests;
mod transport;
mod vocabulary;

pub use annotate::{Agreement, Voted, Voting, annotate};
pub use cache::keeping::{
    Account, CacheListing, CachedCompletions, Collected, Exported, collect_garbage, export, list,
};
pub use clearance::{ClearedErrors, ClearedExamples, ClearedPrompts, clear, clear_errors, clear_examples};
pub use complete::{Answers, Backend, Connections, Progress, Spending, complete, estimate};
pub use endpoint::{ApiKey, Batching, Endpoint, JsonMode, Origin};
pub use enumerate::{GenerateSettings, Parameters, enumerate};
pub use error::PromptingError;
pub use gather::{Ask, GatherSettings, Gathered, Target, class_counts, gather};
pub use parse::{ParseSettings, Parsed, Warning, parse};
pub use price::{Budget, CountTokens, Estimate, Price, Prices, money};
pub use quotes::Quotes;
pub use reason::Reason;
pub use replay::{Recording, Recordings};
pub use search::{SearchSettings, Searched, Trial, search};
pub use seeds::{PromptSeed, read_seeds, seed_rows};
pub use task::{Label, Labelling, Task};
pub use template::Template;
pub use text::read_text;
pub use vocabulary::{Sampling, SeedSources, Term, draw_seeds, read_lines, read_vocabulary};
