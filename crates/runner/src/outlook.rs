use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clinsynth_dag::Plan;
use serde::Serialize;

use crate::RunnerError;
use crate::action::Action;
use crate::key::KeyMaker;
use crate::layout::{Layout, read_json};
use crate::machine::Machine;

/// What a run would do with a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// Its output is in the store.
    Cached {
        /// Its key.
        key: String,
    },
    /// It would run.
    Runs {
        /// Why.
        reason: String,
    },
    /// It depends on what the steps before it will make; equal output stops the chain.
    Waits {
        /// A step that would run before it.
        on: String,
    },
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached { key } => write!(f, "cached ({})", key.get(..12).unwrap_or(key)),
            Self::Runs { reason } => write!(f, "runs: {reason}"),
            Self::Waits { on } => write!(f, "waits for {on}"),
        }
    }
}

/// What a run would do, for each step, without doing it.
///
/// Errors: [`RunnerError::Read`] for an outside file that cannot be read, [`RunnerError::Json`] for a damaged store.
pub fn outlook(plan: &Plan, layout: &Layout, machine: &Machine) -> Result<BTreeMap<String, Outlook>, RunnerError> {
    let mut keys = KeyMaker::new(layout, machine);
    let mut finished: BTreeMap<String, Action> = BTreeMap::new();
    let mut outlooks = BTreeMap::new();
    for step in &plan.steps {
        let open = step.needs.iter().find(|need| !finished.contains_key(*need));
        let outlook = if let Some(on) = open {
            Outlook::Waits { on: on.clone() }
        } else {
            match keys.key(step, &finished) {
                Err(RunnerError::Provision(error)) => Outlook::Runs { reason: error.to_string() },
                Err(error) => return Err(error),
                Ok(key) => match keys.look_up(&plan.name, &step.id, &key)? {
                    Err(reason) => Outlook::Runs { reason },
                    Ok(action) => {
                        finished.insert(step.id.clone(), action);
                        Outlook::Cached { key: key.digest.to_string() }
                    }
                },
            }
        };
        outlooks.insert(step.id.clone(), outlook);
    }
    Ok(outlooks)
}

/// Path of an output of the newest finished action of a step, in any pipeline of the store.
///
/// Errors: [`RunnerError::NoSuchOutput`], which lists what there is.
pub fn latest_output(layout: &Layout, step: &str, output: &str) -> Result<PathBuf, RunnerError> {
    let folder = layout.root().join("actions");
    let mut newest: Option<(std::time::SystemTime, PathBuf)> = None;
    let mut known = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Ok(Some(action)) = read_json::<Action>(&entry.path()) else { continue };
        known.extend(action.outputs.iter().map(|output| format!("{}.{}", action.step, output.name)));
        let found = action.output(output).filter(|_| action.step == step).map(|output| output.path(layout));
        let time = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        if let (Some(path), Some(time)) = (found, time)
            && newest.as_ref().is_none_or(|(newest, _)| time > *newest)
        {
            newest = Some((time, path));
        }
    }
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    newest.map(|(_, path)| path).ok_or_else(|| RunnerError::NoSuchOutput {
        wanted: format!("{step}.{output}"),
        store: layout.root().to_owned(),
        known,
    })
}
