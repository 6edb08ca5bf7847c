//! What a broken pipeline file is told: the place, what is wrong, what to do; exit code 2, and nothing runs.

use std::fs;

use crate::workplace::Workplace;

fn check(from: &str, to: &str, parts: &[&str]) {
    let place = Workplace::new();
    place.edit(from, to);
    let ended = place.run();
    ended.check(2, parts);
    assert!(!place.path(".clinsynth").exists(), "nothing may run: {}", ended.stderr);
}

#[test]
fn unknown_key() {
    check("dev-fraction", "dev-fracton", &["pipeline.yaml:15", "dev-fracton", "dev-fraction"]);
    check("    needs: [curate]", "    need: [curate]", &["pipeline.yaml:18", "need", "needs"]);
}

#[test]
fn wrong_type() {
    check("epochs: 2", "epochs: many", &["pipeline.yaml:19", "epochs", "many"]);
}

#[test]
fn cycle() {
    check("    needs: [generate]", "    needs: [generate, report]", &["cycle", "curate", "report"]);
}

#[test]
fn missing_step() {
    check("    needs: [generate]", "    needs: [genrate]", &["pipeline.yaml:14", "genrate", "generate"]);
}

#[test]
fn missing_file() {
    check("recordings: ner.jsonl", "recordings: nar.jsonl", &["pipeline.yaml:8", "nar.jsonl"]);
}

#[test]
fn broken_yaml_and_invalid_utf8() {
    check("labels: [Disease]", "labels: [Disease", &["pipeline.yaml:"]);
    let place = Workplace::new();
    fs::write(place.path("pipeline.yaml"), b"version: 1\nname: \xff\n").unwrap();
    place.run().check(2, &["pipeline.yaml", "UTF-8"]);
    fs::remove_file(place.path("pipeline.yaml")).unwrap();
    place.run().check(2, &["pipeline.yaml"]);
}

#[test]
fn unknown_parameter() {
    let place = Workplace::new();
    place.clinsynth(&["run", "pipeline.yaml", "--set", "sed=4"]).check(2, &["sed", "seed"]);
}

#[test]
fn restricted_text_is_refused_before_anything_runs() {
    let place = Workplace::new();
    place.write("notes.tsv", "Severe\tO\nasthma\tB-Disease\n");
    place.edit(
        "steps:\n  generate:\n    uses: generate\n",
        "endpoints: {cloud: {base-url: 'https://llm.example.org/v1', model: m}}\nsteps:\n  \
         notes: {uses: import, with: {path: notes.tsv}}\n  generate:\n    uses: generate\n    needs: [notes]\n",
    );
    let ended = place.clinsynth(&["run", "pipeline.yaml", "--set", "steps.generate.with.provider=cloud"]);
    ended.check(2, &["generate", "notes", "restricted", "cloud", "on-premises"]);
    assert!(!place.path(".clinsynth").exists());
}
