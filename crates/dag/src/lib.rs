//! Pipeline files: YAML to a checked, ordered plan

mod endpoint;
mod kind;
mod options;
mod plan;
mod step;

pub use endpoint::Endpoint;
pub use kind::StepKind;
pub use options::{
    CommandOptions, CurateOptions, EvaluateOptions, GenerateOptions, ImportFormat, ImportOptions, MentionConsistency,
    PredictOptions, ReportOptions, ResponseFormat, Task, TrainOptions,
};
pub use plan::{ExternalFile, InputBinding, Output, OutputForm, Plan, PlannedStep, SkippedStep};
pub use step::{Backoff, Resources, Retry};
