//! Relations by hand: what pairs up, documents and concepts, baselines and errors.

use clinsynth_contract::Score;
use clinsynth_metrics::Task;

use super::*;

fn relation_settings(labels: &[&str]) -> EvaluationSettings {
    let task = Task::Relations { negative: "none".to_owned() };
    let bootstrap = Bootstrap { samples: 0, ..Bootstrap::default() };
    EvaluationSettings { task, bootstrap, bins: 10, ..settings(labels) }
}

/// A document of two chemicals and two diseases; relations by place of head and tail.
fn paper(id: &str, document: &str, concepts: [Option<&str>; 4], relations: &[(u32, u32, &str)]) -> Example {
    let mut paper = example(id, &[(0, 5, "C"), (10, 15, "C"), (20, 25, "D"), (30, 35, "D")]);
    document.clone_into(&mut paper.document);
    for (entity, concept) in paper.entities.iter_mut().zip(concepts) {
        entity.concept = concept.map(str::to_owned);
    }
    paper.relations =
        relations.iter().map(|&(head, tail, label)| Relation { head, tail, label: label.to_owned() }).collect();
    paper
}

fn reading(paper: &Example, relations: &[(u32, u32, &str)]) -> Prediction {
    let mut reading = prediction(&paper.id, &[(0, 5, "C"), (10, 15, "C"), (20, 25, "D"), (30, 35, "D")]);
    let row =
        |&(head, tail, label): &(u32, u32, &str)| ScoredRelation { head, tail, label: label.to_owned(), score: 0.75 };
    reading.relations = relations.iter().map(row).collect();
    reading
}

fn counts(scores: &[Score], system: &str, scheme: &str, label: &str) -> (u64, u64, u64) {
    let row = scores.iter().find(|row| row.system == system && row.scheme == scheme && row.label == label).unwrap();
    (row.support, row.predicted, row.correct)
}

#[test]
fn a_pair_that_one_side_does_not_list_has_no_relation_there() {
    let no = [None; 4];
    let check = |gold: &[(u32, u32, &str)], found: &[(u32, u32, &str)], expected: [(u64, u64, u64); 3]| {
        let paper = paper("a", "a", no, gold);
        let reading = reading(&paper, found);
        let scores = evaluate("dev", &[paper], &[reading], &relation_settings(&["up", "down"])).unwrap().scores;
        let classes = ["up", "down", "all"].map(|label| counts(&scores, "", "pair", label));
        assert_eq!(classes, expected, "{gold:?} {found:?}");
    };
    check(&[(0, 2, "up")], &[(0, 2, "up")], [(1, 1, 1), (0, 0, 0), (1, 1, 1)]);
    check(&[(0, 2, "up")], &[(0, 2, "down")], [(1, 0, 0), (0, 1, 0), (1, 1, 0)]);
    check(&[(0, 2, "up")], &[], [(1, 0, 0), (0, 0, 0), (1, 1, 0)]);
    check(&[(0, 2, "up")], &[(2, 0, "up")], [(1, 1, 0), (0, 0, 0), (2, 2, 0)]);
    check(&[], &[(0, 2, "none"), (1, 2, "up")], [(0, 1, 0), (0, 0, 0), (2, 2, 1)]);
    check(&[(0, 2, "other")], &[(0, 2, "none")], [(0, 0, 0), (0, 0, 0), (1, 1, 1)]);
    // Two labels of one pair count as a set.
    check(&[(0, 2, "up"), (0, 2, "down")], &[(0, 2, "down")], [(1, 0, 0), (1, 1, 1), (2, 2, 1)]);
}

#[test]
fn concepts_of_a_document_are_related_once() {
    let concepts = [Some("c1"), Some("c1"), Some("d1|d2"), None];
    // Both sentences say the same of the same concepts; the second mention of c1 is read otherwise.
    let first = paper("a", "doc", concepts, &[(0, 2, "up"), (1, 3, "none")]);
    let second = paper("b", "doc", concepts, &[(1, 2, "up")]);
    let readings =
        [reading(&first, &[(0, 2, "none"), (1, 2, "up"), (1, 3, "up")]), reading(&second, &[(1, 2, "none")])];
    let evaluation = evaluate("dev", &[first, second], &readings, &relation_settings(&["up"])).unwrap();
    let scores = &evaluation.scores;
    assert_eq!(counts(scores, "", "pair", "up"), (2, 2, 0));
    // (c1, d1) and (c1, d2) are related and found; (c1, the text of the last mention) is not and was.
    assert_eq!(counts(scores, "", "concept", "up"), (2, 3, 2));
    assert_eq!(counts(scores, "", "concept", "all"), (3, 3, 2));
    assert_eq!(counts(scores, "always up", "concept", "up"), (2, 3, 2));
}

#[test]
fn without_concepts_there_is_no_scheme_for_them() {
    let paper = paper("a", "a", [None; 4], &[(0, 2, "up")]);
    let reading = reading(&paper, &[(0, 2, "up")]);
    let scores = evaluate("dev", &[paper], &[reading], &relation_settings(&["up"])).unwrap().scores;
    assert!(scores.iter().all(|row| row.scheme == "pair"));
}

#[test]
fn each_wrong_pair_has_one_row() {
    let paper = paper("a", "a", [Some("c1"), None, None, None], &[(0, 2, "up"), (0, 3, "up"), (1, 2, "none")]);
    let reading = reading(&paper, &[(0, 2, "down"), (1, 2, "up"), (1, 3, "none")]);
    let errors =
        evaluate("dev", std::slice::from_ref(&paper), &[reading], &relation_settings(&["up", "down"])).unwrap().errors;
    let shown: Vec<_> = errors
        .iter()
        .map(|row| {
            assert_eq!((&row.example, &row.text, row.sensitivity), (&paper.id, &paper.text, Sensitivity::Synthetic));
            assert_eq!((&row.gold, &row.predicted), (&None, &None));
            let ends =
                [&row.head, &row.tail].map(|end| paper.entities.iter().position(|entity| Some(entity) == end.as_ref()));
            (row.kind.as_str(), ends, row.gold_relation.as_deref(), row.predicted_relation.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("label", [Some(0), Some(2)], Some("up"), Some("down")),
            ("missed", [Some(0), Some(3)], Some("up"), None),
            ("spurious", [Some(1), Some(2)], None, Some("up")),
        ]
    );
}

#[test]
fn scores_of_relations_are_calibrated_as_well() {
    let paper = paper("a", "a", [None; 4], &[(0, 2, "up"), (0, 3, "up")]);
    let reading = reading(&paper, &[(0, 2, "up"), (0, 3, "none"), (1, 3, "none")]);
    let scores = evaluate("dev", &[paper], &[reading], &relation_settings(&["up"])).unwrap().scores;
    let errors: Vec<_> =
        scores.iter().filter(|row| row.metric == "ece").map(|row| (row.label.as_str(), row.value)).collect();
    let expected = [("up", 0.25), ("none", 0.25), ("all", 0.75 - 2.0 / 3.0)];
    assert_eq!(errors.len(), expected.len());
    for ((label, value), (expected, error)) in errors.into_iter().zip(expected) {
        assert!(label == expected && (value - error).abs() < 1e-12, "{label}: {value}");
    }
}

#[test]
fn relations_of_mentions_that_are_not_there_are_refused() {
    let paper = paper("a", "a", [None; 4], &[(0, 4, "up")]);
    let reading = reading(&paper, &[]);
    let error = evaluate("dev", &[paper], &[reading], &relation_settings(&["up"])).unwrap_err();
    assert_eq!(error.to_string(), "a gold relation of example `a` names mention 4, but it has 4, counted from 0");
}
