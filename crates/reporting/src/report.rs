//! What a report is made from: plain data, gathered by the caller.

use clinsynth_contract::{ErrorCase, HistoryPoint, Score, Sensitivity};
use serde::{Deserialize, Serialize};

/// Everything that a report shows. Lists that are empty leave their section out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Name of the pipeline, as its file says.
    pub pipeline: String,
    /// Program and version that made it, such as `clinsynth 0.1.0`.
    pub created_by: String,
    /// The pipeline's label set, in order; it fixes the order of labels everywhere.
    pub labels: Vec<String>,
    /// The facts a reader asks for first: encoder, model that wrote the text, seed, provider.
    pub settings: Vec<Setting>,
    /// Steps in the order they ran.
    pub steps: Vec<StepSummary>,
    /// Counts of each dataset that matters to the reader.
    pub data: Vec<DataCount>,
    /// What was set aside, by stage and reason.
    pub drops: Vec<DropCount>,
    /// What was kept although something about it is suspicious, by stage and reason.
    pub flags: Vec<DropCount>,
    /// Training runs.
    pub history: Vec<TrainingRun>,
    /// Scores of every evaluation set; sets and labels are shown in the order of their first rows.
    pub scores: Vec<Score>,
    /// Errors of every evaluation set.
    pub errors: Vec<ErrorSample>,
    /// What left the machine.
    pub egress: EgressSummary,
    /// What the language models of each step cost.
    pub costs: Vec<StepCost>,
    /// The highest sensitivity of anything quoted or counted here.
    pub sensitivity: Sensitivity,
}

/// What a step's completions cost, over all runs of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepCost {
    /// The step.
    pub step: String,
    /// Completions that it has.
    pub completions: u64,
    /// Times that a prompt left, repetitions included.
    pub attempts: u64,
    /// Tokens of the prompts, as the endpoint counts them.
    pub prompt_tokens: u64,
    /// Tokens of the completions.
    pub completion_tokens: u64,
    /// Tokens charged: the counts, and the reservation where a reply was lost.
    pub charged_tokens: u64,
    /// Money charged, in millionths of the currency.
    pub micros: u64,
    /// Currency, where the endpoint has prices.
    pub currency: Option<String>,
    /// Day of the prices.
    pub prices_as_of: Option<String>,
}

/// A named fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The name, such as `Encoder`.
    pub name: String,
    /// The value in words.
    pub value: String,
}

impl Setting {
    /// A named fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A step instance that ran, or whose outcome was already known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepSummary {
    /// Unique name, `train` or `train@seed=0`.
    pub id: String,
    /// Step kind, the word under `uses:`.
    pub uses: String,
    /// Digest of everything that decided its output.
    pub key: String,
    /// Ids of the steps that it needs.
    pub needs: Vec<String>,
    /// What it wrote.
    pub outputs: Vec<OutputSummary>,
    /// The highest sensitivity of its outputs.
    pub sensitivity: Sensitivity,
}

/// An output of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSummary {
    /// Name among the step's outputs.
    pub name: String,
    /// Contract table it holds, unless it is a folder or another file.
    pub table: Option<String>,
    /// Rows of the table.
    pub rows: Option<u64>,
    /// Content digest.
    pub digest: String,
    /// How far it may travel.
    pub sensitivity: Sensitivity,
}

/// Counts of one dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataCount {
    /// Name for the reader, such as `Curated sentences`.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Mentions by label.
    pub mentions: Vec<Count>,
    /// Rows by split; empty before the data is split.
    pub splits: Vec<Count>,
    /// How far it may travel.
    pub sensitivity: Sensitivity,
}

/// A named number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// What is counted: a label, a split, an error kind.
    pub name: String,
    /// How many.
    pub count: u64,
}

impl Count {
    /// A named number.
    pub fn new(name: impl Into<String>, count: u64) -> Self {
        Self { name: name.into(), count }
    }
}

/// What was dropped or flagged for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropCount {
    /// The step.
    pub stage: String,
    /// Reason code, such as `near_duplicate`.
    pub reason: String,
    /// The reason in one sentence.
    pub meaning: String,
    /// How many.
    pub count: u64,
    /// A few texts it happened to.
    pub examples: Vec<String>,
}

/// The course of one training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingRun {
    /// Name of the run: its step.
    pub name: String,
    /// Logged points, by step.
    pub points: Vec<HistoryPoint>,
}

/// Errors of one evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSample {
    /// Evaluation set, as in its scores.
    pub dataset: String,
    /// How many errors there are of each kind (`missed`, `spurious`, `boundary`, `label`, `both`).
    pub counts: Vec<Count>,
    /// The errors that are quoted; the caller caps their number.
    pub cases: Vec<ErrorCase>,
}

/// What left the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressSummary {
    /// Requests by host; empty when nothing was sent.
    pub hosts: Vec<HostCount>,
    /// Completions that came from recordings instead.
    pub replayed: u64,
}

/// Requests to one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostCount {
    /// Host and port.
    pub host: String,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were not answered with success.
    pub failed: u64,
    /// Bytes of all bodies sent.
    pub bytes: u64,
    /// The highest sensitivity of anything sent.
    pub sensitivity: Sensitivity,
}
