//! Readers and writers of annotated corpora.
//!
//! A reader gives one [`AnnotatedText`] after the other, a [`Writer`] takes them, in memory for one text. On the way to
//! examples each annotation is checked against the text: what does not fit is set aside with its reason, the rest is
//! kept. Writers count what their format has no place for.
//!
//! ```
//! use clinsynth_contract::{Entity, Sensitivity, Span};
//! use clinsynth_corpora::{Discontinuous, Format, ReadSettings, read};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tiny.tsv");
//! std::fs::write(&path, "Severe\tO\nasthma\tB-Disease\n")?;
//! let corpus = read(&path, &ReadSettings {
//!     format: Format::Auto,
//!     label_map: Default::default(),
//!     discontinuous: Discontinuous::Cover,
//!     source: "tiny".into(),
//!     sensitivity: Sensitivity::Public,
//! })?;
//! assert_eq!(corpus.examples[0].text, "Severe asthma");
//! assert_eq!(corpus.examples[0].entities, [Entity::new(Span::new(7, 13), "Disease")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing about models, splits or scores.

mod bioc;
mod brat;
mod chemprot;
mod concept_pairs;
mod corpus;
mod error;
mod example;
mod folder;
mod format;
mod hugging_face;
mod i2b2;
mod iob;
mod iob_writer;
mod jsonl;
mod lines;
mod pubtator;
mod read;
mod relations;
mod settings;
mod spacy;
mod text;
mod write;

pub use concept_pairs::list_concept_pairs;
pub use corpus::{Corpus, Import, ImportedText, Warning, import, read};
pub use error::CorpusError;
pub use example::{Imported, from_example, to_example};
pub use format::Format;
pub use hugging_face::HuggingFaceColumns;
pub use read::{Texts, texts, texts_of};
pub use settings::{Discontinuous, ReadSettings, default_label_map};
pub use text::{AnnotatedText, Argument, Link, Mention, Passage, Reason, SetAside};
pub use write::{Loss, Losses, Tokens, WriteSettings, Writer};
