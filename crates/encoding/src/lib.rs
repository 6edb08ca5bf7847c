//! Text to sub-token windows and back, without loss.
//!
//! A text is split into [`words`]; labelled spans become BIO (or BIOES) tags on words and [`spans`] turns tags back; an
//! [`Encoder`] turns words into the encoder's sub-tokens, in overlapping windows where a text is long, or pairs of its
//! entities for the classification of relations.
//!
//! ```
//! use clinsynth_contract::{Entity, Span, TagSet};
//! use clinsynth_encoding::{spans, words};
//! let words = words("Wilson's disease, again");
//! let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
//! assert_eq!(texts, ["Wilson", "'", "s", "disease", ",", "again"]);
//! let bounds: Vec<Span> = words.iter().map(|word| word.span).collect();
//! let labels = TagSet::new(["Disease"])?;
//! assert_eq!(spans(&[1, 2, 2, 2, 0, 0], &bounds, &labels), [Entity::new(Span::new(0, 16), "Disease")]);
//! # Ok::<(), clinsynth_contract::ContractError>(())
//! ```
//!
//! This crate knows nothing about models beyond their `tokenizer.json`, nor about batches.

mod count;
mod encoder;
mod error;
mod pairs;
mod subtokens;
mod tags;
mod windows;

pub use clinsynth_contract::{Word, words};
pub use count::TokenCounter;
pub use encoder::{Encoded, Encoder, EncodingSettings, Text};
pub use error::EncodingError;
pub use pairs::{PairForm, PairSettings};
pub use tags::spans;
