use std::collections::BTreeMap;
use std::path::PathBuf;

use clinsynth_contract::{Sensitivity, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds;

/// What the language model is asked to label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Named entities: `{"text", "entities": [{"text", "type"}]}` in completions.
    Ner,
    /// Relations between two marked entities: `{"text", "head", "tail", "relation"}` in completions.
    Re,
}

/// How an endpoint is asked for structured output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseFormat {
    /// The strictest that the endpoint takes: schema, then JSON, then the prompt alone.
    #[default]
    Auto,
    /// `json_schema` only.
    JsonSchema,
    /// `json_object` only.
    JsonObject,
    /// The prompt alone.
    Text,
}

/// Options of `uses: generate`: a language model, live or recorded, writes labelled examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GenerateOptions {
    /// What is labelled.
    pub task: Task,
    /// Prompt template (minijinja), relative to the pipeline file.
    pub template: PathBuf,
    /// Table of topics, styles and mentions that fill the template (tab-separated), relative to the pipeline file.
    #[serde(default)]
    pub seeds: Option<PathBuf>,
    /// Who answers: `replay`, or the name of one of the pipeline's `endpoints`.
    #[serde(default = "replay")]
    pub provider: String,
    /// Recorded completions (JSON Lines), relative to the pipeline file; required by `provider: replay`.
    #[serde(default)]
    pub recordings: Option<PathBuf>,
    /// Model to ask for, instead of the endpoint's own.
    #[serde(default)]
    pub model: Option<String>,
    /// Split that every example is put into, for a set that is held out as a whole.
    #[serde(default)]
    #[schemars(with = "Option<SplitName>")]
    pub split: Option<Split>,
    /// Seed of the order in which requests are enumerated.
    #[serde(default)]
    pub seed: u64,
    /// Most requests to send; null for all that the seeds or recordings give.
    #[serde(default)]
    pub requests: Option<u32>,
    /// Examples asked for in one request.
    #[serde(default = "examples_per_request", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub examples_per_request: u32,
    /// Completions asked for each request.
    #[serde(default = "one", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub samples: u32,
    /// Sampling temperature, 0 or more.
    #[serde(default = "temperature", deserialize_with = "bounds::zero_or_more")]
    #[schemars(range(min = 0))]
    pub temperature: f64,
    /// Most tokens in one completion.
    #[serde(default = "max_tokens", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub max_tokens: u32,
    /// How structured output is asked for.
    #[serde(default)]
    pub response_format: ResponseFormat,
    /// Rounds in which a completion that fails validation is sent back with its faults.
    #[serde(default = "one")]
    pub repairs: u32,
}

/// The provider that answers from recordings.
pub(crate) const REPLAY: &str = "replay";

fn replay() -> String {
    REPLAY.to_owned()
}

const fn one() -> u32 {
    1
}

const fn examples_per_request() -> u32 {
    10
}

const fn temperature() -> f64 {
    1.0
}

const fn max_tokens() -> u32 {
    4096
}

/// The names of [`Split`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum SplitName {
    Train,
    Dev,
    Test,
}

/// The names of [`Sensitivity`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum SensitivityName {
    /// Published text.
    Public,
    /// Text that a language model wrote.
    Synthetic,
    /// Figures computed over restricted text.
    Aggregate,
    /// Patient text and whatever is derived from it.
    Restricted,
}

/// Form of an annotated corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportFormat {
    /// Told from the file itself.
    #[default]
    Auto,
    /// `PubTator`: title and abstract lines, then tab-separated mentions.
    Pubtator,
    /// `CoNLL` style: one word and its IOB tag a line, a blank line between sentences.
    Iob,
}

/// Options of `uses: import`: an annotated corpus becomes examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImportOptions {
    /// The corpus, a file relative to the pipeline file.
    pub path: PathBuf,
    /// Its form.
    #[serde(default)]
    pub format: ImportFormat,
    /// How far its text may travel; say `public` for a published corpus.
    #[serde(default = "restricted")]
    #[schemars(with = "SensitivityName")]
    pub sensitivity: Sensitivity,
    /// The pipeline's label for each label of the corpus; null leaves its mentions out. Labels not named stay.
    #[serde(default)]
    pub label_map: BTreeMap<String, Option<String>>,
    /// Split that every example is put into.
    #[serde(default)]
    #[schemars(with = "Option<SplitName>")]
    pub split: Option<Split>,
}

const fn restricted() -> Sensitivity {
    Sensitivity::Restricted
}

/// What happens to an example in which a string stands unlabelled that is labelled elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MentionConsistency {
    /// Nothing is looked for.
    Off,
    /// It is counted and listed, and the example stays.
    #[default]
    Flag,
    /// The example goes to quarantine.
    Quarantine,
}

/// Options of `uses: curate`: duplicates and doubtful examples are set aside, the rest is split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CurateOptions {
    /// Seed of the split.
    pub seed: u64,
    /// Share of the requests whose examples become the dev split.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0, max = 1))]
    pub dev_fraction: f64,
    /// Share of the requests whose examples become the test split.
    #[serde(deserialize_with = "bounds::below_one")]
    #[schemars(range(min = 0, max = 1))]
    pub test_fraction: f64,
    /// Jaccard similarity of word shingles from which two texts are near duplicates; 1 keeps all but equal texts.
    #[serde(deserialize_with = "bounds::fraction")]
    #[schemars(range(min = 0, max = 1))]
    pub near_duplicate: f64,
    /// Shortest text that stays, in characters.
    pub min_characters: u32,
    /// Longest text that stays, in characters.
    pub max_characters: u32,
    /// What happens to mentions that are labelled elsewhere but not here.
    pub consistency: MentionConsistency,
    /// Steps of `needs` whose texts must not occur among the examples (decontamination).
    pub against: Vec<String>,
}

impl Default for CurateOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            dev_fraction: 0.1,
            test_fraction: 0.0,
            near_duplicate: 0.8,
            min_characters: 20,
            max_characters: 2000,
            consistency: MentionConsistency::Flag,
            against: Vec::new(),
        }
    }
}
