//! One file for each layer operation: `forward` leaves its operators on the tape and keeps what the gradient needs;
//! `backward` takes the gradient of the output, gives the parameters theirs, and returns the input's.
//!
//! A rule for each layer, not for each operator: the fusions that make a step fast cross operators.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod classification;
pub(crate) mod cross_entropy;
pub(crate) mod dropout;
pub(crate) mod embedding;
pub(crate) mod gelu;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod pooling;
pub(crate) mod tagging;
