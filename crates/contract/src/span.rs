use serde::{Deserialize, Serialize};

use crate::ContractError;

/// A half-open range of characters (Unicode scalar values) in a text, as in BioC, brat and spaCy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First character.
    pub start: u32,
    /// One past the last character.
    pub end: u32,
}

impl Span {
    /// The span `start..end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// Characters covered.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers nothing.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether the two share at least one character.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The one place where character offsets become byte offsets and back: the byte at which each character of a text starts.
#[derive(Clone, Debug)]
pub struct CharOffsets<'t> {
    text: &'t str,
    bytes: Vec<u32>,
}

impl<'t> CharOffsets<'t> {
    /// Indexes a text, in one pass over it.
    pub fn new(text: &'t str) -> Self {
        // Written at each byte and kept where a character starts: no branch, and no growing.
        let mut bytes = vec![0; text.len() + 1];
        let mut chars = 0;
        for (index, byte) in (0..).zip(text.bytes()) {
            bytes[chars] = index;
            chars += usize::from(is_first(byte));
        }
        bytes[chars] = text.len() as u32;
        bytes.truncate(chars + 1);
        Self { text, bytes }
    }

    /// Characters in the text.
    pub fn chars(&self) -> u32 {
        (self.bytes.len() - 1) as u32
    }

    /// The byte at which character `index` starts; `index` may be one past the last.
    pub fn byte(&self, index: u32) -> Option<usize> {
        self.bytes.get(index as usize).map(|&byte| byte as usize)
    }

    /// The character that starts at `byte`, or `None` when the byte is inside one.
    pub fn char(&self, byte: usize) -> Option<u32> {
        self.bytes.binary_search(&(byte as u32)).ok().map(|index| index as u32)
    }

    /// The text under a span.
    ///
    /// Errors: [`ContractError::SpanOutside`] when the span is empty, reversed or reaches past the text.
    pub fn slice(&self, span: Span) -> Result<&'t str, ContractError> {
        let outside = || ContractError::SpanOutside { start: span.start, end: span.end, length: self.chars() };
        if span.is_empty() {
            return Err(outside());
        }
        let (start, end) = self.byte(span.start).zip(self.byte(span.end)).ok_or_else(outside)?;
        Ok(&self.text[start..end])
    }
}

/// Whether a byte of UTF-8 starts a character: the others are `10xxxxxx`.
const fn is_first(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_and_characters_convert_back(text in "\\PC{0,40}") {
            let offsets = CharOffsets::new(&text);
            for index in 0..=offsets.chars() {
                prop_assert_eq!(offsets.byte(index).and_then(|byte| offsets.char(byte)), Some(index));
            }
        }

        #[test]
        fn slices_are_the_characters(text in "\\PC{1,40}", a in 0u32..40, b in 0u32..40) {
            let offsets = CharOffsets::new(&text);
            let (start, end) = (a.min(b), a.max(b));
            let expected: String = text.chars().skip(start as usize).take((end - start) as usize).collect();
            match offsets.slice(Span::new(start, end)) {
                Ok(slice) => prop_assert_eq!(slice, expected),
                Err(_) => prop_assert!(start == end || end > offsets.chars()),
            }
        }
    }
}
