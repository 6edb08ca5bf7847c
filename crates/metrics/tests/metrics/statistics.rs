//! `statistics_cases.json` holds what scikit-learn and scipy say; `tests/reference/statistics_cases.py` wrote it.

use std::collections::BTreeMap;

use clinsynth_contract::{Comparison, Score};
use clinsynth_metrics::{IntervalMethod, Measure, System, Task, compare};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Cases {
    relations: Vec<RelationCase>,
    calibration: Vec<CalibrationCase>,
    systems: Vec<SystemCase>,
}

#[derive(Deserialize)]
struct RelationCase {
    labels: Vec<String>,
    gold: Vec<String>,
    predicted: Vec<String>,
    /// Precision, recall and F1 of classes and averages; accuracy and correlation under `all`.
    scores: BTreeMap<String, Vec<f64>>,
    always: Option<String>,
    baseline: Option<BTreeMap<String, Vec<f64>>>,
}

#[derive(Deserialize)]
struct CalibrationCase {
    scores: Vec<f32>,
    correct: Vec<bool>,
    ece: f64,
    shares: Vec<f64>,
    confidences: Vec<f64>,
}

#[derive(Deserialize)]
struct SystemCase {
    support: Vec<u32>,
    samples: u32,
    seed: u64,
    level: f64,
    method: String,
    /// Best first.
    systems: Vec<SystemScores>,
    pairs: Vec<PairScores>,
}

#[derive(Deserialize)]
struct SystemScores {
    name: String,
    /// Predicted and correct of each document.
    runs: Vec<[Vec<u32>; 2]>,
    value: f64,
    sd: Option<f64>,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct PairScores {
    system: String,
    other: String,
    difference: f64,
    low: f64,
    high: f64,
    p_bootstrap: f64,
    p_bootstrap_holm: f64,
    p_randomisation: Option<f64>,
    p_randomisation_holm: Option<f64>,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("statistics_cases.json")).unwrap()
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-9, "{what}: {found} is not {expected}");
}

#[test]
fn relations_score_as_in_scikit_learn() {
    let cases = cases().relations;
    assert_eq!(cases.len(), 45);
    for (number, case) in cases.iter().enumerate() {
        let rows = case.gold.iter().zip(&case.predicted).enumerate();
        let (gold, found): (Vec<_>, Vec<_>) = rows
            .map(|(row, (gold, found))| (related(&row.to_string(), &[gold]), judged(&row.to_string(), &[found])))
            .unzip();
        let settings = EvaluationSettings {
            task: Task::Relations { negative: "none".to_owned() },
            labels: case.labels.clone(),
            bootstrap: Bootstrap { samples: 0, ..Bootstrap::default() },
            ..EvaluationSettings::default()
        };
        let scores = evaluate("dev", &gold, &found, &settings).unwrap().scores;
        let check = |system: &str, expected: &BTreeMap<String, Vec<f64>>| {
            let rows: Vec<_> = scores.iter().filter(|row| row.system == system && row.scheme == "pair").collect();
            // The class of no relation has rows where it occurs at all.
            let occurs = case.gold.iter().chain(&case.predicted).any(|label| label == "none");
            let mut left = 3 * (expected.len() - 1 - usize::from(!occurs)) + 2;
            for row in rows {
                let metrics =
                    if row.label == "all" { vec!["accuracy", "mcc"] } else { vec!["precision", "recall", "f1"] };
                let column = metrics.iter().position(|metric| *metric == row.metric).unwrap();
                close(row.value, expected[&row.label][column], &format!("case {number}, {system} {row:?}"));
                left -= 1;
            }
            assert_eq!(left, 0, "case {number}: {system}");
        };
        check("", &case.scores);
        let baseline = case.always.as_ref().map(|label| format!("always {label}"));
        if let Some((baseline, expected)) = baseline.as_ref().zip(case.baseline.as_ref()) {
            check(baseline, expected);
        }
        let systems = scores.iter().filter(|row| !row.system.is_empty());
        assert!(systems.map(|row| Some(&row.system)).all(|system| system == baseline.as_ref()), "case {number}");
    }
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    for (number, case) in cases().calibration.iter().enumerate() {
        let span = |&score| ScoredSpan { start: 0, end: 5, label: "D".to_owned(), score };
        let ids = || (0..case.scores.len()).map(|id| id.to_string());
        let gold: Vec<_> = ids()
            .zip(&case.correct)
            .map(|(id, &correct)| example(&id, if correct { &[(0, 5, "D")] } else { &[] }))
            .collect();
        let found: Vec<_> = ids()
            .zip(&case.scores)
            .map(|(example, score)| Prediction { example, spans: vec![span(score)], ..Prediction::default() })
            .collect();
        let settings = EvaluationSettings { bins: 10, ..settings(&["D"]) };
        let scores = evaluate("dev", &gold, &found, &settings).unwrap().scores;
        let errors: Vec<_> = scores.iter().filter(|row| row.metric == "ece").collect();
        assert_eq!(errors.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["D", "all"]);
        for row in errors {
            close(row.value, case.ece, &format!("case {number}, error"));
        }
        let bins = |metric: &str| -> Vec<f64> {
            let of = |row: &&Score| row.slice.starts_with("score=") && row.metric == metric;
            scores.iter().filter(of).map(|row| row.value).collect()
        };
        for (found, expected) in [(bins("precision"), &case.shares), (bins("confidence"), &case.confidences)] {
            assert_eq!(found.len(), expected.len(), "case {number}");
            found
                .iter()
                .zip(expected)
                .for_each(|(&found, &expected)| close(found, expected, &format!("case {number}")));
        }
    }
}

/// Mentions at fixed places, of which the first are found; what is found beyond stands elsewhere.
fn document(id: usize, support: u32, [predicted, correct]: [u32; 2]) -> (Example, Prediction) {
    let at = |place: u32| (2 * place, 2 * place + 1, "D");
    let gold: Vec<Triple> = (0..support).map(at).collect();
    let found: Vec<Triple> = (0..correct).chain((0..predicted - correct).map(|place| 10 + place)).map(at).collect();
    // The order of documents is that of their identifiers.
    let id = format!("{id:03}");
    (example(&id, &gold), prediction(&id, &found))
}

#[test]
fn systems_compare_as_in_scipy() {
    for (number, case) in cases().systems.iter().enumerate() {
        let of_run = |run: &[Vec<u32>; 2]| -> (Vec<Example>, Vec<Prediction>) {
            let rows = case.support.iter().zip(run[0].iter().zip(&run[1])).enumerate();
            rows.map(|(id, (&support, (&predicted, &correct)))| document(id, support, [predicted, correct])).unzip()
        };
        let gold = of_run(&case.systems[0].runs[0]).0;
        let found: Vec<Vec<Vec<Prediction>>> =
            case.systems.iter().map(|system| system.runs.iter().map(|run| of_run(run).1).collect()).collect();
        let systems: Vec<_> = case
            .systems
            .iter()
            .zip(&found)
            .map(|(system, runs)| System { name: system.name.clone(), runs: runs.iter().map(Vec::as_slice).collect() })
            .rev()
            .collect();
        let method = if case.method == "bca" { IntervalMethod::Bca } else { IntervalMethod::Percentile };
        let bootstrap = Bootstrap { samples: case.samples, level: case.level, seed: case.seed, method };
        let settings = EvaluationSettings { bootstrap, ..settings(&["D"]) };
        let ranking = compare("dev", &gold, &systems, &Measure::of_task(&Task::Entities), &settings).unwrap();
        check_systems(number, case, &ranking.scores);
        check_pairs(number, case, &ranking.comparisons);
    }
}

fn check_systems(number: usize, case: &SystemCase, scores: &[Score]) {
    let is_measured = |row: &&Score| {
        (row.scheme.as_str(), row.slice.as_str(), row.label.as_str(), row.metric.as_str())
            == ("strict", "", "micro avg", "f1")
    };
    let rows: Vec<_> = scores.iter().filter(is_measured).collect();
    assert_eq!(rows.len(), case.systems.len());
    for (row, expected) in rows.iter().zip(&case.systems) {
        let what = format!("case {number}, {row:?}");
        let interval = if expected.runs.len() > 1 { "t" } else { &case.method };
        assert_eq!((row.system.as_str(), row.interval.as_deref()), (expected.name.as_str(), Some(interval)), "{what}");
        assert_eq!((row.runs as usize, row.sd.is_some()), (expected.runs.len(), expected.sd.is_some()), "{what}");
        close(row.value, expected.value, &what);
        close(row.sd.unwrap_or_default(), expected.sd.unwrap_or_default(), &what);
        close(row.low.unwrap(), expected.low, &what);
        close(row.high.unwrap(), expected.high, &what);
        assert!(row.letters.is_some(), "{what}");
    }
}

fn check_pairs(number: usize, case: &SystemCase, comparisons: &[Comparison]) {
    assert_eq!(comparisons.len(), case.pairs.len());
    for (row, expected) in comparisons.iter().zip(&case.pairs) {
        let what = format!("case {number}, {row:?}");
        assert_eq!(
            (&row.system, &row.other, row.level),
            (&expected.system, &expected.other, Some(case.level)),
            "{what}"
        );
        for (found, expected) in [
            (Some(row.difference), Some(expected.difference)),
            (Some(row.system_value - row.other_value), Some(expected.difference)),
            (row.low, Some(expected.low)),
            (row.high, Some(expected.high)),
            (row.p_bootstrap, Some(expected.p_bootstrap)),
            (row.p_bootstrap_holm, Some(expected.p_bootstrap_holm)),
            (row.p_randomisation, expected.p_randomisation),
            (row.p_randomisation_holm, expected.p_randomisation_holm),
        ] {
            assert_eq!(found.is_some(), expected.is_some(), "{what}");
            close(found.unwrap_or_default(), expected.unwrap_or_default(), &what);
        }
    }
}
