//! Words, tags and sub-tokens: against what Python's `re` and Hugging Face's tokenizers recorded in `tests/data`
//! (written by `tests/reference/encoding_cases.py`), and round trips over arbitrary text.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod errors;
mod pairs;
mod parity;
mod round_trip;

use std::path::{Path, PathBuf};

use clinsynth_encoding::{Encoder, EncodingSettings};
use serde::de::DeserializeOwned;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn encoder(tokenizer: &str, max_tokens: usize, overlap_words: usize) -> Encoder {
    Encoder::load(&data(tokenizer), &EncodingSettings { max_tokens, overlap_words }).unwrap()
}
