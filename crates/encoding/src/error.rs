use std::error::Error;
use std::io;
use std::path::PathBuf;

use clinsynth_contract::ContractError;

/// Why texts cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// The tokenizer file cannot be read.
    #[error("cannot read the tokenizer `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no tokenizer of this library.
    #[error("`{}` is not a tokenizer.json of the Hugging Face tokenizers library", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No token can stand for a word that the tokenizer makes nothing of.
    #[error("the tokenizer `{}` names no unknown token: its model needs `unk_token`, or an added token `[UNK]` or `<unk>`", path.display())]
    NoUnknownToken {
        /// The file.
        path: PathBuf,
    },
    /// The windows cannot hold their own overlap.
    #[error(
        "windows of `max_tokens` {max_tokens} ({special} of them special) cannot overlap by `overlap_words` {overlap_words}: the overlap must be less than half of what remains"
    )]
    Settings {
        /// Sub-tokens in a window.
        max_tokens: usize,
        /// Special tokens among them.
        special: usize,
        /// Words shared by neighbours.
        overlap_words: usize,
    },
    /// The tokenizer belongs to another encoder.
    #[error("the tokenizer `{}` gives ids up to {}, but the encoder's embedding has {rows} rows: take the tokenizer.json that belongs to the encoder", path.display(), vocabulary - 1)]
    VocabularyTooLarge {
        /// The tokenizer's file.
        path: PathBuf,
        /// Ids the tokenizer can give.
        vocabulary: usize,
        /// Rows of the encoder's word embedding.
        rows: usize,
    },
    /// The windows are longer than what the encoder reads.
    #[error(
        "windows of {max_tokens} sub-tokens are longer than the {positions} positions of the encoder: lower `max_tokens`"
    )]
    WindowTooLong {
        /// Sub-tokens in a window.
        max_tokens: usize,
        /// The encoder's longest sequence.
        positions: usize,
    },
    /// The tokenizer failed on a word.
    #[error("the tokenizer fails on the word `{word}`")]
    Tokenize {
        /// The word.
        word: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A label that is not in the tag set.
    #[error("example `{example}` has an entity labelled `{label}`, which is not in the label set ({known})")]
    UnknownLabel {
        /// The example.
        example: String,
        /// The label.
        label: String,
        /// The label set, comma-separated.
        known: String,
    },
    /// A span that does not lie inside its text.
    #[error("an entity of example `{example}` is not in its text")]
    Span {
        /// The example.
        example: String,
        /// Where the span is and how long the text.
        #[source]
        source: ContractError,
    },
    /// A pair is to stand between markers that the tokenizer does not know.
    #[error("the tokenizer `{}` has no token `{marker}`: marked pairs need an encoder to which the markers were added", path.display())]
    NoMarker {
        /// The file.
        path: PathBuf,
        /// The first marker that is missing.
        marker: String,
    },
    /// A relation points at an entity that is not there.
    #[error(
        "a relation of example `{example}` points at entity {index}, but the example has {entities} (counted from 0)"
    )]
    NoEntity {
        /// The example.
        example: String,
        /// The index.
        index: u32,
        /// Number of entities.
        entities: u32,
    },
    /// A relation whose label is none of the classes.
    #[error("example `{example}` has a relation labelled `{label}`, which is none of `relations` ({known})")]
    UnknownRelation {
        /// The example.
        example: String,
        /// The label.
        label: String,
        /// The classes, comma-separated.
        known: String,
    },
}
