//! Words as this crate counts and compares them.

use clinsynth_contract::Span;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::characters::{Script, script};

/// A word, or a single other character that is not white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Characters of the text.
    pub(crate) span: Span,
    /// First byte.
    pub(crate) from: usize,
    /// One past the last byte.
    pub(crate) to: usize,
    /// Whether it is a word.
    pub(crate) word: bool,
}

/// Cuts a text into tokens. A word is a run of letters, digits and marks; scripts that put no space between words give
/// a word for each character.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 5);
    let mut open = false;
    for (index, (from, c)) in text.char_indices().enumerate() {
        let (start, to) = (index as u32, from + c.len_utf8());
        let part = is_word_part(c);
        match tokens.last_mut() {
            Some(last) if open && part && !is_unspaced(c) => {
                last.to = to;
                last.span.end = start + 1;
            }
            _ if c.is_whitespace() => {}
            _ => tokens.push(Token { span: Span::new(start, start + 1), from, to, word: part }),
        }
        open = part && !is_unspaced(c);
    }
    tokens
}

/// Whether two neighbouring characters belong to one word.
pub(crate) fn joined(left: char, right: char) -> bool {
    is_word_part(left) && is_word_part(right) && !is_unspaced(left) && !is_unspaced(right)
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

fn is_unspaced(c: char) -> bool {
    !c.is_ascii() && matches!(script(c), Script::EastAsian | Script::SoutheastAsian)
}

/// The form in which texts are compared: NFKC, lower case, words separated by one space, without punctuation.
pub(crate) fn normal_form(text: &str) -> String {
    let folded: String =
        if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkc().flat_map(char::to_lowercase).collect() };
    let mut normal = String::with_capacity(folded.len());
    for word in folded.split(|c: char| !is_word_part(c)).filter(|word| !word.is_empty()) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(word);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_single_characters() {
        let check = |text: &str, expected: &[(&str, bool)]| {
            let found: Vec<_> = tokens(text).iter().map(|token| (&text[token.from..token.to], token.word)).collect();
            assert_eq!(found, expected);
            for token in tokens(text) {
                let slice: String =
                    text.chars().skip(token.span.start as usize).take(token.span.len() as usize).collect();
                assert_eq!(slice, text[token.from..token.to]);
            }
        };
        check(
            "Ca2+ (α-TNF)",
            &[("Ca2", true), ("+", false), ("(", false), ("α", true), ("-", false), ("TNF", true), (")", false)],
        );
        check("e\u{301}tat  b", &[("e\u{301}tat", true), ("b", true)]);
        check("x肺癌y", &[("x", true), ("肺", true), ("癌", true), ("y", true)]);
        check("", &[]);
    }

    #[test]
    fn normal_forms() {
        let check = |text: &str, expected: &str| assert_eq!(normal_form(text), expected);
        check("  The  BRCA1-linked, ﬁrst (n = 3).", "the brca1 linked first n 3");
        check("Ménière\u{a0}ÉTAT", "ménière état");
        check("!?", "");
    }
}
