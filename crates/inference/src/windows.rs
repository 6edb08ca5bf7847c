use clinsynth_contract::{Digest, Encoding, Prediction, ScoredSpan, TagSet};

use crate::InferenceError;
use crate::folder::ModelFolder;

/// Checks every row before the first run: that it fits itself, the model, and the rows around it.
pub(crate) fn check_encodings(encodings: &[Encoding], model: &ModelFolder) -> Result<(), InferenceError> {
    let mut expected = ("", 0);
    for encoding in encodings {
        let Encoding { example, window, .. } = encoding;
        let bad = |problem| InferenceError::BadEncoding { example: example.clone(), window: *window, problem };
        if *window != 0 && (example.as_str(), *window) != expected {
            return Err(bad("the window before it is missing".to_owned()));
        }
        check_encoding(encoding, model).map_err(bad)?;
        expected = (example, window + 1);
    }
    Ok(())
}

pub(crate) fn check_encoding(encoding: &Encoding, model: &ModelFolder) -> Result<(), String> {
    let Encoding { input_ids, token_words, word_starts, word_ends, owned_from, owned_to, .. } = encoding;
    if input_ids.len() != token_words.len() || word_starts.len() != word_ends.len() {
        return Err("its columns differ in length".to_owned());
    }
    if input_ids.is_empty() || input_ids.len() > model.positions {
        return Err(format!("it has {} sub-tokens, the model reads 1 to {}", input_ids.len(), model.positions));
    }
    if let Some(id) = input_ids.iter().find(|&&id| id >= model.vocabulary) {
        return Err(format!(
            "sub-token id {id} is outside the model's vocabulary of {}: it was encoded with another tokenizer",
            model.vocabulary
        ));
    }
    if owned_from > owned_to || *owned_to as usize > word_starts.len() {
        return Err(format!("it owns words {owned_from}..{owned_to} of {}", word_starts.len()));
    }
    let mut words: Vec<i32> = token_words.iter().copied().filter(|&word| word >= 0).collect();
    words.dedup();
    if !words.iter().copied().eq(0..word_starts.len() as i32) {
        return Err("its sub-tokens do not run through its words in order".to_owned());
    }
    Ok(())
}

/// The logits of each owned word of a window, those at its first sub-token, out of the logits `[length, tags]` of the
/// window's row: `[words, tags]`.
pub(crate) fn word_logits(encoding: &Encoding, logits: &[f32], tags: usize) -> Result<Vec<f32>, InferenceError> {
    let mut kept = Vec::with_capacity((encoding.owned_to - encoding.owned_from) as usize * tags);
    let mut previous = -1;
    for (&word, logits) in encoding.token_words.iter().zip(logits.chunks_exact(tags)) {
        let owned = (encoding.owned_from as i32..encoding.owned_to as i32).contains(&word);
        if owned && word != previous {
            if !logits.iter().all(|logit| logit.is_finite()) {
                return Err(InferenceError::NotFinite { example: encoding.example.clone() });
            }
            kept.extend(logits);
        }
        previous = word;
    }
    Ok(kept)
}

/// The softmax of one tag.
fn probability(logits: &[f32], tag: u32) -> f32 {
    let chosen = logits[tag as usize];
    logits.iter().map(|logit| (logit - chosen).exp()).sum::<f32>().recip()
}

/// One prediction for each example, from the windows in order and the logits of the words that each owns.
pub(crate) fn merge(encodings: &[Encoding], logits: &[Vec<f32>], labels: &TagSet, model: &Digest) -> Vec<Prediction> {
    let mut predictions = Vec::new();
    let mut rows = encodings.iter().zip(logits).peekable();
    while let Some((first, logits)) = rows.next() {
        let mut words = Words::default();
        words.extend(first, logits);
        while let Some((next, logits)) = rows.next_if(|(next, _)| next.window > 0) {
            words.extend(next, logits);
        }
        predictions.push(Prediction {
            example: first.example.clone(),
            document: first.document.clone(),
            spans: words.spans(labels),
            relations: Vec::new(),
            model: model.to_string(),
            sensitivity: first.sensitivity,
        });
    }
    predictions
}

/// The words of an example with their logits, `[words, tags]`.
#[derive(Default)]
struct Words {
    starts: Vec<u32>,
    ends: Vec<u32>,
    logits: Vec<f32>,
}

impl Words {
    fn extend(&mut self, window: &Encoding, logits: &[f32]) {
        let owned = window.owned_from as usize..window.owned_to as usize;
        self.starts.extend(&window.word_starts[owned.clone()]);
        self.ends.extend(&window.word_ends[owned]);
        self.logits.extend(logits);
    }

    /// The mentions of the most probable well-formed sequence of tags.
    fn spans(&self, labels: &TagSet) -> Vec<ScoredSpan> {
        let tags = labels.best_sequence(&self.logits);
        let rows = self.logits.chunks_exact(labels.len());
        let probabilities: Vec<f32> = rows.zip(&tags).map(|(logits, &tag)| probability(logits, tag)).collect();
        labels
            .decode(&tags)
            .into_iter()
            .map(|found| {
                let chosen = &probabilities[found.first..found.last];
                ScoredSpan {
                    start: self.starts[found.first],
                    end: self.ends[found.last - 1],
                    label: labels.labels()[found.label].clone(),
                    score: chosen.iter().sum::<f32>() / chosen.len() as f32,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax() {
        let check = |logits: &[f32], tag, expected: i32| {
            assert_eq!((probability(logits, tag) * 1e5).round() as i32, expected, "{logits:?}");
        };
        check(&[0.0, 0.0], 1, 50_000);
        check(&[1000.0, 1000.0, -1000.0], 0, 50_000);
        check(&[-1.0, 3.0_f32.ln() - 1.0], 1, 75_000);
        check(&[1000.0, -1000.0], 1, 0);
    }

    #[test]
    fn only_first_sub_tokens_of_owned_words_count() {
        let encoding =
            Encoding { token_words: vec![-1, 0, 1, 1, 2, -1], owned_from: 1, owned_to: 3, ..Encoding::default() };
        let logits = [9.0, 0.0, 9.0, 0.0, 0.0, 9.0, 9.0, 0.0, 1.0, 9.0, 9.0, 0.0];
        assert_eq!(word_logits(&encoding, &logits, 2).ok(), Some(vec![0.0, 9.0, 1.0, 9.0]));
        let mut broken = logits;
        broken[8] = f32::NAN;
        assert!(matches!(word_logits(&encoding, &broken, 2), Err(InferenceError::NotFinite { .. })));
    }

    #[test]
    fn a_mention_never_starts_inside() {
        let labels = TagSet::new(["D"]).unwrap_or_else(|error| panic!("{error}"));
        let words = Words {
            starts: vec![0, 4, 9],
            ends: vec![3, 8, 12],
            logits: vec![2.0, 1.9, 0.0, 0.0, 0.0, 3.0, 9.0, 0.0, 0.0],
        };
        let found: Vec<_> = words.spans(&labels).iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(found, [(0, 8)]);
    }
}
