//! Whether scores are probabilities: the share of right predictions against their mean score.

use serde::Serialize;

use crate::numbers::{percent, share, thousands};
use crate::sets::SystemScores;
use crate::slices::SCORE;

/// Radius of the largest bin, in pixels.
const LARGEST: f64 = 11.0;

/// The reliability diagram.
#[derive(Debug, Serialize)]
pub(crate) struct Calibration {
    error: Option<String>,
    bins: Vec<Bin>,
}

#[derive(Debug, Serialize)]
struct Bin {
    scores: String,
    confidence: String,
    precision: String,
    predicted: String,
    x: String,
    y: String,
    radius: String,
}

/// The diagram of a system, unless its scores were not looked at.
pub(crate) fn calibration(system: &SystemScores<'_>) -> Option<Calibration> {
    let rows =
        || system.scores.iter().filter_map(|score| Some((score.slice.strip_prefix(SCORE)?.strip_prefix('=')?, score)));
    let most = rows().map(|(_, score)| score.predicted).max()?;
    let bins = rows().filter(|(_, score)| score.metric == "precision").filter_map(|(bin, score)| {
        let (_, confidence) = rows().find(|(other, row)| *other == bin && row.metric == "confidence")?;
        Some(Bin {
            scores: bin.replace('-', " to "),
            confidence: percent(confidence.value),
            precision: percent(score.value),
            predicted: thousands(score.predicted / u64::from(score.runs.max(1))),
            x: share(confidence.value, 1.0),
            y: share(1.0 - score.value, 1.0),
            // Areas, not radii, stand for numbers.
            radius: format!("{:.1}", (LARGEST * (score.predicted as f64 / most as f64).sqrt()).max(2.5)),
        })
    });
    let error = system.scores.iter().find(|score| score.metric == "ece" && score.label == crate::sets::ALL);
    Some(Calibration { error: error.map(|score| percent(score.value)), bins: bins.collect() })
}
