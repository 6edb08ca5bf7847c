//! What the evaluations before a report found, each system under a name of its own.

use std::collections::{BTreeMap, BTreeSet};

use clinsynth_contract::{Comparison, ErrorCase, Score};
use clinsynth_reporting::{Count, ErrorSample, LabelPair};
use clinsynth_store::Dataset;

use crate::RunnerError;
use crate::execute::Context;

/// The tables of all evaluations.
#[derive(Debug, Default)]
pub(super) struct Evaluations {
    pub(super) scores: Vec<Score>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) errors: Vec<ErrorSample>,
}

/// Reads them, with at most `quoted` errors of each.
pub(super) fn evaluations(context: &Context<'_>, quoted: usize) -> Result<Evaluations, RunnerError> {
    let mut scores = Vec::new();
    for input in context.named("scores") {
        scores.push((input.binding.from.as_str(), Dataset::<Score>::open(&input.path)?.read()?));
    }
    let names = Names::new(&scores);
    let mut found = Evaluations::default();
    for (from, rows) in &scores {
        let named = |row: &Score| Some(Score { system: names.of(from, &row.dataset, &row.system)?, ..row.clone() });
        found.scores.extend(rows.iter().filter_map(named));
    }
    for input in context.named("comparisons") {
        let from = input.binding.from.as_str();
        for mut row in Dataset::<Comparison>::open(&input.path)?.read()? {
            if let Some((system, other)) =
                names.of(from, &row.dataset, &row.system).zip(names.of(from, &row.dataset, &row.other))
            {
                (row.system, row.other) = (system, other);
                found.comparisons.push(row);
            }
        }
    }
    for input in context.named("errors") {
        let from = input.binding.from.as_str();
        let rows = scores.iter().find(|(step, _)| *step == from).and_then(|(_, rows)| rows.first());
        let dataset = rows.map_or(from, |score| score.dataset.as_str());
        let mut cases = Dataset::<ErrorCase>::open(&input.path)?.read()?;
        for case in &mut cases {
            case.system = names.of(from, dataset, &case.system).unwrap_or_default();
        }
        found.errors.extend(samples(dataset, cases, quoted));
    }
    Ok(found)
}

/// Which steps scored which systems of which evaluation set.
struct Names<'s>(BTreeMap<(&'s str, &'s str), BTreeSet<&'s str>>);

impl<'s> Names<'s> {
    fn new(scores: &'s [(&'s str, Vec<Score>)]) -> Self {
        let mut steps: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for (from, rows) in scores {
            for row in rows {
                steps.entry((row.dataset.as_str(), row.system.as_str())).or_default().insert(*from);
            }
        }
        Self(steps)
    }

    /// The name of a system that the step scored: its own, or the step's where several steps scored one of that name. A
    /// baseline is of the gold alone, so it is the same in all of them, and counts in the first; null elsewhere.
    fn of(&self, from: &str, dataset: &str, system: &str) -> Option<String> {
        match self.0.get(&(dataset, system)) {
            Some(steps) if steps.len() > 1 && system.starts_with("always ") => {
                (steps.first() == Some(&from)).then(|| system.to_owned())
            }
            Some(steps) if steps.len() > 1 && system.is_empty() => Some(from.to_owned()),
            Some(steps) if steps.len() > 1 => Some(format!("{from} {system}")),
            _ => Some(system.to_owned()),
        }
    }
}

/// The errors of each system, in the order of their first.
fn samples(dataset: &str, cases: Vec<ErrorCase>, quoted: usize) -> Vec<ErrorSample> {
    let mut samples: Vec<ErrorSample> = Vec::new();
    let total = cases.len();
    for (index, case) in cases.into_iter().enumerate() {
        let place = samples.iter().position(|sample| sample.system == case.system).unwrap_or_else(|| {
            let system = case.system.clone();
            samples.push(ErrorSample { dataset: dataset.to_owned(), system, ..ErrorSample::default() });
            samples.len() - 1
        });
        count(&mut samples[place], &case);
        // Evenly taken from all, so that the quoted ones are not those of the first documents and systems alone.
        if total <= quoted || index * quoted / total != (index + 1) * quoted / total {
            samples[place].cases.push(case);
        }
    }
    for sample in &mut samples {
        sample.counts.sort_by(|one, other| one.name.cmp(&other.name));
    }
    samples
}

fn count(sample: &mut ErrorSample, case: &ErrorCase) {
    match sample.counts.iter_mut().find(|count| count.name == case.kind) {
        Some(count) => count.count += 1,
        None => sample.counts.push(Count::new(case.kind.clone(), 1)),
    }
    let gold = case.gold.as_ref().map(|gold| &gold.label).or(case.gold_relation.as_ref());
    let predicted = case.predicted.as_ref().map(|found| &found.label).or(case.predicted_relation.as_ref());
    let same = |pair: &&mut LabelPair| (pair.gold.as_ref(), pair.predicted.as_ref()) == (gold, predicted);
    match sample.pairs.iter_mut().find(same) {
        Some(pair) => pair.count += 1,
        None => sample.pairs.push(LabelPair { gold: gold.cloned(), predicted: predicted.cloned(), count: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use clinsynth_contract::{Entity, Span};

    use super::*;

    fn row(dataset: &str, system: &str) -> Score {
        Score { dataset: dataset.into(), system: system.into(), ..Score::default() }
    }

    #[test]
    fn systems_of_several_steps_are_told_apart_and_baselines_count_once() {
        let scores = [
            ("one", vec![row("dev", ""), row("dev", "always yes"), row("dev", "p@n=1")]),
            ("two", vec![row("dev", ""), row("dev", "always yes"), row("test", "")]),
        ];
        let names = Names::new(&scores);
        let of = |from: &str, dataset: &str, system: &str| names.of(from, dataset, system);
        assert_eq!([of("one", "dev", ""), of("two", "dev", "")], [Some("one".into()), Some("two".into())]);
        assert_eq!([of("one", "dev", "always yes"), of("two", "dev", "always yes")], [Some("always yes".into()), None]);
        assert_eq!([of("one", "dev", "p@n=1"), of("two", "test", "")], [Some("p@n=1".into()), Some(String::new())]);
    }

    #[test]
    fn all_errors_are_counted_and_some_are_quoted_of_every_system() {
        let case = |system: &str, kind: &str, label: &str| ErrorCase {
            system: system.into(),
            kind: kind.into(),
            gold: Some(Entity::new(Span::new(0, 1), label)),
            ..ErrorCase::default()
        };
        let mut cases: Vec<_> = (0..6).map(|_| case("a", "missed", "X")).collect();
        cases.extend([case("b", "missed", "X"), case("b", "missed", "Y"), case("b", "boundary", "Y")]);
        let samples = samples("dev", cases, 3);
        let shown = |sample: &ErrorSample| {
            let counts: Vec<_> = sample.counts.iter().map(|count| (count.name.clone(), count.count)).collect();
            let pairs: Vec<_> = sample.pairs.iter().map(|pair| (pair.gold.clone(), pair.count)).collect();
            (sample.system.clone(), counts, pairs, sample.cases.len())
        };
        let expected = [
            ("a".to_owned(), vec![("missed".to_owned(), 6)], vec![(Some("X".to_owned()), 6)], 2),
            (
                "b".to_owned(),
                vec![("boundary".to_owned(), 1), ("missed".to_owned(), 2)],
                vec![(Some("X".to_owned()), 1), (Some("Y".to_owned()), 2)],
                1,
            ),
        ];
        assert_eq!(samples.iter().map(shown).collect::<Vec<_>>(), expected);
    }
}
