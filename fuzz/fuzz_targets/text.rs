#![no_main]

mod common;

const NAMES: [&str; 1] = ["a.txt"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::folder(data, &NAMES, clinsynth_corpora::Format::Text));
