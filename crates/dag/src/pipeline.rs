//! The pipeline file as it is written, beside the options of each kind of step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::kind::Uses;
use crate::options::{bounds_above_zero, bounds_count};
use crate::{Endpoint, Labels, Resources, Retry};

/// The version of the file format that this build reads.
pub(crate) const VERSION: u32 = 1;

/// A pipeline: named steps, what they share, and what they need of each other.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Pipeline")]
pub(crate) struct PipelineFile {
    /// Version of the file format: 1.
    #[schemars(extend("const" = 1))]
    #[expect(dead_code, reason = "checked before the rest is read")]
    version: u32,
    /// Name of the pipeline.
    pub(crate) name: String,
    /// Labels of mentions, in the order of the model's tags: a list of names, or a mapping of names to what they stand for.
    #[serde(default)]
    pub(crate) labels: Labels,
    /// Parameters with their defaults, any YAML value each; `--set NAME=VALUE` overrides one.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    #[expect(dead_code, reason = "expressions read the tree itself")]
    params: IgnoredAny,
    /// Environment variables that `${{ env.NAME }}` may read.
    #[serde(default)]
    #[expect(dead_code, reason = "read before the expressions are evaluated")]
    env: Vec<String>,
    /// Language model servers by name.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
    /// Slots by name, which steps share through `slots`.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, Count>,
    /// The steps by name.
    #[schemars(with = "BTreeMap<String, StepFile>")]
    #[expect(dead_code, reason = "each step is read on its own")]
    steps: IgnoredAny,
}

/// A whole number of 1 or more.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Count(
    #[serde(deserialize_with = "bounds_count")]
    #[schemars(range(min = 1))]
    pub(crate) u32,
);

/// One step.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Step")]
pub(crate) struct StepFile {
    /// What it does.
    pub(crate) uses: Uses,
    /// Options, depending on `uses`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    #[expect(dead_code, reason = "read by the type that `uses` names")]
    with: IgnoredAny,
    /// Steps that it runs after and takes its inputs from.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// Axes, each a name and a list of values: one instance for each combination. `exclude` lists combinations to leave
    /// out, `include` combinations to add or to extend.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    #[expect(dead_code, reason = "read apart")]
    matrix: IgnoredAny,
    /// With `generate` and `train`: those of the pipeline's labels that it is about; null for all.
    #[serde(default)]
    pub(crate) labels: Option<Vec<String>>,
    /// Whether it runs: not when the value is false, null, 0 or empty text. Steps that need a skipped step are skipped as
    /// well, except `report`, which takes what there is, and `evaluate` as long as it has gold and predictions.
    #[serde(default, rename = "if")]
    #[schemars(with = "Option<Value>")]
    #[expect(dead_code, reason = "read apart")]
    condition: IgnoredAny,
    /// What it takes of the machine.
    #[serde(default)]
    pub(crate) resources: Resources,
    /// How often it is tried again.
    #[serde(default)]
    pub(crate) retry: Retry,
    /// Minutes after which it is stopped; null for no limit.
    #[serde(default, deserialize_with = "minutes")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(crate) timeout_minutes: Option<f64>,
    /// Environment variables that reach the program (`uses: command` only).
    #[serde(default)]
    pub(crate) env: Vec<String>,
    /// Slots that each instance holds while it runs, by the names under the pipeline's `limits`.
    #[serde(default)]
    pub(crate) slots: BTreeMap<String, Count>,
    /// Most instances that run at once; null for no limit of its own.
    #[serde(default)]
    pub(crate) max_parallel: Option<Count>,
    /// Whether the other instances are given up when one fails.
    #[serde(default = "yes")]
    pub(crate) fail_fast: bool,
}

const fn yes() -> bool {
    true
}

fn minutes<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    struct Minutes(#[serde(deserialize_with = "bounds_above_zero")] f64);
    Ok(Option::<Minutes>::deserialize(from)?.map(|minutes| minutes.0))
}
