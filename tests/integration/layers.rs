//! The layers of ARCHITECTURE.md, as `cargo metadata` sees them.

use std::process::Command;

use serde_json::Value;

/// Lower layers first; a crate may depend on lower ones only.
const LAYERS: [&[&str]; 6] = [
    &["contract"],
    &["runtime"],
    &["kernels"],
    &[
        "artifacts",
        "corpora",
        "curation",
        "dag",
        "encoding",
        "inference",
        "metrics",
        "prompting",
        "provision",
        "reporting",
        "store",
        "training",
    ],
    &["runner"],
    &["cli"],
];

/// Heavy dependencies and the only crates that may name them.
const HOMES: [(&str, &[&str]); 5] = [
    ("ort", &["runtime", "training", "inference"]),
    ("async-openai", &["prompting"]),
    ("parquet", &["store"]),
    ("tokio", &["prompting"]),
    ("tokenizers", &["encoding"]),
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn crate_name(package: &Value) -> String {
    package["name"].as_str().unwrap().trim_start_matches("clinsynth-").to_owned()
}

fn dependencies(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().unwrap();
    let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_edge_points_down() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut wrong = Vec::new();
    for package in packages() {
        let name = crate_name(&package);
        if name == "tests" {
            continue;
        }
        let from = layer(&name).unwrap_or_else(|| panic!("crate `{name}` has no layer"));
        for dependency in dependencies(&package) {
            let Some(to) = dependency.strip_prefix("clinsynth-").map(|to| layer(to).unwrap()) else { continue };
            if to >= from {
                wrong.push(format!("{name} → {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that do not point down: {wrong:?}");
}

#[test]
fn heavy_dependencies_have_one_home() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = crate_name(&package);
        for dependency in dependencies(&package) {
            let home = HOMES.iter().find(|(heavy, _)| *heavy == dependency);
            if home.is_some_and(|(_, homes)| !homes.contains(&name.as_str())) {
                wrong.push(format!("{name} → {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "heavy dependencies outside their home: {wrong:?}");
}
