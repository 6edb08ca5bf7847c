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

/// File in a step's `latest` folder that holds the components of its last key.
const COMPONENTS: &str = "key.json";

/// The components of the key that a step last had.
pub(crate) fn latest_components(layout: &Layout, pipeline: &str, step: &str) -> Option<BTreeMap<String, Value>> {
    read_json(&layout.latest(pipeline, step).join(COMPONENTS)).ok().flatten()
}

/// Makes an action a step's latest: its components for explaining the next run, and a link to each output under a
/// name that people can remember.
pub(crate) fn make_latest(layout: &Layout, pipeline: &str, step: &str, action: &Action) -> Result<(), RunnerError> {
    let folder = layout.latest(pipeline, step);
    if latest_components(layout, pipeline, step).as_ref() != Some(&action.components) {
        write_json(&folder.join(COMPONENTS), &action.components)?;
    }
    for output in &action.outputs {
        link(&output.path(layout), &folder.join(&output.file))?;
    }
    Ok(())
}

/// Points a symbolic link at a target; relative where possible, so that the store can be moved.
fn link(target: &Path, link: &Path) -> Result<(), RunnerError> {
    let below_root: PathBuf = target.iter().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let relative = Path::new("../../..").join(below_root);
    if std::fs::read_link(link).is_ok_and(|found| found == relative) {
        return Ok(());
    }
    let temporary = link.with_extension(format!("link{}", std::process::id()));
    let made = std::os::unix::fs::symlink(&relative, &temporary).and_then(|()| std::fs::rename(&temporary, link));
    made.map_err(|source| RunnerError::Write { path: link.to_owned(), source })
}
