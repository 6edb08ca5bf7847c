use crate::ContractError;

/// Position of a tag in a chunk: BIO, or BIOES with E and S.
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

impl Prefix {
    const fn letter(self) -> char {
        match self {
            Self::Outside => 'O',
            Self::Begin => 'B',
            Self::Inside => 'I',
            Self::End => 'E',
            Self::Single => 'S',
        }
    }
}

/// How tags spell a mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TagScheme {
    /// `B` on its first word, `I` on the others (IOB2).
    #[default]
    Bio,
    /// `S` on a single word; otherwise `B` on the first, `E` on the last, `I` between (IOBES, BILOU).
    Bioes,
}

impl TagScheme {
    const fn prefixes(self) -> &'static [Prefix] {
        match self {
            Self::Bio => &[Prefix::Begin, Prefix::Inside],
            Self::Bioes => &[Prefix::Begin, Prefix::Inside, Prefix::End, Prefix::Single],
        }
    }

    /// Tags that each label has of its own: 2 or 4.
    pub const fn tags_per_label(self) -> usize {
        self.prefixes().len()
    }
}

/// The tags of a label set: `O` is 0, and label `i` has `B-` and `I-` at `1 + 2i` and on; in BIOES `B-`, `I-`, `E-` and
/// `S-` at `1 + 4i` and on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSet {
    labels: Vec<String>,
    scheme: TagScheme,
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

    /// The BIO tags of these labels, in their order; see [`TagSet::with_scheme`].
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
        Ok(Self { labels, scheme: TagScheme::default() })
    }

    /// The same labels, spelt otherwise.
    #[must_use]
    pub fn with_scheme(self, scheme: TagScheme) -> Self {
        Self { scheme, ..self }
    }

    /// The tag set that has these names in this order, or `None`.
    pub fn from_names<S: AsRef<str>>(names: &[S]) -> Option<Self> {
        [TagScheme::Bio, TagScheme::Bioes].into_iter().find_map(|scheme| {
            let firsts = names.get(1..)?.chunks(scheme.tags_per_label());
            let labels = firsts.map(|chunk| chunk[0].as_ref().strip_prefix("B-")).collect::<Option<Vec<_>>>()?;
            let tags = Self::new(labels).ok()?.with_scheme(scheme);
            tags.names().iter().map(String::as_str).eq(names.iter().map(S::as_ref)).then_some(tags)
        })
    }

    /// The labels, in order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How tags spell a mention.
    pub const fn scheme(&self) -> TagScheme {
        self.scheme
    }

    /// Number of tags: `1 + 2 × labels`, or `1 + 4 × labels`.
    pub fn len(&self) -> usize {
        1 + self.scheme.tags_per_label() * self.labels.len()
    }

    /// Never: there is always `O`.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// All tag names in id order: `O`, `B-Disease`, `I-Disease`, …
    pub fn names(&self) -> Vec<String> {
        let mut names = vec!["O".to_owned()];
        for label in &self.labels {
            names.extend(self.scheme.prefixes().iter().map(|prefix| format!("{}-{label}", prefix.letter())));
        }
        names
    }

    /// Index of a label.
    pub fn label_index(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }

    /// Writes the tags of a mention on its words.
    pub fn spell(&self, label: usize, words: &mut [u32]) {
        let tag = |place| (1 + label * self.scheme.tags_per_label() + place) as u32;
        words.fill(tag(1));
        if let Some(first) = words.first_mut() {
            *first = tag(0);
        }
        match (self.scheme, words) {
            (TagScheme::Bioes, [single]) => *single = tag(3),
            (TagScheme::Bioes, [_, .., last]) => *last = tag(2),
            _ => {}
        }
    }

    /// Prefix and label of a tag id; `O` carries label 0.
    pub const fn split(&self, tag: u32) -> (Prefix, usize) {
        let prefixes = self.scheme.prefixes();
        match tag as usize {
            0 => (Prefix::Outside, 0),
            tag => (prefixes[(tag - 1) % prefixes.len()], (tag - 1) / prefixes.len()),
        }
    }

    /// The best well-formed sequence of tags by the sum of the scores, one row of [`TagSet::len`] scores for each word:
    /// every `I-` follows the `B-` or `I-` of its label, and in BIOES every mention that `B-` opens is closed by its
    /// `E-`. Logits serve as well as logarithms of probabilities, as a word's normaliser is the same for every sequence.
    /// Of equal sequences the one with the lower tag ids.
    ///
    /// Source: Viterbi 1967, with the transitions of the tags allowed or forbidden.
    pub fn best_sequence(&self, scores: &[f32]) -> Vec<u32> {
        let tags = self.len();
        let mut rows = scores.chunks_exact(tags);
        let Some(first) = rows.next() else { return Vec::new() };
        let open =
            |(tag, &score): (usize, &f32)| if self.continues(tag) { f64::NEG_INFINITY } else { f64::from(score) };
        let mut totals: Vec<f64> = first.iter().enumerate().map(open).collect();
        let mut origins: Vec<usize> = Vec::new();
        for row in rows {
            let best = self.best_end(&totals);
            let before = |tag| if self.continues(tag) { self.best_before(&totals, tag) } else { best };
            origins.extend((0..tags).map(before));
            let chosen = &origins[origins.len() - tags..];
            totals = row.iter().zip(chosen).map(|(&score, &origin)| totals[origin] + f64::from(score)).collect();
        }
        let mut tag = self.best_end(&totals);
        let mut sequence = vec![tag as u32];
        for row in origins.chunks_exact(tags).rev() {
            tag = row[tag];
            sequence.push(tag as u32);
        }
        sequence.reverse();
        sequence
    }

    /// The mentions in a sequence of tag ids, malformed sequences included; see [`decode_tags`].
    pub fn decode(&self, tags: &[u32]) -> Vec<TagSpan> {
        decode_tags(tags.iter().map(|&tag| self.split(tag)))
    }

    /// Whether a tag goes on with a mention that the word before it is in.
    const fn continues(&self, tag: usize) -> bool {
        matches!(self.split(tag as u32).0, Prefix::Inside | Prefix::End)
    }

    /// Whether a sequence may end after a tag, or begin another mention.
    const fn may_end(&self, tag: usize) -> bool {
        match self.scheme {
            TagScheme::Bio => true,
            TagScheme::Bioes => !matches!(self.split(tag as u32).0, Prefix::Begin | Prefix::Inside),
        }
    }

    /// The best tag after which a mention may begin.
    fn best_end(&self, totals: &[f64]) -> usize {
        first_greatest(totals, (0..totals.len()).filter(|&tag| self.may_end(tag)))
    }

    /// The better of the `B-` and `I-` that a tag of their label goes on from.
    fn best_before(&self, totals: &[f64], tag: usize) -> usize {
        let begin = 1 + self.split(tag as u32).1 * self.scheme.tags_per_label();
        first_greatest(totals, [begin, begin + 1].into_iter())
    }
}

/// The first of the greatest among some values; 0 of none.
fn first_greatest(values: &[f64], among: impl Iterator<Item = usize>) -> usize {
    among.reduce(|best, index| if values[index] > values[best] { index } else { best }).unwrap_or(0)
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

    fn set(scheme: TagScheme) -> TagSet {
        TagSet::new(["X", "Y"]).unwrap_or_else(|error| panic!("{error}")).with_scheme(scheme)
    }

    fn check(scheme: TagScheme, tags: &[u32], expected: &[(usize, usize, usize)]) {
        let spans = set(scheme).decode(tags);
        let found: Vec<_> = spans.iter().map(|span| (span.first, span.last, span.label)).collect();
        assert_eq!(found, expected, "{tags:?}");
    }

    #[test]
    fn decodes_well_formed_and_malformed_sequences() {
        let bio = |tags: &[u32], expected: &[_]| check(TagScheme::Bio, tags, expected);
        bio(&[0, 1, 2, 0], &[(1, 3, 0)]);
        bio(&[1, 1, 2], &[(0, 1, 0), (1, 3, 0)]);
        bio(&[0, 2, 2], &[(1, 3, 0)]);
        bio(&[1, 4], &[(0, 1, 0), (1, 2, 1)]);
        bio(&[2, 4, 2], &[(0, 1, 0), (1, 2, 1), (2, 3, 0)]);
        bio(&[], &[]);
        let bioes = |tags: &[u32], expected: &[_]| check(TagScheme::Bioes, tags, expected);
        bioes(&[0, 1, 2, 3, 0, 8], &[(1, 4, 0), (5, 6, 1)]);
        bioes(&[4, 4, 5, 7], &[(0, 1, 0), (1, 2, 0), (2, 4, 1)]);
        bioes(&[1, 2, 0, 3], &[(0, 2, 0), (3, 4, 0)]);
    }

    /// Every sequence of `words` tags that says mentions and nothing else: those that come back from what they say.
    fn sequences(tags: &TagSet, words: usize) -> Vec<Vec<u32>> {
        let all = (0..words).fold(vec![Vec::new()], |all: Vec<Vec<u32>>, _| {
            let longer = |sequence: &Vec<u32>| {
                (0..tags.len() as u32).map(|tag| [&sequence[..], &[tag]].concat()).collect::<Vec<_>>()
            };
            all.iter().flat_map(longer).collect()
        });
        all.into_iter().filter(|sequence| spelt(tags, words, &tags.decode(sequence)) == *sequence).collect()
    }

    fn spelt(tags: &TagSet, words: usize, spans: &[TagSpan]) -> Vec<u32> {
        let mut sequence = vec![TagSet::OUTSIDE; words];
        for span in spans {
            tags.spell(span.label, &mut sequence[span.first..span.last]);
        }
        sequence
    }

    fn schemes() -> impl Strategy<Value = TagScheme> {
        prop_oneof![Just(TagScheme::Bio), Just(TagScheme::Bioes)]
    }

    proptest! {
        #[test]
        fn the_best_sequence_is_the_best_of_all(scheme in schemes(), scores in prop::collection::vec(-3f32..3.0, 0..28)) {
            let tags = set(scheme);
            let words = scores.len() / tags.len();
            let scores = &scores[..words * tags.len()];
            let total = |sequence: &[u32]| -> f64 {
                sequence.iter().enumerate().map(|(word, &tag)| f64::from(scores[word * tags.len() + tag as usize])).sum()
            };
            let well_formed = sequences(&tags, words);
            let best = well_formed.iter().map(|tags| total(tags)).fold(f64::NEG_INFINITY, f64::max);
            let found = tags.best_sequence(scores);
            prop_assert_eq!(found.len(), words);
            prop_assert!(words == 0 || (total(&found) - best).abs() < 1e-9);
            prop_assert!(well_formed.contains(&found));
        }

        #[test]
        fn mentions_survive_their_spelling(scheme in schemes(), draws in prop::collection::vec((0usize..3, 1usize..5, 0usize..2), 0..12)) {
            let (tags, mut spans, mut next) = (set(scheme), Vec::new(), 0);
            for (skip, length, label) in draws {
                let first = next + skip;
                next = first + length;
                spans.push(TagSpan { first, last: next, label });
            }
            let sequence = spelt(&tags, next, &spans);
            prop_assert_eq!(tags.decode(&sequence), spans);
            let certain = |&tag: &u32| (0..tags.len() as u32).map(move |other| if other == tag { 1.0 } else { 0.0 });
            let scores: Vec<f32> = sequence.iter().flat_map(certain).collect();
            prop_assert_eq!(tags.best_sequence(&scores), sequence);
        }
    }

    #[test]
    fn names_say_labels_and_scheme() {
        for scheme in [TagScheme::Bio, TagScheme::Bioes] {
            assert_eq!(TagSet::from_names(&set(scheme).names()), Some(set(scheme)));
        }
        for names in
            [&["O"][..], &["O", "B-X"], &["B-X", "I-X", "O"], &["O", "B-X", "I-Y"], &["O", "B-X", "I-X", "B-Y"]]
        {
            assert_eq!(TagSet::from_names(names), None, "{names:?}");
        }
    }

    #[test]
    fn names_follow_ids() {
        let tags = TagSet::new(["Disease", "Chemical"]).map(|tags| tags.names());
        assert_eq!(
            tags.ok(),
            Some(["O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical"].map(String::from).to_vec())
        );
        let bioes = TagSet::new(["X"]).map(|tags| tags.with_scheme(TagScheme::Bioes).names());
        assert_eq!(bioes.ok(), Some(["O", "B-X", "I-X", "E-X", "S-X"].map(String::from).to_vec()));
        assert!(matches!(TagSet::new(["A", "A"]), Err(ContractError::BadLabel { .. })));
    }
}
