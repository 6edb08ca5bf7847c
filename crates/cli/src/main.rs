//! The clinsynth command.
fn main() {}
