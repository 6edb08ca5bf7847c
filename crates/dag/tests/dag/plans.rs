//! What is planned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Sensitivity, Split};
use clinsynth_dag::{OutputForm, Plan, PlannedStep, StepKind};
use serde_json::json;

use crate::{generate, import, lines, plan, with_steps};

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

fn sources(step: &PlannedStep) -> Vec<(&str, &str)> {
    step.inputs.iter().map(|input| (input.name.as_str(), input.from.as_str())).collect()
}

fn shipped(overrides: &[&str]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/ner.yaml");
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    clinsynth_dag::read_plan(&path, &overrides).unwrap()
}

#[test]
fn the_shipped_pipeline_is_planned() {
    let plan = shipped(&[]);
    assert_eq!(ids(&plan), ["generate", "heldout", "curate", "train", "predict", "evaluate", "report"]);
    assert_eq!(sources(plan.step("curate").unwrap()), [("examples", "generate"), ("against", "heldout")]);
    assert_eq!(sources(plan.step("predict").unwrap()), [("model", "train"), ("examples", "heldout")]);
    assert_eq!(sources(plan.step("evaluate").unwrap()), [("examples", "heldout"), ("predictions", "predict")]);
    let skipped: Vec<_> = plan.skipped.iter().map(|step| (step.id.as_str(), step.reason.as_str())).collect();
    assert_eq!(
        skipped,
        [
            ("benchmark", "its `if` is null"),
            ("benchmark-predict", "it needs `benchmark`, which is skipped"),
            ("benchmark-evaluate", "it needs `benchmark-predict`, which is skipped"),
        ]
    );
    let StepKind::Generate(heldout) = &plan.step("heldout").unwrap().kind else { panic!() };
    assert_eq!(heldout.split, Some(Split::Test));
    assert_eq!(heldout.template, PathBuf::from("prompts/ner.md.j2"), "the merge key brings the shared options");
}

#[test]
fn mentions_and_then_relations_are_planned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/ner-then-re.yaml");
    let plan = clinsynth_dag::read_plan(&path, &[]).unwrap();
    let expected = [("model", "train-relations"), ("examples", "heldout"), ("predictions", "mentions")];
    assert_eq!(sources(plan.step("relations").unwrap()), expected);
    let texts = format!("texts={}", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").display());
    let plan = clinsynth_dag::read_plan(&path, &[texts]).unwrap();
    let judged = plan.step("texts-relations").unwrap();
    assert_eq!((sources(judged)[2], judged.sensitivity), (("predictions", "texts-mentions"), Sensitivity::Restricted));
}

#[test]
fn relations_are_scored_on_the_corpora_that_are_given() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/re-benchmarks.yaml");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus.txt");
    let scored = |names: &[&str]| -> Vec<String> {
        let given = names.iter().map(|name| format!("{name}={}", corpus.display()));
        let overrides: Vec<String> = given.chain(["seeds=[0, 1]".to_owned()]).collect();
        let plan = clinsynth_dag::read_plan(&path, &overrides).unwrap();
        let evaluations = plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Evaluate(_)));
        evaluations.map(|step| format!("{} of {}", step.inputs.len() - 1, step.inputs[0].from)).collect()
    };
    assert_eq!(scored(&[]), ["2 of heldout"]);
    assert_eq!(scored(&["gad"]), ["2 of heldout", "2 of gad"]);
    assert_eq!(scored(&["eu-adr", "cdr-train"]), ["2 of heldout", "2 of eu-adr"]);
    assert_eq!(scored(&["cdr-train", "cdr-dev"]), ["2 of heldout", "2 of cdr-dev"]);
}

#[test]
fn concept_pairs_are_between_labels_of_the_pipeline() {
    let step = |pairs: &str| {
        let with = format!("{{path: corpus.txt, concept-pairs: {{{pairs}}}}}");
        plan(&with_steps(&format!("  gold: {{uses: import, with: {with}}}")), &[])
    };
    let check = |pairs: &str, expected: &str| {
        let error = step(pairs).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    assert!(step("between: [[Disease, Disease]], unlisted: none").is_ok());
    check("between: [[Drug, Disease]], unlisted: none", "`Drug` is none of the pipeline's labels");
    check("between: [[Disease, Disease]]", "unlisted");
    check("between: [[Disease]], unlisted: none", "between");
}

#[test]
fn a_parameter_switches_steps_on() {
    // A path given on the command line starts at the working folder, which for this test is the crate's.
    let plan = shipped(&["benchmark=tests/fixtures/corpus.txt"]);
    assert!(plan.skipped.is_empty());
    let benchmark = plan.step("benchmark").unwrap();
    assert_eq!(benchmark.files[0].path, PathBuf::from("tests/fixtures/corpus.txt"));
    assert_eq!(benchmark.files[0].role, "path");
    let StepKind::Evaluate(options) = &plan.step("benchmark-evaluate").unwrap().kind else { panic!() };
    assert_eq!(options.dataset, "benchmark");
    let report = plan.step("report").unwrap();
    assert!(sources(report).contains(&("scores", "benchmark-evaluate")));
}

#[test]
fn order_is_that_of_the_file_where_needs_allow() {
    let steps =
        ["  z: {uses: report, needs: [b]}".to_owned(), import("c", "public"), generate("b"), import("a", "public")];
    assert_eq!(ids(&plan(&lines(&steps), &[]).unwrap()), ["c", "b", "z", "a"]);
}

#[test]
fn instances_join_on_the_axes_they_share() {
    let steps = [
        generate("write"),
        "  learn: {uses: train, needs: [write], matrix: {seed: [0, 1], size: [small, large]}, with: {seed: '${{ matrix.seed }}'}}"
            .to_owned(),
        "  mark: {uses: predict, needs: [learn, write], matrix: {size: [small, large], seed: [0, 1]}}".to_owned(),
        "  page: {uses: report, needs: [learn]}".to_owned(),
    ];
    let plan = plan(&lines(&steps), &[]).unwrap();
    assert_eq!(plan.steps.len(), 10);
    assert_eq!(ids(&plan)[1..3], ["learn@seed=0,size=small", "learn@seed=0,size=large"]);
    let mark = plan.step("mark@size=large,seed=1").unwrap();
    assert_eq!(sources(mark), [("model", "learn@seed=1,size=large"), ("examples", "write")]);
    assert_eq!(mark.matrix, BTreeMap::from([("seed".to_owned(), json!(1)), ("size".to_owned(), json!("large"))]));
    assert_eq!(plan.step("page").unwrap().needs.len(), 4);
    let StepKind::Train(options) = &plan.step("learn@seed=1,size=small").unwrap().kind else { panic!() };
    assert_eq!(options.seed, 1);
}

#[test]
fn predictions_of_several_instances_are_runs_of_systems() {
    let steps = |options: &str| {
        [
            generate("write"),
            import("gold", "public"),
            "  learn: {uses: train, needs: [write], matrix: {seed: [0, 1], size: [small, large]}}".to_owned(),
            "  mark: {uses: predict, needs: [learn, gold], matrix: {seed: [0, 1], size: [small, large]}}".to_owned(),
            "  guess: {uses: command, needs: [gold], with: {run: [x], outs: {predictions: p.parquet}}}".to_owned(),
            format!(
                "  score: {{uses: evaluate, needs: [gold, write, mark, guess], with: {{training: [write]{options}}}}}"
            ),
        ]
    };
    let check = |options: &str, expected: &[&str]| {
        let plan = plan(&lines(&steps(options)), &[]).unwrap();
        let score = plan.step("score").unwrap();
        assert_eq!(sources(score)[..2], [("examples", "gold"), ("training", "write")]);
        let StepKind::Evaluate(options) = &score.kind else { panic!() };
        assert_eq!(
            (options.systems.iter().map(String::as_str).collect::<Vec<_>>(), options.dataset.as_str()),
            (expected.to_vec(), "gold")
        );
    };
    check("", &["mark@size=small", "mark@size=large", "mark@size=small", "mark@size=large", "guess"]);
    check(", over: size", &["mark@seed=0", "mark@seed=0", "mark@seed=1", "mark@seed=1", "guess"]);
}

const PAIRS: &str = "relations: [related, none], pairs: {between: [[Disease, Disease]], unlisted: none}";

/// Texts, a model of mentions and one of relations; `mark` marks mentions, and `judge` is to judge pairs of them.
fn judging(relation_options: &str, judge: &str) -> String {
    lines(&[
        generate("write"),
        import("gold", "public"),
        "  learn: {uses: train, needs: [write]}".to_owned(),
        format!("  relate: {{uses: train, needs: [write], with: {{task: re, {relation_options}}}}}"),
        "  mark: {uses: predict, needs: [learn, gold]}".to_owned(),
        format!("  judge: {{uses: predict, {judge}}}"),
    ])
}

#[test]
fn predicted_mentions_take_the_place_of_the_examples_own() {
    let planned = plan(&judging(PAIRS, "needs: [relate, gold, mark]"), &[]).unwrap();
    let expected = [("model", "relate"), ("examples", "gold"), ("predictions", "mark")];
    assert_eq!(sources(planned.step("judge").unwrap()), expected);
    let check = |options: &str, judge: &str, expected: &str| {
        let error = plan(&judging(options, judge), &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(PAIRS, "needs: [learn, gold, mark]", "the model of `learn` marks its own");
    check(PAIRS, "needs: [relate, write, mark]", "would judge what `mark` found in `gold` as mentions in `write`");
    check("relations: [related, none]", "needs: [relate, gold, mark]", "say under `pairs.between` of `relate`");
}

#[test]
fn a_dictionary_takes_the_place_of_a_model() {
    let steps = |step: &str| {
        lines(&[generate("write"), import("gold", "public"), format!("  look: {{uses: predict, {step}}}")])
    };
    let planned = plan(&steps("needs: [write, gold], with: {dictionary-from: write}"), &[]).unwrap();
    let look = planned.step("look").unwrap();
    assert_eq!(sources(look), [("dictionary", "write"), ("examples", "gold")]);
    assert_eq!(look.cpus(8), 1);
    let keys = look.key_components();
    assert!(!keys.keys().any(|key| key.contains("dictionary")), "{keys:?}");
    let planned = plan(&steps("needs: [gold], with: {dictionary: {Disease: seeds.tsv}}"), &[]).unwrap();
    let look = planned.step("look").unwrap();
    assert_eq!(sources(look), [("examples", "gold")]);
    assert_eq!(look.files[0].role, "dictionary Disease");
    let check = |step: &str, expected: &str| {
        let error = plan(&steps(step), &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("needs: [gold], with: {dictionary: {Disaese: seeds.tsv}}", "`Disaese` is none of the pipeline's labels");
    check("needs: [gold], with: {dictionary: {Disease: seed.tsv}}", "there is no file `seed.tsv`");
    check(
        "needs: [gold], with: {dictionary-from: write}",
        "`dictionary-from` names `write`, which is no step in `needs`",
    );
    check("needs: [gold]", "`look` takes `model`");
}

#[test]
fn only_the_instance_behind_a_condition_is_skipped() {
    let steps = [
        generate("write"),
        "  learn: {uses: train, needs: [write], matrix: {on: [true, false]}, if: '${{ matrix.on }}'}".to_owned(),
        "  mark: {uses: predict, needs: [learn, write], matrix: {on: [true, false]}}".to_owned(),
        "  page: {uses: report, needs: [mark]}".to_owned(),
    ];
    let plan = plan(&lines(&steps), &[]).unwrap();
    assert_eq!(ids(&plan), ["write", "learn@on=true", "mark@on=true", "page"]);
    assert_eq!(plan.step("page").unwrap().needs, ["mark@on=true"]);
}

#[test]
fn an_evaluation_takes_the_predictions_that_there_are() {
    let check = |others: [bool; 2], gold: bool, needs: &[&str], skipped: &[&str]| {
        let steps = [
            generate("write"),
            generate("gold").replace("uses: generate", &format!("uses: generate, if: {gold}")),
            "  learn: {uses: train, needs: [write]}".to_owned(),
            format!("  a: {{uses: predict, needs: [learn, gold], if: {}}}", others[0]),
            format!("  b: {{uses: predict, needs: [learn, gold], if: {}}}", others[1]),
            "  score: {uses: evaluate, needs: [gold, a, b]}".to_owned(),
        ];
        let plan = plan(&lines(&steps), &[]).unwrap();
        let found = plan.step("score").map(|step| step.needs.clone()).unwrap_or_default();
        assert_eq!(found, needs);
        assert_eq!(plan.skipped.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), skipped);
    };
    check([true, true], true, &["gold", "a", "b"], &[]);
    check([false, true], true, &["gold", "b"], &["a"]);
    check([false, false], true, &[], &["a", "b", "score"]);
    check([true, true], false, &[], &["gold", "a", "b", "score"]);
}

#[test]
fn a_step_may_be_about_some_of_the_labels() {
    let planned = |keys: &str| {
        let learn = format!("  learn: {{uses: train, needs: [write], {keys}}}");
        plan(&lines(&[generate("write"), learn]), &[]).map_err(|error| error.to_string())
    };
    let labels = |keys: &str| planned(keys).unwrap().step("learn").unwrap().labels.names();
    assert_eq!(labels("labels: null"), ["Disease", "Chemical"]);
    assert_eq!(labels("labels: [Chemical]"), ["Chemical"]);
    let fails = |keys: &str, expected: &str| {
        let error = planned(keys).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    fails("labels: [Gene]", "`Gene` is none of the pipeline's labels");
    fails("labels: []", "`labels` must name at least one label");
    let curate = "  tidy: {uses: curate, needs: [write], labels: [Disease]}".to_owned();
    let error = plan(&lines(&[generate("write"), curate]), &[]).unwrap_err().to_string();
    assert!(error.contains("`labels` of a step is for `generate` and `train`"), "{error}");
}

#[test]
fn a_step_whose_folder_is_not_given_is_skipped() {
    let import =
        |path: &str| format!("  far: {{uses: import, if: '${{{{ params.none }}}}', with: {{path: '{path}'}}}}");
    let planned = |path: &str| plan(&lines(&[generate("write"), import(path)]), &[]).map(|plan| plan.skipped.len());
    assert_eq!(planned("${{ params.none }}/dev.tsv").ok(), Some(1));
    let error = planned("${{ params.nowhere }}/dev.tsv").unwrap_err().to_string();
    assert!(error.contains("params.nowhere"), "{error}");
}

#[test]
fn a_report_of_nothing_is_skipped() {
    let steps = [
        "  a: {uses: command, if: false, with: {run: [x]}}".to_owned(),
        "  page: {uses: report, needs: [a]}".to_owned(),
    ];
    let plan = plan(&lines(&steps), &[]).unwrap();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.skipped[1].reason, "it needs `a`, which is skipped");
}

#[test]
fn conditions_are_true_or_false_by_value() {
    let check = |condition: &str, runs: bool| {
        let yaml = with_steps(&format!("  a: {{uses: command, if: {condition}, with: {{run: [x]}}}}"));
        assert_eq!(plan(&yaml, &[]).unwrap().steps.len(), usize::from(runs), "{condition}");
    };
    for (condition, runs) in
        [("true", true), ("false", false), ("null", false), ("0", false), ("1", true), ("''", false)]
    {
        check(condition, runs);
    }
    check("no", true); // YAML 1.2: text, not a boolean
    check("'${{ params.none }}'", false);
    check("'${{ params.where }}'", true);
    check("'x${{ params.seed }}'", true);
}

#[test]
fn expressions_keep_types_and_overrides_reach_them() {
    let seed = |overrides: &[&str]| {
        let yaml = with_steps(
            "  a: {uses: command, with: {run: ['${{ params.where }}', 's-${{params.seed}}', '${{ env.HOST }}']}}",
        );
        let yaml = yaml.replace("limits:", "env: [HOST]\nlimits:");
        let planned = plan(&yaml, overrides).unwrap();
        let StepKind::Command(options) = planned.steps[0].kind.clone() else { panic!() };
        (planned.params["seed"].clone(), options.run)
    };
    assert_eq!(seed(&[]), (json!(7), vec!["corpus.txt".into(), "s-7".into(), "example.com".into()]));
    assert_eq!(seed(&["seed=8", "where=a: b # c"]).1[..2], ["a: b # c", "s-8"]);
    assert_eq!(seed(&["seed=007"]).0, json!("007"));
    assert_eq!(seed(&["seed=1e3"]).0, json!(1000.0));
    assert_eq!(seed(&["seed=", "seed=true"]).0, json!(true));
    assert_eq!(seed(&["where=\"7\"", "seed='1'"]), (json!("1"), vec!["7".into(), "s-1".into(), "example.com".into()]));
}

#[test]
fn a_matrix_can_come_from_a_parameter() {
    let yaml = with_steps(
        "  a: {uses: command, matrix: {seed: '${{ params.seeds }}'}, with: {run: [x, 'n${{ matrix.seed }}']}}",
    );
    assert_eq!(ids(&plan(&yaml, &[]).unwrap()), ["a@seed=0", "a@seed=1"]);
    assert_eq!(ids(&plan(&yaml, &["seeds=[3, 4, 5]"]).unwrap()), ["a@seed=3", "a@seed=4", "a@seed=5"]);
}

#[test]
fn dotted_overrides_change_and_add_values() {
    let yaml =
        with_steps("  a: {uses: train, needs: [g], with: {epochs: 2}}\n  g: {uses: import, with: {path: corpus.txt}}");
    let planned = plan(&yaml, &["steps.a.with.epochs=3", "steps.a.with.patience=2", "limits.llm=9"]).unwrap();
    let StepKind::Train(options) = &planned.step("a").unwrap().kind else { panic!() };
    assert_eq!((options.epochs, options.patience), (3, Some(2)));
    assert_eq!(planned.limits["llm"], 9);
}

#[test]
fn keys_hold_what_decides_the_output_and_nothing_else() {
    let train = |extra: &str| {
        let yaml = format!("  learn: {{uses: train, needs: [g]{extra}}}\n{}", import("g", "public"));
        plan(&with_steps(&yaml), &[]).unwrap().step("learn").unwrap().key_components()
    };
    let base = train("");
    assert_eq!(base["kind"], json!("train"));
    assert_eq!(base["with.epochs"], json!(4));
    assert_eq!(base["with.encoder"], json!("all-MiniLM-L6-v2"));
    for same in [
        ", resources: {cpus: 2, memory: 1G, time: 2h, gpus: 1}",
        ", retry: {limit: 3, backoff: 1s}",
        ", timeout-minutes: 1.5",
        ", with: {checkpoint-steps: 5}",
        ", with: {epochs: 4}",
        ", slots: {llm: 1}",
        ", fail-fast: false, max-parallel: 1",
    ] {
        assert_eq!(train(same), base, "{same}");
    }
    for other in [", with: {epochs: 5}", ", with: {seed: 1}", ", with: {encoder: other}"] {
        assert_ne!(train(other), base, "{other}");
    }
    assert_eq!(train(", with: {encoder: ./encoder}").get("with.encoder"), None, "the folder's digest counts instead");
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let check = |train: &str, predict: &str, expected: &str| {
        let yaml = format!(
            "  learn: {{uses: train, needs: [g], with: {{{train}}}}}\n  mark: {{uses: predict, needs: [learn, g], with: {{{predict}}}}}\n{}",
            import("g", "public")
        );
        let error = plan(&with_steps(&yaml), &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("examples: 1", "", "one is to learn from, and another one to choose the epoch by");
    check("device: cuda, accumulation: 2", "", "with `device: cuda` raise `batch-size` instead");
    check("device: cuda, precision: bf16", "", "with `device: cuda` it is float32");
    check("", "int8: true, device: cuda", "`int8` is made for the processor: drop it, or `device: cuda`");
}

#[test]
fn keys_of_int8_predictions_hold_the_batch() {
    let key = |with: &str| {
        let yaml = format!(
            "  learn: {{uses: train, needs: [g]}}\n  mark: {{uses: predict, needs: [learn, g], with: {{{with}}}}}\n{}",
            import("g", "public")
        );
        plan(&with_steps(&yaml), &[]).unwrap().step("mark").unwrap().key_components()
    };
    assert_eq!(key("batch-tokens: 64"), key(""));
    assert_eq!(key("batch-tokens: 64, int8: true")["with.batch-tokens"], json!(64));
}

#[test]
fn keys_of_generation_hold_the_model_and_not_the_name() {
    let key = |with: &str| {
        let yaml =
            format!("  a: {{uses: generate, with: {{task: ner, template: template.j2, seeds: seeds.tsv, {with}}}}}");
        plan(&with_steps(&yaml), &[]).unwrap().steps[0].key_components()
    };
    let replay = key("recordings: recordings.jsonl");
    assert_eq!(replay["provider"], json!("replay"));
    assert!(
        ["with.template", "with.seeds", "with.recordings", "with.provider"]
            .iter()
            .all(|name| !replay.contains_key(*name))
    );
    let far = key("provider: far");
    assert_eq!(far["provider.base-url"], json!("https://api.example.com/v1"));
    assert_eq!(far["provider.model"], json!("m"));
    assert_eq!(key("provider: far, model: other")["provider.model"], json!("other"));
    assert_eq!(key("provider: far, recordings: recordings.jsonl"), far);
    assert_eq!(replay["labels"][0], json!({"name": "Disease", "definition": ""}));
}

#[test]
fn commands_declare_what_they_write() {
    let step = "  a: {uses: command, env: [HOME], needs: [g], with: {run: [python3, x.py], deps: [corpus.txt], outs: {examples: \
        out/examples.parquet, model: m, notes.txt: notes.txt}}}";
    let plan = plan(&lines(&[import("g", "public"), step.to_owned()]), &[]).unwrap();
    let step = plan.step("a").unwrap();
    let outputs: Vec<_> = step.outputs.iter().map(|output| (output.name.as_str(), output.form.clone())).collect();
    assert_eq!(
        outputs,
        [("examples", OutputForm::Table), ("model", OutputForm::Folder), ("notes.txt", OutputForm::File)]
    );
    assert_eq!(sources(step), [("examples", "g"), ("quarantine", "g")]);
    assert_eq!(step.files[0].role, "deps corpus.txt");
    assert_eq!(step.env, ["HOME"]);
}

#[test]
fn steps_are_addressed_by_name_axis_and_pattern() {
    let steps = [
        generate("write"),
        "  train: {uses: train, needs: [write], matrix: {seed: [0, 1], size: [s, l]}}".to_owned(),
        "  never: {uses: train, needs: [write], if: false}".to_owned(),
    ];
    let plan = plan(&lines(&steps), &[]).unwrap();
    let check = |pattern: &str, expected: &[&str]| {
        let found: Vec<_> = plan.select(pattern).unwrap().iter().map(|step| step.id.as_str()).collect();
        assert_eq!(found, expected, "{pattern}");
    };
    check("write", &["write"]);
    check("train@seed=0,size=l", &["train@seed=0,size=l"]);
    check("train@size=l,seed=0", &["train@seed=0,size=l"]);
    check("train@seed=1", &["train@seed=1,size=s", "train@seed=1,size=l"]);
    check("*@size=s", &["train@seed=0,size=s", "train@seed=1,size=s"]);
    check("tr*", &["train@seed=0,size=s", "train@seed=0,size=l", "train@seed=1,size=s", "train@seed=1,size=l"]);
    let fails = |pattern: &str, expected: &str| assert_eq!(plan.select(pattern).unwrap_err().to_string(), expected);
    fails("wirte", "no step to run is called `wirte`; did you mean `write`?");
    fails("never", "no step to run is called `never`: `never` is skipped, because its `if` is false");
}

#[test]
fn what_a_batch_scheduler_needs_is_carried_over() {
    let yaml = with_steps(
        "  a: {uses: command, with: {run: [x]}, resources: {cpus: 4, memory: 512M, gpus: 1, time: 90m}, timeout-minutes: 0.5, \
         retry: {limit: 2, backoff: 10s..5m}, slots: {llm: 2}}",
    );
    let step = plan(&yaml, &[]).unwrap().steps.remove(0);
    assert_eq!(
        serde_json::to_value(&step.resources).unwrap(),
        json!({"cpus": 4, "memory": 512 << 20, "gpus": 1, "time": 5400})
    );
    assert_eq!(step.timeout_seconds, Some(30));
    assert_eq!((step.retry.limit, step.retry.backoff.first_seconds, step.retry.backoff.greatest_seconds), (2, 10, 300));
    assert_eq!(step.slots["llm"], 2);
}

#[test]
fn byte_order_marks_and_windows_lines_are_no_mistake() {
    let yaml = with_steps("  a: {uses: command, with: {run: [x]}}");
    let windows = format!("\u{feff}{}", yaml.replace('\n', "\r\n"));
    assert_eq!(plan(&windows, &[]).unwrap(), plan(&yaml, &[]).unwrap());
    let wrong = windows.replace("run:", "rum:");
    assert!(plan(&wrong, &[]).unwrap_err().to_string().contains("pipeline.yaml:8:29\n"));
}
