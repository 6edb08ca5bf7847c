use clinsynth_contract::{Digest, Encoding, Prediction, ScoredSpan, TagSet};

use crate::InferenceError;
use crate::folder::ModelFolder;

/// The tag chosen for a word and its probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Choice {
    pub(crate) tag: u32,
    pub(crate) probability: f32,
}

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

fn check_encoding(encoding: &Encoding, model: &ModelFolder) -> Result<(), String> {
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

/// The choice for each owned word of a window from the logits `[length, tags]` of its row: the softmax over tags at
/// the word's first sub-token.
pub(crate) fn choose(encoding: &Encoding, logits: &[f32], tags: usize) -> Result<Vec<Choice>, InferenceError> {
    let mut choices = Vec::with_capacity((encoding.owned_to - encoding.owned_from) as usize);
    let mut previous = -1;
    for (&word, logits) in encoding.token_words.iter().zip(logits.chunks_exact(tags)) {
        let owned = (encoding.owned_from as i32..encoding.owned_to as i32).contains(&word);
        if owned && word != previous {
            let choice = most_probable(logits);
            choices.push(choice.ok_or_else(|| InferenceError::NotFinite { example: encoding.example.clone() })?);
        }
        previous = word;
    }
    Ok(choices)
}

/// The greatest logit (the first of equal ones) and its softmax; `None` when one is not finite.
fn most_probable(logits: &[f32]) -> Option<Choice> {
    let mut best = 0;
    for (tag, logit) in logits.iter().enumerate() {
        if !logit.is_finite() {
            return None;
        }
        if *logit > logits[best] {
            best = tag;
        }
    }
    let sum: f32 = logits.iter().map(|logit| (logit - logits[best]).exp()).sum();
    Some(Choice { tag: best as u32, probability: sum.recip() })
}

/// One prediction for each example, from the windows in order and the choices for the words that each owns.
pub(crate) fn merge(
    encodings: &[Encoding],
    choices: &[Vec<Choice>],
    labels: &TagSet,
    model: &Digest,
) -> Vec<Prediction> {
    let mut predictions = Vec::new();
    let mut rows = encodings.iter().zip(choices).peekable();
    while let Some((first, chosen)) = rows.next() {
        let mut words = Words::default();
        words.extend(first, chosen);
        while let Some((next, chosen)) = rows.next_if(|(next, _)| next.window > 0) {
            words.extend(next, chosen);
        }
        predictions.push(Prediction {
            example: first.example.clone(),
            document: first.document.clone(),
            spans: words.spans(labels),
            model: model.to_string(),
            sensitivity: first.sensitivity,
        });
    }
    predictions
}

/// The words of an example with their choices.
#[derive(Default)]
struct Words {
    starts: Vec<u32>,
    ends: Vec<u32>,
    choices: Vec<Choice>,
}

impl Words {
    fn extend(&mut self, window: &Encoding, choices: &[Choice]) {
        let owned = window.owned_from as usize..window.owned_to as usize;
        self.starts.extend(&window.word_starts[owned.clone()]);
        self.ends.extend(&window.word_ends[owned]);
        self.choices.extend(choices);
    }

    fn spans(&self, labels: &TagSet) -> Vec<ScoredSpan> {
        let tags: Vec<u32> = self.choices.iter().map(|choice| choice.tag).collect();
        TagSet::decode(&tags)
            .into_iter()
            .map(|found| {
                let choices = &self.choices[found.first..found.last];
                let sum: f32 = choices.iter().map(|choice| choice.probability).sum();
                ScoredSpan {
                    start: self.starts[found.first],
                    end: self.ends[found.last - 1],
                    label: labels.labels()[found.label].clone(),
                    score: sum / choices.len() as f32,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_tag_is_the_first_greatest() {
        let check = |logits: &[f32], expected: Option<(u32, i32)>| {
            let found = most_probable(logits).map(|choice| (choice.tag, (choice.probability * 1e5).round() as i32));
            assert_eq!(found, expected, "{logits:?}");
        };
        check(&[0.0, 0.0], Some((0, 50_000)));
        check(&[1000.0, 1000.0, -1000.0], Some((0, 50_000)));
        check(&[-1.0, 3.0_f32.ln() - 1.0], Some((1, 75_000)));
        check(&[0.0, f32::NAN], None);
        check(&[f32::INFINITY, 0.0], None);
    }

    #[test]
    fn only_first_sub_tokens_of_owned_words_choose() {
        let encoding =
            Encoding { token_words: vec![-1, 0, 1, 1, 2, -1], owned_from: 1, owned_to: 3, ..Encoding::default() };
        let logits = [9.0, 0.0, 9.0, 0.0, 0.0, 9.0, 9.0, 0.0, 0.0, 9.0, 9.0, 0.0];
        let tags = choose(&encoding, &logits, 2).map(|choices| choices.iter().map(|choice| choice.tag).collect());
        assert_eq!(tags.ok(), Some(vec![1, 1]));
    }
}
