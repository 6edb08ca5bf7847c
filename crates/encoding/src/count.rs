use std::fs;
use std::path::Path;

use tokenizers::{Encoding, Tokenizer};

use crate::EncodingError;

/// Counts the tokens of texts by a model's own `tokenizer.json`, of whatever kind: for estimates, not for encoding.
#[derive(Debug)]
pub struct TokenCounter {
    tokenizer: Tokenizer,
}

impl TokenCounter {
    /// Loads a tokenizer.
    ///
    /// Errors: [`EncodingError::Read`], [`EncodingError::Broken`].
    pub fn load(path: &Path) -> Result<Self, EncodingError> {
        let bytes = fs::read(path).map_err(|source| EncodingError::Read { path: path.to_owned(), source })?;
        let broken = |source| EncodingError::Broken { path: path.to_owned(), source };
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(broken)?;
        tokenizer.with_truncation(None).map_err(broken)?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer })
    }

    /// Tokens of a text without special ones; its bytes, which no text has more tokens than, where the tokenizer fails.
    pub fn count(&self, text: &str) -> u64 {
        self.tokenizer.encode_fast(text, false).map_or(text.len(), |encoding| Encoding::len(&encoding)) as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn counts_by_the_file_and_heeds_no_truncation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let description = r#"{"version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy":
            "LongestFirst", "stride": 0}, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer":
            {"type": "Whitespace"}, "post_processor": null, "decoder": null, "model": {"type": "WordLevel", "vocab":
            {"[UNK]": 0, "gout": 1}, "unk_token": "[UNK]"}}"#;
        fs::write(&path, description).unwrap();
        assert_eq!(TokenCounter::load(&path).unwrap().count("gout and gout, twice"), 5);
        fs::write(&path, "{}").unwrap();
        assert!(matches!(TokenCounter::load(&path), Err(EncodingError::Broken { .. })));
        assert!(matches!(TokenCounter::load(&folder.path().join("none")), Err(EncodingError::Read { .. })));
    }
}
