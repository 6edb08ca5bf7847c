//! The JSON Schema of the pipeline file, by which editors complete and check.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::kind::Uses;
use crate::pipeline::PipelineFile;
use crate::{
    CommandOptions, CurateOptions, EvaluateOptions, GenerateOptions, ImportOptions, PredictOptions, ReportOptions,
    TrainOptions,
};

/// The JSON Schema (draft 2020-12) of a pipeline file.
///
/// Under `endpoints` and `steps` every value may also be an expression, which is text; the type of the options under
/// `with` depends on `uses`.
pub fn pipeline_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let kinds = [
        kind::<GenerateOptions>(&mut generator, Uses::Generate),
        kind::<ImportOptions>(&mut generator, Uses::Import),
        kind::<CurateOptions>(&mut generator, Uses::Curate),
        kind::<TrainOptions>(&mut generator, Uses::Train),
        kind::<PredictOptions>(&mut generator, Uses::Predict),
        kind::<EvaluateOptions>(&mut generator, Uses::Evaluate),
        kind::<ReportOptions>(&mut generator, Uses::Report),
        kind::<CommandOptions>(&mut generator, Uses::Command),
    ];
    let mut schema = generator.into_root_schema_for::<PipelineFile>().to_value();
    join_lines(&mut schema);
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        for definition in definitions.values_mut() {
            allow_expressions(definition);
        }
        definitions.insert("Expression".to_owned(), json!({"type": "string", "pattern": "\\$\\{\\{.*\\}\\}"}));
        if let Some(step) = definitions.get_mut("Step").and_then(Value::as_object_mut) {
            step.insert("allOf".to_owned(), Value::from(kinds.to_vec()));
        }
    }
    schema
}

fn kind<T: JsonSchema>(generator: &mut SchemaGenerator, uses: Uses) -> Value {
    let options = generator.subschema_for::<T>();
    json!({
        "if": {"properties": {"uses": {"const": uses.name()}}, "required": ["uses"]},
        "then": {"properties": {"with": options}},
    })
}

/// Lets each property of a definition be an expression, beside what it is.
fn allow_expressions(definition: &mut Value) {
    let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        let is_text = property.get("type").is_some_and(|kind| kind == "string") && !property.contains_key("enum");
        if is_text && !property.contains_key("pattern") {
            continue;
        }
        let (about, own): (Map<_, _>, Map<_, _>) =
            std::mem::take(property).into_iter().partition(|(key, _)| key == "description" || key == "default");
        property.extend(about);
        property.insert("anyOf".to_owned(), json!([own, {"$ref": "#/$defs/Expression"}]));
    }
}

/// Descriptions are doc comments; their line breaks are those of the source.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    _ => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}
