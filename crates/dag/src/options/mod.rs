//! What stands under `with:`: one struct for each kind of step, as the runner receives it.

mod bounds;
mod curate;
mod generate;
mod import;
mod learn;
mod measure;
mod run;

pub(crate) use bounds::{
    above_zero as bounds_above_zero, byte_count, count as bounds_count, count_or_null,
    optional_zero_or_more as bounds_optional_zero_or_more, seconds, share as bounds_share,
    zero_or_more as bounds_zero_or_more,
};
pub use curate::{CurateOptions, MentionPolicy};
pub(crate) use generate::REPLAY;
pub use generate::{Agreement, GenerateOptions, Sampling, Strategy, Task};
pub use import::{ConceptPairOptions, DiscontinuousPolicy, ImportFormat, ImportOptions};
pub use learn::{
    ClassWeights, ComputeDevice, PairForm, PairOptions, PredictOptions, TrainOptions, TrainPrecision, TrainSchedule,
    TrainTagScheme,
};
pub use measure::{EfficiencyOptions, EvaluateOptions, Interval, ReportOptions};
pub use run::CommandOptions;
