//! `seqeval_cases.json` holds what seqeval 1.2.2 says; `tests/reference/seqeval_cases.py` wrote it.

use std::collections::BTreeMap;

use clinsynth_metrics::{Figures, MetricsError, TagReading, score_tags};

#[derive(serde::Deserialize)]
struct Case {
    mode: String,
    gold: Vec<Vec<String>>,
    predicted: Vec<Vec<String>>,
    /// Precision, recall, F1 and support.
    scores: BTreeMap<String, (f64, f64, f64, u64)>,
}

#[test]
fn tag_sequences_score_as_in_seqeval() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("seqeval_cases.json")).unwrap();
    assert_eq!(cases.len(), 120);
    for (number, case) in cases.iter().enumerate() {
        let reading = if case.mode == "strict" { TagReading::StrictIob2 } else { TagReading::Lenient };
        let scores = score_tags(&case.gold, &case.predicted, reading).unwrap();
        let mut rows: BTreeMap<String, (Figures, u64)> = BTreeMap::new();
        for (label, counts) in &scores.labels {
            rows.insert(label.clone(), (counts.figures(), counts.support));
        }
        if scores.micro.occurs() {
            rows.insert("micro avg".into(), (scores.micro.figures(), scores.micro.support));
            rows.insert("macro avg".into(), (scores.macro_average, scores.micro.support));
        }
        assert_eq!(rows.keys().collect::<Vec<_>>(), case.scores.keys().collect::<Vec<_>>(), "case {number}");
        for (label, (figures, support)) in rows {
            let (precision, recall, f1, expected_support) = case.scores[&label];
            let difference = [figures.precision - precision, figures.recall - recall, figures.f1 - f1].map(f64::abs);
            assert!(difference.iter().all(|&difference| difference < 1e-12), "case {number}, {label}: {figures:?}");
            assert_eq!(support, expected_support, "case {number}, {label}");
        }
    }
}

#[test]
fn refuses_tags_it_cannot_read() {
    let check = |gold: &[&str], predicted: &[&str], reading, expected: &str| {
        let error = score_tags(&[gold.to_vec()], &[predicted.to_vec()], reading).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(&["X-A"], &["O"], TagReading::Lenient, "tag `X-A` starts with none of `B`, `I`, `O`, `E`, `S`");
    check(&["S-A"], &["O"], TagReading::StrictIob2, "tag `S-A` starts with none of `B`, `I`, `O`");
    check(&["O", "O"], &["O"], TagReading::Lenient, "tags of sequence 0: 2 gold against 1 predicted");
    let error = score_tags(&[vec!["O"]], &[], TagReading::Lenient).unwrap_err();
    assert!(matches!(error, MetricsError::UnequalLengths { gold: 1, predicted: 0, .. }));
}
