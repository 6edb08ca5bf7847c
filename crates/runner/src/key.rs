use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, Hasher};
use clinsynth_dag::{PlannedStep, StepKind, TrainOptions};
use serde_json::{Value, json};

use crate::RunnerError;
use crate::action::{Action, latest_components};
use crate::files::FileDigests;
use crate::layout::Layout;
use crate::machine::Machine;

/// What decides a step's output, and the digest of it all.
#[derive(Clone, Debug, PartialEq)]
pub struct StepKey {
    /// The key.
    pub digest: Digest,
    /// Name and value of each component. Paths, times, resources and attempts are none.
    pub components: BTreeMap<String, Value>,
}

impl StepKey {
    fn new(components: BTreeMap<String, Value>) -> Self {
        let fields =
            components.iter().fold(Hasher::new(), |hasher, (name, value)| hasher.field(name).field(value.to_string()));
        Self { digest: fields.finish(), components }
    }

    /// Why this key differs from the one the step last ran under: the first component that changed, old → new.
    pub(crate) fn reason(&self, layout: &Layout, pipeline: &str, step: &str) -> String {
        let Some(before) = latest_components(layout, pipeline, step) else { return "has not run yet".to_owned() };
        let names: std::collections::BTreeSet<&String> = before.keys().chain(self.components.keys()).collect();
        let changed = names.into_iter().find(|name| before.get(*name) != self.components.get(*name));
        match changed {
            None => "its output is gone from the store".to_owned(),
            Some(name) => {
                format!("{name} changed: {} → {}", shown(before.get(name)), shown(self.components.get(name)))
            }
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "(absent)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let long = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if long { text[..12].to_owned() } else { text.chars().take(60).collect() }
}

/// Computes keys; remembers digests of outside files between calls.
#[derive(Debug)]
pub struct KeyMaker<'a> {
    layout: &'a Layout,
    machine: &'a Machine,
    files: FileDigests,
}

impl<'a> KeyMaker<'a> {
    /// A maker for one store on this machine.
    pub fn new(layout: &'a Layout, machine: &'a Machine) -> Self {
        Self { layout, machine, files: FileDigests::open(layout) }
    }

    /// The key of a step whose needed steps are finished.
    ///
    /// Errors: [`RunnerError::NotReady`] when one is not, [`RunnerError::Read`] for a missing outside file, and those
    /// of provisioning when the library or the encoder is not there.
    pub fn key(&mut self, step: &PlannedStep, finished: &BTreeMap<String, Action>) -> Result<StepKey, RunnerError> {
        let mut components = step.key_components();
        for (index, binding) in step.inputs.iter().enumerate() {
            let output = finished.get(&binding.from).and_then(|action| action.output(&binding.output));
            let output =
                output.ok_or_else(|| RunnerError::NotReady { step: step.id.clone(), needed: binding.from.clone() })?;
            components.insert(format!("input.{index}.{}", binding.name), json!(output.digest));
        }
        for file in step.files.iter().filter(|file| file.role != "encoder") {
            components.insert(file.role.clone(), json!(self.files.digest(&file.path)?));
        }
        for variable in &step.env {
            components.insert(format!("env.{variable}"), json!(std::env::var(variable).ok()));
        }
        for (name, path) in self.models(step)? {
            components.insert(name.to_owned(), json!(self.files.digest(&path)?));
        }
        Ok(StepKey::new(components))
    }

    /// The library and the encoder count by content, wherever they lie.
    fn models(&self, step: &PlannedStep) -> Result<Vec<(&'static str, PathBuf)>, RunnerError> {
        let library = || self.machine.onnxruntime().map(Path::to_owned);
        Ok(match &step.kind {
            StepKind::Train(options) if !step.goes_on() => {
                let encoder = self.machine.encoder(&encoder_of(step, options))?;
                vec![
                    ("onnxruntime", library()?),
                    ("encoder config", encoder.join("config.json")),
                    ("encoder tokenizer", encoder.join("tokenizer.json")),
                    ("encoder weights", encoder.join("model.safetensors")),
                ]
            }
            StepKind::Predict(options) if options.by_dictionary() => Vec::new(),
            StepKind::Train(_) | StepKind::Predict(_) => vec![("onnxruntime", library()?)],
            _ => Vec::new(),
        })
    }

    /// The finished action of a key, or why the step has to run.
    pub fn look_up(&self, pipeline: &str, step: &str, key: &StepKey) -> Result<Result<Action, String>, RunnerError> {
        Ok(Action::find(self.layout, &key.digest)?.ok_or_else(|| key.reason(self.layout, pipeline, step)))
    }
}

/// The encoder as provisioning takes it: the folder that the plan resolved, or a name.
pub(crate) fn encoder_of(step: &PlannedStep, options: &TrainOptions) -> String {
    let folder = step.files.iter().find(|file| file.role == "encoder");
    folder.map_or_else(|| options.encoder.clone(), |file| file.path.to_string_lossy().into_owned())
}

impl Drop for KeyMaker<'_> {
    fn drop(&mut self) {
        self.files.save(self.layout);
    }
}
