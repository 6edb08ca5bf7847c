//! What the language models cost.

use serde::Serialize;

use crate::numbers::thousands;
use crate::{Report, StepCost};

/// A row of the table of costs.
#[derive(Debug, Serialize)]
pub(crate) struct CostRow {
    step: String,
    completions: String,
    attempts: String,
    prompt_tokens: String,
    completion_tokens: String,
    charged: String,
    money: String,
}

/// Steps that asked a model; recordings cost nothing and are left out.
pub(crate) fn cost_rows(report: &Report) -> Vec<CostRow> {
    report.costs.iter().filter(|cost| cost.attempts > 0).map(row).collect()
}

fn row(cost: &StepCost) -> CostRow {
    let money = match (&cost.currency, &cost.prices_as_of) {
        (Some(currency), Some(day)) => format!("{:.4} {currency} (prices of {day})", cost.micros as f64 / 1e6),
        _ => "no prices given".to_owned(),
    };
    CostRow {
        step: cost.step.clone(),
        completions: thousands(cost.completions),
        attempts: thousands(cost.attempts),
        prompt_tokens: thousands(cost.prompt_tokens),
        completion_tokens: thousands(cost.completion_tokens),
        charged: thousands(cost.charged_tokens),
        money,
    }
}
