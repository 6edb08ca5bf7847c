//! What may travel how far, and the refusal before anything runs.

use clinsynth_contract::Sensitivity::{self, Aggregate, Public, Restricted, Synthetic};

use crate::{generate, import, lines, plan, snapshot};

fn outputs(steps: &[String], step: &str) -> Vec<(String, Sensitivity)> {
    let plan = plan(&lines(steps), &[]).unwrap();
    let step = plan.step(step).unwrap();
    step.outputs.iter().map(|output| (output.name.clone(), output.sensitivity)).collect()
}

#[test]
fn outputs_inherit_and_evaluation_is_the_gate() {
    let through = |level: &str| {
        vec![
            import("gold", level),
            generate("write"),
            "  learn: {uses: train, needs: [write]}".to_owned(),
            "  mark: {uses: predict, needs: [learn, gold]}".to_owned(),
            "  score: {uses: evaluate, needs: [gold, mark]}".to_owned(),
            "  page: {uses: report, needs: [score]}".to_owned(),
            "  own: {uses: command, needs: [mark], with: {run: [x], outs: {scores: s.parquet}}}".to_owned(),
        ]
    };
    let check = |level: &str, step: &str, expected: &[(&str, Sensitivity)]| {
        let found = outputs(&through(level), step);
        let found: Vec<_> = found.iter().map(|(name, level)| (name.as_str(), *level)).collect();
        assert_eq!(found, expected, "{step} with {level} input");
    };
    check("public", "gold", &[("examples", Public), ("quarantine", Public)]);
    check("public", "mark", &[("predictions", Synthetic)]);
    check("public", "score", &[("scores", Synthetic), ("errors", Synthetic), ("comparisons", Synthetic)]);
    check("restricted", "learn", &[("model", Synthetic), ("history", Synthetic)]);
    check("restricted", "mark", &[("predictions", Restricted)]);
    check("restricted", "score", &[("scores", Aggregate), ("errors", Restricted), ("comparisons", Aggregate)]);
    check("restricted", "page", &[("report.html", Restricted), ("report.md", Restricted), ("plots", Restricted)]);
    check("restricted", "own", &[("scores", Restricted)]);
}

#[test]
fn what_is_not_declared_is_restricted() {
    let step = |text: &str| outputs(&[text.to_owned()], "a");
    assert_eq!(step("  a: {uses: import, with: {path: corpus.txt}}")[0].1, Restricted);
    assert_eq!(step("  a: {uses: command, with: {run: [x], outs: {y: y}}}")[0].1, Restricted);
    assert_eq!(step("  a: {uses: command, with: {run: [x], outs: {y: y}, sensitivity: public}}")[0].1, Public);
    let lowered = "  a: {uses: command, needs: [g], with: {run: [x], outs: {y: y}, sensitivity: public}}".to_owned();
    assert_eq!(outputs(&[import("g", "restricted"), lowered], "a")[0].1, Restricted);
}

/// A step that asks a provider about a corpus of some sensitivity.
fn asking(provider: &str, level: &str) -> Vec<String> {
    let ask = format!(
        "  ask: {{uses: generate, needs: [tidy], with: {{task: ner, template: template.j2, seeds: seeds.tsv, recordings: \
         recordings.jsonl, provider: {provider}}}}}"
    );
    vec![import("notes", level), "  tidy: {uses: curate, needs: [notes]}".to_owned(), ask]
}

#[test]
fn text_stays_in_the_house() {
    let check = |provider: &str, level: &str, allowed: bool| {
        assert_eq!(plan(&lines(&asking(provider, level)), &[]).is_ok(), allowed, "{level} to {provider}");
    };
    for level in ["public", "synthetic"] {
        for provider in ["far", "near", "house", "replay"] {
            check(provider, level, true);
        }
    }
    for level in ["aggregate", "restricted"] {
        for provider in ["near", "house", "replay"] {
            check(provider, level, true);
        }
        check("far", level, false);
    }
}

#[test]
fn the_refusal_names_step_inputs_endpoint_and_remedy() {
    let refusal = plan(&lines(&asking("far", "restricted")), &[]).unwrap_err();
    snapshot("refusal", &refusal.to_string());
    // An override cannot open what the file closed.
    let yaml = lines(&asking("'${{ params.provider }}'", "restricted"));
    assert!(plan(&yaml, &["provider=near"]).is_ok());
    snapshot("refusal_of_an_override", &plan(&yaml, &["provider=far"]).unwrap_err().to_string());
}

#[test]
fn restricted_text_is_never_quoted() {
    let quoting = |level: &str, option: &str| {
        let with = format!(
            "task: ner, template: template.j2, seeds: seeds.tsv, recordings: recordings.jsonl, provider: near, {option}: 2"
        );
        let steps = [import("notes", level), format!("  ask: {{uses: generate, needs: [notes], with: {{{with}}}}}")];
        plan(&lines(&steps), &[]).map(|_| ()).map_err(|error| error.to_string())
    };
    for level in ["public", "synthetic"] {
        assert_eq!(quoting(level, "demonstrations"), Ok(()));
    }
    for level in ["aggregate", "restricted"] {
        let refusal = quoting(level, "demonstrations").unwrap_err();
        assert!(refusal.contains(&format!("would quote `notes`, which is `{level}`")), "{refusal}");
    }
    assert!(quoting("public", "feedback").unwrap_err().contains("takes `errors` for `feedback`"));
}
