//! What runs again, what does not, and why.

use std::fs;

use crate::workplace::Workplace;

#[test]
fn the_small_job_runs_end_to_end_and_then_from_the_cache() {
    let place = Workplace::new();
    let first = place.run();
    first.check(0, &["heldout", "Disease", "report:", "7 ran, 0 cached, 0 failed"]);
    let report = fs::read_to_string(place.output("report", "report.html")).unwrap();
    assert!(report.contains("<html") && report.contains("Disease"));
    let twin = fs::read_to_string(place.output("report", "report.md")).unwrap();
    assert!(twin.starts_with("# ") && twin.contains("| Disease | strict |"), "{twin}");
    let scores = fs::read_to_string(place.output("report", "plots").join("scores.csv")).unwrap();
    assert!(
        scores.starts_with("dataset,system,scheme,") && scores.contains("\nheldout,,strict,,Disease,f1,"),
        "{scores}"
    );
    for file in ["model.onnx", "tokenizer.json", "config.json", "labels.json", "README.md"] {
        assert!(place.output("train", "model").join(file).exists(), "{file}");
    }

    let second = place.run();
    second.check(0, &["0 ran, 7 cached, 0 failed"]);
    let table =
        |text: &str| text.lines().filter(|line| line.contains("Disease")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(table(&first.stdout), table(&second.stdout));
}

#[test]
fn two_stores_hold_the_same_bytes() {
    let place = Workplace::new();
    let digests = |store: &str| {
        place.clinsynth(&["run", "pipeline.yaml", "--store", store]).check(0, &["7 ran"]);
        let mut objects = Vec::new();
        for shelf in fs::read_dir(place.path(store).join("objects")).unwrap() {
            objects.extend(fs::read_dir(shelf.unwrap().path()).unwrap().map(|object| object.unwrap().file_name()));
        }
        objects.sort();
        objects
    };
    assert_eq!(digests("one"), digests("two"));
}

#[test]
fn plan_says_which_component_changed() {
    let place = Workplace::new();
    place.clinsynth(&["plan", "pipeline.yaml"]).check(0, &["runs: has not run yet", "waits for generate", "synthetic"]);
    place.run().check(0, &[]);
    place.clinsynth(&["plan", "pipeline.yaml"]).check(0, &["cached ("]);
    let changed = place.clinsynth(&["plan", "pipeline.yaml", "--set", "seed=4"]);
    changed.check(0, &["with.seed changed: 3 → 4", "waits for train"]);
    // Only what stands on the parameter runs again.
    place.clinsynth(&["run", "pipeline.yaml", "--set", "seed=4"]).check(0, &["cached"]);
}

#[test]
fn unchanged_output_stops_the_chain() {
    let place = Workplace::new();
    place.run().check(0, &[]);
    let recordings = fs::read_to_string(place.path("ner.jsonl")).unwrap();
    place.write("ner.jsonl", &(recordings + "\n\n"));
    place.run().check(0, &["ner.jsonl".trim_end_matches("ner.jsonl"), "1 ran, 6 cached"]);
}

#[test]
fn one_step_at_a_time_as_a_scheduler_does_it() {
    let place = Workplace::new();
    place.clinsynth(&["step", "pipeline.yaml", "train"]).check(2, &["train", "generate", "has not run yet"]);
    for step in ["generate", "heldout", "curate", "train", "predict", "evaluate", "report"] {
        place.clinsynth(&["step", "pipeline.yaml", step]).check(0, &[]);
    }
    place.run().check(0, &["0 ran, 7 cached"]);
    place.clinsynth(&["step", "pipeline.yaml", "nonesuch"]).check(2, &["nonesuch"]);
}

#[test]
fn force_and_only() {
    let place = Workplace::new();
    place.clinsynth(&["run", "pipeline.yaml", "--only", "curate"]).check(0, &["2 ran"]);
    place.clinsynth(&["run", "pipeline.yaml", "--only", "curate", "--force", "curate"]).check(0, &["1 ran, 1 cached"]);
}

#[test]
fn show_prints_schema_counts_and_rows() {
    let place = Workplace::new();
    place.clinsynth(&["run", "pipeline.yaml", "--only", "curate"]).check(0, &[]);
    let parts = ["examples version 2", "rows         96", "synthetic", "entities", "row 0", "the patient was seen"];
    place.clinsynth(&["show", "curate.examples"]).check(0, &parts);
    let path = place.output("curate", "examples");
    place
        .clinsynth(&["show", path.to_str().unwrap(), "--json", "-n", "1"])
        .check(0, &["\"sensitivity\": \"synthetic\""]);
    place.clinsynth(&["show", "curate.exampels"]).check(2, &["curate.exampels", "curate.examples"]);
}

#[test]
fn a_failing_command_and_keep_going() {
    let place = Workplace::new();
    place.edit(
        "  curate:\n",
        "  broken: {uses: command, with: {run: [sh, -c, 'echo said so >&2; exit 7']}}\n  curate:\n",
    );
    place
        .clinsynth(&["run", "pipeline.yaml", "--keep-going"])
        .check(3, &["broken", "exit code 7", "7 ran, 0 cached, 1 failed"]);
    place.run().check(1, &["broken", "exit code 7"]);
}

#[test]
fn a_users_program_over_parquet() {
    let place = Workplace::new();
    place.edit("    needs: [generate]\n", "    needs: [copy]\n");
    let copy = "  copy:\n    uses: command\n    needs: [generate]\n    with:\n      \
                run: [sh, -c, 'cp \"$CLINSYNTH_INPUT_EXAMPLES\" out.parquet; test -z \"$SECRET\"']\n      \
                outs: {examples: out.parquet}\n";
    place.edit("  curate:\n", &format!("{copy}  curate:\n"));
    let output = place.command(&["run", "pipeline.yaml"]).env("SECRET", "s").output().unwrap();
    crate::workplace::Ended::of(&output).check(0, &["8 ran"]);
}

/// What a template takes in decides the prompts as the template does.
#[test]
fn an_included_file_is_part_of_the_key() {
    let place = Workplace::new();
    let generate = ["run", "pipeline.yaml", "--only", "generate"];
    place.write("prompt.md.j2", "--- user\nWrite {{ count }} sentences on {{ topic }}.\n{% include \"rules.md\" %}\n");
    place.clinsynth(&generate).check(2, &["included file `rules.md`"]);
    place.write("rules.md", "Mark every disease.");
    place.clinsynth(&generate).check(0, &["1 ran"]);
    place.clinsynth(&generate).check(0, &["0 ran"]);
    place.write("rules.md", "Mark every disease, each time it occurs.");
    place.clinsynth(&["plan", "pipeline.yaml"]).check(0, &["included rules.md changed"]);
    place.clinsynth(&generate).check(0, &["1 ran"]);
}
