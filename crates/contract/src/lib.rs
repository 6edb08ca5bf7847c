//! What passes between the parts of clinsynth: tables, spans, tag sets, sensitivity and the artifact manifest.
//!
//! Every step reads and writes [`Table`]s: an Arrow `RecordBatch` whose schema was checked once, seen as typed rows.
//!
//! ```
//! use clinsynth_contract::{Example, Table, Span, Entity};
//! let example = Example { text: "cystic fibrosis".into(), entities: vec![Entity::new(Span::new(0, 15), "Disease")], ..Example::default() };
//! let table = Table::from_rows([example.clone()])?;
//! assert_eq!(table.row(0), example);
//! # Ok::<(), clinsynth_contract::ContractError>(())
//! ```
//!
//! This crate knows nothing about models or networks, and of files only the artifact folder's manifest.

mod adamw;
mod artifact;
mod cell;
mod digest;
mod error;
mod provenance;
mod reasons;
mod sensitivity;
mod span;
mod table;
mod tables;
mod tags;
mod words;

pub use adamw::{AdamW, AdamWScalars};
pub use artifact::{
    ARTIFACT_FORMAT, Dimension, DropoutSite, ElementType, EncoderSummary, Manifest, Parameter, StoredPart, TensorSpec,
};
pub use cell::Cell;
pub use digest::{Digest, Hasher};
pub use error::ContractError;
pub use provenance::{Origin, Provenance, Split};
pub use sensitivity::Sensitivity;
pub use span::{CharOffsets, Span};
pub use table::{Row, Table, describe};
pub use tables::{
    Comparison, Completion, Document, EgressRecord, Encoding, Entity, ErrorCase, Example, HistoryPoint, Message,
    Prediction, Prompt, Quarantined, Relation, Score, ScoredRelation, ScoredSpan, Seed, descriptions,
};
pub use tags::{Prefix, TagScheme, TagSet, TagSpan, decode_tags};
pub use words::{Word, words};
