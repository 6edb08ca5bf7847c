//! Mentions found in plain text, and the relations of pairs of them, through the real binary.

use std::collections::BTreeMap;

use clinsynth_contract::{Example, Prediction, ScoredSpan};
use clinsynth_store::Dataset;

use crate::relations::place;
use crate::workplace::Workplace;

/// What dictionaries find in the held-out texts, and what the model of relations makes of it.
const STEPS: &str = "  seen: {uses: predict, needs: [curate, heldout], with: {dictionary-from: curate}}
  known: {uses: predict, needs: [heldout], with: {dictionary: {Gene: genes.tsv, Disease: diseases.txt}}}
  seen-pairs: {uses: predict, needs: [train, heldout, seen]}
  known-pairs: {uses: predict, needs: [train, heldout, known]}
  seen-evaluate: {uses: evaluate, needs: [heldout, seen-pairs], with: {task: re, resamples: 50}}
";

fn joint() -> Workplace {
    let place = place();
    place.edit("weights: balanced", "weights: balanced, between: [[Gene, Disease]], unlisted: none");
    place.edit("  report:\n", &format!("{STEPS}  report:\n"));
    place.write("genes.tsv", "# One of three.\nterm\tconcept\nRas\t1\n");
    place.write("diseases.txt", "gout\nscurvy\n");
    place
}

fn predictions(place: &Workplace, step: &str) -> Vec<Prediction> {
    Dataset::open(place.output(step, "predictions")).unwrap().read().unwrap()
}

#[test]
fn relations_are_judged_between_mentions_that_were_found() {
    let place = joint();
    place.run().check(0, &["0 failed"]);
    let gold: Vec<Example> = Dataset::open(place.output("heldout", "examples")).unwrap().read().unwrap();
    let gold: BTreeMap<&str, &Example> = gold.iter().map(|example| (example.id.as_str(), example)).collect();
    let seen = predictions(&place, "seen");
    assert_eq!(seen.len(), 16);
    for row in &seen {
        let spans: Vec<ScoredSpan> = gold[row.example.as_str()].entities.iter().map(ScoredSpan::from).collect();
        assert_eq!((row.model.as_str(), &row.spans), ("dictionary", &spans));
        assert!(row.relations.is_empty());
    }
    // Every mention was found, so the pairs are those of the gold, and judged alike.
    assert_eq!(predictions(&place, "seen-pairs"), predictions(&place, "predict"));
    for row in predictions(&place, "known-pairs") {
        let example = gold[row.example.as_str()];
        let has_gene = example.text.contains("ras");
        assert_eq!((row.spans.len(), row.relations.len()), if has_gene { (2, 1) } else { (1, 0) }, "{}", example.text);
    }
    place.run().check(0, &["12 cached"]);
}

/// Whoever predicted the mentions, they must be those of the texts.
#[test]
fn mentions_of_other_texts_are_refused() {
    let place = joint();
    let command = "  seen: {uses: command, needs: [curate], with: {run: [sh, -c, 'cp \"$CLINSYNTH_PIPELINE_DIR/other.parquet\" p'], \
                   outs: {predictions: p}}}\n";
    place.run().check(0, &[]);
    std::fs::copy(place.output("known", "predictions"), place.path("other.parquet")).unwrap();
    place.edit(STEPS.lines().next().unwrap(), command.trim_end());
    place.edit("needs: [train, heldout, seen]", "needs: [train, curate, seen]");
    place
        .edit("  seen-evaluate: {uses: evaluate, needs: [heldout, seen-pairs], with: {task: re, resamples: 50}}\n", "");
    place.run().check(2, &["step `seen-pairs` finds no predicted mentions for example `"]);
}
