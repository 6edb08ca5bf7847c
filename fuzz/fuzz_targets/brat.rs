#![no_main]

mod common;

const NAMES: [&str; 2] = ["a.txt", "a.ann"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::folder(data, &NAMES, clinsynth_corpora::Format::Brat));
