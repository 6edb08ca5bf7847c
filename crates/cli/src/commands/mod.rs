mod cache;
mod corpora;
mod doctor;
mod dry_run;
mod plan;
mod run;
mod setup;
mod show;
mod step;

pub(crate) use cache::cache;
pub(crate) use corpora::{convert, export, fetch, import};
pub(crate) use doctor::doctor;
pub(crate) use plan::plan;
pub(crate) use run::run;
pub(crate) use setup::setup;
pub(crate) use show::show;
pub(crate) use step::step;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Exit;

pub(crate) fn completions(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Arguments::command(), "clinsynth", &mut std::io::stdout());
    Exit::Done
}
