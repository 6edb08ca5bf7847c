use std::sync::LazyLock;

use clinsynth_contract::{Encoding, Entity, Example, Quarantined, Sensitivity, Span, TagScheme, TagSet};
use clinsynth_encoding::{Encoder, spans, words};
use proptest::prelude::*;
use tokenizers::Tokenizer;

use crate::{data, encoder};

/// Windows so short that most texts need several.
static SHORT: LazyLock<Encoder> = LazyLock::new(|| encoder("wordpiece.json", 14, 3));

/// Byte-level BPE, windows long enough for most texts.
static BYTES: LazyLock<Encoder> = LazyLock::new(|| encoder("bytelevel.json", 256, 3));
static BYTES_BACK: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::from_file(data("bytelevel.json")).unwrap());

/// Text of letters, marks, emoji with joiners, right-to-left and Chinese script, controls, spaces, and anything else.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,9}",
        "[ \t\n\u{a0}\u{3000}]{1,3}",
        "[.,;()\\-/_%]",
        "[\u{300}-\u{36f}]{1,2}",
        "[אבגד\u{5b8}]{1,4}",
        "[糖尿病患]{1,3}",
        Just("👩\u{200d}⚕\u{fe0f}".to_owned()),
        Just("\r\n".to_owned()),
        "\\PC{1,3}",
        "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{206f}\u{fff0}-\u{ffff}]",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn labels() -> TagSet {
    TagSet::new(["Disease", "Chemical"]).unwrap()
}

/// Entities on whole words of the text, one in every gap that the draws leave.
fn entities(bounds: &[Span], draws: &[(usize, usize, bool)]) -> Vec<Entity> {
    let mut entities = Vec::new();
    let mut next = 0;
    for &(skip, length, chemical) in draws {
        let (first, last) = (next + skip, next + skip + length);
        if last > bounds.len() {
            break;
        }
        let span = Span::new(bounds[first].start, bounds[last - 1].end);
        entities.push(Entity::new(span, if chemical { "Chemical" } else { "Disease" }));
        next = last;
    }
    entities
}

/// The words that the windows own, with their tags.
fn owned(encodings: &[Encoding]) -> (Vec<Span>, Vec<u32>) {
    let mut merged = (Vec::new(), Vec::new());
    for (number, window) in (0..).zip(encodings) {
        assert_eq!(window.window, number);
        for word in window.owned_from as usize..window.owned_to as usize {
            merged.0.push(Span::new(window.word_starts[word], window.word_ends[word]));
            merged.1.push(window.tags[word]);
        }
    }
    merged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn spans_on_word_edges_survive_windows(text in text(), draws in prop::collection::vec((0usize..4, 1usize..4, any::<bool>()), 0..20), bioes in any::<bool>()) {
        let labels = labels().with_scheme(if bioes { TagScheme::Bioes } else { TagScheme::Bio });
        let bounds: Vec<Span> = words(&text).iter().map(|word| word.span).collect();
        let example = Example { text, entities: entities(&bounds, &draws), ..Example::default() };
        let encoded = SHORT.encode_examples(std::slice::from_ref(&example), &labels).unwrap();
        prop_assert_eq!(encoded.misaligned, []);
        let (found, tags) = owned(&encoded.encodings);
        prop_assert_eq!(&found, &bounds);
        prop_assert_eq!(spans(&tags, &bounds, &labels), example.entities);
        for window in &encoded.encodings {
            prop_assert!(window.input_ids.len() <= 14);
            prop_assert_eq!((window.input_ids[0], *window.input_ids.last().unwrap()), (2, 3));
            let mut owners: Vec<i32> = window.token_words.iter().copied().filter(|&word| word >= 0).collect();
            owners.dedup();
            prop_assert_eq!(owners, (0..window.word_starts.len() as i32).collect::<Vec<_>>());
        }
    }

    /// Bytes lose nothing: the sub-tokens of each word are the space before it and its characters, whatever script.
    #[test]
    fn byte_level_sub_tokens_are_the_words_of_the_text(text in text(), draws in prop::collection::vec((0usize..4, 1usize..4, any::<bool>()), 0..20)) {
        let bounds: Vec<Span> = words(&text).iter().map(|word| word.span).collect();
        let example = Example { text, entities: entities(&bounds, &draws), ..Example::default() };
        let encoded = BYTES.encode_examples(std::slice::from_ref(&example), &labels()).unwrap();
        let (found, tags) = owned(&encoded.encodings);
        prop_assert_eq!(&found, &bounds);
        prop_assert_eq!(spans(&tags, &bounds, &labels()), example.entities);
        let characters: Vec<char> = example.text.chars().collect();
        for window in &encoded.encodings {
            let edges = window.word_starts.iter().zip(&window.word_ends);
            for (word, (&start, &end)) in (0..).zip(edges) {
                let inside = window.input_ids.iter().zip(&window.token_words).filter(|(_, of)| **of == word);
                let ids: Vec<u32> = inside.map(|(id, _)| *id).collect();
                let text: String = characters[start as usize..end as usize].iter().collect();
                let back = BYTES_BACK.decode(&ids, false).unwrap();
                prop_assert!(back == format!(" {text}") || ids.len() == 254, "{:?} came back as {:?}", text, back);
            }
        }
    }

    #[test]
    fn words_and_white_space_are_the_whole_text(text in text()) {
        let mut left: Vec<Option<char>> = text.chars().map(Some).collect();
        for word in words(&text) {
            let found: String = left[word.span.start as usize..word.span.end as usize].iter_mut().filter_map(Option::take).collect();
            prop_assert_eq!(found, word.text);
        }
        let space = |c: &char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(c);
        prop_assert_eq!(left.into_iter().flatten().find(|c| !space(c)), None);
    }

    #[test]
    fn any_spans_give_tags_or_a_report(text in text(), cuts in prop::collection::vec((0u32..80, 1u32..20, any::<bool>()), 0..8)) {
        let length = text.chars().count() as u32;
        let entities: Vec<Entity> = cuts.iter().filter(|(start, _, _)| *start < length)
            .map(|&(start, size, chemical)| Entity::new(Span::new(start, (start + size).min(length)), if chemical { "Chemical" } else { "Disease" }))
            .collect();
        let bounds: Vec<Span> = words(&text).iter().map(|word| word.span).collect();
        let example = Example { text, entities, ..Example::default() };
        let encoded = SHORT.encode_examples(std::slice::from_ref(&example), &labels()).unwrap();
        let found = spans(&owned(&encoded.encodings).1, &bounds, &labels());
        let lost = encoded.misaligned.iter().filter(|row| ["span_without_word", "span_overlaps"].contains(&row.reason.as_str())).count();
        prop_assert_eq!(found.len() + lost, example.entities.len());
        let exact = example.entities.iter().filter(|entity| found.contains(entity)).count();
        prop_assert!(exact + encoded.misaligned.len() >= example.entities.len());
    }
}

#[test]
fn a_row_is_what_the_contract_says() {
    let example = Example {
        id: "e1".to_owned(),
        document: "d1".to_owned(),
        text: "Breast cancer\u{7} risk".to_owned(),
        entities: vec![Entity::new(Span::new(0, 13), "Disease")],
        sensitivity: Sensitivity::Public,
        ..Example::default()
    };
    let encoded = encoder("wordpiece.json", 32, 4).encode_examples(std::slice::from_ref(&example), &labels()).unwrap();
    let breast = 4 + 72 + 14 + 1;
    let row = Encoding {
        pair: Vec::new(),
        entity_starts: Vec::new(),
        class: None,
        example: "e1".to_owned(),
        document: "d1".to_owned(),
        window: 0,
        input_ids: vec![2, breast, breast - 1, 1, breast + 2, 3],
        token_words: vec![-1, 0, 1, 2, 3, -1],
        word_starts: vec![0, 7, 13, 15],
        word_ends: vec![6, 13, 14, 19],
        tags: vec![1, 2, 0, 0],
        owned_from: 0,
        owned_to: 4,
        sensitivity: Sensitivity::Public,
    };
    assert_eq!(encoded.encodings, std::slice::from_ref(&row));
    let unlabelled = encoder("wordpiece.json", 32, 4).encode_texts([&example]).unwrap();
    assert_eq!(unlabelled, [Encoding { tags: Vec::new(), ..row }]);
}

#[test]
fn a_text_without_words_has_a_window() {
    let example = Example { text: " \n".to_owned(), ..Example::default() };
    let encoded = encoder("bytelevel.json", 8, 0).encode_examples(&[example], &labels()).unwrap();
    assert_eq!(encoded.encodings.len(), 1);
    assert_eq!((&encoded.encodings[0].input_ids, encoded.encodings[0].owned_to), (&vec![0, 2], 0));
}

#[test]
fn words_longer_than_a_window_are_cut() {
    let example = Example { text: format!("a {} b", "z9".repeat(20)), ..Example::default() };
    let encoded = encoder("wordpiece.json", 8, 1).encode_texts([&example]).unwrap();
    let lengths: Vec<usize> = encoded.iter().map(|window| window.input_ids.len()).collect();
    assert_eq!(lengths, [3, 8, 3]);
}

#[test]
fn spans_that_words_cannot_say_are_reported() {
    let example = Example {
        id: "e".to_owned(),
        text: "anaemias and  breast cancer risk".to_owned(),
        entities: [(0, 7), (12, 20), (14, 27), (21, 27), (12, 14)]
            .map(|(a, b)| Entity::new(Span::new(a, b), "Disease"))
            .to_vec(),
        ..Example::default()
    };
    let encoded = encoder("wordpiece.json", 64, 4).encode_examples(std::slice::from_ref(&example), &labels()).unwrap();
    let row = |reason: &str, detail: &str| Quarantined {
        id: "e".to_owned(),
        stage: "encode".to_owned(),
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        text: example.text.clone(),
        ..Quarantined::default()
    };
    assert_eq!(
        encoded.misaligned,
        [
            row("span_inside_word", "`Disease` `anaemia` at 0..7 was tagged as `anaemias` at 0..8"),
            row("span_overlaps", "`Disease` `  breast` at 12..20 was left out: a longer entity has some of its words"),
            row("span_overlaps", "`Disease` `cancer` at 21..27 was left out: a longer entity has some of its words"),
            row("span_without_word", "`Disease` `  ` at 12..14 was left out: it holds no word"),
        ]
    );
    assert_eq!(encoded.encodings[0].tags, [1, 0, 1, 2, 0]);
    let spaced = Example { entities: vec![Entity::new(Span::new(12, 28), "Chemical")], ..example.clone() };
    let encoded = encoder("wordpiece.json", 64, 4).encode_examples(&[spaced], &labels()).unwrap();
    assert_eq!(
        encoded.misaligned,
        [row("span_over_space", "`Chemical` `  breast cancer ` at 12..28 was tagged as `breast cancer` at 14..27")]
    );
    assert_eq!(encoded.encodings[0].tags, [0, 0, 3, 4, 0]);
    let begun = Example { entities: vec![Entity::new(Span::new(2, 8), "Chemical")], ..example.clone() };
    let encoded = encoder("wordpiece.json", 64, 4).encode_examples(&[begun], &labels()).unwrap();
    assert_eq!(
        encoded.misaligned,
        [row("span_inside_word", "`Chemical` `aemias` at 2..8 was tagged as `anaemias` at 0..8")]
    );
}
