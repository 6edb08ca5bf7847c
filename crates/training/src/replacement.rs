use std::borrow::Cow;
use std::ops::Range;

use clinsynth_contract::TagSet;

use crate::random::{key, mix};
use crate::sample::Sample;

/// Mention replacement: in each step, each mention is exchanged with a chance for another of its label, drawn from all
/// mentions of the train split, so that a model learns what stands around mentions besides what they are called.
///
/// A mention keeps its own sub-tokens when it moves, so that where a tokenizer writes a word otherwise at the start of a
/// text, a moved mention looks as in its old place.
///
/// Source: Dai and Adel, "An analysis of simple data augmentation for named entity recognition", 2020.
#[derive(Debug)]
pub(crate) struct Replacement {
    tags: TagSet,
    chance: f64,
    /// Most sub-tokens of a sequence; a replacement that would exceed it is not made.
    longest: usize,
    /// For each label, where its mentions stand: sample and words.
    mentions: Vec<Vec<(usize, Range<usize>)>>,
}

/// What draws of one purpose have in common with no other.
const PURPOSE: u64 = 2;

impl Replacement {
    /// Of a train split with these tags; `chance` from 0 to 1.
    pub(crate) fn new(train: &[Sample], tags: TagSet, chance: f64, longest: usize) -> Self {
        let mut mentions = vec![Vec::new(); tags.labels().len()];
        if chance > 0.0 {
            for (index, sample) in train.iter().enumerate() {
                for span in tags.decode(&sample.tags) {
                    mentions[span.label].push((index, span.first..span.last));
                }
            }
        }
        Self { tags, chance, longest, mentions }
    }

    /// The sample at `index` as the step of this number sees it.
    pub(crate) fn apply<'s>(&self, train: &'s [Sample], index: usize, seed: u64, step: u64) -> Cow<'s, Sample> {
        let sample = &train[index];
        if self.chance == 0.0 {
            return Cow::Borrowed(sample);
        }
        let mut changed = sample.clone();
        // From the last mention to the first, so that the places of those to come stay true.
        for (number, span) in self.tags.decode(&sample.tags).into_iter().enumerate().rev() {
            let key = key(&[seed, step, index as u64, number as u64, PURPOSE]);
            let others = &self.mentions[span.label];
            // Two draws: whether, and which.
            if unit(mix(key)) < self.chance {
                let (other, words) = &others[(mix(key ^ 1) % others.len() as u64) as usize];
                exchange(&mut changed, span.first..span.last, &train[*other], words.clone(), self.longest);
            }
        }
        Cow::Owned(changed)
    }
}

/// Puts words of another sample in the place of these, unless the sequence would become too long.
fn exchange(sample: &mut Sample, words: Range<usize>, other: &Sample, others: Range<usize>, longest: usize) {
    let (old, new) = (tokens(sample, &words), tokens(other, &others));
    if sample.ids.len() - old.len() + new.len() > longest {
        return;
    }
    let moved = |place: u32, from: usize, to: usize| place - from as u32 + to as u32;
    for place in &mut sample.positions[words.end..] {
        *place = moved(*place, old.end, old.start + new.len());
    }
    let places = other.positions[others.clone()].iter().map(|&place| moved(place, new.start, old.start));
    sample.positions.splice(words.clone(), places);
    sample.tags.splice(words, other.tags[others].iter().copied());
    sample.ids.splice(old, other.ids[new].iter().copied());
    // A train split is learnt from in full; only a dev split asks which words a window decides on.
    sample.owned = 0..sample.tags.len();
}

/// The sub-tokens of some words: up to the next word's, or to the closing special token.
fn tokens(sample: &Sample, words: &Range<usize>) -> Range<usize> {
    let end = sample.positions.get(words.end).map_or(sample.ids.len() - 1, |&place| place as usize);
    sample.positions[words.start] as usize..end
}

/// A number from 0 to below 1 out of 53 random bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(labels: usize) -> TagSet {
        TagSet::new(["X", "Y"].into_iter().take(labels)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn sample(ids: &[u32], positions: &[u32], tags: &[u32]) -> Sample {
        Sample {
            example: "e".into(),
            ids: ids.to_vec(),
            positions: positions.to_vec(),
            tags: tags.to_vec(),
            starts: vec![],
            owned: 0..tags.len(),
        }
    }

    #[test]
    fn words_move_with_their_sub_tokens_and_tags() {
        let other = sample(&[1, 50, 51, 52, 60, 2], &[1, 2, 4], &[1, 2, 0]);
        let check = |before: &Sample, words: Range<usize>, longest: usize, after: &Sample| {
            let mut changed = before.clone();
            exchange(&mut changed, words, &other, 0..2, longest);
            assert_eq!(&changed, after);
        };
        // A mention of one word in the middle grows to two words of three sub-tokens.
        let middle = sample(&[1, 10, 11, 20, 2], &[1, 2, 3], &[0, 1, 0]);
        let grown = sample(&[1, 10, 50, 51, 52, 20, 2], &[1, 2, 3, 5], &[0, 1, 2, 0]);
        check(&middle, 1..2, 7, &grown);
        check(&middle, 1..2, 6, &middle);
        // At the end, and shrinking.
        let last = sample(&[1, 10, 11, 12, 13, 14, 2], &[1, 2], &[0, 1]);
        check(&last, 1..2, 9, &sample(&[1, 10, 50, 51, 52, 2], &[1, 2, 3], &[0, 1, 2]));
    }

    /// Sentences whose sub-tokens say which word, mention and label they came from: `100 · label + 10 · word`.
    fn corpus() -> impl Strategy<Value = Vec<Sample>> {
        let word = (0_u32..3, any::<bool>(), 1_usize..4);
        prop::collection::vec(prop::collection::vec(word, 1..8), 1..6).prop_map(|sentences| {
            let of = |words: Vec<(u32, bool, usize)>| {
                let (mut ids, mut positions, mut tags) = (vec![1], Vec::new(), Vec::new());
                let mut previous = 0;
                for (label, begins, length) in words {
                    positions.push(ids.len() as u32);
                    ids.extend(std::iter::repeat_n(100 + label, length));
                    tags.push(match label {
                        0 => 0,
                        _ if begins || label != previous => 2 * label - 1,
                        _ => 2 * label,
                    });
                    previous = label;
                }
                ids.push(2);
                sample(&ids, &positions, &tags)
            };
            sentences.into_iter().map(of).collect()
        })
    }

    proptest! {
        #[test]
        fn tags_still_fit_their_words(train in corpus(), seed: u64, step: u64, chance in 0.0_f64..=1.0) {
            let replacement = Replacement::new(&train, tags(2), chance, 30);
            for index in 0..train.len() {
                let changed = replacement.apply(&train, index, seed, step);
                prop_assert_eq!(&changed, &replacement.apply(&train, index, seed, step));
                let labels = |sample: &Sample| -> Vec<usize> {
                    tags(2).decode(&sample.tags).iter().map(|span| span.label).collect()
                };
                prop_assert_eq!(labels(&changed), labels(&train[index]));
                prop_assert!(changed.ids.len() <= 30);
                prop_assert_eq!((changed.ids[0], changed.ids.last()), (1, Some(&2)));
                for word in 0..changed.tags.len() {
                    let tag = changed.tags[word];
                    let label = if tag == 0 { 0 } else { tag.div_ceil(2) };
                    let own = &changed.ids[tokens(&changed, &(word..word + 1))];
                    prop_assert!(!own.is_empty() && own.iter().all(|&id| id == 100 + label));
                }
            }
        }
    }

    #[test]
    fn the_chance_decides_how_many_are_exchanged() {
        let mention = |id: u32| sample(&[1, 5, id, 2], &[1, 2], &[0, 1]);
        let train: Vec<Sample> = (100..1100).map(mention).collect();
        let exchanged = |chance: f64, step: u64| -> usize {
            let replacement = Replacement::new(&train, tags(1), chance, 8);
            (0..train.len()).filter(|&index| *replacement.apply(&train, index, 7, step) != train[index]).count()
        };
        assert_eq!(exchanged(0.0, 0), 0);
        assert!((450..550).contains(&exchanged(0.5, 0)), "{}", exchanged(0.5, 0));
        assert!(exchanged(1.0, 0) > 990);
        let replacement = Replacement::new(&train, tags(1), 1.0, 8);
        assert_ne!(replacement.apply(&train, 0, 7, 0), replacement.apply(&train, 0, 7, 1));
        assert_ne!(replacement.apply(&train, 0, 7, 0), replacement.apply(&train, 0, 8, 0));
    }
}
