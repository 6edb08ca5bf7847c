//! Label efficiency: how many more gold examples it takes without synthetic data to do as well as with it.

use serde::Serialize;

use crate::Efficiency;
use crate::curves::{Point, Series, numeric_axes, series, shown_value};
use crate::numbers::{counted, percent, thousands};
use crate::scores::figure_name;
use crate::sets::{EvaluationSet, STEP};

/// Two learning curves held against each other.
#[derive(Debug, Serialize)]
pub(crate) struct Replaced {
    pub(crate) dataset: String,
    /// What both curves have in common, if there are several pairs of curves.
    group: String,
    metric: String,
    sentence: String,
    rows: Vec<Row>,
    pub(crate) cells: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Row {
    examples: String,
    with: String,
    without: Option<String>,
    needed: String,
    replaced: String,
    range: Option<String>,
}

/// One point of the curve with synthetic data, held against the curve without.
#[derive(Debug)]
struct Outcome<'t> {
    k: f64,
    value: f64,
    needed: Needed<'t>,
    /// What the ends of the figure's interval need.
    ends: Option<(Needed<'t>, Needed<'t>)>,
}

/// How many gold examples the curve without synthetic data takes to reach a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Needed<'t> {
    /// Between two numbers that were tried.
    About(f64),
    /// Reached with the least that was tried.
    AtMost(f64),
    /// Not reached with the largest number that was tried; perhaps with a word, such as `all`.
    MoreThan(f64, Option<&'t str>),
}

/// Every pair of curves that differ in the axis alone.
pub(crate) fn replaced(set: &EvaluationSet<'_>, settings: &Efficiency) -> Vec<Replaced> {
    let mut found = Vec::new();
    for number in numeric_axes(set).iter().filter(|axis| **axis != settings.axis) {
        let all = series(set, number);
        let of_side = |value: &str| {
            let on_side = |series: &&Series<'_>| series.fixed.get(&settings.axis).is_some_and(|found| found == value);
            all.iter().filter(on_side).collect::<Vec<_>>()
        };
        for with in of_side(&settings.with) {
            let others = |series: &Series<'_>| {
                // Two steps never share a name: where the step itself tells them apart, it is the axis.
                let mut fixed = series.fixed.clone();
                fixed.remove(&settings.axis);
                fixed
            };
            let twin = of_side(&settings.without).into_iter().find(|without| others(without) == others(with));
            found.extend(twin.and_then(|without| compared(set, with, without, &settings.axis)));
        }
    }
    if let [only] = found.as_mut_slice() {
        only.group.clear();
    }
    found
}

/// In words, that no pair of curves was found; nothing when there is one.
pub(crate) fn missing(sets: &[EvaluationSet<'_>], settings: &Efficiency) -> Option<String> {
    let Efficiency { axis, without, with } = settings;
    let found = sets.iter().any(|set| !replaced(set, settings).is_empty());
    (!found).then(|| {
        format!(
            "Not computed: how many labels synthetic data replaced. No evaluation set has learning curves of three numbers or more with {axis}={without} and {axis}={with}."
        )
    })
}

fn compared(set: &EvaluationSet<'_>, with: &Series<'_>, without: &Series<'_>, axis: &str) -> Option<Replaced> {
    let numbers = without.points.iter().filter_map(|point| Some((point.number?, point.score.value)));
    let curve: Vec<(f64, f64)> = numbers.collect();
    let words = without.points.iter().filter(|point| point.number.is_none());
    let words: Vec<(String, f64)> = words.map(|point| (shown_value(&point.text), point.score.value)).collect();
    let outcome = |point: &Point<'_>| {
        let reach = |value: f64| needed(&curve, &words, value);
        let ends = point.score.low.zip(point.score.high);
        Some(Outcome {
            k: point.number?,
            value: point.score.value,
            needed: reach(point.score.value)?,
            ends: ends.and_then(|(low, high)| Some((reach(low)?, reach(high)?))),
        })
    };
    let outcomes: Vec<Outcome<'_>> = with.points.iter().filter_map(outcome).collect();
    let first = outcomes.first()?;
    let common = with.fixed.iter().filter(|(name, _)| *name != axis && *name != STEP);
    let group: Vec<String> = common.map(|(name, value)| format!("{name}={value}")).collect();
    let row = |outcome: &Outcome<'_>| {
        let same = curve.iter().find(|(number, _)| number.total_cmp(&outcome.k).is_eq());
        Row {
            examples: count(outcome.k),
            with: percent(outcome.value),
            without: same.map(|(_, value)| percent(*value)),
            needed: outcome.needed.words(),
            replaced: outcome.replaced(),
            range: outcome.range(),
        }
    };
    let csv = |outcome: &Outcome<'_>| {
        let (relation, number) = outcome.needed.parts();
        let [k, value, number] = [outcome.k, outcome.value, number].map(|figure| figure.to_string());
        vec![set.dataset.to_owned(), group.join(", "), k, value, relation.to_owned(), number]
    };
    Some(Replaced {
        dataset: set.dataset.to_owned(),
        metric: figure_name(&set.measure),
        sentence: first.sentence(&figure_name(&set.measure)),
        rows: outcomes.iter().map(row).collect(),
        cells: outcomes.iter().map(csv).collect(),
        group: group.join(", "),
    })
}

/// Where a curve first reaches a figure, by linear interpolation over the logarithm of the number of examples, and over
/// the number itself next to 0; none for an empty curve.
fn needed<'t>(curve: &[(f64, f64)], words: &'t [(String, f64)], value: f64) -> Option<Needed<'t>> {
    let &(first, first_value) = curve.first()?;
    let &(last, _) = curve.last()?;
    if first_value >= value {
        return Some(if first == 0.0 { Needed::About(0.0) } else { Needed::AtMost(first) });
    }
    let rise = curve.windows(2).find(|pair| pair[1].1 >= value);
    let word = words.iter().find(|(_, reached)| *reached >= value).map(|(word, _)| word.as_str());
    Some(rise.map_or(Needed::MoreThan(last, word), |pair| {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        let part = (value - low) / (high - low);
        Needed::About(if from > 0.0 { from * (to / from).powf(part) } else { to * part })
    }))
}

impl Needed<'_> {
    const fn parts(self) -> (&'static str, f64) {
        match self {
            Self::About(number) => ("about", number),
            Self::AtMost(number) => ("at most", number),
            Self::MoreThan(number, _) => ("more than", number),
        }
    }

    fn words(self) -> String {
        match self {
            Self::About(number) => format!("about {}", rounded(number)),
            Self::AtMost(number) => format!("at most {}, the fewest tried", count(number)),
            Self::MoreThan(number, Some(word)) => format!("more than {}; reached with {word}", count(number)),
            Self::MoreThan(number, None) => format!("more than {}, the most tried", count(number)),
        }
    }
}

impl Outcome<'_> {
    /// Labels that synthetic data replaced on top of the gold examples.
    fn replaced(&self) -> String {
        let (relation, number) = self.needed.parts();
        let more = number - self.k;
        match self.needed {
            Needed::MoreThan(..) if more <= 0.0 => "some, but the numbers tried do not tell how many".to_owned(),
            _ if more <= 0.0 => "none".to_owned(),
            Needed::About(_) => format!("{relation} {}", rounded(more)),
            _ => format!("{relation} {}", count(more)),
        }
    }

    /// The same for the ends of the figure's interval, where they differ.
    fn range(&self) -> Option<String> {
        let (low, high) = self.ends?;
        let more = |needed: Needed<'_>| match needed {
            Needed::About(number) => rounded((number - self.k).max(0.0)),
            Needed::AtMost(number) | Needed::MoreThan(number, _) => count((number - self.k).max(0.0)),
        };
        let least = if matches!(low, Needed::AtMost(_)) { "0".to_owned() } else { more(low) };
        match (low, high) {
            (Needed::MoreThan(..), _) => None,
            (_, Needed::MoreThan(most, _)) if most <= self.k => Some(format!("{least} or more")),
            (_, Needed::MoreThan(..)) => Some(format!("{least} to more than {}", more(high))),
            _ if least == more(high) => None,
            _ => Some(format!("{least} to {}", more(high))),
        }
    }

    fn sentence(&self, metric: &str) -> String {
        let given = if self.k == 0.0 { "no gold example".to_owned() } else { counted(self.k as u64, "gold example") };
        let labels = match (self.replaced(), self.needed) {
            (words, _) if words == "none" => "no labels".to_owned(),
            (words, Needed::MoreThan(most, _)) if most <= self.k => words,
            (words, _) => format!("{words} labels"),
        };
        let reason = match self.needed {
            Needed::About(number) => format!("which takes about {} gold examples without it", rounded(number)),
            Needed::AtMost(least) => {
                format!("which {} reach without it, the fewest that were tried", counted(least as u64, "gold example"))
            }
            Needed::MoreThan(most, word) => {
                let rest =
                    word.map_or_else(|| ", the most that were tried".to_owned(), |word| format!(", but {word} do"));
                format!("which without it {} do not reach{rest}", counted(most as u64, "gold example"))
            }
        };
        let range = self.range().map_or_else(String::new, |range| format!(" ({range} by the interval of that figure)"));
        let figure = percent(self.value);
        format!("Synthetic data replaced {labels}{range}: with it and {given}, {metric} is {figure}, {reason}.")
    }
}

/// Two digits: more would promise what interpolation cannot keep.
fn rounded(number: f64) -> String {
    let unit = if number < 100.0 { 1.0 } else { 10_f64.powf(number.log10().floor() - 1.0) };
    thousands(((number / unit).round() * unit) as u64)
}

fn count(number: f64) -> String {
    if number.fract() == 0.0 { thousands(number as u64) } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::evaluation_sets;
    use crate::sets::tests::strict_report;

    #[test]
    fn what_is_needed_lies_between_the_numbers_that_were_tried() {
        let words = [("all".to_owned(), 0.9)];
        let check = |curve: &[(f64, f64)], value: f64, expected: Option<Needed<'_>>| {
            let found = needed(curve, &words, value).map(|needed| match needed {
                Needed::About(number) => Needed::About((number * 1e6).round() / 1e6),
                other => other,
            });
            assert_eq!(found, expected, "{curve:?} at {value}");
        };
        let tried = [(10.0, 0.2), (1000.0, 0.6), (4000.0, 0.7)];
        // Half of the way from 10 to 1,000 in the logarithm.
        check(&tried, 0.4, Some(Needed::About(100.0)));
        check(&tried, 0.6, Some(Needed::About(1000.0)));
        check(&tried, 0.65, Some(Needed::About(2000.0)));
        check(&tried, 0.2, Some(Needed::AtMost(10.0)));
        check(&tried, 0.71, Some(Needed::MoreThan(4000.0, Some("all"))));
        check(&tried, 0.91, Some(Needed::MoreThan(4000.0, None)));
        check(&[(0.0, 0.1), (50.0, 0.5)], 0.3, Some(Needed::About(25.0)));
        check(&[(0.0, 0.1), (50.0, 0.5)], 0.1, Some(Needed::About(0.0)));
        // The first time counts, where a curve falls again.
        check(&[(1.0, 0.1), (10.0, 0.5), (100.0, 0.4), (1000.0, 0.8)], 0.5, Some(Needed::About(10.0)));
        check(&[], 0.5, None);
    }

    #[test]
    fn numbers_are_rounded_to_two_digits() {
        assert_eq!([0.4, 7.6, 99.4, 244.0, 1_251.0].map(rounded), ["0", "8", "99", "240", "1,300"]);
    }

    fn check(systems: &[(&str, f64)], expected: &[(&str, &str)], rows: &[[&str; 4]]) {
        let report = strict_report(systems);
        let settings = Efficiency { axis: "init".into(), without: "encoder".into(), with: "synthetic".into() };
        let found = replaced(&evaluation_sets(&report)[0], &settings);
        let sentences: Vec<_> = found.iter().map(|one| (one.group.as_str(), one.sentence.as_str())).collect();
        assert_eq!(sentences, expected);
        let shown = |row: &Row| {
            let without = row.without.clone().unwrap_or_default();
            [row.examples.clone(), row.with.clone(), without, row.replaced.clone()]
        };
        assert_eq!(found.iter().flat_map(|one| &one.rows).map(shown).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn the_sentence_says_how_many_labels_were_replaced() {
        let without = [("p@init=encoder,size=10", 0.2), ("p@init=encoder,size=1000", 0.6)];
        let with = |values: &[(&'static str, f64)]| [&without[..], values].concat();
        check(
            &with(&[
                ("p@init=synthetic,size=0", 0.4),
                ("p@init=synthetic,size=10", 0.5),
                ("p@init=synthetic,size=all", 0.9),
            ]),
            &[(
                "",
                "Synthetic data replaced about 100 labels: with it and no gold example, strict F1 is 40.0, which takes about 100 gold examples without it.",
            )],
            &[["0", "40.0", "", "about 100"], ["10", "50.0", "20.0", "about 310"]],
        );
        check(
            &with(&[("p@init=synthetic,size=10", 0.7), ("p@init=synthetic,size=100", 0.15)]),
            &[(
                "",
                "Synthetic data replaced more than 990 labels: with it and 10 gold examples, strict F1 is 70.0, which without it 1,000 gold examples do not reach, the most that were tried.",
            )],
            &[["10", "70.0", "20.0", "more than 990"], ["100", "15.0", "", "none"]],
        );
        check(
            &with(&[("p@init=synthetic,size=0", 0.1), ("p@init=synthetic,size=5", 0.15)]),
            &[(
                "",
                "Synthetic data replaced at most 10 labels: with it and no gold example, strict F1 is 10.0, which 10 gold examples reach without it, the fewest that were tried.",
            )],
            &[["0", "10.0", "", "at most 10"], ["5", "15.0", "", "at most 5"]],
        );
        check(&without, &[], &[]);
    }

    #[test]
    fn the_interval_of_a_figure_gives_a_range() {
        let check = |low: Needed<'_>, high: Needed<'_>, expected: Option<&str>| {
            let outcome = Outcome { k: 50.0, value: 0.5, needed: Needed::About(100.0), ends: Some((low, high)) };
            assert_eq!(outcome.range().as_deref(), expected, "{outcome:?}");
        };
        check(Needed::About(80.0), Needed::About(460.0), Some("30 to 410"));
        check(Needed::About(20.0), Needed::About(80.4), Some("0 to 30"));
        check(Needed::AtMost(80.0), Needed::About(90.0), Some("0 to 40"));
        check(Needed::About(80.0), Needed::MoreThan(1000.0, None), Some("30 to more than 950"));
        check(Needed::About(30.0), Needed::MoreThan(50.0, None), Some("0 or more"));
        check(Needed::MoreThan(1000.0, None), Needed::MoreThan(1000.0, None), None);
        check(Needed::About(80.0), Needed::About(80.0), None);
        let outcome = Outcome {
            k: 0.0,
            value: 0.4,
            needed: Needed::About(100.0),
            ends: Some((Needed::About(51.0), Needed::About(246.0))),
        };
        assert_eq!(
            outcome.sentence("strict F1"),
            "Synthetic data replaced about 100 labels (51 to 250 by the interval of that figure): with it and no gold example, strict F1 is 40.0, which takes about 100 gold examples without it."
        );
    }

    #[test]
    fn the_step_can_be_the_axis() {
        let settings = Efficiency { axis: "step".into(), without: "gold".into(), with: "both".into() };
        let systems = [
            ("gold@size=1", 0.1),
            ("gold@size=4", 0.3),
            ("gold@size=16", 0.5),
            ("both@size=1", 0.3),
            ("both@size=4", 0.4),
        ];
        let report = strict_report(&systems);
        let found = replaced(&evaluation_sets(&report)[0], &settings);
        let replaced: Vec<_> = found[0].rows.iter().map(|row| row.replaced.as_str()).collect();
        assert_eq!(replaced, ["about 3", "about 4"]);
    }
}
