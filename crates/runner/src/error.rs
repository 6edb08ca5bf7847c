use std::io;
use std::path::PathBuf;

/// Why a run or a step could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file of the store is not the JSON that it should be.
    #[error("`{}` is damaged; delete it and run again", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// No step of that name is in the plan.
    #[error("no step `{step}` in pipeline `{pipeline}`; its steps are {known}")]
    UnknownStep {
        /// What was asked for.
        step: String,
        /// The pipeline.
        pipeline: String,
        /// The steps there are.
        known: String,
    },
    /// A step is to run, but what it needs has not run yet.
    #[error("step `{step}` needs `{needed}`, which has not run yet; run `clinsynth step PIPELINE {needed}` first")]
    NotReady {
        /// The step.
        step: String,
        /// The step that it waits for.
        needed: String,
    },
    /// The step is left out by its `if:`.
    #[error("step `{step}` is skipped: {reason}")]
    Skipped {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
    /// The store holds no such output.
    #[error("no `{wanted}` in the store `{}`; it has {known}", store.display())]
    NoSuchOutput {
        /// What was asked for.
        wanted: String,
        /// The store.
        store: PathBuf,
        /// The outputs there are.
        known: String,
    },
    /// A step's input is empty where it needs rows.
    #[error("step `{step}` has nothing to work on: {what}")]
    Empty {
        /// The step.
        step: String,
        /// What is missing, and the likely cause.
        what: String,
    },
    /// Predicted mentions are not those of the examples that they are to be judged in.
    #[error("step `{step}` finds no predicted mentions for example `{example}`: they must be of the same examples")]
    OtherExamples {
        /// The step.
        step: String,
        /// An example without a row.
        example: String,
    },
    /// The user's own program failed.
    #[error("`{command}` {outcome}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        outcome: String,
    },
    /// A declared output of the user's program is not there.
    #[error("`{command}` ended well but did not write `{}`", path.display())]
    NoOutput {
        /// The command line.
        command: String,
        /// The file.
        path: PathBuf,
    },
    /// A dry run reached the first request.
    #[error("dry run of `{step}`: {estimate}; its {prompts} prompts are in `{}`", path.display())]
    DryRun {
        /// The step.
        step: String,
        /// Number of prompts.
        prompts: usize,
        /// File with the prompts, JSON lines.
        path: PathBuf,
        /// What the step would take.
        estimate: String,
    },
    /// Somebody asked for a stop; the same command goes on from here.
    #[error("interrupted; the same command goes on where this one stopped")]
    Interrupted,
    /// Signal handlers could not be registered.
    #[error("cannot register signal handlers")]
    Signals(#[source] io::Error),
    /// A step process could not be started.
    #[error("cannot start step `{step}`")]
    Spawn {
        /// The step.
        step: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Contract violation in a table.
    #[error(transparent)]
    Contract(#[from] clinsynth_contract::ContractError),
    /// The store refused a dataset.
    #[error(transparent)]
    Store(#[from] clinsynth_store::StoreError),
    /// A corpus could not be read.
    #[error(transparent)]
    Corpora(#[from] clinsynth_corpora::CorpusError),
    /// Prompting failed.
    #[error(transparent)]
    Prompting(#[from] clinsynth_prompting::PromptingError),
    /// Curation failed.
    #[error(transparent)]
    Curation(#[from] clinsynth_curation::CurationError),
    /// Encoding failed.
    #[error(transparent)]
    Encoding(#[from] clinsynth_encoding::EncodingError),
    /// Building or exporting artifacts failed.
    #[error(transparent)]
    Artifacts(#[from] clinsynth_artifacts::ArtifactError),
    /// Training failed.
    #[error(transparent)]
    Training(#[from] clinsynth_training::TrainingError),
    /// Inference failed.
    #[error(transparent)]
    Inference(#[from] clinsynth_inference::InferenceError),
    /// Evaluation failed.
    #[error(transparent)]
    Metrics(#[from] clinsynth_metrics::MetricsError),
    /// The report failed.
    #[error(transparent)]
    Reporting(#[from] clinsynth_reporting::ReportingError),
    /// The library or the encoder is not to be had.
    #[error(transparent)]
    Provision(#[from] clinsynth_provision::ProvisionError),
    /// The library does not load.
    #[error(transparent)]
    Runtime(#[from] clinsynth_runtime::RuntimeError),
}
