//! What ran: steps with their outputs and digests.

use serde::Serialize;

use crate::StepSummary;
use crate::numbers::thousands;

/// A row of the table of steps.
#[derive(Debug, Serialize)]
pub(crate) struct StepRow {
    id: String,
    uses: String,
    needs: Vec<String>,
    sensitivity: &'static str,
    key: Digest,
    outputs: Vec<OutputRow>,
}

#[derive(Debug, Serialize)]
struct OutputRow {
    name: String,
    table: Option<String>,
    rows: Option<String>,
    digest: Digest,
    sensitivity: &'static str,
}

/// A digest as people compare it, and in full.
#[derive(Debug, Serialize)]
struct Digest {
    short: String,
    full: String,
}

/// The rows of the table of steps.
pub(crate) fn step_rows(steps: &[StepSummary]) -> Vec<StepRow> {
    let row = |step: &StepSummary| StepRow {
        id: step.id.clone(),
        uses: step.uses.clone(),
        needs: step.needs.clone(),
        sensitivity: step.sensitivity.name(),
        key: digest(&step.key),
        outputs: step.outputs.iter().map(output_row).collect(),
    };
    steps.iter().map(row).collect()
}

fn output_row(output: &crate::OutputSummary) -> OutputRow {
    OutputRow {
        name: output.name.clone(),
        table: output.table.clone().filter(|table| *table != output.name),
        rows: output.rows.map(thousands),
        digest: digest(&output.digest),
        sensitivity: output.sensitivity.name(),
    }
}

fn digest(full: &str) -> Digest {
    Digest { short: full.chars().take(12).collect(), full: full.to_owned() }
}
