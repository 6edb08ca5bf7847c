use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clinsynth_contract::Sensitivity;
use serde::Serialize;
use serde_json::{Value, json};

use crate::build::build;
use crate::node::Node;
use crate::{Endpoint, JsonMode, Labels, PipelineError, Problems, Resources, Retry, StepKind, overrides};

/// A pipeline file with its overrides, checked and in an order in which it can run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Name of the pipeline.
    pub name: String,
    /// The label set, in order.
    pub labels: Vec<String>,
    /// Folder of the pipeline file.
    pub pipeline_dir: PathBuf,
    /// Parameters after overrides.
    pub params: BTreeMap<String, Value>,
    /// Slots of each named limit.
    pub limits: BTreeMap<String, u32>,
    /// Instances to run: each after all that it needs, otherwise in the order of the file.
    pub steps: Vec<PlannedStep>,
    /// Instances that do not run.
    pub skipped: Vec<SkippedStep>,
}

/// One instance of a step: the step under one point of its matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedStep {
    /// Unique name, `train` or `train@seed=0`; letters, digits and `._+=,@-` only.
    pub id: String,
    /// Name of the step in the file.
    pub step: String,
    /// Its point in the matrix, by axis.
    pub matrix: BTreeMap<String, Value>,
    /// What it does, with its options.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Ids of the instances that it runs after.
    pub needs: Vec<String>,
    /// Where its inputs come from, in the order of `needs`.
    pub inputs: Vec<InputBinding>,
    /// What it writes.
    pub outputs: Vec<Output>,
    /// Files outside the store whose content decides its output.
    pub files: Vec<ExternalFile>,
    /// The pipeline's labels, for a kind whose output depends on them; definitions for `generate` alone.
    pub labels: Labels,
    /// The server that `generate` asks; none for replay and all other kinds.
    pub endpoint: Option<Endpoint>,
    /// The highest sensitivity of its outputs.
    pub sensitivity: Sensitivity,
    /// Environment variables that reach a command; their values decide its output.
    pub env: Vec<String>,
    /// What it takes of the machine.
    pub resources: Resources,
    /// How often it is tried again.
    pub retry: Retry,
    /// Seconds after which it is stopped.
    pub timeout_seconds: Option<u64>,
    /// Slots that it holds of each named limit while it runs.
    pub slots: BTreeMap<String, u32>,
    /// Most instances of the step that run at once.
    pub max_parallel: Option<u32>,
    /// Whether the step's other instances are given up when one fails.
    pub fail_fast: bool,
}

/// An input of a step instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InputBinding {
    /// What the step takes it as: the output's name, `against` for decontamination, or `training` for what the evaluated model learned from.
    pub name: String,
    /// Id of the instance that writes it.
    pub from: String,
    /// Name of that instance's output.
    pub output: String,
    /// Sensitivity of the output.
    pub sensitivity: Sensitivity,
}

/// An output of a step instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Output {
    /// Name by which other steps take it.
    pub name: String,
    /// What it is on disk.
    pub form: OutputForm,
    /// How far it may travel.
    pub sensitivity: Sensitivity,
}

/// What an output is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputForm {
    /// A dataset of the contract table of the output's name.
    Table,
    /// A folder of files.
    Folder,
    /// A file that is not checked.
    File,
}

/// A file outside the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExternalFile {
    /// The option that names it, such as `template`; `deps` followed by the path as written for a command's.
    pub role: String,
    /// Where it is: the pipeline's folder joined with the path as written. It exists; for an encoder it is a folder.
    pub path: PathBuf,
}

/// An instance that does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkippedStep {
    /// Unique name.
    pub id: String,
    /// Name of the step in the file.
    pub step: String,
    /// The word under `uses:`.
    pub uses: String,
    /// Why, in words.
    pub reason: String,
}

/// What a plan depends on beside the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanSettings {
    /// `key=value` for each `--set`: a parameter, or a dotted path such as `steps.train.with.epochs`.
    pub overrides: Vec<String>,
    /// The process's environment; only what the file lists under `env` is looked at.
    pub environment: BTreeMap<String, String>,
}

/// The plan of a pipeline file, with `key=value` for each `--set`.
///
/// Errors: [`PipelineError::Read`], [`PipelineError::Override`] and [`PipelineError::Invalid`].
pub fn read_plan(path: &Path, overrides: &[String]) -> Result<Plan, PipelineError> {
    let bytes = std::fs::read(path).map_err(|source| PipelineError::Read { path: path.to_owned(), source })?;
    let utf8 = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let environment = std::env::vars_os().filter_map(utf8).collect();
    Plan::from_bytes(&bytes, path, &PlanSettings { overrides: overrides.to_vec(), environment })
}

impl Plan {
    /// The plan of a pipeline file's content; `path` is shown in errors, and its folder is where relative paths start.
    ///
    /// Errors: [`PipelineError::Override`] and [`PipelineError::Invalid`].
    pub fn from_bytes(bytes: &[u8], path: &Path, settings: &PlanSettings) -> Result<Self, PipelineError> {
        let text = String::from_utf8_lossy(bytes);
        let invalid = |found| PipelineError::Invalid(Problems::new(path, &text, found));
        let mut root = Node::parse(bytes).map_err(|problem| invalid(vec![problem]))?;
        overrides::apply(&mut root, &settings.overrides)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        build(&root, &text, &settings.environment, folder).map_err(invalid)
    }

    /// The instance of this id.
    pub fn step(&self, id: &str) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl PlannedStep {
    /// Processor cores that it takes on a machine that has `cores`.
    pub fn cpus(&self, cores: u32) -> u32 {
        let all = match &self.kind {
            StepKind::Train(_) => true,
            StepKind::Predict(options) => !options.by_dictionary(),
            _ => false,
        };
        self.resources.cpus.unwrap_or(if all { cores } else { 1 }).min(cores)
    }

    /// What decides the output, as far as the file says: kind, code version, options, labels, endpoint and sensitivity.
    /// The caller adds the digests of [`Self::inputs`] (by name and place), of [`Self::files`] (by role) and of a
    /// command's [`Self::env`].
    ///
    /// Left out, because the output is the same: paths (their content counts), step names, resources, retries, timeouts,
    /// slots, an endpoint's key, limits, timeouts, prices and budget, and the way of computing (batch tokens, checkpoint steps).
    pub fn key_components(&self) -> BTreeMap<String, Value> {
        let uses = self.kind.uses();
        let mut components = BTreeMap::from([
            ("kind".to_owned(), Value::from(uses.name())),
            ("code-version".to_owned(), Value::from(uses.code_version())),
            ("sensitivity".to_owned(), Value::from(self.sensitivity.name())),
        ]);
        if !self.labels.0.is_empty() {
            components.insert("labels".to_owned(), json!(self.labels));
        }
        for (option, value) in options_of(&self.kind) {
            if self.counts(&option) {
                components.insert(format!("with.{option}"), value);
            }
        }
        if matches!(self.kind, StepKind::Generate(_)) {
            components.extend(provider_components(self.endpoint.as_ref()));
        }
        components
    }
}

impl PlannedStep {
    /// Whether it trains a model of another step further, in place of an encoder.
    pub fn goes_on(&self) -> bool {
        matches!(self.kind, StepKind::Train(_)) && self.inputs.iter().any(|input| input.name == "model")
    }

    fn counts(&self, option: &str) -> bool {
        let outside = self.kind.uses().outside_key().iter().any(|(name, _)| *name == option);
        // Activations are quantised for a whole batch, so what else is in it shows in the last digits.
        let batch_shows = matches!(&self.kind, StepKind::Predict(options) if options.int8) && option == "batch-tokens";
        let encoder_elsewhere =
            matches!(&self.kind, StepKind::Train(options) if options.encoder_folder().is_some()) || self.goes_on();
        batch_shows || !(outside || encoder_elsewhere && option == "encoder")
    }
}

fn provider_components(endpoint: Option<&Endpoint>) -> BTreeMap<String, Value> {
    match endpoint {
        None => BTreeMap::from([("provider".to_owned(), Value::from("replay"))]),
        Some(endpoint) => {
            let mut components = BTreeMap::from([
                ("provider.base-url".to_owned(), Value::from(endpoint.base_url.as_str())),
                ("provider.model".to_owned(), Value::from(endpoint.model.as_str())),
            ]);
            if let Some(version) = &endpoint.api_version {
                components.insert("provider.api-version".to_owned(), Value::from(version.as_str()));
            }
            if endpoint.json == JsonMode::PromptOnly {
                components.insert("provider.json".to_owned(), json!(endpoint.json));
            }
            components
        }
    }
}

fn options_of(kind: &StepKind) -> Vec<(String, Value)> {
    // The options are plain structs of numbers, text and lists: they always have a JSON form.
    match serde_json::to_value(kind).unwrap_or_default() {
        Value::Object(mut parts) => match parts.remove("with") {
            Some(Value::Object(options)) => options.into_iter().collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
