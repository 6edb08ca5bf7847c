//! Cost of a curation.

use clinsynth_contract::{Entity, Example, Provenance, Span};
use clinsynth_curation::{CurationSettings, curate};

fn main() {
    divan::main();
}

/// Sentences of 20 words drawn from 5,000, as diverse as real ones, each with two labelled words.
fn sentences(number: u64) -> Vec<Example> {
    let mut state = 1u64;
    let mut draw = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % bound
    };
    let mut sentence = |index: u64| {
        let mut example = Example {
            id: index.to_string(),
            provenance: Provenance { topic: Some((index / 10).to_string()), ..Provenance::default() },
            ..Example::default()
        };
        for place in 0..20 {
            // Squaring makes low numbers common, as words are.
            let word = format!("w{}", draw(71) * draw(71));
            if place % 10 == 5 {
                let start = example.text.len() as u32;
                example.entities.push(Entity::new(Span::new(start, start + word.len() as u32), "Disease"));
            }
            example.text += &word;
            example.text.push(' ');
        }
        example
    };
    (0..number).map(&mut sentence).collect()
}

#[divan::bench(args = [3_300, 100_000], sample_count = 5)]
fn curate_sentences(bencher: divan::Bencher, number: u64) {
    let examples = sentences(number);
    let settings = CurationSettings::default();
    bencher.with_inputs(|| examples.clone()).bench_local_values(|examples| curate(examples, &[], &settings));
}
