use proptest::prelude::*;

use super::*;

const LABELS: [&str; 3] = ["D", "C", "unscored"];

/// Mentions of one sentence, overlapping ones included.
fn mentions() -> impl Strategy<Value = Vec<Triple>> {
    prop::collection::vec((0u32..20, 1u32..6, 0usize..3), 0..6).prop_map(|drawn| {
        drawn.into_iter().map(|(start, length, label)| (start, start + length, LABELS[label])).collect()
    })
}

type Sentences = Vec<(Vec<Triple>, Vec<Triple>)>;

fn sentences() -> impl Strategy<Value = Sentences> {
    let sentence = (mentions(), mentions(), any::<bool>())
        .prop_map(|(gold, found, same)| if same { (gold.clone(), gold) } else { (gold, found) });
    prop::collection::vec(sentence, 1..8)
}

fn run(sentences: &Sentences, swapped: bool, level: f64) -> Evaluation {
    let side = |(gold, found): &(Vec<Triple>, Vec<Triple>), first: bool| {
        if first == swapped { found.clone() } else { gold.clone() }
    };
    let gold: Vec<_> =
        sentences.iter().enumerate().map(|(n, sentence)| example(&n.to_string(), &side(sentence, true))).collect();
    let found: Vec<_> =
        sentences.iter().enumerate().map(|(n, sentence)| prediction(&n.to_string(), &side(sentence, false))).collect();
    let bootstrap = Bootstrap { samples: 50, level, seed: 7, ..Bootstrap::default() };
    evaluate("dev", &gold, &found, &EvaluationSettings { bootstrap, ..settings(&LABELS[..2]) }).unwrap()
}

proptest! {
    #[test]
    fn swapping_sides_swaps_precision_and_recall(sentences in sentences()) {
        let (one, other) = (run(&sentences, false, 0.9), run(&sentences, true, 0.9));
        for (rows, swapped) in one.scores.chunks(3).zip(other.scores.chunks(3)) {
            prop_assert_eq!(rows[0].value, swapped[1].value);
            prop_assert_eq!(rows[1].value, swapped[0].value);
            prop_assert!((rows[2].value - swapped[2].value).abs() < 1e-12);
        }
    }

    #[test]
    fn a_perfect_prediction_scores_one(mut sentences in sentences()) {
        for (gold, found) in &mut sentences {
            found.clone_from(gold);
        }
        let evaluation = run(&sentences, false, 0.9);
        for row in &evaluation.scores {
            prop_assert_eq!(row.value, f64::from(u8::from(row.support > 0)));
        }
        prop_assert!(evaluation.errors.is_empty());
    }

    #[test]
    fn looser_rules_never_score_less(sentences in sentences()) {
        let evaluation = run(&sentences, false, 0.9);
        let of = |scheme: &str| {
            let rows = evaluation.scores.iter().filter(|row| row.slice.is_empty() && row.scheme == scheme);
            rows.cloned().collect::<Vec<_>>()
        };
        let (strict, relaxed, types) = (of("strict"), of("relaxed"), of("type"));
        for ((strict, relaxed), types) in strict.iter().zip(&relaxed).zip(&types) {
            prop_assert!(relaxed.value >= strict.value && relaxed.correct >= strict.correct);
            prop_assert!(types.value >= relaxed.value && types.correct >= relaxed.correct);
            prop_assert_eq!((strict.support, strict.predicted), (relaxed.support, relaxed.predicted));
        }
    }

    #[test]
    fn intervals_are_ordered_and_widen_with_their_level(sentences in sentences()) {
        let (narrow, wide) = (run(&sentences, false, 0.5), run(&sentences, false, 0.99));
        for (narrow, wide) in narrow.scores.iter().zip(&wide.scores) {
            let ends = [Some(0.0), wide.low, narrow.low, narrow.high, wide.high, Some(1.0)];
            prop_assert!(ends.is_sorted(), "{:?}", ends);
        }
    }

    #[test]
    fn slices_by_length_make_up_the_whole(sentences in sentences()) {
        let evaluation = run(&sentences, false, 0.9);
        let counts = |slice: bool| {
            let rows = evaluation.scores.iter().filter(|row| {
                row.scheme == "strict" && row.label == "micro avg" && row.metric == "f1" && row.slice.is_empty() != slice
            });
            rows.fold((0, 0, 0), |sum, row| (sum.0 + row.support, sum.1 + row.predicted, sum.2 + row.correct))
        };
        prop_assert_eq!(counts(true), counts(false));
    }

    #[test]
    fn equal_documents_give_an_interval_of_no_width(sentence in (mentions(), mentions()), copies in 1usize..5) {
        for row in run(&vec![sentence; copies], false, 0.9).scores {
            prop_assert_eq!((row.low, row.high), (Some(row.value), Some(row.value)));
        }
    }

    #[test]
    fn errors_account_for_every_wrong_mention(sentences in sentences()) {
        let evaluation = run(&sentences, false, 0.9);
        let micro = evaluation.scores.iter().find(|row| row.label == "micro avg").unwrap();
        let with_gold = evaluation.errors.iter().filter(|row| row.gold.is_some()).count() as u64;
        let with_prediction = evaluation.errors.iter().filter(|row| row.predicted.is_some()).count() as u64;
        prop_assert_eq!((with_gold, with_prediction), (micro.support - micro.correct, micro.predicted - micro.correct));
    }

    #[test]
    fn the_order_of_rows_does_not_matter(sentences in sentences()) {
        let gold: Vec<_> = sentences.iter().enumerate().map(|(n, (gold, _))| example(&n.to_string(), gold)).collect();
        let found: Vec<_> =
            sentences.iter().enumerate().map(|(n, (_, found))| prediction(&n.to_string(), found)).collect();
        let reversed: Vec<_> = gold.iter().rev().cloned().collect();
        let one = evaluate("dev", &gold, &found, &settings(&LABELS[..2])).unwrap();
        let other = evaluate("dev", &reversed, &found, &settings(&LABELS[..2])).unwrap();
        prop_assert_eq!(one.scores, other.scores);
    }
}
