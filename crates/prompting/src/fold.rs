//! Text as it is compared when a mention does not occur letter by letter.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// A text without regard to Unicode form, case, kinds of white space, hyphens and quotation marks, each folded character
/// with the characters of the text behind it.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    chars: Vec<char>,
    /// For each folded character the half-open range of characters it comes from.
    ranges: Vec<(u32, u32)>,
}

impl Folded {
    pub(crate) fn new(text: &str) -> Self {
        let mut folded = Self { chars: Vec::new(), ranges: Vec::new() };
        let mut group = String::new();
        let mut start = 0;
        let mut end = 0;
        for character in text.chars() {
            // A combining mark belongs to what stands before it, a run of white space is one space.
            let joins = canonical_combining_class(character) != 0
                || (character.is_whitespace() && group.ends_with(char::is_whitespace));
            if !joins {
                folded.push_group(&group, start, end);
                group.clear();
                start = end;
            }
            group.push(character);
            end += 1;
        }
        folded.push_group(&group, start, end);
        folded
    }

    /// Half-open character ranges of the text under which `needle` occurs, in order, overlapping ones included.
    pub(crate) fn occurrences(&self, needle: &str) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut needle = Self::new(needle).chars;
        needle.truncate(needle.iter().rposition(|&character| character != ' ').map_or(0, |last| last + 1));
        let blank = needle.iter().take_while(|&&character| character == ' ').count();
        needle.drain(..blank);
        let last_start = if needle.is_empty() { 0 } else { (self.chars.len() + 1).saturating_sub(needle.len()) };
        (0..last_start).filter_map(move |first| {
            let last = first + needle.len();
            (self.chars[first..last] == needle[..] && self.is_edge(first) && self.is_edge(last))
                .then(|| (self.ranges[first].0, self.ranges[last - 1].1))
        })
    }

    /// Whether the text may be cut before this folded character: not inside what one group folds to.
    fn is_edge(&self, index: usize) -> bool {
        index == 0 || index == self.ranges.len() || self.ranges[index - 1] != self.ranges[index]
    }

    fn push_group(&mut self, group: &str, start: u32, end: u32) {
        if group.starts_with(char::is_whitespace) {
            self.push(' ', start, end);
            return;
        }
        for character in group.nfd().filter_map(plain).flat_map(char::to_lowercase) {
            self.push(character, start, end);
        }
    }

    fn push(&mut self, character: char, start: u32, end: u32) {
        self.chars.push(character);
        self.ranges.push((start, end));
    }
}

/// One character for all hyphens and dashes, one for each kind of quotation mark; none for what is invisible.
fn plain(character: char) -> Option<char> {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{2032}' => Some('\''),
        '\u{201c}' | '\u{201d}' | '\u{2033}' => Some('"'),
        '\u{00ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_looks_the_same() {
        let check = |text: &str, needle: &str, expected: &[(u32, u32)]| {
            assert_eq!(Folded::new(text).occurrences(needle).collect::<Vec<_>>(), expected, "{needle} in {text}");
        };
        check("Sjo\u{308}gren syndrome", "Sj\u{f6}gren", &[(0, 8)]);
        check("Sj\u{f6}gren", "sjo\u{308}GREN ", &[(0, 7)]);
        check("breast \n cancer", "breast cancer", &[(0, 15)]);
        check("non\u{2011}small-cell", "non-small\u{2013}cell", &[(0, 14)]);
        check("Crohn\u{2019}s disease", "Crohn's disease", &[(0, 15)]);
        check("hyper\u{ad}tension", "hypertension", &[(0, 13)]);
        // A letter is not found without its accent.
        check("cafe\u{301}", "cafe", &[]);
        check("caf\u{e9}", "cafe", &[]);
        // Hangul syllables and their letters are the same text.
        check("\u{1112}\u{1161}\u{11ab}", "\u{d55c}", &[(0, 3)]);
        check("aaa", "aa", &[(0, 2), (1, 3)]);
        check("text", " ", &[]);
        check("", "a", &[]);
    }
}
