use std::path::PathBuf;

use crate::Problems;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The pipeline file cannot be read.
    #[error("cannot read the pipeline file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The pipeline file, with the overrides, is not a pipeline; the text shows every problem with its line.
    #[error("{0}")]
    Invalid(Problems),
    /// A `--set` that is not `key=value`, or whose key the file lacks.
    #[error("cannot set `{text}`: {reason}")]
    Override {
        /// The override as given.
        text: String,
        /// What is wrong with it, and what is possible.
        reason: String,
    },
    /// A step address that fits no step, or only skipped ones.
    #[error("no step to run is called `{pattern}`{hint}")]
    UnknownStep {
        /// The address as given.
        pattern: String,
        /// Empty, or what is possible.
        hint: String,
    },
}
