//! Mention strings → character offsets.
//!
//! Mentions are taken to stand in order of occurrence, so each is looked for after the end of the one before. Spans never
//! overlap: a nested or crossing mention cannot be held by flat tags and is reported, not dropped. Three passes, and the
//! first that places every mention counts:
//! 1. in order, letter by letter, whole words before parts of words;
//! 2. in order, letter by letter, the earliest place: it succeeds whenever the mentions do stand in order;
//! 3. anywhere that is free, whole words first, and at last with case, white space, hyphens and Unicode form ignored.
//!
//! In the third pass a mention given more often than it occurs is dropped as surplus.

use std::cell::OnceCell;

use clinsynth_contract::{CharOffsets, Span};
use unicode_normalization::char::canonical_combining_class;

use crate::coerce::Mention;
use crate::fold::Folded;

/// Where the mentions of an example stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aligned {
    /// The span of each mention, in the order given; `None` for a surplus one.
    pub(crate) spans: Vec<Option<Span>>,
    /// Mentions that were found only with case, spacing, hyphens or Unicode form ignored.
    pub(crate) loose: Vec<usize>,
}

/// Why a mention could not be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The mention, in the order given.
    pub(crate) index: usize,
    /// Whether it does occur, but only overlapping other mentions.
    pub(crate) overlaps: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    PreviousEnd,
    Start,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    WholeWords,
    Letters,
    Loose,
}

type Tier = (From, Match);

const IN_ORDER: [&[Tier]; 2] = [
    &[(From::PreviousEnd, Match::WholeWords), (From::PreviousEnd, Match::Letters)],
    &[(From::PreviousEnd, Match::Letters)],
];

const ANYWHERE: &[Tier] = &[
    (From::PreviousEnd, Match::WholeWords),
    (From::Start, Match::WholeWords),
    (From::PreviousEnd, Match::Letters),
    (From::Start, Match::Letters),
    (From::PreviousEnd, Match::Loose),
    (From::Start, Match::Loose),
];

/// Places mentions that were listed in order of occurrence.
pub(crate) fn align_ordered(text: &Haystack<'_>, mentions: &[Mention]) -> Result<Aligned, Misfit> {
    let order: Vec<usize> = (0..mentions.len()).collect();
    for tiers in IN_ORDER {
        match place(text, mentions, &order, tiers) {
            Ok(aligned) if aligned.spans.iter().all(Option::is_some) => return Ok(aligned),
            _ => {}
        }
    }
    place(text, mentions, &order, ANYWHERE)
}

/// Places mentions whose order is unknown, the longest first so that a part of a longer one does not take its place.
pub(crate) fn align_unordered(text: &Haystack<'_>, mentions: &[Mention]) -> Result<Aligned, Misfit> {
    let mut order: Vec<usize> = (0..mentions.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(mentions[index].text.chars().count()));
    let tiers = [(From::Start, Match::WholeWords), (From::Start, Match::Letters), (From::Start, Match::Loose)];
    place(text, mentions, &order, &tiers)
}

fn place(text: &Haystack<'_>, mentions: &[Mention], order: &[usize], tiers: &[Tier]) -> Result<Aligned, Misfit> {
    let mut aligned = Aligned { spans: vec![None; mentions.len()], loose: Vec::new() };
    let mut taken: Vec<Span> = Vec::new();
    let mut cursor = 0;
    for (done, &index) in order.iter().enumerate() {
        let mention = &mentions[index].text;
        let found = tiers.iter().find_map(|&(from, kind)| {
            let start = if from == From::PreviousEnd { cursor } else { 0 };
            let is_free = |span: &Span| span.start >= start && !taken.iter().any(|other| other.overlaps(*span));
            text.occurrences(mention, kind).into_iter().find(is_free).map(|span| (span, kind))
        });
        match found {
            Some((span, kind)) => {
                taken.push(span);
                cursor = cursor.max(span.end);
                aligned.spans[index] = Some(span);
                if kind == Match::Loose {
                    aligned.loose.push(index);
                }
            }
            None if order[..done].iter().any(|&earlier| mentions[earlier] == mentions[index]) => {}
            None => return Err(Misfit { index, overlaps: text.holds(mention) }),
        }
    }
    Ok(aligned)
}

/// A text prepared for searching; the folded form is made when first needed.
#[derive(Debug)]
pub(crate) struct Haystack<'t> {
    text: &'t str,
    offsets: CharOffsets<'t>,
    folded: OnceCell<Folded>,
}

impl<'t> Haystack<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, offsets: CharOffsets::new(text), folded: OnceCell::new() }
    }

    /// Whole-word occurrences of a string that share no character with the spans.
    pub(crate) fn free_occurrences(&self, mention: &str, spans: &[Span]) -> usize {
        let is_free = |span: &Span| !spans.iter().any(|other| other.overlaps(*span));
        self.occurrences(mention, Match::WholeWords).iter().filter(|span| is_free(span)).count()
    }

    /// Whole-word occurrences of a string, with case, spacing, hyphens and Unicode form ignored.
    pub(crate) fn loose_occurrences(&self, mention: &str) -> Vec<Span> {
        let mut spans = self.occurrences(mention, Match::Loose);
        spans.retain(|span| self.is_whole(*span));
        spans
    }

    fn holds(&self, mention: &str) -> bool {
        !self.occurrences(mention, Match::Loose).is_empty()
    }

    fn occurrences(&self, mention: &str, kind: Match) -> Vec<Span> {
        match kind {
            Match::Letters => self.exact(mention).collect(),
            Match::WholeWords => self.exact(mention).filter(|span| self.is_whole(*span)).collect(),
            Match::Loose => {
                let folded = self.folded.get_or_init(|| Folded::new(self.text));
                folded.occurrences(mention).map(|(start, end)| Span::new(start, end)).collect()
            }
        }
    }

    /// Occurrences letter by letter, overlapping ones included.
    fn exact<'h>(&'h self, mention: &'h str) -> impl Iterator<Item = Span> + 'h {
        let length = mention.chars().count() as u32;
        let mut from = 0;
        std::iter::from_fn(move || {
            let byte = from + self.text.get(from..).filter(|_| length > 0)?.find(mention)?;
            let start = self.offsets.char(byte)?;
            from = self.offsets.byte(start + 1)?;
            Some(Span::new(start, start + length))
        })
    }

    /// Whether no word is cut by the ends of the span.
    fn is_whole(&self, span: Span) -> bool {
        let joined = |at: u32| {
            let Some(byte) = self.offsets.byte(at) else { return false };
            let before = self.text[..byte].chars().next_back().is_some_and(is_word);
            before && self.text[byte..].chars().next().is_some_and(is_word)
        };
        !joined(span.start) && !joined(span.end)
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || canonical_combining_class(character) != 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn mentions(words: &[&str]) -> Vec<Mention> {
        words.iter().map(|word| Mention { text: (*word).into(), label: "Disease".into() }).collect()
    }

    /// The text with the spans in brackets, numbered by mention; `+` after a loose one.
    fn shown(text: &str, aligned: &Aligned) -> String {
        let mut shown = String::new();
        for (at, character) in text.chars().chain([' ']).enumerate() {
            for (index, span) in aligned.spans.iter().enumerate() {
                let Some(span) = span else { continue };
                if span.end as usize == at {
                    shown.extend([format!("]{index}"), "+".repeat(aligned.loose.contains(&index).into())]);
                }
            }
            if aligned.spans.iter().flatten().any(|span| span.start as usize == at) {
                shown.push('[');
            }
            shown.push(character);
        }
        shown.trim_end().to_owned()
    }

    fn check(text: &str, words: &[&str], expected: &str) {
        let found = match align_ordered(&Haystack::new(text), &mentions(words)) {
            Ok(aligned) => shown(text, &aligned),
            Err(Misfit { index, overlaps }) => {
                format!("{} {}", words[index], if overlaps { "overlaps" } else { "not found" })
            }
        };
        assert_eq!(found, expected, "{words:?} in {text}");
    }

    #[test]
    fn places_mentions_in_order_of_occurrence() {
        check("gout and gout", &["gout", "gout"], "[gout]0 and [gout]1");
        check("gout and gout", &["gout"], "[gout]0 and gout");
        check("breast cancer, a cancer", &["breast cancer", "cancer"], "[breast cancer]0, a [cancer]1");
        check("cancer or breast cancer", &["cancer", "breast cancer"], "[cancer]0 or [breast cancer]1");
        check("β-thalassaemia (β-thal)", &["β-thalassaemia", "β-thal"], "[β-thalassaemia]0 ([β-thal]1)");
        check("no mention", &[], "no mention");
    }

    #[test]
    fn prefers_whole_words() {
        check("ASA for AS", &["AS"], "ASA for [AS]0");
        check("tumors grow", &["tumor"], "[tumor]0s grow");
        check("ASA, tumors, AS", &["tumor", "AS"], "ASA, [tumor]0s, [AS]1");
        // Whole words would put the first mention last and leave no place for the second.
        check("ab a", &["a", "b"], "[a]0[b]1 a");
        check("an e\u{301}, e", &["e"], "an e\u{301}, [e]0");
    }

    #[test]
    fn accepts_other_orders_and_other_spellings() {
        check("gout, then flu", &["flu", "gout"], "[gout]1, then [flu]0");
        check("gout, flu, gout", &["flu", "gout", "gout"], "[gout]2, [flu]0, [gout]1");
        check("Male breast  cancer", &["male breast cancer"], "[Male breast  cancer]0+");
        check("Crohn’s disease", &["Crohn's disease"], "[Crohn’s disease]0+");
        check("only gout", &["gout", "gout"], "only [gout]0");
    }

    #[test]
    fn reports_what_has_no_place() {
        check("gout", &["flu"], "flu not found");
        check("breast cancer", &["breast cancer", "cancer"], "cancer overlaps");
        check("breast cancer", &["breast cancer", "Cancer"], "Cancer overlaps");
        check("acute liver failure", &["acute liver", "liver failure"], "liver failure overlaps");
    }

    #[test]
    fn places_the_longest_first_when_the_order_is_unknown() {
        let text = "cancer of the breast and breast cancer";
        let aligned = align_unordered(&Haystack::new(text), &mentions(&["cancer", "breast cancer"])).unwrap();
        assert_eq!(shown(text, &aligned), "[cancer]0 of the breast and [breast cancer]1");
    }

    /// Text in pieces, every second of which is a mention.
    fn pieces() -> impl Strategy<Value = Vec<(String, String)>> {
        let piece = || prop_oneof!["\\PC{0,6}", "[ab ]{0,4}", "[aé\u{301}\u{1F1E9}]{0,3}"];
        proptest::collection::vec((piece(), piece()), 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn spans_of_cut_out_mentions_hold_the_mentions(pieces in pieces()) {
            let text: String = pieces.iter().flat_map(|(gap, mention)| [gap.as_str(), mention]).collect();
            let words: Vec<&str> = pieces.iter().map(|(_, mention)| mention.as_str()).filter(|word| !word.is_empty()).collect();
            let haystack = Haystack::new(&text);
            let aligned = align_ordered(&haystack, &mentions(&words)).unwrap();
            prop_assert_eq!(aligned.loose, Vec::<usize>::new());
            let spans: Vec<Span> = aligned.spans.into_iter().map(Option::unwrap).collect();
            let offsets = CharOffsets::new(&text);
            for (span, word) in spans.iter().zip(&words) {
                prop_assert_eq!(offsets.slice(*span).unwrap(), *word);
            }
            prop_assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "in order and apart");
        }

        #[test]
        fn whatever_is_placed_lies_inside_the_text_and_apart(text in "\\PC{0,12}", words in proptest::collection::vec("\\PC{1,3}", 0..4)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Ok(aligned) = align_ordered(&Haystack::new(&text), &mentions(&words)) {
                let spans: Vec<Span> = aligned.spans.into_iter().flatten().collect();
                let offsets = CharOffsets::new(&text);
                for (index, span) in spans.iter().enumerate() {
                    prop_assert!(offsets.slice(*span).is_ok());
                    prop_assert!(spans[..index].iter().all(|other| !other.overlaps(*span)));
                }
            }
        }
    }
}
