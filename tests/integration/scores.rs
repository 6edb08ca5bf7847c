//! Evaluation of any predictions: several systems over runs, and relations.

use clinsynth_contract::{
    Comparison, Entity, Example, Prediction, Relation, Row, Score, ScoredRelation, ScoredSpan, Sensitivity, Span,
};
use clinsynth_store::{Dataset, Lineage, WriteSettings, write_rows};

use crate::workplace::Workplace;

/// A step that gives a table of the pipeline's folder as its output.
fn given(step: &str, table: &str, file: &str, matrix: &str) -> String {
    format!(
        "  {step}:\n    uses: command\n{matrix}    with:\n      run: [sh, -c, 'cp \"$CLINSYNTH_PIPELINE_DIR/{file}.parquet\" \
         out.parquet']\n      outs: {{{table}: out.parquet}}\n      sensitivity: synthetic\n"
    )
}

fn write<R: Row>(place: &Workplace, name: &str, rows: Vec<R>) {
    let settings = WriteSettings { sensitivity: Sensitivity::Synthetic, lineage: Lineage::default() };
    write_rows(place.path(&format!("{name}.parquet")), rows, settings).unwrap();
}

fn read<R: Row>(place: &Workplace, name: &str) -> Vec<R> {
    Dataset::open(place.output("score", name)).unwrap().read().unwrap()
}

fn pipeline(place: &Workplace, steps: &[String]) {
    place.write("pipeline.yaml", &format!("version: 1\nname: scores\nlabels: [Disease]\nsteps:\n{}", steps.concat()));
}

fn example(id: usize) -> Example {
    let entities = vec![Entity::new(Span::new(0, 4), "Disease"), Entity::new(Span::new(9, 12), "Disease")];
    let text = if id.is_multiple_of(2) { "gout and flu" } else { "mump and cut" };
    Example { id: id.to_string(), text: text.to_owned(), entities, ..Example::default() }
}

fn span(start: u32, end: u32) -> ScoredSpan {
    ScoredSpan { start, end, label: "Disease".to_owned(), score: 0.9 }
}

#[test]
fn runs_of_systems_are_compared_and_mentions_sliced_by_what_was_learned() {
    let place = Workplace::new();
    write(&place, "gold", (0..40).map(example).collect());
    write(&place, "learned", vec![example(0)]);
    let marked = |found: fn(usize) -> bool| {
        let spans = |id| if found(id) { vec![span(0, 4), span(9, 12)] } else { vec![span(5, 8)] };
        (0..40).map(|id| Prediction { example: id.to_string(), spans: spans(id), ..Prediction::default() }).collect()
    };
    write::<Prediction>(&place, "good-0", marked(|id| id != 0));
    write::<Prediction>(&place, "good-1", marked(|id| id != 1 && id != 2));
    write::<Prediction>(&place, "bad-0", marked(|id| id.is_multiple_of(2)));
    write::<Prediction>(&place, "bad-1", marked(|id| id.is_multiple_of(4)));
    let score = "  score: {uses: evaluate, needs: [gold, learned, mark], with: {training: [learned], interval: bca}}\n";
    pipeline(
        &place,
        &[
            given("gold", "examples", "gold", ""),
            given("learned", "examples", "learned", ""),
            given(
                "mark",
                "predictions",
                "${{ matrix.model }}-${{ matrix.seed }}",
                "    matrix: {model: [bad, good], seed: [0, 1]}\n",
            ),
            score.to_owned(),
        ],
    );
    place.run().check(0, &["0 failed"]);
    let scores: Vec<Score> = read(&place, "scores");
    let f1 = |slice: &str| {
        let wanted = |row: &&Score| {
            row.scheme == "strict" && row.slice == slice && row.label == "micro avg" && row.metric == "f1"
        };
        let rows = scores.iter().filter(wanted);
        rows.map(|row| (row.system.as_str(), row.runs, row.letters.as_deref(), row.interval.as_deref(), row.support))
            .collect::<Vec<_>>()
    };
    let t = Some("t");
    assert_eq!(f1(""), [("mark@model=good", 2, Some("a"), t, 160), ("mark@model=bad", 2, Some("b"), t, 160)]);
    assert_eq!(f1("seen=yes"), [("mark@model=good", 2, None, t, 80), ("mark@model=bad", 2, None, t, 80)]);
    let pairs: Vec<Comparison> = read(&place, "comparisons");
    assert_eq!(pairs.len(), 1);
    let pair = &pairs[0];
    assert_eq!((pair.system.as_str(), pair.other.as_str()), ("mark@model=good", "mark@model=bad"));
    assert!(pair.low.unwrap() > 0.2 && pair.p_bootstrap_holm.unwrap() < 0.01, "{pair:?}");
    assert!(pair.p_randomisation_holm.unwrap() < 0.01, "{pair:?}");
}

#[test]
fn relations_are_scored_under_the_gold_s_labels() {
    let place = Workplace::new();
    let related = |id: usize| Example {
        relations: vec![Relation { head: 0, tail: 1, label: if id < 3 { "related" } else { "none" }.to_owned() }],
        ..example(id)
    };
    write(&place, "gold", (0..4).map(related).collect());
    let judged = |(id, label): (usize, &str)| Prediction {
        example: id.to_string(),
        spans: vec![span(0, 4), span(9, 12)],
        relations: vec![ScoredRelation { head: 0, tail: 1, label: label.to_owned(), score: 0.8 }],
        ..Prediction::default()
    };
    write(&place, "found", ["positive", "negative", "none", "none"].into_iter().enumerate().map(judged).collect());
    let score =
        "  score: {uses: evaluate, needs: [gold, mark], with: {label-map: {positive: related, negative: related}}}\n";
    pipeline(
        &place,
        &[given("gold", "examples", "gold", ""), given("mark", "predictions", "found", ""), score.to_owned()],
    );
    place.run().check(0, &["0 failed"]);
    let scores: Vec<Score> = read(&place, "scores");
    let value = |system: &str, label: &str, metric: &str| {
        let wanted =
            |row: &&Score| row.system == system && row.label == label && row.metric == metric && row.scheme == "pair";
        scores.iter().find(wanted).map(|row| row.value)
    };
    assert_eq!(value("", "related", "precision"), Some(1.0));
    assert_eq!(value("", "all", "accuracy"), Some(0.75));
    assert_eq!(value("always related", "related", "recall"), Some(1.0));
    assert_eq!(value("always related", "all", "mcc"), Some(0.0));
    assert_eq!(read::<Comparison>(&place, "comparisons"), []);
}
