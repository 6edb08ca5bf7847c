use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;
use crate::Task;

/// How intervals are made from resampled documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Interval {
    /// The middle of the resampled figures.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987).
    Bca,
}

/// Options of `uses: evaluate`: predictions are scored against gold examples, and several of them compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EvaluateOptions {
    /// Name of the evaluation set in scores and report; when empty, the instance that the gold examples come from.
    pub dataset: String,
    /// What is scored; null for relations where predictions hold some, and mentions otherwise.
    pub task: Option<Task>,
    /// Labels of mentions that are scored; null for those that occur in the gold examples.
    pub labels: Option<Vec<String>>,
    /// Labels of relations that are scored; null for those that occur in gold or predictions.
    pub relations: Option<Vec<String>>,
    /// The relation that stands for none; a pair that is not listed has it.
    pub negative: String,
    /// What a predicted label counts as, where the model's labels are not those of the gold; null leaves its predictions
    /// out. Labels not named stay.
    pub label_map: BTreeMap<String, Option<String>>,
    /// Steps of `needs` whose examples the model learned from: scores then tell mentions that it saw there from others.
    pub training: Vec<String>,
    /// Bins of scores for calibration; 0 to leave it out.
    pub bins: u32,
    /// Axis of the matrix whose values are runs of one system, where there are several predictions.
    pub over: String,
    /// Scheme, label and metric that several predictions are compared by, such as `[strict, micro avg, f1]`, which null
    /// stands for; for relations null stands for `[pair, macro avg, f1]`.
    pub measure: Option<[String; 3]>,
    /// How intervals are made.
    pub interval: Interval,
    /// Bootstrap resamples behind each interval, and swaps behind each randomisation test; 0 for neither.
    pub resamples: u32,
    /// Coverage of the intervals.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0, max = 1))]
    pub level: f64,
    /// Seed of the resampling.
    pub seed: u64,
    /// The name of the system that each input of predictions belongs to, in their order.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    pub systems: Vec<String>,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            dataset: String::new(),
            task: None,
            labels: None,
            relations: None,
            negative: "none".to_owned(),
            label_map: BTreeMap::new(),
            training: Vec::new(),
            bins: 10,
            over: "seed".to_owned(),
            measure: None,
            interval: Interval::Percentile,
            resamples: 1000,
            level: 0.95,
            seed: 0,
            systems: Vec::new(),
        }
    }
}

/// Two values of an axis of the matrix: how a model began that learnt from gold examples alone, and one that learnt from
/// synthetic data first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EfficiencyOptions {
    /// Axis that tells them apart; `step` for the name of the step that predicts.
    pub axis: String,
    /// Its value without synthetic data.
    pub without: String,
    /// Its value with synthetic data.
    pub with: String,
}

/// Options of `uses: report`: a page, its twin in Markdown, and the data of its charts, about all that it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReportOptions {
    /// Title of the page; when empty, the pipeline's name.
    pub title: String,
    /// Most errors quoted for each evaluation.
    pub error_examples: u32,
    /// Figures of others, shown beside those of the same evaluation set: a TSV file with the columns dataset, system,
    /// label, metric, value (in per cent) and source.
    pub published: Option<PathBuf>,
    /// Learning curves that are held against each other, to say how many labels synthetic data replaced.
    pub efficiency: Option<EfficiencyOptions>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { title: String::new(), error_examples: 50, published: None, efficiency: None }
    }
}
