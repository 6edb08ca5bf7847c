use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;

/// Options of `uses: evaluate`: predictions are scored against gold examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EvaluateOptions {
    /// Name of the evaluation set in scores and report; when empty, the instance that the gold examples come from.
    pub dataset: String,
    /// Labels that are scored; null for those that occur in the gold examples.
    pub labels: Option<Vec<String>>,
    /// Bootstrap resamples behind each interval; 0 for no intervals.
    pub resamples: u32,
    /// Coverage of the intervals.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0, max = 1))]
    pub level: f64,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self { dataset: String::new(), labels: None, resamples: 1000, level: 0.95, seed: 0 }
    }
}

/// Options of `uses: report`: one HTML file about all that it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReportOptions {
    /// Title of the page; when empty, the pipeline's name.
    pub title: String,
    /// Most errors quoted for each evaluation.
    pub error_examples: u32,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { title: String::new(), error_examples: 50 }
    }
}
