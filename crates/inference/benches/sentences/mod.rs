//! What the benchmarks tag.

use clinsynth_contract::Encoding;

/// 3,300 sentences of one-token words, 8 to 64 long (as far as the model reads), of random ids.
pub(crate) fn encodings((vocabulary, positions): (usize, usize)) -> Vec<Encoding> {
    let mut state = 1u64;
    let mut draw = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..3300)
        .map(|index| {
            let words = (8 + draw(56)).min(positions);
            Encoding {
                example: index.to_string(),
                input_ids: (0..words).map(|_| draw(vocabulary) as u32).collect(),
                token_words: (0..words as i32).collect(),
                word_starts: (0..words as u32).map(|word| word * 6).collect(),
                word_ends: (0..words as u32).map(|word| word * 6 + 5).collect(),
                owned_to: words as u32,
                ..Encoding::default()
            }
        })
        .collect()
}
