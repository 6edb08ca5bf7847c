use std::path::Path;

use clinsynth_contract::{Document, Encoding, Example, Quarantined, Sensitivity, TagSet};
use serde::{Deserialize, Serialize};

use crate::subtokens::{Cache, SubTokens};
use crate::tags::tag_words;
use crate::windows::{Window, cut};
use crate::{EncodingError, Word, words};

/// How texts are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncodingSettings {
    /// Most sub-tokens in a window, special tokens included.
    pub max_tokens: usize,
    /// Words that neighbouring windows share.
    pub overlap_words: usize,
}

impl Default for EncodingSettings {
    /// 192 sub-tokens hold nearly every sentence; 32 words are more context than a mention needs.
    fn default() -> Self {
        Self { max_tokens: 192, overlap_words: 32 }
    }
}

/// A text to be encoded without labels.
#[derive(Clone, Copy, Debug)]
pub struct Text<'t> {
    /// Identifier of the example.
    pub example: &'t str,
    /// The document it is part of.
    pub document: &'t str,
    /// The text.
    pub text: &'t str,
    /// How far it may travel.
    pub sensitivity: Sensitivity,
}

impl<'t> From<&'t Example> for Text<'t> {
    fn from(example: &'t Example) -> Self {
        let Example { id, document, text, sensitivity, .. } = example;
        Self { example: id, document, text, sensitivity: *sensitivity }
    }
}

impl<'t> From<&'t Document> for Text<'t> {
    fn from(document: &'t Document) -> Self {
        let Document { id, text, sensitivity, .. } = document;
        Self { example: id, document: id, text, sensitivity: *sensitivity }
    }
}

/// Labelled examples as windows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// The windows, by example and window; at least one for each example.
    pub encodings: Vec<Encoding>,
    /// Entities whose span the tags do not say exactly, and what was done with each. The examples are encoded all the
    /// same. Reasons: `span_inside_word`, `span_over_space`, `span_without_word`, `span_overlaps`.
    pub misaligned: Vec<Quarantined>,
}

/// Turns texts into windows of sub-tokens for one encoder.
#[derive(Debug)]
pub struct Encoder {
    pub(crate) sub_tokens: SubTokens,
    settings: EncodingSettings,
}

impl Encoder {
    /// Reads an encoder's `tokenizer.json`. Its truncation and padding are not used.
    ///
    /// Errors: [`EncodingError::Read`], [`EncodingError::Broken`], [`EncodingError::NoUnknownToken`], and
    /// [`EncodingError::Settings`] when the overlap is not less than half of a window's sub-tokens.
    pub fn load(tokenizer_json: &Path, settings: &EncodingSettings) -> Result<Self, EncodingError> {
        let encoder = Self { sub_tokens: SubTokens::load(tokenizer_json)?, settings: *settings };
        if settings.overlap_words * 2 >= encoder.budget() {
            let special = encoder.sub_tokens.opening.len() + encoder.sub_tokens.closing.len();
            let EncodingSettings { max_tokens, overlap_words } = *settings;
            return Err(EncodingError::Settings { max_tokens, special, overlap_words });
        }
        Ok(encoder)
    }

    /// Number of ids that the tokenizer can give: one more than the greatest.
    pub const fn vocabulary(&self) -> usize {
        self.sub_tokens.vocabulary
    }

    /// Checks that the tokenizer and the windows fit an encoder: rows of its word embedding, and its longest sequence
    /// in sub-tokens, special tokens included.
    ///
    /// Errors: [`EncodingError::VocabularyTooLarge`], [`EncodingError::WindowTooLong`].
    pub fn check_encoder(&self, rows: usize, positions: usize) -> Result<(), EncodingError> {
        let (vocabulary, max_tokens) = (self.vocabulary(), self.settings.max_tokens);
        if vocabulary > rows {
            return Err(EncodingError::VocabularyTooLarge { path: self.sub_tokens.path.clone(), vocabulary, rows });
        }
        if max_tokens > positions {
            return Err(EncodingError::WindowTooLong { max_tokens, positions });
        }
        Ok(())
    }

    /// Encodes labelled examples, each entity as tags on its words. An entity whose edge falls inside a word takes the
    /// whole word; of entities that share a word the longest stays; both are reported.
    ///
    /// Errors: [`EncodingError::UnknownLabel`], [`EncodingError::Span`], [`EncodingError::Tokenize`].
    pub fn encode_examples(&self, examples: &[Example], labels: &TagSet) -> Result<Encoded, EncodingError> {
        let mut cache = Cache::new();
        let mut encoded = Encoded::default();
        for example in examples {
            let words = words(&example.text);
            let (tags, misaligned) = tag_words(example, &words, labels)?;
            encoded.misaligned.extend(misaligned);
            self.encode(Text::from(example), &words, &tags, &mut cache, &mut encoded.encodings)?;
        }
        Ok(encoded)
    }

    /// Encodes texts without labels: their `tags` are empty.
    ///
    /// Errors: [`EncodingError::Tokenize`].
    pub fn encode_texts<'t>(
        &self,
        texts: impl IntoIterator<Item = impl Into<Text<'t>>>,
    ) -> Result<Vec<Encoding>, EncodingError> {
        let mut cache = Cache::new();
        let mut encodings = Vec::new();
        for text in texts {
            let text = text.into();
            self.encode(text, &words(text.text), &[], &mut cache, &mut encodings)?;
        }
        Ok(encodings)
    }

    /// Sub-tokens that a window has for words.
    pub(crate) fn budget(&self) -> usize {
        let special = self.sub_tokens.opening.len() + self.sub_tokens.closing.len();
        self.settings.max_tokens.saturating_sub(special)
    }

    /// Adds the windows of one text. `tags` is empty or has one tag for each word.
    fn encode<'t>(
        &self,
        text: Text<'t>,
        words: &[Word<'t>],
        tags: &[u32],
        cache: &mut Cache<'t>,
        encodings: &mut Vec<Encoding>,
    ) -> Result<(), EncodingError> {
        self.sub_tokens.fill(cache, words.iter().map(|word| word.text), self.budget())?;
        let ids: Vec<&[u32]> = words.iter().map(|word| cache[word.text].as_slice()).collect();
        let lengths: Vec<usize> = ids.iter().map(|ids| ids.len()).collect();
        for (number, window) in (0..).zip(cut(&lengths, self.budget(), self.settings.overlap_words)) {
            let (input_ids, token_words) = self.surround(&ids[window.words.clone()]);
            let Window { words: inside, owned } = window;
            encodings.push(Encoding {
                example: text.example.to_owned(),
                document: text.document.to_owned(),
                window: number,
                input_ids,
                token_words,
                word_starts: words[inside.clone()].iter().map(|word| word.span.start).collect(),
                word_ends: words[inside.clone()].iter().map(|word| word.span.end).collect(),
                tags: tags.get(inside.clone()).unwrap_or_default().to_vec(),
                owned_from: (owned.start - inside.start) as u32,
                owned_to: (owned.end - inside.start) as u32,
                pair: Vec::new(),
                entity_starts: Vec::new(),
                class: None,
                sensitivity: text.sensitivity,
            });
        }
        Ok(())
    }

    /// Sub-token ids of words between the special tokens, and the word of each (-1 for a special token).
    fn surround(&self, words: &[&[u32]]) -> (Vec<u32>, Vec<i32>) {
        let SubTokens { opening, closing, .. } = &self.sub_tokens;
        let ids = [opening.as_slice()].into_iter().chain(words.iter().copied()).chain([closing.as_slice()]);
        let mut token_words = vec![-1; opening.len()];
        for (index, word) in (0..).zip(words) {
            token_words.extend(std::iter::repeat_n(index, word.len()));
        }
        token_words.extend(std::iter::repeat_n(-1, closing.len()));
        (ids.flatten().copied().collect(), token_words)
    }
}
