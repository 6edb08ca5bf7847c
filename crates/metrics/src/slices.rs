//! Parts of the mentions that are scored by themselves: seen in training or not, by length, by frequency in training.

use std::collections::HashMap;

use clinsynth_contract::{CharOffsets, Example};

/// How often each mention stands in the examples that a model learned from, by label and text; case and spacing do not
/// count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MentionCounts(HashMap<String, HashMap<String, u32>>);

impl MentionCounts {
    /// Counts the mentions of an example.
    pub fn add(&mut self, example: &Example) {
        let offsets = CharOffsets::new(&example.text);
        for entity in &example.entities {
            let text = normalised(offsets.slice(entity.span()).unwrap_or_default());
            let of_label = match self.0.get_mut(&entity.label) {
                Some(counts) => counts,
                None => self.0.entry(entity.label.clone()).or_default(),
            };
            *of_label.entry(text).or_default() += 1;
        }
    }

    /// How often `text` stands there under `label`.
    pub fn count(&self, label: &str, text: &str) -> u32 {
        self.0.get(label).and_then(|counts| counts.get(&normalised(text))).copied().unwrap_or_default()
    }
}

fn normalised(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

const BY_WORDS: [&str; 4] = ["words=1", "words=2", "words=3", "words=4+"];
const BY_TRAINING: [&str; 6] =
    ["seen=yes", "seen=no", "frequency=1", "frequency=2-9", "frequency=10-99", "frequency=100+"];

/// The names of all slices, in order; those about training only where it is known.
pub(crate) fn slice_names(training: Option<&MentionCounts>) -> Vec<&'static str> {
    BY_WORDS.into_iter().chain(BY_TRAINING.into_iter().filter(|_| training.is_some())).collect()
}

/// The slices (indices into [`slice_names`]) that a mention is in.
pub(crate) fn slices_of(label: &str, text: &str, training: Option<&MentionCounts>) -> impl Iterator<Item = usize> {
    let words = text.split_whitespace().count().clamp(1, BY_WORDS.len()) - 1;
    let known = training.map(|training| training.count(label, text));
    let seen = known.map(|count| BY_WORDS.len() + usize::from(count == 0));
    let frequency = known
        .filter(|&count| count > 0)
        .map(|count| BY_WORDS.len() + 2 + (count.ilog10() + u32::from(count > 1)).min(3) as usize);
    std::iter::once(words).chain(seen).chain(frequency)
}

#[cfg(test)]
mod tests {
    use clinsynth_contract::{Entity, Span};

    use super::*;

    #[test]
    fn mentions_fall_into_slices_by_length_and_training() {
        let mut training = MentionCounts::default();
        let example = |text: &str| Example {
            text: text.to_owned(),
            entities: vec![Entity::new(Span::new(0, text.chars().count() as u32), "D")],
            ..Example::default()
        };
        for (text, times) in [("Lung  cancer", 2), ("fever", 1), ("ache", 9), ("rash", 10), ("gout", 99), ("flu", 100)]
        {
            (0..times).for_each(|_| training.add(&example(text)));
        }
        let names = slice_names(Some(&training));
        let check = |label: &str, text: &str, expected: &[&str]| {
            let found: Vec<_> = slices_of(label, text, Some(&training)).map(|slice| names[slice]).collect();
            assert_eq!(found, expected, "{label} {text}");
        };
        check("D", "lung cancer", &["words=2", "seen=yes", "frequency=2-9"]);
        check("D", "Fever", &["words=1", "seen=yes", "frequency=1"]);
        check("D", "ache", &["words=1", "seen=yes", "frequency=2-9"]);
        check("D", "rash", &["words=1", "seen=yes", "frequency=10-99"]);
        check("D", "gout", &["words=1", "seen=yes", "frequency=10-99"]);
        check("D", "flu", &["words=1", "seen=yes", "frequency=100+"]);
        check("C", "fever", &["words=1", "seen=no"]);
        check("D", "a b c d e", &["words=4+", "seen=no"]);
        assert_eq!(slices_of("D", "a b c", None).collect::<Vec<_>>(), [2]);
        assert_eq!(slice_names(None).len(), 4);
    }
}
