use clinsynth_contract::Hasher;
use serde_json::{Value, json};

use crate::event::Event;

/// The OpenLineage form of an event, for those that it knows: a step starts, completes or fails.
///
/// Source: OpenLineage specification 2-0-2, `RunEvent`.
pub(crate) fn lineage_event(run: &str, time: &str, event: &Event) -> Option<Value> {
    let (kind, step, outputs) = match event {
        Event::StepStarted { step, .. } => ("START", step, Vec::new()),
        Event::StepFinished { step, outputs, .. } => {
            let outputs = outputs.iter().map(
                |output| json!({ "namespace": "clinsynth", "name": format!("{}:{}", output.name, output.digest) }),
            );
            ("COMPLETE", step, outputs.collect())
        }
        Event::StepFailed { step, retried: false, .. } => ("FAIL", step, Vec::new()),
        _ => return None,
    };
    Some(json!({
        "eventType": kind,
        "eventTime": time,
        "producer": concat!("clinsynth/", env!("CARGO_PKG_VERSION")),
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/definitions/RunEvent",
        "run": { "runId": run_id(run, step) },
        "job": { "namespace": "clinsynth", "name": step },
        "inputs": [],
        "outputs": outputs,
    }))
}

/// A UUID (version 8, RFC 9562) out of the run and the step, so that its start and its end carry the same one.
fn run_id(run: &str, step: &str) -> String {
    let digest = Hasher::new().field(run).field(step).finish();
    let hex = digest.as_str();
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
