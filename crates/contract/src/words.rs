use crate::Span;
use unicode_normalization::char::is_combining_mark;

/// Joiners that stand inside words of several scripts, and inside emoji sequences.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// A word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// Its text.
    pub text: &'t str,
    /// Its characters.
    pub span: Span,
}

/// The words of a text: each run of letters, digits and `_`, and each other character that is not white space.
///
/// This is `\w+|[^\w\s]` of Python's `re`, but that combining marks and joiners stay in the word before them, so that
/// decomposed text and scripts with vowel signs keep their words. Every character is in a word or is white space.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut chars = text.char_indices().zip(0u32..).peekable();
    while let Some(((byte, first), index)) = chars.next() {
        if is_space(first) {
            continue;
        }
        let (mut end, mut last) = (byte + first.len_utf8(), index + 1);
        if begins_word(first) {
            while let Some(((byte, next), index)) = chars.next_if(|&((_, next), _)| continues_word(next)) {
                (end, last) = (byte + next.len_utf8(), index + 1);
            }
        }
        words.push(Word { text: &text[byte..end], span: Span::new(index, last) });
    }
    words
}

/// White space as Python sees it: Unicode's and the four information separators of ASCII.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

fn begins_word(character: char) -> bool {
    character == '_' || (character.is_alphanumeric() && !is_combining_mark(character))
}

fn continues_word(character: char) -> bool {
    begins_word(character) || is_combining_mark(character) || JOINERS.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = words(text).iter().map(|word| word.text).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn splits_text_of_any_script() {
        check("", &[]);
        check(" \t\n\u{a0}\u{1f}", &[]);
        check(
            "non-Hodgkin's (type_2) 1.5%",
            &["non", "-", "Hodgkin", "'", "s", "(", "type_2", ")", "1", ".", "5", "%"],
        );
        check("cafe\u{301} \u{301}a", &["cafe\u{301}", "\u{301}", "a"]);
        check("किताब में", &["किताब", "में"]);
        check("می\u{200c}خواهم", &["می\u{200c}خواهم"]);
        check("糖尿病。", &["糖尿病", "。"]);
        check("👩\u{200d}⚕\u{fe0f}!", &["👩", "\u{200d}", "⚕", "\u{fe0f}", "!"]);
        check("a\u{0}b", &["a", "\u{0}", "b"]);
    }
}
