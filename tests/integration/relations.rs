//! Relations: trained, predicted, scored and reported through the real binary.

use std::fs;

use clinsynth_contract::{Example, Sensitivity};
use clinsynth_store::{Lineage, WriteSettings, write_rows};
use serde_json::json;

use crate::workplace::{Workplace, seeds};

const PIPELINE: &str = "\
version: 1
name: small-relations
labels: [Gene, Disease]
params: {form: mark}
steps:
  generate:
    uses: generate
    with: &generate
      task: re
      relations: &relations [positive, none]
      template: prompt.md.j2
      seeds: re.tsv
      provider: replay
      recordings: re.jsonl
  heldout:
    uses: generate
    with: {<<: *generate, seeds: re-heldout.tsv, recordings: re-heldout.jsonl, split: test}
  curate:
    uses: curate
    needs: [generate]
    with: {dev-fraction: 0.2, near-duplicate: 1}
  train:
    uses: train
    needs: [curate]
    with:
      task: re
      relations: *relations
      pairs: {form: \"${{ params.form }}\", weights: balanced}
      encoder: ./encoder
      epochs: 8
      learning-rate: 0.003
      batch-size: 4
      max-length: 64
      overlap: 4
  predict:
    uses: predict
    needs: [train, heldout]
  evaluate:
    uses: evaluate
    needs: [heldout, predict]
    with: {resamples: 50}
  report:
    uses: report
    needs: [generate, curate, train, heldout, evaluate]
";

pub(crate) fn place() -> Workplace {
    let place = Workplace::new();
    place.write("pipeline.yaml", PIPELINE);
    place.write("re.jsonl", &recordings(24, "topic"));
    place.write("re-heldout.jsonl", &recordings(4, "other"));
    place.write("re.tsv", &seeds(24, "topic"));
    place.write("re-heldout.tsv", &seeds(4, "other"));
    place
}

/// Sentences whose relation is said by one sign, so that the smallest encoder learns it.
fn recordings(requests: usize, topic: &str) -> String {
    let recording = |request: usize| {
        let sentence = |index: usize| {
            let (gene, disease) = (["ras", "src", "myc"][index % 3], ["gout", "scurvy"][request % 2]);
            let (sign, relation) =
                if (request + index).is_multiple_of(2) { ("!!!!", "positive") } else { ("????", "none") };
            json!({
                "text": format!("{topic} {request}-{index} {gene} {sign} {disease}"),
                "head": {"text": gene, "type": "Gene"},
                "tail": {"text": disease, "type": "Disease"},
                "relation": relation
            })
        };
        let topic = format!("{topic} {request}");
        let completion = json!({ "examples": (0..4).map(sentence).collect::<Vec<_>>() }).to_string();
        json!({ "id": topic, "task": "re", "topic": topic, "style": "note", "count": 4, "model": "test", "completion": completion })
            .to_string()
            + "\n"
    };
    (0..requests).map(recording).collect()
}

#[test]
fn relations_are_learnt_in_both_forms() {
    let place = place();
    place.run().check(0, &["positive", "always positive", "report.html"]);
    let model = place.output("train", "model");
    let read = |name: &str| fs::read_to_string(model.join(name)).unwrap();
    assert!(read("pairs.json").contains("\"form\": \"mark\""));
    assert!(read("README.md").starts_with("# Classifier of pairs: positive, none"));
    assert!(read("tokenizer.json").contains("[/E2]"));
    let shown = place.clinsynth(&["show", place.output("predict", "predictions").to_str().unwrap(), "--rows", "16"]);
    shown.check(0, &["relations", "positive", "none"]);

    let again = place.run();
    again.check(0, &["7 cached"]);
    place.clinsynth(&["run", "pipeline.yaml", "--set", "form=mask"]).check(0, &["4 ran, 3 cached", "positive"]);
}

/// A second step goes on from the first one's model: with its layer, its markers, on fewer examples, or not at all.
#[test]
fn training_goes_on_from_a_model() {
    let place = place();
    let further = "  further:\n    uses: train\n    needs: [train, curate]\n    matrix: {examples: [0, 20]}\n    with:\n      examples: ${{ matrix.examples }}\n      task: re\n      relations: *relations\n      pairs: {form: mark, weights: balanced}\n      epochs: 1\n      max-length: 64\n      overlap: 4\n";
    place.edit(
        "  predict:\n    uses: predict\n    needs: [train, heldout]\n",
        &format!(
            "{further}  predict:\n    uses: predict\n    needs: [further, heldout]\n    matrix: {{examples: [0, 20]}}\n"
        ),
    );
    place.edit(
        "needs: [generate, curate, train, heldout, evaluate]",
        "needs: [generate, curate, train, further, heldout, evaluate]",
    );
    place.run().check(0, &["report.html"]);
    let of = |step: &str, name: &str| fs::read(place.output(step, "model").join(name)).unwrap();
    for name in ["model.onnx", "pairs.json", "README.md"] {
        assert!(of("train", name) == of("further@examples=0", name), "{name}");
    }
    let card = String::from_utf8(of("further@examples=20", "README.md")).unwrap();
    assert!(card.contains("Encoder of the model of step `train`, 1 epochs"), "{card}");
    assert!(card.contains("16 pairs to learn from, 4 to choose the epoch on"), "{card}");
    assert!(of("train", "tokenizer.json") == of("further@examples=20", "tokenizer.json"));
    assert!(of("train", "model.safetensors") != of("further@examples=20", "model.safetensors"));

    place.edit("needs: [train, curate]", "needs: [curate]");
    let parts = ["`further` takes `model`, but none of the steps that it needs gives that"];
    place.clinsynth(&["plan", "pipeline.yaml"]).check(2, &parts);
}

fn check(from: &str, to: &str, parts: &[&str]) {
    let place = place();
    place.edit(from, to);
    place.clinsynth(&["plan", "pipeline.yaml"]).check(2, parts);
}

#[test]
fn options_of_pairs_are_checked_together() {
    check("relations: *relations", "relations: [positive]", &["`task: re` tells relations apart"]);
    check("task: re\n      relations: *relations", "task: ner", &["`pairs` is for `task: re`"]);
    check("weights: balanced", "unlisted: nothing", &["`nothing` is none of `relations`"]);
    check("weights: balanced", "between: [[Gene, Drug]], unlisted: none", &["`Drug` is none of the pipeline's labels"]);
    check("weights: balanced", "between: [[Gene, Disease]]", &["have no relation to learn"]);
    check("epochs: 8", "epochs: 8\n      replace-mentions: 0.5", &["`replace-mentions` is for `task: ner`"]);
}

#[test]
fn examples_without_pairs_are_told() {
    let place = place();
    let mentions = "  mentions:\n    uses: command\n    with:\n      run: [sh, -c, 'cp \"$CLINSYNTH_PIPELINE_DIR/mentions.parquet\" out.parquet']\n      outs: {examples: out.parquet}\n      sensitivity: synthetic\n";
    place.edit("  curate:\n", &format!("{mentions}  curate:\n"));
    place.edit("    needs: [generate]\n    with: {dev-fraction", "    needs: [mentions]\n    with: {dev-fraction");
    let settings = WriteSettings { sensitivity: Sensitivity::Synthetic, lineage: Lineage::default() };
    let example = |index: usize| Example {
        id: format!("e{index}"),
        document: format!("d{index}"),
        text: format!("case {index} of gout"),
        ..Example::default()
    };
    write_rows(place.path("mentions.parquet"), (0..20).map(example), settings).unwrap();
    place.run().check(1, &["no example of the train split lists a relation", "under `pairs`"]);
}
