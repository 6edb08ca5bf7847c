//! What a report is made from: plain data, gathered by the caller.

use clinsynth_contract::{Comparison, ErrorCase, HistoryPoint, Score, Sensitivity};
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
    /// Steps of the pipeline that did not run.
    pub not_run: Vec<NotRun>,
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
    /// Every pair of systems that was compared.
    pub comparisons: Vec<Comparison>,
    /// Figures of others, shown beside ours of the same evaluation set.
    pub published: Vec<Published>,
    /// Which learning curves are held against each other to count the labels that synthetic data replaced.
    pub efficiency: Option<Efficiency>,
    /// Errors of every evaluation set and system.
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
    /// Digest of everything that decided its output; empty where it is not known.
    pub key: String,
    /// Ids of the steps that it needs.
    pub needs: Vec<String>,
    /// What it wrote.
    pub outputs: Vec<OutputSummary>,
    /// The highest sensitivity of its outputs.
    pub sensitivity: Sensitivity,
}

/// A step instance that did not run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotRun {
    /// Unique name.
    pub id: String,
    /// Step kind.
    pub uses: String,
    /// Why, in words.
    pub reason: String,
}

/// A figure that somebody else published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Published {
    /// Evaluation set; it belongs to ours of the same words, whatever their case, where ours may name its split as well.
    pub dataset: String,
    /// What was measured, in words.
    pub system: String,
    /// A label or an average, as in `scores`.
    pub label: String,
    /// The figure's name, as in `scores`.
    pub metric: String,
    /// The figure: 0 to 1, `mcc` from -1.
    pub value: f64,
    /// Where it stands.
    pub source: String,
}

/// Two values of an axis of the matrix: without and with synthetic data. The axis `step` stands for the step's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// The axis.
    pub axis: String,
    /// Its value for systems that learnt from gold examples alone.
    pub without: String,
    /// Its value for systems that learnt from synthetic data first.
    pub with: String,
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

/// Errors of one system on one evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSample {
    /// Evaluation set, as in its scores.
    pub dataset: String,
    /// The system, as in its scores.
    pub system: String,
    /// How many errors there are of each kind (`missed`, `spurious`, `boundary`, `label`, `both`).
    pub counts: Vec<Count>,
    /// How many errors there are of each pair of labels: the cells of the confusion matrix that are not correct.
    pub pairs: Vec<LabelPair>,
    /// The errors that are quoted; the caller caps their number.
    pub cases: Vec<ErrorCase>,
}

/// How often one label was taken for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelPair {
    /// The gold label; none where gold has nothing.
    pub gold: Option<String>,
    /// The predicted label; none where nothing was predicted.
    pub predicted: Option<String>,
    /// How many.
    pub count: u64,
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
