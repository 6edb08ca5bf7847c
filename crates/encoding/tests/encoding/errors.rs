use std::error::Error;

use clinsynth_contract::{Entity, Example, Span, TagSet};
use clinsynth_encoding::{Encoder, EncodingError, EncodingSettings};

use crate::{data, encoder};

/// Message and causes, joined as the command line joins them.
fn chain(error: &EncodingError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn check_load(content: Option<&str>, settings: EncodingSettings, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    if let Some(content) = content {
        std::fs::write(&path, content).unwrap();
    }
    let error = Encoder::load(&path, &settings).unwrap_err();
    let found = chain(&error).replace(&path.display().to_string(), "T");
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn bad_tokenizers_are_refused() {
    let settings = EncodingSettings::default();
    check_load(None, settings, "cannot read the tokenizer `T`: No such file");
    check_load(
        Some("{\"version\": "),
        settings,
        "`T` is not a tokenizer.json of the Hugging Face tokenizers library: EOF",
    );
    check_load(Some("{}"), settings, "`T` is not a tokenizer.json of the Hugging Face tokenizers library: ");
    check_load(Some("[]"), settings, "`T` is not a tokenizer.json of the Hugging Face tokenizers library: ");
    let nameless = std::fs::read_to_string(data("bytelevel.json")).unwrap().replace("<unk>", "<other>");
    check_load(Some(&nameless), settings, "the tokenizer `T` names no unknown token: its model needs `unk_token`");
}

#[test]
fn windows_must_hold_their_overlap() {
    let words = std::fs::read_to_string(data("wordpiece.json")).unwrap();
    check_load(
        Some(&words),
        EncodingSettings { max_tokens: 16, overlap_words: 7 },
        "windows of `max_tokens` 16 (2 of them special) cannot overlap by `overlap_words` 7: the overlap must be less than half of what remains",
    );
    check_load(
        Some(&words),
        EncodingSettings { max_tokens: 2, overlap_words: 0 },
        "windows of `max_tokens` 2 (2 of them",
    );
    check_load(
        Some(&words),
        EncodingSettings { max_tokens: 0, overlap_words: 0 },
        "windows of `max_tokens` 0 (2 of them",
    );
}

#[test]
fn the_encoder_must_be_the_tokenizers() {
    let encoder = encoder("wordpiece.json", 64, 8);
    let rows = encoder.vocabulary();
    assert!(encoder.check_encoder(rows, 64).is_ok());
    let error = encoder.check_encoder(rows - 1, 64).unwrap_err();
    assert!(
        matches!(error, EncodingError::VocabularyTooLarge { vocabulary, rows: found, .. } if (vocabulary, found) == (rows, rows - 1))
    );
    let error = encoder.check_encoder(rows, 63).unwrap_err();
    assert_eq!(
        error.to_string(),
        "windows of 64 sub-tokens are longer than the 63 positions of the encoder: lower `max_tokens`"
    );
}

#[test]
fn bad_entities_name_their_example() {
    let check = |span, label: &str, expected| {
        let entities = vec![Entity::new(span, label)];
        let example = Example { id: "e7".to_owned(), text: "two words".to_owned(), entities, ..Example::default() };
        let labels = TagSet::new(["Disease", "Chemical"]).unwrap();
        let error = encoder("wordpiece.json", 64, 8).encode_examples(&[example], &labels).unwrap_err();
        assert_eq!(chain(&error), expected);
    };
    check(
        Span::new(0, 3),
        "Gene",
        "example `e7` has an entity labelled `Gene`, which is not in the label set (Disease, Chemical)",
    );
    check(
        Span::new(4, 10),
        "Disease",
        "an entity of example `e7` is not in its text: span 4..10 lies outside a text of 9 characters",
    );
}
