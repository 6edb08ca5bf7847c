//! Readers of annotated corpora: PubTator and IOB files become examples that people labelled.
//!
//! Each annotation is checked against the text. What does not fit is set aside with its reason; the rest is kept.
//!
//! ```
//! use clinsynth_contract::{Entity, Sensitivity, Span};
//! use clinsynth_corpora::{Format, ReadSettings, read};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tiny.tsv");
//! std::fs::write(&path, "Severe\tO\nasthma\tB-Disease\n")?;
//! let corpus = read(&path, &ReadSettings {
//!     format: Format::Auto,
//!     label_map: Default::default(),
//!     source: "tiny".into(),
//!     sensitivity: Sensitivity::Public,
//! })?;
//! assert_eq!(corpus.examples[0].text, "Severe asthma");
//! assert_eq!(corpus.examples[0].entities, [Entity::new(Span::new(7, 13), "Disease")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing about models, splits or scores.

mod corpus;
mod detection;
mod error;
mod input;
mod iob;
mod pubtator;
mod settings;

pub use corpus::{Corpus, Warning, read};
pub use error::CorpusError;
pub use settings::{Format, ReadSettings, default_label_map};
