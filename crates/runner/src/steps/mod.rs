//! What each kind of step does: tables in, the leaf crates' work, tables out.

mod ask;
mod card;
mod command;
mod curate;
mod dictionary;
mod evaluate;
mod generate;
mod import;
mod label;
mod predict;
mod reasons;
mod report;
mod splits;
mod train;

pub(crate) use command::command;
pub(crate) use curate::curate;
pub(crate) use evaluate::evaluate;
pub(crate) use generate::generate;
pub(crate) use import::import;
pub(crate) use predict::predict;
pub(crate) use report::report;
pub(crate) use train::train;
