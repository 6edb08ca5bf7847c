//! Slices, and comparisons of systems by hand.

use clinsynth_metrics::{Measure, MentionCounts, System, Task, compare};

use super::*;

#[test]
fn mentions_are_scored_by_slice() {
    let text = "fever and lung cancer and gout";
    let with_text = |mut example: Example| {
        text.clone_into(&mut example.text);
        example
    };
    let gold = with_text(example("a", &[(0, 5, "D"), (10, 21, "D"), (26, 30, "D")]));
    let found = prediction("a", &[(0, 5, "D"), (15, 21, "D"), (26, 30, "D")]);
    let mut training = MentionCounts::default();
    training.add(&with_text(example("t", &[(0, 5, "D"), (10, 21, "D")])));
    training.add(&with_text(example("u", &[(10, 21, "D")])));
    let settings = EvaluationSettings { training: Some(training), ..settings(&["D"]) };
    let scores = evaluate("dev", &[gold], &[found], &settings).unwrap().scores;
    let rows: Vec<_> = scores
        .iter()
        .filter(|row| !row.slice.is_empty() && row.label == "micro avg" && row.metric == "f1")
        .map(|row| (row.slice.as_str(), row.support, row.predicted, row.correct, row.scheme.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("words=1", 2, 3, 2, "strict"),
            ("words=2", 1, 0, 0, "strict"),
            ("seen=yes", 2, 1, 1, "strict"),
            ("seen=no", 1, 2, 1, "strict"),
            ("frequency=1", 1, 1, 1, "strict"),
            ("frequency=2-9", 1, 0, 0, "strict"),
        ]
    );
}

fn sentences(number: usize, found: impl Fn(usize) -> bool) -> (Vec<Example>, Vec<Prediction>) {
    let rows = (0..number).map(|id| {
        let id_text = id.to_string();
        (
            example(&id_text, &[(0, 5, "D")]),
            prediction(&id_text, if found(id) { &[(0, 5, "D")] } else { &[(8, 9, "D")] }),
        )
    });
    rows.unzip()
}

#[test]
fn a_clear_difference_gets_other_letters_and_a_small_one_does_not() {
    let (gold, good) = sentences(60, |id| id % 10 != 0);
    let (_, fair) = sentences(60, |id| id % 10 != 0 && id != 1);
    let (_, bad) = sentences(60, |id| id % 3 == 0);
    let systems = [("bad", &bad), ("good", &good), ("fair", &fair)]
        .map(|(name, run)| System { name: name.to_owned(), runs: vec![run.as_slice()] });
    let ranking = compare("dev", &gold, &systems, &Measure::of_task(&Task::Entities), &settings(&["D"])).unwrap();
    let lettered: Vec<_> = ranking
        .scores
        .iter()
        .filter_map(|row| {
            row.letters.as_ref().map(|letters| (row.system.as_str(), letters.as_str(), row.label.as_str()))
        })
        .collect();
    assert_eq!(lettered, [("good", "a", "micro avg"), ("fair", "a", "micro avg"), ("bad", "b", "micro avg")]);
    let pairs: Vec<_> = ranking.comparisons.iter().map(|row| (row.system.as_str(), row.other.as_str())).collect();
    assert_eq!(pairs, [("good", "fair"), ("good", "bad"), ("fair", "bad")]);
    // One document differs: it is swapped or not, and either way the difference is as large.
    assert_eq!(ranking.comparisons[0].p_randomisation, Some(1.0));
    assert!(ranking.comparisons[1].p_randomisation_holm.unwrap() < 0.01);
    let wrong: Vec<_> = ranking.errors.iter().map(|row| row.system.as_str()).collect();
    assert_eq!(wrong.iter().filter(|name| **name == "bad").count(), 2 * 40);
    assert_eq!(wrong.iter().filter(|name| **name == "good").count(), 2 * 6);
}

#[test]
fn equal_runs_leave_nothing_to_chance() {
    let (gold, run) = sentences(12, |id| id % 2 == 0);
    let system = |name: &str| System { name: name.to_owned(), runs: vec![run.as_slice(); 3] };
    let ranking =
        compare("dev", &gold, &[system("b"), system("a")], &Measure::of_task(&Task::Entities), &settings(&["D"]));
    let ranking = ranking.unwrap();
    let row = ranking.scores.iter().find(|row| row.letters.is_some()).unwrap();
    assert_eq!((row.system.as_str(), row.runs, row.sd, row.value), ("a", 3, Some(0.0), 0.5));
    assert_eq!((row.low, row.high, row.support), (Some(0.5), Some(0.5), 36));
    let pair = &ranking.comparisons[0];
    assert_eq!(
        (pair.low, pair.high, pair.p_bootstrap, pair.p_randomisation),
        (Some(0.0), Some(0.0), Some(1.0), Some(1.0))
    );
}

#[test]
fn comparisons_that_cannot_be_made_are_refused() {
    let (gold, run) = sentences(3, |_| true);
    let system = |name: &str| System { name: name.to_owned(), runs: vec![run.as_slice()] };
    let check = |systems: &[System<'_>], measure: &Measure, expected: &str| {
        assert_eq!(compare("dev", &gold, systems, measure, &settings(&["D"])).unwrap_err().to_string(), expected);
    };
    let measure = Measure::of_task(&Task::Entities);
    check(
        &[system("a"), system("a")],
        &measure,
        "system `a` stands twice in the evaluation of `dev`: identifiers must be unique",
    );
    let error =
        compare("dev", &gold, &[system("a")], &Measure { metric: "auc".to_owned(), ..measure }, &settings(&["D"]))
            .unwrap_err();
    assert!(matches!(error, MetricsError::UnknownMeasure { .. }));
    let text = error.to_string();
    let start =
        "no `auc` of `micro avg` under `strict` to compare on `dev`; there is `precision` of `D` under `strict`, ";
    assert!(text.starts_with(start), "{text}");
}
