//! The `clinsynth` command: arguments in, exit code out. Everything it does is in the crates below it.
#![allow(clippy::print_stdout, reason = "data that a user asked for goes to standard output")]

mod arguments;
mod commands;
mod exit;
mod scores;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_tracing(arguments.verbose);
    let result = match &arguments.command {
        Command::Run(options) => commands::run(options),
        Command::Plan(options) => commands::plan(options),
        Command::Step(options) => commands::step(options),
        Command::Show(options) => commands::show(options),
        Command::Cache(options) => commands::cache(options),
        Command::Import(options) => commands::import(options),
        Command::Export(options) => commands::export(options),
        Command::Convert(options) => commands::convert(options),
        Command::Fetch(options) => commands::fetch(options),
        Command::Doctor => commands::doctor(),
        Command::Setup => commands::setup(),
        Command::Completions { shell } => Ok(commands::completions(*shell)),
    };
    exit::report(result)
}

/// Log lines go to standard error; `CLINSYNTH_LOG` filters them as `RUST_LOG` does.
fn start_tracing(verbose: u8) {
    let default = match verbose {
        0 => "warn,ort=error",
        1 => "info,ort=warn",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("CLINSYNTH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
