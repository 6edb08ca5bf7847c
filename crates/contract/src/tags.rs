use crate::ContractError;

/// Position of a tag in a chunk: BIO, with the E and S of the BIOES family understood when decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// O: in no mention.
    Outside,
    /// B: first word of a mention.
    Begin,
    /// I: inside a mention.
    Inside,
    /// E: last word of a mention.
    End,
    /// S: a mention of one word.
    Single,
}

/// The tags of a label set: `O` is 0, and label `i` has `B-` at `1 + 2i` and `I-` at `2 + 2i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSet {
    labels: Vec<String>,
}

/// A run of words `first..last` under one label (an index into the label set).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagSpan {
    /// First word.
    pub first: usize,
    /// One past the last word.
    pub last: usize,
    /// Index of the label.
    pub label: usize,
}

impl TagSet {
    /// The tag of a word in no mention.
    pub const OUTSIDE: u32 = 0;

    /// The tags of these labels, in their order.
    ///
    /// Errors: [`ContractError::BadLabel`] when there is no label, or one is empty, doubled or holds white space.
    pub fn new<S: Into<String>>(labels: impl IntoIterator<Item = S>) -> Result<Self, ContractError> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        let bad = |label: &str, problem| Err(ContractError::BadLabel { label: label.to_owned(), problem });
        if labels.is_empty() {
            return bad("", "is needed: the label set is empty");
        }
        for (index, label) in labels.iter().enumerate() {
            if label.is_empty() || label.chars().any(char::is_whitespace) {
                return bad(label, "is empty or holds white space");
            }
            if labels[..index].contains(label) {
                return bad(label, "stands twice in the label set");
            }
        }
        Ok(Self { labels })
    }

    /// The labels, in order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Number of tags: `1 + 2 × labels`.
    pub fn len(&self) -> usize {
        1 + 2 * self.labels.len()
    }

    /// Never: there is always `O`.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// All tag names in id order: `O`, `B-Disease`, `I-Disease`, …
    pub fn names(&self) -> Vec<String> {
        let mut names = vec!["O".to_owned()];
        names.extend(self.labels.iter().flat_map(|label| [format!("B-{label}"), format!("I-{label}")]));
        names
    }

    /// Index of a label.
    pub fn label_index(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }

    /// The tag id of a label's first word.
    pub const fn begin(label: usize) -> u32 {
        1 + 2 * label as u32
    }

    /// The tag id of a label's further words.
    pub const fn inside(label: usize) -> u32 {
        2 + 2 * label as u32
    }

    /// Prefix and label of a tag id; `O` carries label 0.
    pub const fn split(tag: u32) -> (Prefix, usize) {
        match tag {
            0 => (Prefix::Outside, 0),
            _ if tag % 2 == 1 => (Prefix::Begin, (tag as usize - 1) / 2),
            _ => (Prefix::Inside, (tag as usize - 2) / 2),
        }
    }

    /// The best sequence of tags in which every `I-` follows the `B-` or `I-` of its label, by the sum of the scores:
    /// one row of `tags` scores for each word. Logits serve as well as logarithms of probabilities, as a word's
    /// normaliser is the same for every sequence. Of equal sequences the one with the lower tag ids.
    ///
    /// Source: Viterbi 1967, with the transitions of BIO tags allowed or forbidden.
    pub fn best_sequence(scores: &[f32], tags: usize) -> Vec<u32> {
        let mut rows = scores.chunks_exact(tags);
        let Some(first) = rows.next() else { return Vec::new() };
        let open = |(tag, &score): (usize, &f32)| if is_inside(tag) { f64::NEG_INFINITY } else { f64::from(score) };
        let mut totals: Vec<f64> = first.iter().enumerate().map(open).collect();
        let mut origins: Vec<usize> = Vec::new();
        for row in rows {
            let best = first_greatest(&totals);
            let before = |tag| match is_inside(tag) {
                true if totals[tag] > totals[tag - 1] => tag,
                true => tag - 1,
                false => best,
            };
            origins.extend((0..tags).map(before));
            let chosen = &origins[origins.len() - tags..];
            totals = row.iter().zip(chosen).map(|(&score, &origin)| totals[origin] + f64::from(score)).collect();
        }
        let mut tag = first_greatest(&totals);
        let mut sequence = vec![tag as u32];
        for row in origins.chunks_exact(tags).rev() {
            tag = row[tag];
            sequence.push(tag as u32);
        }
        sequence.reverse();
        sequence
    }

    /// The mentions in a sequence of tag ids, malformed sequences included; see [`decode_tags`].
    pub fn decode(tags: &[u32]) -> Vec<TagSpan> {
        decode_tags(tags.iter().map(|&tag| Self::split(tag)))
    }
}

const fn is_inside(tag: usize) -> bool {
    tag > 0 && tag.is_multiple_of(2)
}

fn first_greatest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// Reads mentions out of tags as the CoNLL-2000 evaluation script and seqeval's default mode do: an `I` that
/// follows `O` or another label starts a mention.
///
/// Source: the rules of `conlleval`, Tjong Kim Sang and Buchholz 2000, as in seqeval 1.2 `get_entities`.
pub fn decode_tags(tags: impl IntoIterator<Item = (Prefix, usize)>) -> Vec<TagSpan> {
    let mut spans = Vec::new();
    let mut previous = (Prefix::Outside, 0);
    let mut first = 0;
    let mut last = 0;
    for (index, tag) in tags.into_iter().enumerate() {
        if ends(previous, tag) {
            spans.push(TagSpan { first, last: index, label: previous.1 });
        }
        if starts(previous, tag) {
            first = index;
        }
        previous = tag;
        last = index + 1;
    }
    if ends(previous, (Prefix::Outside, 0)) {
        spans.push(TagSpan { first, last, label: previous.1 });
    }
    spans
}

fn ends(previous: (Prefix, usize), next: (Prefix, usize)) -> bool {
    match previous.0 {
        Prefix::Outside => false,
        Prefix::End | Prefix::Single => true,
        Prefix::Begin | Prefix::Inside => {
            matches!(next.0, Prefix::Begin | Prefix::Single | Prefix::Outside) || previous.1 != next.1
        }
    }
}

fn starts(previous: (Prefix, usize), next: (Prefix, usize)) -> bool {
    match next.0 {
        Prefix::Outside => false,
        Prefix::Begin | Prefix::Single => true,
        Prefix::Inside | Prefix::End => {
            matches!(previous.0, Prefix::Outside | Prefix::End | Prefix::Single) || previous.1 != next.1
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(tags: &[u32], expected: &[(usize, usize, usize)]) {
        let found: Vec<_> = TagSet::decode(tags).iter().map(|span| (span.first, span.last, span.label)).collect();
        assert_eq!(found, expected, "{tags:?}");
    }

    #[test]
    fn decodes_well_formed_and_malformed_sequences() {
        check(&[0, 1, 2, 0], &[(1, 3, 0)]);
        check(&[1, 1, 2], &[(0, 1, 0), (1, 3, 0)]);
        check(&[0, 2, 2], &[(1, 3, 0)]);
        check(&[1, 4], &[(0, 1, 0), (1, 2, 1)]);
        check(&[2, 4, 2], &[(0, 1, 0), (1, 2, 1), (2, 3, 0)]);
        check(&[], &[]);
    }

    /// Every sequence of `words` tags in which each inside tag continues its label.
    fn sequences(words: usize, tags: u32) -> Vec<Vec<u32>> {
        (0..words).fold(vec![Vec::new()], |all, _| {
            let longer = |sequence: &Vec<u32>| {
                let last = sequence.last().copied().unwrap_or(0);
                let follows = move |tag: &u32| !is_inside(*tag as usize) || last == *tag || last == *tag - 1;
                (0..tags).filter(follows).map(|tag| [&sequence[..], &[tag]].concat()).collect::<Vec<_>>()
            };
            all.iter().flat_map(longer).collect()
        })
    }

    proptest! {
        #[test]
        fn the_best_sequence_is_the_best_of_all(scores in prop::collection::vec(-3f32..3.0, 0..25)) {
            let words = scores.len() / 5;
            let scores = &scores[..words * 5];
            let total = |tags: &[u32]| -> f64 {
                tags.iter().enumerate().map(|(word, &tag)| f64::from(scores[word * 5 + tag as usize])).sum()
            };
            let best = sequences(words, 5).iter().map(|tags| total(tags)).fold(f64::NEG_INFINITY, f64::max);
            let found = TagSet::best_sequence(scores, 5);
            prop_assert_eq!(found.len(), words);
            prop_assert!(words == 0 || (total(&found) - best).abs() < 1e-9);
            prop_assert!(sequences(words, 5).contains(&found));
        }
    }

    #[test]
    fn names_follow_ids() {
        let tags = TagSet::new(["Disease", "Chemical"]).map(|tags| tags.names());
        assert_eq!(
            tags.ok(),
            Some(["O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical"].map(String::from).to_vec())
        );
        assert!(matches!(TagSet::new(["A", "A"]), Err(ContractError::BadLabel { .. })));
    }
}
