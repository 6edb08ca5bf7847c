use std::collections::BTreeMap;
use std::path::PathBuf;

use clinsynth_contract::Sensitivity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::import::SensitivityName;

/// Options of `uses: command`: the user's own program, over files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CommandOptions {
    /// Program and arguments, run without a shell.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Files whose content decides the output, such as the program itself, relative to the pipeline file.
    #[serde(default)]
    pub deps: Vec<PathBuf>,
    /// What it writes: name of the output to path in its working folder. The name of a contract table, such as
    /// `examples`, makes it that table, checked, for the steps that need it.
    #[serde(default)]
    pub outs: BTreeMap<String, PathBuf>,
    /// How sensitive the outputs are at least. When null: as the most sensitive input, or `restricted` when there is
    /// no input.
    #[serde(default)]
    #[schemars(with = "Option<SensitivityName>")]
    pub sensitivity: Option<Sensitivity>,
}
