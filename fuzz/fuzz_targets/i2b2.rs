#![no_main]

mod common;

const NAMES: [&str; 4] = ["a.txt", "a.con", "a.rel", "a.ast"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::folder(data, &NAMES, clinsynth_corpora::Format::I2b2));
