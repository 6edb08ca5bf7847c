//! Known strings in texts: what a dictionary finds, and what counts as the same string.

use std::collections::HashMap;
use std::ops::Range;

use clinsynth_contract::{Entity, Span};

use crate::mentions::Usage;
use crate::tokens::tokens;

/// Longest string that is compared with exact case when it has two capitals: an abbreviation (`ALL` is not `all`).
const ABBREVIATION: usize = 6;

/// Finds mentions by their names alone: the baseline that a trained tagger has to exceed.
///
/// ```
/// use clinsynth_contract::{Entity, Span};
/// use clinsynth_curation::Dictionary;
///
/// let dictionary = Dictionary::new([("cancer", "Disease"), ("breast cancer", "Disease"), ("WAS", "Disease")]);
/// let found = dictionary.find("Breast  cancer was found.");
/// assert_eq!(found, [Entity::new(Span::new(0, 14), "Disease")]);
/// ```
#[derive(Debug, Default)]
pub struct Dictionary {
    /// The label of each name, by its key.
    labels: HashMap<String, String>,
    lengths: Lengths,
}

impl Dictionary {
    /// From names and their labels. A name under several labels has the one that it is given most often, of equals the
    /// first by name.
    pub fn new<'e>(entries: impl IntoIterator<Item = (&'e str, &'e str)>) -> Self {
        let mut usages: HashMap<String, Usage> = HashMap::new();
        let mut lengths = Lengths::default();
        for (name, label) in entries {
            *usages.entry(key(name.trim())).or_default().labels.entry(label.to_owned()).or_default() += 1;
            lengths.add(name);
        }
        let labels = usages.into_iter().map(|(key, usage)| (key, usage.usual().to_owned())).collect();
        Self { labels, lengths }
    }

    /// Number of different names.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The mentions of a text: whole words, the longest name where several begin, no two overlapping. Case counts in
    /// abbreviations only: names of up to six characters with two capitals.
    pub fn find(&self, text: &str) -> Vec<Entity> {
        let found = occurrences(text, &self.lengths, |found, _| self.labels.contains_key(&found.key));
        found.into_iter().map(|found| Entity::new(found.span, &self.labels[&found.key])).collect()
    }
}

/// The form in which strings are compared: exact for abbreviations, else lower case; one space for white space.
pub(crate) fn key(string: &str) -> String {
    let capitals = string.chars().filter(|c| c.is_uppercase()).count();
    if capitals >= 2 && string.chars().count() <= ABBREVIATION {
        string.to_owned()
    } else if string.contains("  ") || string.contains(|c: char| c.is_whitespace() && c != ' ') {
        string.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    } else {
        string.to_lowercase()
    }
}

/// How many tokens the known strings have, longest first, by their first token in lower case.
#[derive(Debug, Default)]
pub(crate) struct Lengths(HashMap<String, Vec<usize>>);

impl Lengths {
    pub(crate) fn add(&mut self, string: &str) {
        let cut = tokens(string);
        let Some(first) = cut.first() else { return };
        let known = self.0.entry(string[first.from..first.to].to_lowercase()).or_default();
        // Descending, each once.
        if let Err(place) = known.binary_search_by(|length| cut.len().cmp(length)) {
            known.insert(place, cut.len());
        }
    }
}

/// Whole words of a text that are a known string.
pub(crate) struct Occurrence {
    pub(crate) span: Span,
    pub(crate) key: String,
}

/// The leftmost, longest strings of known lengths that `is_known` accepts, with their bytes; no two overlap.
pub(crate) fn occurrences(
    text: &str,
    lengths: &Lengths,
    is_known: impl Fn(&Occurrence, Range<usize>) -> bool,
) -> Vec<Occurrence> {
    let cut = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < cut.len() {
        let known = lengths.0.get(&text[cut[at].from..cut[at].to].to_lowercase());
        let longest = known.into_iter().flatten().find_map(|&length| {
            let window = cut.get(at..at + length)?;
            let (from, to) = (window[0].from, window[length - 1].to);
            let span = Span::new(window[0].span.start, window[length - 1].span.end);
            let occurrence = Occurrence { span, key: key(&text[from..to]) };
            is_known(&occurrence, from..to).then_some((length, occurrence))
        });
        match longest {
            Some((length, occurrence)) => {
                found.push(occurrence);
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a dictionary of names (label `D`) finds, as text.
    fn check(names: &[&str], text: &str, expected: &[&str]) {
        let dictionary = Dictionary::new(names.iter().map(|&name| (name, "D")));
        let slice = |entity: Entity| -> String {
            text.chars().skip(entity.start as usize).take(entity.span().len() as usize).collect()
        };
        let found: Vec<_> = dictionary.find(text).into_iter().map(slice).collect();
        assert_eq!(found, expected, "{names:?} in {text:?}");
    }

    #[test]
    fn finds_whole_words_leftmost_and_longest() {
        check(&["gout"], "Gout, GOUTY and gout.", &["Gout", "gout"]);
        check(&["cancer", "breast cancer", "cancer of the lung"], "breast cancer of the lung", &["breast cancer"]);
        check(&["gout", "gout attack"], "gout attacks; gout attack", &["gout", "gout attack"]);
        check(&["a b", "b c d"], "a b c d", &["a b"]);
        check(&["type 2 diabetes"], "Type\n2  diabetes", &["Type\n2  diabetes"]);
        check(&["β-thalassaemia", "IL-2"], "Β-Thalassaemia after IL-2.", &["Β-Thalassaemia", "IL-2"]);
        check(&[" gout "], "gout", &["gout"]);
        check(&[], "gout", &[]);
        check(&["gout"], "", &[]);
    }

    #[test]
    fn case_counts_in_abbreviations() {
        check(&["WAS"], "WAS was rare", &["WAS"]);
        check(&["was"], "WAS was rare", &["was"]);
        check(&["BRCA1 loss"], "brca1 LOSS", &["brca1 LOSS"]);
    }

    #[test]
    fn the_label_of_most_entries_is_taken() {
        let label = |entries: &[(&'static str, &'static str)]| {
            Dictionary::new(entries.iter().copied()).find("Gout").remove(0).label
        };
        assert_eq!(label(&[("gout", "A"), ("Gout", "B"), ("gout", "B")]), "B");
        assert_eq!(label(&[("gout", "B"), ("gout", "A")]), "A");
        let dictionary = Dictionary::new([("gout", "A"), ("Gout", "B"), ("podagra", "A")]);
        assert_eq!((dictionary.len(), dictionary.is_empty()), (2, false));
    }
}
