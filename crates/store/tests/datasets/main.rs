//! Datasets as their users meet them: round trips, damaged and foreign files, other programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod damage;
mod inspection;
mod other_programs;
mod plain;
mod round_trips;
mod rows;
