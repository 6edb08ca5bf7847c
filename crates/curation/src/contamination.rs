use std::collections::HashMap;

use clinsynth_contract::Example;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::Ledger;
use crate::minhash::{NearIndex, shingles};
use crate::tokens::normal_form;
use crate::{CurationSettings, Reason};

/// Sets aside every example that is a near copy of an evaluation text, or shares a long run of words with one; the run
/// also finds a sentence copied out of an abstract.
///
/// The row names the evaluation text and has the higher sensitivity of both, since its text is close to a copy.
pub(crate) fn drop_contaminated(
    examples: Vec<Example>,
    against: &[Example],
    settings: &CurationSettings,
    ledger: &mut Ledger,
) -> Vec<Example> {
    if against.is_empty() {
        return examples;
    }
    let index = Evaluations::new(against, settings);
    let mut kept = Vec::with_capacity(examples.len());
    for mut example in examples {
        match index.find(&normal_form(&example.text)) {
            None => kept.push(example),
            Some((number, how)) => {
                let source = &against[number];
                example.sensitivity = example.sensitivity.max(source.sensitivity);
                ledger.set_aside(&example, (Reason::Contaminated, format!("{how} evaluation text `{}`", source.id)));
            }
        }
    }
    kept
}

/// Evaluation texts by near copy and by runs of words.
struct Evaluations {
    run: usize,
    near: NearIndex,
    /// The evaluation text of each text filed in `near`.
    filed: Vec<usize>,
    /// The first evaluation text that holds a run, by the run's hash.
    runs: HashMap<u64, usize>,
}

impl Evaluations {
    fn new(against: &[Example], settings: &CurationSettings) -> Self {
        let run = settings.contamination_words as usize;
        let mut index =
            Self { run, near: NearIndex::new(settings.near_duplicate), filed: Vec::new(), runs: HashMap::new() };
        for (number, example) in against.iter().enumerate() {
            let normal = normal_form(&example.text);
            if index.near.find_or_file(shingles(&normal)).is_none() {
                index.filed.push(number);
            }
            for run in runs(&normal, run) {
                index.runs.entry(run).or_insert(number);
            }
        }
        index
    }

    fn find(&self, normal: &str) -> Option<(usize, String)> {
        if let Some((number, similarity)) = self.near.find_near(&shingles(normal)) {
            return Some((self.filed[number], format!("{similarity:.2} like")));
        }
        let number = runs(normal, self.run).find_map(|run| self.runs.get(&run))?;
        Some((*number, format!("shares {} words in a row with", self.run)))
    }
}

/// Hashes of each run of `length` words of a text in normal form.
fn runs(normal: &str, length: usize) -> impl Iterator<Item = u64> + '_ {
    let mut words = vec![0];
    words.extend(normal.match_indices(' ').map(|(at, _)| at + 1));
    words.push(normal.len() + 1);
    let number = (words.len() - 1).saturating_sub(length - 1);
    (0..number).map(move |first| xxh3_64(&normal.as_bytes()[words[first]..words[first + length] - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_every_window_of_words() {
        let check = |normal: &str, length: usize, expected: &[&str]| {
            let expected: Vec<u64> = expected.iter().map(|run| xxh3_64(run.as_bytes())).collect();
            assert_eq!(runs(normal, length).collect::<Vec<_>>(), expected, "{normal}");
        };
        check("a bc d", 2, &["a bc", "bc d"]);
        check("a bc d", 3, &["a bc d"]);
        check("a bc d", 4, &[]);
        check("a bc d", 1, &["a", "bc", "d"]);
    }
}
