use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::EncodingError;

/// Sub-token ids of words met so far; words repeat, and tokenizing is most of the cost of encoding.
pub(crate) type Cache<'t> = HashMap<&'t str, Vec<u32>>;

/// A `tokenizer.json` as words use it: without truncation and padding, and with the special tokens taken apart.
#[derive(Debug)]
pub(crate) struct SubTokens {
    tokenizer: Tokenizer,
    /// The file, for messages.
    pub(crate) path: PathBuf,
    /// Special tokens before the words.
    pub(crate) opening: Vec<u32>,
    /// Special tokens after the words.
    pub(crate) closing: Vec<u32>,
    /// Stands for a word that the tokenizer's normalizer erases.
    unknown: u32,
    /// One more than the greatest id.
    pub(crate) vocabulary: usize,
}

impl SubTokens {
    pub(crate) fn load(path: &Path) -> Result<Self, EncodingError> {
        let bytes = fs::read(path).map_err(|source| EncodingError::Read { path: path.to_owned(), source })?;
        let broken = |source: Box<dyn Error + Send + Sync>| EncodingError::Broken { path: path.to_owned(), source };
        let mut description: Value = serde_json::from_slice(&bytes).map_err(|error| broken(error.into()))?;
        description.get_mut("pre_tokenizer").map(prefix_spaces);
        let tokenizer = plain_tokenizer(&description).map_err(broken)?;
        let (opening, closing) = special_tokens(&tokenizer).map_err(broken)?;
        let unknown = unknown_token(&description, &tokenizer)
            .ok_or_else(|| EncodingError::NoUnknownToken { path: path.to_owned() })?;
        let greatest = tokenizer.get_vocab(true).into_values().max();
        Ok(Self {
            path: path.to_owned(),
            opening,
            closing,
            unknown,
            vocabulary: greatest.map_or(0, |id| id as usize + 1),
            tokenizer,
        })
    }

    /// Adds to the cache what it lacks of these words, each cut to `longest` sub-tokens.
    pub(crate) fn fill<'t>(
        &self,
        cache: &mut Cache<'t>,
        words: impl IntoIterator<Item = &'t str>,
        longest: usize,
    ) -> Result<(), EncodingError> {
        for word in words {
            if !cache.contains_key(word) {
                let mut ids = self.ids(word)?;
                ids.truncate(longest);
                cache.insert(word, ids);
            }
        }
        Ok(())
    }

    /// The id of a token that stands for itself, such as a marker.
    pub(crate) fn special(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The sub-tokens of one word, at least one.
    pub(crate) fn ids(&self, word: &str) -> Result<Vec<u32>, EncodingError> {
        let encoding = self
            .tokenizer
            .encode_fast([word].as_slice(), false)
            .map_err(|source| EncodingError::Tokenize { word: word.to_owned(), source })?;
        Ok(if encoding.is_empty() { vec![self.unknown] } else { encoding.get_ids().to_vec() })
    }
}

/// Byte-level tokenizers take the space before a word as part of it, and words are given without theirs: so the space
/// is added, as `RobertaTokenizerFast(add_prefix_space=True)` does for words.
fn prefix_spaces(pre_tokenizer: &mut Value) {
    if pre_tokenizer["type"] == "ByteLevel" {
        pre_tokenizer["add_prefix_space"] = Value::Bool(true);
    }
    if let Some(parts) = pre_tokenizer.get_mut("pretokenizers").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(prefix_spaces);
    }
}

/// Truncation goes because the library's drops the overflow since 0.23.1 (its issue 2091), and cuts inside words.
fn plain_tokenizer(description: &Value) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(description.to_string())?;
    tokenizer.with_truncation(None)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// What the tokenizer's own post-processor puts before and after a sequence, seen on a sequence without words.
fn special_tokens(tokenizer: &Tokenizer) -> tokenizers::Result<(Vec<u32>, Vec<u32>)> {
    let probe = tokenizer.encode_fast(["a"].as_slice(), true)?;
    let special = probe.get_special_tokens_mask();
    let first = special.iter().position(|&special| special == 0).unwrap_or(special.len());
    let last = special.iter().rposition(|&special| special == 0).map_or(first, |last| last + 1);
    Ok((probe.get_ids()[..first].to_vec(), probe.get_ids()[last..].to_vec()))
}

/// The unknown token as the model names it (`unk_token` by name, Unigram's `unk_id` by number), or else an added token
/// of a usual name: byte-level models need none themselves.
fn unknown_token(description: &Value, tokenizer: &Tokenizer) -> Option<u32> {
    let model = &description["model"];
    let named = model["unk_token"].as_str().and_then(|token| tokenizer.token_to_id(token));
    let numbered = model["unk_id"].as_u64().map(|id| id as u32);
    named.or(numbered).or_else(|| ["[UNK]", "<unk>"].iter().find_map(|token| tokenizer.token_to_id(token)))
}
