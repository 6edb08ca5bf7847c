use std::io::{self, Write};
use std::process::ExitCode;

use clinsynth_corpora::CorpusError;
use clinsynth_inference::InferenceError;
use clinsynth_prompting::PromptingError;
use clinsynth_provision::ProvisionError;
use clinsynth_runner::RunnerError;
use clinsynth_training::TrainingError;

/// How a command ended, as an exit code. These are promised in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// A step failed.
    Failed = 1,
    /// Bad usage or a bad file.
    Usage = 2,
    /// Some steps failed, and the others were done.
    Partial = 3,
    /// Library, encoder, endpoint, disk or permissions.
    Environment = 4,
    /// Interrupted; the same command goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Prints an error with its causes, and a hint where one helps.
pub(crate) fn report(result: anyhow::Result<Exit>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            let mut stderr = io::stderr().lock();
            let _ = writeln!(stderr, "error: {}", chain(&error));
            if let Some(hint) = hint(&error) {
                let _ = writeln!(stderr, "hint: {hint}");
            }
            classify(&error).into()
        }
    }
}

/// The message with its causes; a cause that the message already quotes is not said twice.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// The chain and its hint, for a step that reports to the runner that started it.
pub(crate) fn with_hint(error: &anyhow::Error) -> String {
    match hint(error) {
        Some(hint) => format!("{}; hint: {hint}", chain(error)),
        None => chain(error),
    }
}

/// The exit code for an error that ended a command.
pub(crate) fn classify(error: &anyhow::Error) -> Exit {
    if full_disk(error) || denied(error) {
        return Exit::Environment;
    }
    if error.downcast_ref::<clinsynth_dag::PipelineError>().is_some()
        || error.downcast_ref::<clinsynth_store::StoreError>().is_some()
        || error.downcast_ref::<CorpusError>().is_some()
    {
        return Exit::Usage;
    }
    if let Some(error) = error.downcast_ref::<PromptingError>() {
        return of_prompting(error);
    }
    if let Some(error) = error.downcast_ref::<ProvisionError>() {
        return of_provision(error);
    }
    error.downcast_ref::<RunnerError>().map_or(Exit::Failed, of_runner)
}

fn of_runner(error: &RunnerError) -> Exit {
    match error {
        RunnerError::Interrupted => Exit::Interrupted,
        RunnerError::UnknownStep { .. }
        | RunnerError::NotReady { .. }
        | RunnerError::Skipped { .. }
        | RunnerError::NoSuchOutput { .. }
        | RunnerError::OtherExamples { .. }
        | RunnerError::Read { .. }
        | RunnerError::Json { .. }
        | RunnerError::Contract(_)
        | RunnerError::Store(_)
        | RunnerError::Corpora(_)
        | RunnerError::Curation(_)
        | RunnerError::Encoding(_)
        | RunnerError::Artifacts(_) => Exit::Usage,
        RunnerError::Provision(error) => of_provision(error),
        RunnerError::Write { .. } | RunnerError::Runtime(_) | RunnerError::Signals(_) | RunnerError::Spawn { .. } => {
            Exit::Environment
        }
        RunnerError::Prompting(error) => of_prompting(error),
        RunnerError::Training(error) => of_training(error),
        RunnerError::Inference(InferenceError::Runtime(_)) => Exit::Environment,
        _ => Exit::Failed,
    }
}

/// An encoder that the pipeline file names wrongly is a bad file; what cannot be brought is the environment.
fn of_provision(error: &ProvisionError) -> Exit {
    match error {
        ProvisionError::UnknownEncoder { .. }
        | ProvisionError::UnknownCorpus { .. }
        | ProvisionError::CorpusDiffers { .. }
        | ProvisionError::NotAnEncoder { .. } => Exit::Usage,
        _ => Exit::Environment,
    }
}

/// The endpoint and its key belong to the environment; template, seeds and recordings are files.
fn of_prompting(error: &PromptingError) -> Exit {
    match error {
        PromptingError::Unreachable { .. }
        | PromptingError::EndpointRefuses { .. }
        | PromptingError::NothingAnswered { .. }
        | PromptingError::EndpointDown { .. }
        | PromptingError::Endpoint { .. }
        | PromptingError::Runtime(_) => Exit::Environment,
        PromptingError::Interrupted { .. } => Exit::Interrupted,
        PromptingError::Egress { .. }
        | PromptingError::BudgetSpent { .. }
        | PromptingError::TooFewAccepted { .. }
        | PromptingError::BatchRefused { .. }
        | PromptingError::WrongDestination { .. } => Exit::Failed,
        _ => Exit::Usage,
    }
}

fn of_training(error: &TrainingError) -> Exit {
    match error {
        TrainingError::LibraryTooOld { .. } | TrainingError::Runtime(_) => Exit::Environment,
        TrainingError::AnotherRun { .. }
        | TrainingError::AllDamaged { .. }
        | TrainingError::WrongTensors { .. }
        | TrainingError::Tensors { .. }
        | TrainingError::Contract(_)
        | TrainingError::UnknownInput { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// What usually helps, where the message itself does not say it.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if full_disk(error) {
        return Some("the disk is full; free some space, then the same command goes on where this one stopped");
    }
    if denied(error) {
        return Some("check the permissions of that file and its folder");
    }
    None
}

fn io_kinds(error: &anyhow::Error) -> impl Iterator<Item = io::ErrorKind> + '_ {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

fn full_disk(error: &anyhow::Error) -> bool {
    io_kinds(error).any(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

fn denied(error: &anyhow::Error) -> bool {
    io_kinds(error).any(|kind| matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem))
}
