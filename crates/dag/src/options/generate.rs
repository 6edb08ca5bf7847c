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

/// What a `generate` step asks the language model for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Strategy {
    /// To write labelled examples from seeds.
    #[default]
    Write,
    /// To label the texts of the needed `examples` and `documents`, whose own labels it is not shown.
    Extract,
    /// To label the texts of the needed `examples` once more; their own labels count as one vote.
    Annotate,
    /// To judge whether each label of the needed `examples` is right.
    Verify,
    /// To propose prompts, which are tried and scored against the needed `examples`, and then to write by the best.
    Search,
}

impl Strategy {
    /// Whether it writes examples; the others label given texts.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Search)
    }
}

/// How many of the votes that were cast a label needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Agreement {
    /// More than half.
    #[default]
    Majority,
    /// All.
    Unanimous,
}

/// How terms, topics and styles are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Sampling {
    /// Each draw from all terms of all labels alike.
    Uniform,
    /// Labels in turn, any term of the label.
    Stratified,
    /// Labels in turn, and no term twice before each concept, then each term, was drawn once.
    #[default]
    Coverage,
}

/// Options of `uses: generate`: a language model, live or recorded, writes or labels examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GenerateOptions {
    /// What is labelled.
    pub task: Task,
    /// Prompt template (minijinja), relative to the pipeline file.
    pub template: PathBuf,
    /// What the model is asked for: to write examples; to label the texts of the needed `examples` or `documents` without
    /// their own labels (extract) or with them as one vote more (annotate); to judge each label of the needed `examples`
    /// (verify); or to propose prompts, to try them against the needed `examples`, and to write by the best (search).
    #[serde(default)]
    pub mode: Strategy,
    /// Table of topics, styles, mentions and counts that fill the template, one request a row (tab-separated), relative
    /// to the pipeline file; or else seeds are drawn from `vocabularies`, `topics` and `styles`.
    #[serde(default)]
    pub seeds: Option<PathBuf>,
    /// Vocabulary of each label (OBO, TSV or a plain list), from which mentions are drawn; with `task: re` heads from the
    /// first label's and tails from the last's.
    #[serde(default)]
    pub vocabularies: BTreeMap<String, PathBuf>,
    /// Topics to draw from, one a line.
    #[serde(default)]
    pub topics: Option<PathBuf>,
    /// Writing styles to draw from, one a line.
    #[serde(default)]
    pub styles: Option<PathBuf>,
    /// How they are drawn.
    #[serde(default)]
    pub sampling: Sampling,
    /// Seed of all draws.
    #[serde(default)]
    pub seed: u64,
    /// Examples that a drawn request asks for.
    #[serde(default = "ten", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub per_request: u32,
    /// Exactly how many examples to accept: valid, and no two of the same text. Seeds are taken in order, and again from
    /// the first when they are used up. Null: every seed is asked for once and everything valid is kept.
    #[serde(default, deserialize_with = "bounds::count_or_null")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// With `count`: examples to ask for at most, repairs not counted; null for three times `count`. The step fails when
    /// they do not yield `count` examples.
    #[serde(default, deserialize_with = "bounds::count_or_null")]
    #[schemars(range(min = 1))]
    pub max_candidates: Option<u32>,
    /// With `count`: weights of the classes that share it, such as `{Disease: 2, Chemical: 2, none: 1}`: relations for
    /// `task: re`, labels for `task: ner` with `none` for texts without a mention. Empty for no balance.
    #[serde(default)]
    pub balance: BTreeMap<String, u32>,
    /// Whether a completion with faults goes back to the model once, with the faults named; what fails then is set aside.
    #[serde(default = "yes")]
    pub repair: bool,
    /// Annotation guideline, a text file for the template's `guideline`.
    #[serde(default)]
    pub guideline: Option<PathBuf>,
    /// Examples of the needed `examples` that each prompt shows; never of restricted data.
    #[serde(default)]
    pub demonstrations: u32,
    /// Steps of `needs` whose `examples` are shown; empty for all of them. Needed by a `mode` that labels texts.
    #[serde(default)]
    pub demonstrations_from: Vec<String>,
    /// Errors of the needed `errors` that each prompt shows; of public or synthetic data only.
    #[serde(default)]
    pub feedback: u32,
    /// Completions for each text that is labelled or judged: its votes.
    #[serde(default = "one", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub votes: u32,
    /// What a label needs of the votes.
    #[serde(default)]
    pub agreement: Agreement,
    /// Template that asks for prompts; required by `mode: search`.
    #[serde(default)]
    pub search_template: Option<PathBuf>,
    /// Rounds of `mode: search`.
    #[serde(default = "three", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub rounds: u32,
    /// Prompts that are tried in each round.
    #[serde(default = "five", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub candidates: u32,
    /// Examples that are written to try a prompt.
    #[serde(default = "ten", deserialize_with = "bounds::count")]
    #[schemars(range(min = 1))]
    pub trial_examples: u32,
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
    /// Most requests to send; null for one each row of the seeds, or as many as `max-candidates` allows of drawn ones.
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

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

const fn three() -> u32 {
    3
}

const fn five() -> u32 {
    5
}

const fn ten() -> u32 {
    10
}

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
