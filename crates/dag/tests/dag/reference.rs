//! The files that are generated from the types. `UPDATE_SCHEMAS=1` writes them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares a file with what it should hold, or writes it.
fn check_file(path: &str, expected: &str) {
    let full = root(path);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&full, expected).unwrap();
    }
    let found = std::fs::read_to_string(&full).unwrap_or_default();
    assert!(found == expected, "`{path}` is out of date: run the tests of clinsynth-dag with UPDATE_SCHEMAS=1");
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}\n")
}

#[test]
fn schemas_are_current() {
    let tables = clinsynth_contract::descriptions();
    let mut names = vec!["pipeline.json".to_owned()];
    check_file("schemas/pipeline.json", &pretty(&clinsynth_dag::pipeline_schema()));
    for (table, schema) in tables {
        check_file(&format!("schemas/{table}.json"), &pretty(&schema));
        names.push(format!("{table}.json"));
    }
    names.sort();
    let mut found: Vec<_> = std::fs::read_dir(root("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, names, "schemas/ holds a description that nothing generates, or lacks one");
}

/// The tables in the reference stand between `<!-- keys: NAME -->` and `<!-- end -->`.
#[test]
fn the_reference_lists_every_key() {
    let schema = clinsynth_dag::pipeline_schema();
    let path = "docs/pipelines.md";
    let text = std::fs::read_to_string(root(path)).unwrap();
    let mut expected = String::new();
    let mut rest = text.as_str();
    let mut listed = Vec::new();
    while let Some((before, after)) = rest.split_once("<!-- keys: ") {
        let (name, after) = after.split_once(" -->").unwrap();
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        let definition = if name == "Pipeline" { &schema } else { &schema["$defs"][name] };
        write!(expected, "{before}<!-- keys: {name} -->\n{}<!-- end -->", table(definition)).unwrap();
        listed.push(name);
        rest = after;
    }
    expected.push_str(rest);
    let definitions = schema["$defs"].as_object().unwrap().iter();
    let with_keys = definitions.filter(|(_, definition)| definition.get("properties").is_some());
    let missing: Vec<_> = with_keys.map(|(name, _)| name.as_str()).filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty() && listed.contains(&"Pipeline"), "{path} lacks the keys of {missing:?}");
    check_file(path, &expected);
}

fn table(definition: &Value) -> String {
    let required: Vec<_> = definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows = String::from("| key | type | default | |\n|---|---|---|---|\n");
    for (key, property) in definition["properties"].as_object().unwrap() {
        let default = match property.get("default") {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            None if type_of(property) == "mapping" && key != "matrix" => "`{}`".to_owned(),
            None | Some(Value::Null) => "null".to_owned(),
            Some(Value::Object(entries)) if !entries.is_empty() => "see below".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        let about = property["description"].as_str().expect(key).replace('|', "\\|");
        writeln!(rows, "| `{key}` | {} | {default} | {about} |", type_of(property)).unwrap();
    }
    rows
}

/// The type in words; that an expression may stand in its place is said once in the text.
fn type_of(property: &Value) -> String {
    let own = property.get("anyOf").map_or(property, |types| &types[0]);
    if let Some(values) = own.get("enum").and_then(Value::as_array) {
        return one_of(values.iter().filter_map(Value::as_str));
    }
    if let Some(values) = own.get("oneOf").and_then(Value::as_array) {
        return one_of(values.iter().filter_map(|value| value["const"].as_str()));
    }
    if let Some(types) = own.get("anyOf") {
        return type_of(&types[0]);
    }
    match own.get("type") {
        Some(Value::String(kind)) => word(kind).to_owned(),
        Some(Value::Array(kinds)) => {
            let words: Vec<_> =
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").map(word).collect();
            words.join(" or ")
        }
        _ => match own.get("$ref").and_then(Value::as_str) {
            Some(reference) => format!("mapping ({})", reference.rsplit('/').next().unwrap_or_default()),
            None => "any value".to_owned(),
        },
    }
}

fn one_of<'v>(values: impl Iterator<Item = &'v str>) -> String {
    values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

fn word(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        "object" => "mapping",
        other => other,
    }
}
