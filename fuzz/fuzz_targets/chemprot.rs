#![no_main]

mod common;

const NAMES: [&str; 3] = ["s_abstracts.tsv", "s_entities.tsv", "s_relations.tsv"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::folder(data, &NAMES, clinsynth_corpora::Format::ChemProt));
