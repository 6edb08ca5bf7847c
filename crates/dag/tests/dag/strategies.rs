//! What a mode of `generate` takes and gives, and the shipped pipeline of each strategy.

use std::path::Path;

use clinsynth_contract::Sensitivity;
use clinsynth_dag::{Plan, PlannedStep};

use crate::{generate, import, lines, plan};

fn shipped(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../pipelines/strategies/{name}.yaml"));
    clinsynth_dag::read_plan(&path, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn sources(step: &PlannedStep) -> Vec<(&str, &str)> {
    step.inputs.iter().map(|input| (input.name.as_str(), input.from.as_str())).collect()
}

fn outputs(step: &PlannedStep) -> Vec<&str> {
    step.outputs.iter().map(|output| output.name.as_str()).collect()
}

#[test]
fn every_shipped_strategy_is_planned() {
    let check = |name: &str, step: &str, inputs: &[(&str, &str)], roles: &[&str]| {
        let plan = shipped(name);
        let step = plan.step(step).unwrap();
        assert_eq!(sources(step), inputs, "{name}");
        assert_eq!(step.files.iter().map(|file| file.role.as_str()).collect::<Vec<_>>(), roles, "{name}");
        assert!(step.endpoint.is_some(), "{name}: a strategy asks an endpoint");
    };
    let vocabularies = ["template", "vocabularies Chemical", "vocabularies Disease"];
    check("entities", "generate", &[], &vocabularies);
    check("pairs", "generate", &[], &["template", "vocabularies Disease", "vocabularies Gene"]);
    check("pairs", "relabel", &[("examples", "generate")], &["template"]);
    check("zero-shot", "extract", &[("examples", "gold")], &["template"]);
    check("second-look", "annotate", &[("examples", "generate")], &["guideline", "template"]);
    check("second-look", "verify", &[("examples", "annotate")], &["guideline", "template"]);
    check("prompt-search", "generate", &[("examples", "dev")], &["search-template", "seeds", "template"]);
    check("feedback", "second", &[("examples", "tidy"), ("errors", "evaluate")], &vocabularies);
    let mut files: Vec<_> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/strategies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let known = ["entities", "feedback", "pairs", "prompt-search", "second-look", "zero-shot"];
    assert_eq!(files, known.map(|name| format!("{name}.yaml")), "a strategy that no test plans");
}

#[test]
fn predictions_of_a_model_asked_directly_are_scored_against_the_gold() {
    let plan = shipped("zero-shot");
    assert_eq!(
        outputs(plan.step("extract").unwrap()),
        ["prompts", "completions", "examples", "quarantine", "egress", "predictions"]
    );
    assert_eq!(sources(plan.step("evaluate").unwrap()), [("examples", "gold"), ("predictions", "extract")]);
    assert!(outputs(shipped("pairs").step("relabel").unwrap()).contains(&"predictions"));
    assert!(!outputs(shipped("pairs").step("generate").unwrap()).contains(&"predictions"));
}

/// A step in a mode that takes the corpus at a sensitivity.
fn labelling(mode: &str, provider: &str, level: &str, more: &str) -> Result<Plan, String> {
    let with = format!("task: ner, mode: {mode}, template: template.j2, provider: {provider}{more}");
    let ask = format!("  ask: {{uses: generate, needs: [notes, other], with: {{{with}}}}}");
    plan(&lines(&[import("notes", level), generate("other"), ask]), &[]).map_err(|error| error.to_string())
}

#[test]
fn restricted_texts_are_labelled_in_the_house_only() {
    for mode in ["extract", "annotate", "verify"] {
        for (provider, allowed) in [("near", true), ("house", true), ("far", false)] {
            let found = labelling(mode, provider, "restricted", "");
            assert_eq!(found.is_ok(), allowed, "{mode} by {provider}");
            if let Ok(plan) = found {
                assert_eq!(plan.step("ask").unwrap().sensitivity, Sensitivity::Restricted);
            }
        }
        assert!(labelling(mode, "far", "public", "").is_ok());
    }
}

#[test]
fn demonstrations_of_a_labelling_mode_have_steps_of_their_own() {
    let shown =
        labelling("extract", "near", "restricted", ", demonstrations: 2, demonstrations-from: [other]").unwrap();
    assert_eq!(sources(shown.step("ask").unwrap()), [("examples", "notes"), ("demonstrations", "other")]);
    let refusal = |more: &str| labelling("extract", "near", "restricted", more).unwrap_err();
    assert!(refusal(", demonstrations: 2").contains("say under `demonstrations-from` which are shown"));
    let quoted = refusal(", demonstrations: 2, demonstrations-from: [notes]");
    assert!(quoted.contains("`demonstrations` of `ask` would quote `notes`, which is `restricted`"), "{quoted}");
    let unknown = refusal(", demonstrations: 2, demonstrations-from: [nots]");
    assert!(unknown.contains("`demonstrations-from` names `nots`") && unknown.contains("`notes`"), "{unknown}");
}

#[test]
fn a_mode_refuses_what_is_not_its_own() {
    let refused = |mode: &str, needs: &str, more: &str, words: &str| {
        let with = format!("task: ner, mode: {mode}, template: template.j2, provider: near{more}");
        let ask = format!("  ask: {{uses: generate, needs: [{needs}], with: {{{with}}}}}");
        let error = plan(&lines(&[import("notes", "public"), ask]), &[]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused("extract", "", "", "takes `examples` or `documents` for `mode: extract`");
    refused("verify", "", "", "takes `examples` for `mode: verify`");
    refused("extract", "notes", ", seeds: seeds.tsv", "this mode labels given texts");
    refused("annotate", "notes", ", count: 9", "`count` is for the modes that write");
    refused("extract", "notes", ", requests: 9", "`requests` is for the modes that write");
    refused("write", "", ", seeds: seeds.tsv, votes: 3", "`votes` and `agreement` are for the modes that label texts");
    refused("write", "", ", seeds: seeds.tsv, search-template: template.j2", "`search-template` is for `mode: search`");
    refused("search", "notes", ", seeds: seeds.tsv", "`mode: search` takes `search-template`");
    let search = ", seeds: seeds.tsv, search-template: template.j2";
    refused("search", "", search, "takes `examples` for `mode: search`");
}

#[test]
fn a_dev_set_that_is_restricted_gives_no_feedback() {
    let steps = |level: &str| {
        [
            import("notes", level),
            generate("write"),
            "  learn: {uses: train, needs: [write]}".to_owned(),
            "  mark: {uses: predict, needs: [learn, notes]}".to_owned(),
            "  score: {uses: evaluate, needs: [notes, mark]}".to_owned(),
            "  again: {uses: generate, needs: [score], with: {task: ner, template: template.j2, seeds: seeds.tsv, feedback: 2, \
             provider: near}}"
                .to_owned(),
        ]
    };
    assert!(plan(&lines(&steps("public")), &[]).is_ok());
    let refusal = plan(&lines(&steps("restricted")), &[]).unwrap_err().to_string();
    assert!(refusal.contains("`feedback` of `again` would quote `score`, which is `restricted`"), "{refusal}");
}
