//! Pipeline files to plans, from outside: what is planned, what is refused and where, and the generated reference.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod errors;
mod plans;
mod privacy;
mod properties;
mod reference;
mod strategies;

use std::path::Path;

use clinsynth_dag::{PipelineError, Plan, PlanSettings};

/// Plans a file that stands among the fixtures.
fn plan(yaml: &str, overrides: &[&str]) -> Result<Plan, PipelineError> {
    let settings = PlanSettings {
        overrides: overrides.iter().map(|&text| text.to_owned()).collect(),
        environment: [("HOST".to_owned(), "example.com".to_owned())].into(),
    };
    Plan::from_bytes(yaml.as_bytes(), Path::new("tests/fixtures/pipeline.yaml"), &settings)
}

/// A file with these steps, and what every step may refer to.
fn with_steps(steps: &str) -> String {
    let head = "version: 1\nname: test\nlabels: [Disease, Chemical]\n\
        params: {seed: 7, none: null, seeds: [0, 1], where: corpus.txt, provider: replay}\n\
        endpoints: {far: {base-url: 'https://api.example.com/v1', model: m}, near: {base-url: 'http://localhost:1/v1', \
        model: m}, house: {base-url: 'http://llm.ward.example/v1', model: m, on-premises: true}}\n\
        limits: {llm: 2}\nsteps:\n";
    format!("{head}{steps}\n")
}

/// The usual `generate` step under a name.
fn generate(name: &str) -> String {
    format!(
        "  {name}: {{uses: generate, with: {{task: ner, template: template.j2, seeds: seeds.tsv, recordings: \
         recordings.jsonl}}}}"
    )
}

/// `import` of the corpus among the fixtures under a name, at a sensitivity.
fn import(name: &str, sensitivity: &str) -> String {
    format!("  {name}: {{uses: import, with: {{path: corpus.txt, sensitivity: {sensitivity}}}}}")
}

fn lines(steps: &[String]) -> String {
    with_steps(&steps.join("\n"))
}

/// Compares with `snapshots/NAME.snap`.
fn snapshot(name: &str, text: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}
