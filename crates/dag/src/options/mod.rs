//! What stands under `with:`: one struct for each kind of step, as the runner receives it.

mod bounds;
mod generate;
mod learn;
mod measure;
mod run;

pub(crate) use bounds::{byte_count, count as bounds_count, seconds};
pub use generate::{
    CurateOptions, GenerateOptions, ImportFormat, ImportOptions, MentionConsistency, ResponseFormat, Task,
};
pub use learn::{PredictOptions, TrainOptions};
pub use measure::{EvaluateOptions, ReportOptions};
pub use run::CommandOptions;
