use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, Sensitivity};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RunnerError;
use crate::layout::{Layout, read_json, write_json};

/// One output of a step, in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Name among the step's outputs, such as `examples` or `model`.
    pub name: String,
    /// Contract table it holds, unless it is a folder or another file.
    pub table: Option<String>,
    /// Rows of the table.
    pub rows: Option<u64>,
    /// Content digest; it names the object.
    pub digest: Digest,
    /// File or folder name inside the object.
    pub file: String,
    /// How far it may travel.
    pub sensitivity: Sensitivity,
}

impl Output {
    /// Where it lies in a store.
    pub fn path(&self, layout: &Layout) -> PathBuf {
        layout.object(self.digest.as_str()).join(&self.file)
    }
}

/// What is kept of a finished step: the components of its key and its outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The key.
    pub key: Digest,
    /// The step that made it.
    pub step: String,
    /// Everything that decided the output.
    pub components: BTreeMap<String, Value>,
    /// The outputs, by name order.
    pub outputs: Vec<Output>,
    /// Facts for the report, such as drop counts.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

impl Action {
    /// The record of a key, if it is finished and all its objects are there.
    pub fn find(layout: &Layout, key: &Digest) -> Result<Option<Self>, RunnerError> {
        let action: Option<Self> = read_json(&layout.action(key.as_str()))?;
        Ok(action.filter(|action| action.outputs.iter().all(|output| output.path(layout).exists())))
    }

    /// Keeps the record; from then on the step is done.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), RunnerError> {
        write_json(&layout.action(self.key.as_str()), self)
    }

    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

/// Reads the key a step last ran under, with its components.
pub(crate) fn latest(path: &Path) -> Option<BTreeMap<String, Value>> {
    read_json(path).ok().flatten()
}
