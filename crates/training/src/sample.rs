use std::ops::Range;

use clinsynth_contract::{EncoderSummary, Encoding, Hasher};

use crate::TrainingError;

/// One window ready for batches: sub-tokens, and where the tag of each word stands; or one pair with its class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The example it belongs to.
    pub example: String,
    /// Sub-token ids.
    pub ids: Vec<u32>,
    /// First sub-token of each word that has one.
    pub positions: Vec<u32>,
    /// Tag of each of these words; of a pair, its class alone.
    pub tags: Vec<u32>,
    /// Of a pair: the sub-tokens at which its entities start.
    pub starts: Vec<u32>,
    /// Those of them that this window decides on.
    pub owned: Range<usize>,
}

/// Checks the rows of a split against the manifest's encoder and its tags or classes; rows without a word are left out.
///
/// Errors: [`TrainingError::EmptySplit`] and those that name an example.
pub(crate) fn samples(
    rows: &[Encoding],
    split: &'static str,
    encoder: &EncoderSummary,
    tags: usize,
    pairs: bool,
) -> Result<Vec<Sample>, TrainingError> {
    let mut samples = Vec::with_capacity(rows.len());
    for row in rows {
        check(row, encoder)?;
        if pairs {
            samples.push(pair(row, tags)?);
        } else {
            check_tags(row, tags)?;
            samples.extend(sample(row)?);
        }
    }
    match samples.len() {
        0 => Err(TrainingError::EmptySplit { split }),
        kept => {
            tracing::debug!(split, kept, wordless = rows.len() - kept, "rows to learn from");
            Ok(samples)
        }
    }
}

/// The digest of what a run sees of a split.
pub(crate) fn digest(samples: &[Sample]) -> clinsynth_contract::Digest {
    fn bytes(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
    let mut hasher = Hasher::new();
    for sample in samples {
        let owned = [sample.owned.start as u32, sample.owned.end as u32];
        hasher = [&sample.ids[..], &sample.positions, &sample.tags, &owned, &sample.starts]
            .into_iter()
            .fold(hasher, |hasher, values| hasher.field(bytes(values)));
    }
    hasher.finish()
}

fn check(row: &Encoding, encoder: &EncoderSummary) -> Result<(), TrainingError> {
    let example = || row.example.clone();
    let length = row.input_ids.len();
    if length > encoder.positions {
        return Err(TrainingError::TooLong { example: example(), length, positions: encoder.positions });
    }
    if row.token_words.len() != length {
        let problem = format!("{length} sub-tokens, but words for {}", row.token_words.len());
        return Err(TrainingError::BrokenRow { example: example(), problem });
    }
    match row.input_ids.iter().find(|&&token| token as usize >= encoder.vocabulary) {
        Some(&token) => Err(TrainingError::UnknownToken { example: example(), token, vocabulary: encoder.vocabulary }),
        None => Ok(()),
    }
}

fn check_tags(row: &Encoding, tags: usize) -> Result<(), TrainingError> {
    if row.tags.is_empty() && !row.word_starts.is_empty() {
        return Err(TrainingError::Unlabelled { example: row.example.clone() });
    }
    match row.tags.iter().find(|&&tag| tag as usize >= tags) {
        Some(&tag) => Err(TrainingError::UnknownTag { example: row.example.clone(), tag, known: tags }),
        None => Ok(()),
    }
}

/// A row that is a pair; its class stands where tags do.
fn pair(row: &Encoding, classes: usize) -> Result<Sample, TrainingError> {
    let example = || row.example.clone();
    let Some(class) = row.class else { return Err(TrainingError::Unlabelled { example: example() }) };
    if class as usize >= classes {
        return Err(TrainingError::UnknownTag { example: example(), tag: class, known: classes });
    }
    if row.entity_starts.len() != 2 || row.entity_starts.iter().any(|&start| start as usize >= row.input_ids.len()) {
        let problem = format!("entities that start at {:?} of {} sub-tokens", row.entity_starts, row.input_ids.len());
        return Err(TrainingError::BrokenRow { example: example(), problem });
    }
    let starts = row.entity_starts.clone();
    let ids = row.input_ids.clone();
    Ok(Sample { example: example(), ids, positions: Vec::new(), tags: vec![class], starts, owned: 0..1 })
}

fn sample(row: &Encoding) -> Result<Option<Sample>, TrainingError> {
    let (mut positions, mut tags, mut owned) = (Vec::new(), Vec::new(), 0..0);
    let mut previous = -1;
    for (position, &word) in row.token_words.iter().enumerate() {
        if word >= 0 && word != previous {
            let Some(&tag) = row.tags.get(word as usize) else {
                let problem = format!("word {word} of a sub-token, but tags for {} words", row.tags.len());
                return Err(TrainingError::BrokenRow { example: row.example.clone(), problem });
            };
            if (word as u32) < row.owned_from {
                owned.start += 1;
            }
            positions.push(position as u32);
            tags.push(tag);
            if (word as u32) < row.owned_to {
                owned.end = tags.len();
            }
        }
        previous = word;
    }
    owned.end = owned.end.max(owned.start);
    let found = !tags.is_empty();
    let (example, ids) = (row.example.clone(), row.input_ids.clone());
    Ok(found.then(|| Sample { example, ids, positions, tags, starts: Vec::new(), owned }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn encoder() -> EncoderSummary {
        EncoderSummary {
            family: "bert".into(),
            hidden: 8,
            layers: 1,
            heads: 2,
            vocabulary: 10,
            positions: 6,
            padding: 0,
            weights: clinsynth_contract::Digest::default(),
        }
    }

    fn row() -> Encoding {
        Encoding {
            example: "e1".into(),
            input_ids: vec![1, 4, 5, 6, 7, 2],
            token_words: vec![-1, 0, 0, 1, 2, -1],
            word_starts: vec![0, 3, 5],
            word_ends: vec![2, 4, 6],
            tags: vec![1, 2, 0],
            owned_from: 0,
            owned_to: 3,
            ..Encoding::default()
        }
    }

    fn check(change: impl FnOnce(&mut Encoding), expected: &str) {
        let mut changed = row();
        change(&mut changed);
        let error = samples(&[row(), changed], "train", &encoder(), 3, false).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn tags_stand_at_first_sub_tokens() {
        let found = samples(&[row()], "train", &encoder(), 3, false).unwrap();
        let expected = Sample {
            example: "e1".into(),
            ids: vec![1, 4, 5, 6, 7, 2],
            positions: vec![1, 3, 4],
            tags: vec![1, 2, 0],
            starts: vec![],
            owned: 0..3,
        };
        assert_eq!(found, [expected]);
        let window = Encoding { owned_from: 1, owned_to: 2, ..row() };
        assert_eq!(samples(&[window], "dev", &encoder(), 3, false).unwrap()[0].owned, 1..2);
    }

    #[test]
    fn bad_rows_are_named() {
        check(
            |row| row.tags[1] = 3,
            "example `e1` has tag id `3`, the artifact knows 3 tags: rebuild it with the data's labels",
        );
        check(
            |row| row.input_ids[2] = 10,
            "example `e1` has sub-token id `10`, the encoder knows 10: encode with its own tokenizer",
        );
        check(
            |row| row.input_ids.push(1),
            "example `e1` has a window of 7 sub-tokens, the encoder reads 6: encode with shorter windows",
        );
        check(|row| row.tags.clear(), "example `e1` carries no tags: only labelled examples can be trained on");
        check(|row| row.token_words.truncate(5), "example `e1`: 6 sub-tokens, but words for 5");
        check(|row| row.tags.truncate(2), "example `e1`: word 2 of a sub-token, but tags for 2 words");
    }

    #[test]
    fn pairs_bring_their_class_and_their_starts() {
        let row = Encoding { class: Some(2), entity_starts: vec![1, 3], tags: Vec::new(), ..row() };
        let made = samples(std::slice::from_ref(&row), "train", &encoder(), 3, true).unwrap().remove(0);
        assert_eq!((made.tags, made.starts, made.positions, made.owned), (vec![2], vec![1, 3], vec![], 0..1));
        let check = |row: Encoding, expected: &str| {
            assert_eq!(samples(&[row], "train", &encoder(), 3, true).unwrap_err().to_string(), expected);
        };
        check(
            Encoding { class: None, ..row.clone() },
            "example `e1` carries no tags: only labelled examples can be trained on",
        );
        check(
            Encoding { entity_starts: vec![1, 6], ..row.clone() },
            "example `e1`: entities that start at [1, 6] of 6 sub-tokens",
        );
        assert!(samples(&[Encoding { class: Some(3), ..row }], "train", &encoder(), 3, true).is_err());
    }

    #[test]
    fn splits_without_words_are_empty() {
        let wordless = Encoding { input_ids: vec![1, 2], token_words: vec![-1, -1], ..Encoding::default() };
        let error = samples(&[wordless], "dev", &encoder(), 3, false).unwrap_err();
        assert!(matches!(error, TrainingError::EmptySplit { split: "dev" }), "{error}");
    }

    #[test]
    fn digest_sees_tags() {
        let samples = |row| samples(&[row], "train", &encoder(), 3, false).unwrap();
        let changed = Encoding { tags: vec![1, 0, 0], ..row() };
        assert_ne!(digest(&samples(row())), digest(&samples(changed)));
    }
}
