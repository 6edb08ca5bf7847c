//! Pipeline files: YAML with overrides becomes a checked, ordered [`Plan`] of step instances.
//!
//! ```
//! use clinsynth_dag::{Plan, PlanSettings};
//! let yaml = "{version: 1, name: hello, params: {who: world}, steps: {greet: {uses: command, with: \
//!     {run: [echo, \"${{ params.who }}\"]}}}}";
//! let settings = PlanSettings { overrides: vec!["who=ward".into()], ..PlanSettings::default() };
//! let plan = Plan::from_bytes(yaml.as_bytes(), "hello.yaml".as_ref(), &settings)?;
//! assert_eq!(plan.steps[0].key_components()["with.run"], serde_json::json!(["echo", "ward"]));
//! # Ok::<(), clinsynth_dag::PipelineError>(())
//! ```
//!
//! This crate knows nothing about executing steps, caching or networks.

mod address;
mod build;
mod checks;
mod diagnostic;
mod draft;
mod endpoint;
mod error;
mod expression;
mod files;
mod graph;
mod includes;
mod inputs;
mod instance;
mod kind;
mod labels;
mod matrix;
mod node;
mod options;
mod overrides;
mod pipeline;
mod plan;
mod reader;
mod schema;
mod step;
mod yaml;

pub use diagnostic::{Diagnostic, Place, Problems};
pub use endpoint::{Budget, Endpoint, JsonMode, Mode, Price, Prices};
pub use error::PipelineError;
pub use files::INCLUDED;
pub use kind::StepKind;
pub use labels::{Label, Labels};
pub use options::{
    Agreement, ClassWeights, CommandOptions, ComputeDevice, ConceptPairOptions, CurateOptions, DiscontinuousPolicy,
    EfficiencyOptions, EvaluateOptions, GenerateOptions, ImportFormat, ImportOptions, Interval, MentionPolicy,
    PairForm, PairOptions, PredictOptions, ReportOptions, Sampling, Strategy, Task, TrainOptions, TrainPrecision,
    TrainSchedule, TrainTagScheme,
};
pub use plan::{
    ExternalFile, InputBinding, Output, OutputForm, Plan, PlanSettings, PlannedStep, SkippedStep, read_plan,
};
pub use schema::pipeline_schema;
pub use step::{Backoff, Resources, Retry};
