use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clinsynth_contract::{
    Completion, Document, EgressRecord, Encoding, ErrorCase, Example, HistoryPoint, Prediction, Prompt, Quarantined,
    Row, Score, Seed,
};
use clinsynth_dag::{CommandOptions, OutputForm};
use clinsynth_store::Dataset;

use crate::RunnerError;
use crate::child::exit_code;
use crate::execute::{Context, Made};
use crate::objects::Staged;

/// Runs the user's program in an empty folder. It finds its inputs through `CLINSYNTH_INPUT_<NAME>`, and of the
/// environment only `PATH`, `HOME`, `LANG` and what the pipeline allows.
pub(crate) fn command(context: &mut Context<'_>, options: &CommandOptions) -> Result<Made, RunnerError> {
    let shown = options.run.join(" ");
    let [program, arguments @ ..] = options.run.as_slice() else {
        return Err(RunnerError::Command { command: shown, outcome: "names no program".to_owned() });
    };
    let mut command = Command::new(located(context, program));
    command.args(arguments).current_dir(&context.out).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    for variable in ["PATH", "HOME", "LANG"].into_iter().chain(context.step.env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    let beside = fs::canonicalize(if context.plan.pipeline_dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &context.plan.pipeline_dir
    });
    command.env("CLINSYNTH_PIPELINE_DIR", beside.unwrap_or_else(|_| context.plan.pipeline_dir.clone()));
    for input in &context.inputs {
        command.env(variable_name(&input.binding.name, &input.binding.from, context), &input.path);
    }
    wait(context, command, &shown)?;
    let mut made = Made::default();
    for (name, relative) in &options.outs {
        let path = context.out.join(relative);
        if !path.exists() {
            return Err(RunnerError::NoOutput { command: shown, path });
        }
        made.outputs.push(staged(context, name, path)?);
    }
    Ok(made)
}

/// A program named with a folder is meant relative to the pipeline file, as every other path in it.
fn located(context: &Context<'_>, program: &str) -> PathBuf {
    let path = Path::new(program);
    let beside = context.plan.pipeline_dir.join(path);
    let beside = fs::canonicalize(&beside).unwrap_or(beside);
    if path.components().count() > 1 && path.is_relative() && beside.exists() { beside } else { path.to_owned() }
}

/// `CLINSYNTH_INPUT_EXAMPLES`; with the step's name behind it when several steps give the same output.
fn variable_name(name: &str, from: &str, context: &Context<'_>) -> String {
    let several = context.named(name).count() > 1;
    let name = if several { format!("{name}_{from}") } else { name.to_owned() };
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("CLINSYNTH_INPUT_{safe}")
}

fn wait(context: &mut Context<'_>, mut command: Command, shown: &str) -> Result<(), RunnerError> {
    let failed = |outcome: String| RunnerError::Command { command: shown.to_owned(), outcome };
    let mut child = command.spawn().map_err(|error| failed(format!("could not be started: {error}")))?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| failed(format!("is out of reach: {error}")))? {
            break status;
        }
        if context.stopped() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(RunnerError::Interrupted);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    match exit_code(status) {
        0 => Ok(()),
        code => Err(failed(format!("ended with exit code {code}; what it printed is in the step's log"))),
    }
}

fn staged(context: &Context<'_>, name: &str, path: PathBuf) -> Result<Staged, RunnerError> {
    let planned = context.step.outputs.iter().find(|planned| planned.name == name);
    if planned.is_some_and(|planned| planned.form == OutputForm::Table) {
        adopt_table(context, name, &path)
    } else {
        Ok(Staged::plain(name, path, context.sensitivity(name)))
    }
}

/// Reads a foreign Parquet file through the contract and writes it as a dataset of ours: checked, stamped, with lineage.
fn adopt_table(context: &Context<'_>, name: &str, path: &Path) -> Result<Staged, RunnerError> {
    fn through<R: Row>(context: &Context<'_>, name: &str, path: &Path) -> Result<Staged, RunnerError> {
        let taken = path.with_extension("taken");
        fs::rename(path, &taken).map_err(|source| RunnerError::Write { path: taken.clone(), source })?;
        let rows = Dataset::<R>::open(&taken)?.read()?;
        context.write(name, rows)
    }
    match name {
        Document::NAME => through::<Document>(context, name, path),
        Seed::NAME => through::<Seed>(context, name, path),
        Prompt::NAME => through::<Prompt>(context, name, path),
        Completion::NAME => through::<Completion>(context, name, path),
        Example::NAME => through::<Example>(context, name, path),
        Quarantined::NAME => through::<Quarantined>(context, name, path),
        Encoding::NAME => through::<Encoding>(context, name, path),
        Prediction::NAME => through::<Prediction>(context, name, path),
        Score::NAME => through::<Score>(context, name, path),
        ErrorCase::NAME => through::<ErrorCase>(context, name, path),
        HistoryPoint::NAME => through::<HistoryPoint>(context, name, path),
        EgressRecord::NAME => through::<EgressRecord>(context, name, path),
        _ => Ok(Staged::plain(name, path.to_owned(), context.sensitivity(name))),
    }
}
