//! The pipelines that come with clinsynth.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use std::path::Path;
#[test]
fn show() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/ner.yaml");
    match clinsynth_dag::read_plan(&path, &[]) {
        Ok(plan) => println!("{}", serde_json::to_string_pretty(&plan).unwrap()),
        Err(e) => println!("{e}"),
    }
    println!("{}", clinsynth_dag::read_plan(&path, &["benchmark=no.txt".into(), "steps.train.with.epochs=x".into(), "provider=lokal".into()]).unwrap_err());
    println!("{:#}", clinsynth_dag::pipeline_schema());
}
