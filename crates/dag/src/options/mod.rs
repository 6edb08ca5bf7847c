//! What stands under `with:`: one struct for each kind of step, as the runner receives it.

mod bounds;
mod generate;
mod learn;
mod measure;
mod run;

pub(crate) use bounds::{above_zero as bounds_above_zero, byte_count, count as bounds_count, seconds};
pub(crate) use generate::REPLAY;
pub use generate::{
    CurateOptions, GenerateOptions, ImportFormat, ImportOptions, MentionConsistency, ResponseFormat, Task,
};
pub use learn::{PredictOptions, TrainOptions};
pub use measure::{EvaluateOptions, ReportOptions};
pub use run::CommandOptions;
