//! Which differences between systems are more than chance.

use clinsynth_contract::Comparison;
use serde::Serialize;

use crate::numbers::thousands;
use crate::scores::{figure_name, level};
use crate::sets::EvaluationSet;

/// Pairs up to which all are shown; of more, those with the best system.
const SHOWN: usize = 60;

/// The table of pairs.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonTable {
    metric: String,
    level: Option<String>,
    /// How many pairs are in the file alone.
    left_out: Option<String>,
    /// Why no pair can be significant, where that is so.
    caution: Option<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    system: String,
    other: String,
    difference: String,
    interval: Option<String>,
    bootstrap: Option<String>,
    bootstrap_corrected: Option<String>,
    randomisation: Option<String>,
    randomisation_corrected: Option<String>,
    /// By the corrected randomisation test, or the bootstrap where there is none; null without either.
    significant: Option<bool>,
}

/// The table of a set's pairs, unless nothing was compared.
pub(crate) fn comparison_table(set: &EvaluationSet<'_>, comparisons: &[Comparison]) -> Option<ComparisonTable> {
    let pairs: Vec<_> = comparisons.iter().filter(|row| row.dataset == set.dataset).collect();
    let best = set.systems.first()?.name;
    let shown: Vec<_> =
        pairs.iter().filter(|row| pairs.len() <= SHOWN || row.system == best || row.other == best).collect();
    let left_out = pairs.len() - shown.len();
    (!pairs.is_empty()).then(|| ComparisonTable {
        metric: figure_name(&set.measure),
        level: pairs.iter().find_map(|row| row.level).map(level),
        left_out: (left_out > 0).then(|| thousands(left_out as u64)),
        caution: caution(&pairs),
        rows: shown.into_iter().map(|row| row_of(set, row)).collect(),
    })
}

/// Resampling gives no p-value below 1 in (resamples + 1): with many pairs, even that does not pass Holm's correction.
fn caution(pairs: &[&Comparison]) -> Option<String> {
    let alpha = 1.0 - pairs.first()?.level.unwrap_or(0.95);
    let tested = |row: &&&Comparison| row.p_randomisation.or(row.p_bootstrap);
    let least = pairs.iter().filter_map(|row| tested(&row)).fold(f64::INFINITY, f64::min);
    let number = pairs.len() as f64;
    (least < alpha && least * number >= alpha).then(|| {
        format!(
            "No pair passes the correction: the smallest p-value is {}, and there are {} pairs. If that is the least that the resamples could give, more of them may tell: the option “resamples” of the evaluation.",
            p_value(least),
            pairs.len()
        )
    })
}

fn row_of(set: &EvaluationSet<'_>, row: &Comparison) -> Row {
    let name = |name: &str| {
        let system = set.systems.iter().find(|system| system.name == name);
        system.map_or_else(|| name.to_owned(), |system| system.shown.clone())
    };
    let corrected = row.p_randomisation_holm.or(row.p_bootstrap_holm);
    let alpha = 1.0 - row.level.unwrap_or(0.95);
    let ends = row.low.zip(row.high);
    Row {
        system: name(&row.system),
        other: name(&row.other),
        difference: signed(&row.metric, row.difference),
        interval: ends.map(|(low, high)| format!("{} to {}", signed(&row.metric, low), signed(&row.metric, high))),
        bootstrap: row.p_bootstrap.map(p_value),
        bootstrap_corrected: row.p_bootstrap_holm.map(p_value),
        randomisation: row.p_randomisation.map(p_value),
        randomisation_corrected: row.p_randomisation_holm.map(p_value),
        significant: corrected.map(|p| p < alpha),
    }
}

/// A difference with its sign, in points of per cent; of a correlation as it is.
fn signed(metric: &str, difference: f64) -> String {
    if metric == "mcc" { format!("{difference:+.3}") } else { format!("{:+.1}", difference * 100.0) }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use clinsynth_contract::Score;

    use super::*;
    use crate::Report;
    use crate::sets::evaluation_sets;

    fn pair(system: &str, other: &str, p: f64) -> Comparison {
        Comparison {
            dataset: "dev".into(),
            scheme: "strict".into(),
            label: "micro avg".into(),
            metric: "f1".into(),
            system: system.into(),
            other: other.into(),
            difference: 0.034,
            low: Some(-0.002),
            high: Some(0.06),
            level: Some(0.95),
            p_bootstrap: Some(0.0004),
            p_randomisation_holm: Some(p),
            ..Comparison::default()
        }
    }

    fn table(comparisons: Vec<Comparison>) -> ComparisonTable {
        let score =
            Score { dataset: "dev".into(), system: "p@n=1".into(), scheme: "strict".into(), ..Score::default() };
        let report = Report { scores: vec![score], comparisons, ..Report::default() };
        let sets = evaluation_sets(&report);
        comparison_table(&sets[0], &report.comparisons).unwrap_or_else(|| panic!("pairs were compared"))
    }

    #[test]
    fn a_pair_is_shown_with_sign_interval_and_verdict() {
        let table = table(vec![pair("p@n=1", "p@n=2", 0.049), pair("p@n=2", "p@n=3", 0.051)]);
        let row = &table.rows[0];
        assert_eq!((row.system.as_str(), row.other.as_str()), ("n=1", "p@n=2"));
        assert_eq!((row.difference.as_str(), row.interval.as_deref()), ("+3.4", Some("-0.2 to +6.0")));
        assert_eq!((row.bootstrap.as_deref(), row.randomisation.as_deref()), (Some("< 0.001"), None));
        assert_eq!(table.rows.iter().map(|row| row.significant).collect::<Vec<_>>(), [Some(true), Some(false)]);
        assert_eq!((table.metric.as_str(), table.level.as_deref()), ("strict F1", Some("95 %")));
    }

    #[test]
    fn too_few_resamples_for_the_number_of_pairs_are_told() {
        let check = |least: f64, pairs: usize, expected: bool| {
            let row = |number: usize| Comparison {
                p_randomisation: Some(if number == 0 { least } else { 0.5 }),
                ..pair("p@n=1", &format!("p@n={number}"), 1.0)
            };
            assert_eq!(table((0..pairs).map(row).collect()).caution.is_some(), expected, "{least} of {pairs}");
        };
        check(0.001, 40, false);
        check(0.001, 51, true);
        check(0.2, 2, false);
    }

    #[test]
    fn of_many_pairs_those_with_the_best_are_shown() {
        let mut pairs: Vec<_> = (0..70).map(|number| pair("p@n=2", &format!("p@n={number}"), 0.5)).collect();
        pairs.push(pair("p@n=1", "p@n=9", 0.5));
        let table = table(pairs);
        let shown: Vec<_> = table.rows.iter().map(|row| row.other.as_str()).collect();
        assert_eq!(shown, ["n=1", "p@n=9"]);
        assert_eq!(table.left_out.as_deref(), Some("69"));
    }
}
