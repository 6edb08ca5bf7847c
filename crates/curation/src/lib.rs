//! From labelled texts as a model wrote them to a data set worth training on: filters, duplicates, decontamination,
//! consistency of mentions and a split by topic. Whatever is set aside has a row with its reason. What counts as the same
//! mention also makes a [`Dictionary`], which finds mentions by their names.
//!
//! ```
//! use clinsynth_contract::{Entity, Example, Span};
//! use clinsynth_curation::{CurationSettings, Reason, curate};
//!
//! let example = |id: &str, text: &str| Example {
//!     id: id.into(),
//!     text: text.into(),
//!     entities: vec![Entity::new(Span::new(0, 15), "Disease")],
//!     ..Example::default()
//! };
//! let written = vec![
//!     example("1", "Cystic fibrosis was found in both siblings."),
//!     example("2", "cystic fibrosis was found, in both siblings"),
//! ];
//! let curated = curate(written, &[], &CurationSettings::default())?;
//! assert_eq!(curated.kept.len(), 1);
//! assert_eq!(curated.quarantined[0].reason, Reason::Duplicate.code());
//! # Ok::<(), clinsynth_curation::CurationError>(())
//! ```
//!
//! This crate knows nothing about files, prompts or models.

mod characters;
mod contamination;
mod curate;
mod dictionary;
mod duplicates;
mod error;
mod ledger;
mod mentions;
mod minhash;
mod reason;
mod settings;
mod spans;
mod split;
mod tokens;

pub use curate::{Curated, curate};
pub use dictionary::Dictionary;
pub use error::CurationError;
pub use ledger::STAGE;
pub use reason::Reason;
pub use settings::{CurationSettings, MentionPolicy, MentionSettings, SplitSettings};
pub use split::split_by_topic;
