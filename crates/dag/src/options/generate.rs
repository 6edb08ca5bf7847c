use std::collections::BTreeMap;
use std::path::PathBuf;

use clinsynth_contract::Split;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bounds;
use crate::Labels;

/// What the language model is asked to label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Task {
    /// Named entities: `{"text", "entities": [{"text", "type"}]}` in completions.
    Ner,
    /// Relations between two marked entities: `{"text", "head", "tail", "relation"}` in completions.
    Re,
}

/// Options of `uses: generate`: a language model, live or recorded, writes labelled examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GenerateOptions {
    /// What is labelled.
    pub task: Task,
    /// Prompt template (minijinja), relative to the pipeline file.
    pub template: PathBuf,
    /// Table of topics, styles, mentions and counts that fill the template, one request a row (tab-separated), relative
    /// to the pipeline file.
    pub seeds: PathBuf,
    /// Who answers: `replay`, or the name of one of the pipeline's `endpoints`.
    #[serde(default = "replay")]
    pub provider: String,
    /// Recorded completions (JSON Lines), relative to the pipeline file; required by `provider: replay`.
    #[serde(default)]
    pub recordings: Option<PathBuf>,
    /// Labels of pairs, for `task: re` only: a list of names, or a mapping of names to what they stand for.
    #[serde(default)]
    pub relations: Labels,
    /// Split that every example is put into, for a set that is held out as a whole.
    #[serde(default)]
    #[schemars(with = "Option<SplitName>")]
    pub split: Option<Split>,
    /// Most requests to send; null for one each row of the seeds.
    #[serde(default)]
    pub requests: Option<u32>,
    /// Model to ask for, instead of the endpoint's own.
    #[serde(default)]
    pub model: Option<String>,
    /// Sampling temperature, 0 or more; null for the endpoint's default.
    #[serde(default, deserialize_with = "bounds::optional_zero_or_more")]
    #[schemars(range(min = 0))]
    pub temperature: Option<f64>,
    /// Most tokens in one completion; null for the endpoint's default.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Further fields of the request's body, such as `seed`.
    #[serde(default)]
    pub extra: BTreeMap<String, Value>,
}

/// The provider that answers from recordings.
pub(crate) const REPLAY: &str = "replay";

fn replay() -> String {
    REPLAY.to_owned()
}

/// The names of [`Split`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum SplitName {
    Train,
    Dev,
    Test,
}
