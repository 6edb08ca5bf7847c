use super::*;

#[test]
fn scores_hold_every_label_both_averages_and_both_schemes() {
    let gold = [example("a", &[(0, 5, "D"), (10, 15, "D"), (20, 25, "C")]), example("b", &[])];
    let found = [prediction("b", &[(0, 3, "C")]), prediction("a", &[(0, 5, "D"), (12, 18, "D"), (30, 31, "X")])];
    let mut settings = settings(&["D", "C", "unused"]);
    settings.sensitivity = Sensitivity::Aggregate;
    let evaluation = evaluate("dev", &gold, &found, &settings).unwrap();
    let expected = [
        ("strict", "D", [0.5, 0.5, 0.5], (2, 2, 1)),
        ("strict", "C", [0.0, 0.0, 0.0], (1, 1, 0)),
        ("strict", "unused", [0.0, 0.0, 0.0], (0, 0, 0)),
        ("strict", "micro avg", [1.0 / 3.0; 3], (3, 3, 1)),
        ("strict", "macro avg", [0.25, 0.25, 0.25], (3, 3, 1)),
        ("relaxed", "D", [1.0, 1.0, 1.0], (2, 2, 2)),
        ("relaxed", "C", [0.0, 0.0, 0.0], (1, 1, 0)),
        ("relaxed", "unused", [0.0, 0.0, 0.0], (0, 0, 0)),
        ("relaxed", "micro avg", [2.0 / 3.0; 3], (3, 3, 2)),
        ("relaxed", "macro avg", [0.5, 0.5, 0.5], (3, 3, 2)),
        ("type", "D", [1.0, 1.0, 1.0], (2, 2, 2)),
        ("type", "C", [0.0, 0.0, 0.0], (1, 1, 0)),
        ("type", "unused", [0.0, 0.0, 0.0], (0, 0, 0)),
        ("type", "micro avg", [2.0 / 3.0; 3], (3, 3, 2)),
        ("type", "macro avg", [0.5, 0.5, 0.5], (3, 3, 2)),
    ];
    let (whole, slices): (Vec<_>, Vec<_>) = evaluation.scores.iter().partition(|row| row.slice.is_empty());
    assert_eq!(whole.len(), 3 * expected.len());
    assert!(slices.iter().all(|row| row.slice == "words=1"), "every mention is one word of the text");
    for (rows, (scheme, label, values, counts)) in whole.chunks(3).zip(expected) {
        for (row, (metric, value)) in rows.iter().zip(["precision", "recall", "f1"].into_iter().zip(values)) {
            assert_eq!((row.scheme.as_str(), row.label.as_str(), row.metric.as_str()), (scheme, label, metric));
            assert!((row.value - value).abs() < 1e-12, "{row:?}");
            assert_eq!((row.support, row.predicted, row.correct), counts, "{row:?}");
            assert_eq!((row.dataset.as_str(), row.level, row.sensitivity), ("dev", Some(0.95), Sensitivity::Aggregate));
        }
    }
}

#[test]
fn relaxed_matching_is_one_to_one_and_as_large_as_possible() {
    let check = |gold: &[Triple], found: &[Triple], expected: (u64, u64, u64)| {
        let evaluation =
            evaluate("dev", &[example("a", gold)], &[prediction("a", found)], &settings(&["D", "C"])).unwrap();
        let micro = evaluation.scores.iter().find(|row| row.scheme == "relaxed" && row.label == "micro avg").unwrap();
        assert_eq!((micro.support, micro.predicted, micro.correct), expected, "{gold:?} {found:?}");
    };
    check(&[(0, 5, "D"), (6, 9, "D")], &[(0, 20, "D")], (2, 1, 1));
    check(&[(0, 20, "D")], &[(0, 5, "D"), (6, 9, "D")], (1, 2, 1));
    check(&[(0, 9, "D"), (2, 4, "D")], &[(0, 3, "D"), (7, 9, "D")], (2, 2, 2));
    check(&[(0, 5, "D")], &[(5, 9, "D")], (1, 1, 0));
    check(&[(0, 5, "D")], &[(0, 5, "C")], (1, 1, 0));
    check(&[(0, 5, "D"), (0, 5, "D")], &[(0, 5, "D")], (1, 1, 1));
}

#[test]
fn types_alone_count_wherever_they_stand() {
    let check = |gold: &[Triple], found: &[Triple], expected: (u64, u64, u64)| {
        let evaluation =
            evaluate("dev", &[example("a", gold)], &[prediction("a", found)], &settings(&["D", "C"])).unwrap();
        let micro = evaluation.scores.iter().find(|row| row.scheme == "type" && row.label == "micro avg").unwrap();
        assert_eq!((micro.support, micro.predicted, micro.correct), expected, "{gold:?} {found:?}");
    };
    check(&[(0, 5, "D")], &[(30, 31, "D")], (1, 1, 1));
    check(&[(0, 5, "D")], &[(0, 5, "C")], (1, 1, 0));
    check(&[(0, 5, "D"), (6, 9, "D"), (10, 12, "C")], &[(0, 20, "D")], (3, 1, 1));
    check(&[(0, 5, "D")], &[(0, 1, "D"), (2, 3, "D"), (4, 5, "C")], (1, 3, 1));
}

#[test]
fn each_error_has_one_row() {
    let check = |gold: &[Triple], found: &[Triple], expected: &[(&str, Option<Triple>, Option<Triple>)]| {
        let gold = example("a", gold);
        let evaluation =
            evaluate("dev", std::slice::from_ref(&gold), &[prediction("a", found)], &settings(&["D", "C"])).unwrap();
        let rows: Vec<_> = evaluation
            .errors
            .iter()
            .map(|row| {
                assert_eq!((&row.example, &row.text), (&gold.id, &gold.text));
                assert_eq!(row.sensitivity, Sensitivity::Synthetic, "the higher of both rows");
                (row.kind.as_str(), row.gold.clone(), row.predicted.clone())
            })
            .collect();
        let entity = |(start, end, label)| Entity::new(Span::new(start, end), label);
        let expected: Vec<_> =
            expected.iter().map(|&(kind, gold, found)| (kind, gold.map(entity), found.map(scored))).collect();
        assert_eq!(rows, expected);
    };
    check(&[(0, 5, "D")], &[(0, 5, "D")], &[]);
    check(&[(0, 5, "D")], &[], &[("missed", Some((0, 5, "D")), None)]);
    check(&[], &[(0, 5, "D")], &[("spurious", None, Some((0, 5, "D")))]);
    check(&[(0, 5, "D")], &[(0, 9, "D")], &[("boundary", Some((0, 5, "D")), Some((0, 9, "D")))]);
    check(&[(0, 5, "D")], &[(0, 5, "C")], &[("label", Some((0, 5, "D")), Some((0, 5, "C")))]);
    check(&[(0, 5, "D")], &[(2, 9, "C")], &[("both", Some((0, 5, "D")), Some((2, 9, "C")))]);
    check(
        &[(0, 10, "D"), (20, 25, "C")],
        &[(0, 3, "D"), (4, 10, "D"), (20, 25, "X"), (40, 45, "C")],
        &[
            ("spurious", None, Some((0, 3, "D"))),
            ("boundary", Some((0, 10, "D")), Some((4, 10, "D"))),
            ("missed", Some((20, 25, "C")), None),
            ("spurious", None, Some((40, 45, "C"))),
        ],
    );
    check(
        &[(0, 10, "D"), (0, 10, "C")],
        &[(0, 10, "C"), (2, 10, "D")],
        &[("boundary", Some((0, 10, "D")), Some((2, 10, "D")))],
    );
}

#[test]
fn rows_that_do_not_belong_together_are_refused() {
    let check = |gold: &[&str], found: &[&str], labels: &[&str], level: f64, expected: &str| {
        let gold: Vec<_> = gold.iter().map(|id| example(id, &[])).collect();
        let found: Vec<_> = found.iter().map(|id| prediction(id, &[])).collect();
        let settings =
            EvaluationSettings { bootstrap: Bootstrap { level, ..Bootstrap::default() }, ..settings(labels) };
        assert_eq!(evaluate("dev", &gold, &found, &settings).unwrap_err().to_string(), expected);
    };
    let ids = ["1", "2", "3", "4", "5", "6", "7"];
    check(
        &ids,
        &["1"],
        &["D"],
        0.9,
        "6 of the examples of `dev` have no row of predictions: `2`, `3`, `4`, `5`, `6`, …; predict on this very set",
    );
    check(
        &["1"],
        &["1", "9"],
        &["D"],
        0.9,
        "1 predictions are for examples that `dev` lacks: `9`; predict on this very set",
    );
    check(
        &["1", "1"],
        &["1"],
        &["D"],
        0.9,
        "example `1` stands twice in the evaluation of `dev`: identifiers must be unique",
    );
    check(
        &["1"],
        &["1", "1"],
        &["D"],
        0.9,
        "prediction for example `1` stands twice in the evaluation of `dev`: identifiers must be unique",
    );
    check(&[], &[], &["D"], 0.9, "evaluation set `dev` holds no example");
    check(&["1"], &["1"], &[], 0.9, "evaluation of `dev` names no label: name those that its gold annotates");
    check(&["1"], &["1"], &["D", "D"], 0.9, "label `D` is to be scored twice on `dev`: name each label once");
    check(&["1"], &["1"], &["D"], 1.0, "interval level `1` is not between 0 and 1, such as 0.95");
    assert!(matches!(evaluate("dev", &[], &[], &settings(&["D"])), Err(MetricsError::NoExamples { .. })));
}

#[test]
fn the_document_is_what_is_resampled() {
    let row = |id: &str, document: &str| Example { document: document.to_owned(), ..example(id, &[(0, 5, "D")]) };
    let found = [prediction("1", &[(0, 5, "D")]), prediction("2", &[])];
    let interval = |gold: &[Example]| {
        let evaluation = evaluate("dev", gold, &found, &settings(&["D"])).unwrap();
        (evaluation.scores[1].low, evaluation.scores[1].high)
    };
    // One document: every resample is the whole set. Two: recall is 0, one half or 1.
    assert_eq!(interval(&[row("1", "d"), row("2", "d")]), (Some(0.5), Some(0.5)));
    assert_eq!(interval(&[row("1", "d"), row("2", "e")]), (Some(0.0), Some(1.0)));
    assert_eq!(interval(&[row("1", ""), row("2", "")]), (Some(0.0), Some(1.0)));
}

#[test]
fn the_interval_has_the_width_that_theory_gives() {
    let gold: Vec<_> = (0..100).map(|id| example(&id.to_string(), &[(0, 5, "D")])).collect();
    let found: Vec<_> =
        (0..100).map(|id| prediction(&id.to_string(), if id % 2 == 0 { &[(0, 5, "D")] } else { &[] })).collect();
    let evaluation = evaluate("dev", &gold, &found, &settings(&["D"])).unwrap();
    let recall = &evaluation.scores[1];
    // Half of 100 found: 0.5 ± 1.96 × sqrt(0.25 / 100).
    let ends = (recall.low.unwrap(), recall.high.unwrap());
    assert!((ends.0 - 0.402).abs() < 0.015 && (ends.1 - 0.598).abs() < 0.015, "{ends:?}");
}

#[test]
fn no_samples_give_no_intervals() {
    let settings =
        EvaluationSettings { bootstrap: Bootstrap { samples: 0, ..Bootstrap::default() }, ..settings(&["D"]) };
    let evaluation = evaluate("dev", &[example("a", &[])], &[prediction("a", &[])], &settings).unwrap();
    assert!(evaluation.scores.iter().all(|row| (row.low, row.high, row.level) == (None, None, None)));
    assert_eq!(value(&evaluation, "strict", "macro avg", "f1"), 0.0);
}
