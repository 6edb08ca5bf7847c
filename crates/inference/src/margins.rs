use std::collections::BTreeMap;

use clinsynth_contract::TagSet;
use serde::{Deserialize, Serialize};

/// Margins that are tried: from none to odds of 20 to 1, in steps that a small split can tell apart.
const CANDIDATES: [f32; 7] = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0];

/// How a model's logits become mentions, beyond the logits: `decoding.json` of a model folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// For each label, by how much the logit of a tag has to exceed that of `O` to be as good: it is taken off the logits
    /// of the label's tags. A label that is not named has 0.
    pub margins: BTreeMap<String, f32>,
}

impl Decoding {
    /// Its file in a model folder; a folder without one decodes without margins.
    pub const FILE: &'static str = "decoding.json";

    /// The margin of each tag, by id.
    pub(crate) fn of_tags(&self, tags: &TagSet) -> Vec<f32> {
        let margin = |label: usize| self.margins.get(&tags.labels()[label]).copied().unwrap_or(0.0);
        (0..tags.len() as u32).map(|tag| if tag == TagSet::OUTSIDE { 0.0 } else { margin(tags.split(tag).1) }).collect()
    }
}

/// Takes each tag's margin off its logits, `[words, tags]`.
pub(crate) fn apply(logits: &mut [f32], margins: &[f32]) {
    for row in logits.chunks_exact_mut(margins.len()) {
        row.iter_mut().zip(margins).for_each(|(logit, margin)| *logit -= margin);
    }
}

/// For each label the margin by which its strict F1 on these windows is highest, the lowest of equals: of each window the
/// logits `[words, tags]` and the gold tags of the words that it decides on.
///
/// A tagger that learnt from few texts, or from texts of another kind, is too ready to see mentions; how much so shows
/// on texts that it did not learn from (threshold moving; Elkan, "The foundations of cost-sensitive learning", 2001).
pub(crate) fn choose(windows: &[(Vec<f32>, Vec<u32>)], tags: &TagSet) -> Decoding {
    let best = |label: usize| {
        let tried = CANDIDATES.map(|margin| (margin, f1(windows, tags, label, margin)));
        tried.into_iter().fold(tried[0], |best, next| if next.1 > best.1 { next } else { best }).0
    };
    let margins = tags.labels().iter().enumerate().map(|(label, name)| (name.clone(), best(label))).collect();
    Decoding { margins }
}

/// Strict F1 of one label when it alone has this margin.
fn f1(windows: &[(Vec<f32>, Vec<u32>)], tags: &TagSet, label: usize, margin: f32) -> f64 {
    let alone = Decoding { margins: BTreeMap::from([(tags.labels()[label].clone(), margin)]) }.of_tags(tags);
    let (mut correct, mut both) = (0, 0);
    for (logits, gold) in windows {
        let mut logits = logits.clone();
        apply(&mut logits, &alone);
        let of = |ids: &[u32]| -> Vec<_> { tags.decode(ids).into_iter().filter(|span| span.label == label).collect() };
        let (found, gold) = (of(&tags.best_sequence(&logits)), of(gold));
        correct += found.iter().filter(|span| gold.contains(span)).count();
        both += found.len() + gold.len();
    }
    if both == 0 { 0.0 } else { 2.0 * correct as f64 / both as f64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_label_has_the_lowest_of_its_best_margins() {
        let tags = TagSet::new(["X", "Y", "Z"]).unwrap();
        // Words whose `B-X` leads `O` by 1.2 are mentions of X, by 0.7 are none; what leads in Y always is one.
        let word = |x: f32, y: f32| vec![0.0, x, -9.0, y, -9.0, -9.0, -9.0];
        let logits = [word(1.2, -9.0), word(-9.0, -9.0), word(0.7, -9.0), word(-9.0, -9.0), word(-9.0, 0.2)].concat();
        let found = choose(&[(logits.clone(), vec![1, 0, 0, 0, 3])], &tags);
        let margins = BTreeMap::from([("X".to_owned(), 1.0), ("Y".to_owned(), 0.0), ("Z".to_owned(), 0.0)]);
        assert_eq!(found, Decoding { margins });
        assert_eq!(found.of_tags(&tags), [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let mut lowered = logits;
        apply(&mut lowered, &found.of_tags(&tags));
        assert_eq!(lowered[..7], [0.0, 1.2 - 1.0, -10.0, -9.0, -9.0, -9.0, -9.0]);
    }
}
