//! What an encoder is: its family's names, its configuration, its parameters.

mod activation;
mod config;
mod family;
mod layout;

pub(crate) use activation::Activation;
pub(crate) use config::Encoder;
pub(crate) use family::{Family, SequenceHead};
pub use layout::Rates;
pub(crate) use layout::{Layer, Layout, Pair};
