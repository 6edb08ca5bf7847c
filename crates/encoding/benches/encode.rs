//! Encoding speed on 3,300 sentences of about 20 words, as many as a recorded data set has.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use clinsynth_contract::{Entity, Example, Span, TagSet};
use clinsynth_encoding::{Encoder, EncodingSettings};

fn main() {
    divan::main();
}

/// Sentences over 4,000 word forms, drawn evenly: more new words for each sentence than real text has.
fn sentences() -> Vec<Example> {
    let stems = ["carcin", "hepat", "cardi", "nephr", "neur", "oste", "dermat", "gastr", "haemat", "pneum"];
    let ends = ["oma", "itis", "osis", "pathy", "ectomy", "algia", "emia", "ology", "ic", "al"];
    let mut state = 1u64;
    let mut draw = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut word = || format!("{}{}{}", stems[draw(10) as usize], draw(40), ends[draw(10) as usize]);
    (0..3300)
        .map(|index| {
            let words: Vec<String> = (0..20).map(|_| word()).collect();
            let entities = vec![Entity::new(Span::new(0, words[0].len() as u32), "Disease")];
            Example { id: index.to_string(), text: words.join(" "), entities, ..Example::default() }
        })
        .collect()
}

#[divan::bench(sample_count = 10)]
fn examples(bencher: divan::Bencher) {
    let folder = std::env::var_os("CLINSYNTH_ENCODER").expect("`CLINSYNTH_ENCODER` must name the encoder's folder");
    let path = std::path::Path::new(&folder).join("tokenizer.json");
    let encoder = Encoder::load(&path, &EncodingSettings::default()).unwrap();
    let labels = TagSet::new(["Disease"]).unwrap();
    let examples = sentences();
    bencher.bench(|| encoder.encode_examples(&examples, &labels).unwrap());
}
