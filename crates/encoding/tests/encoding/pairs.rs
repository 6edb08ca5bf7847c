//! Pairs of entities, masked and marked, by what the model is shown.

use clinsynth_contract::{Encoding, Entity, Example, Relation, Span};
use clinsynth_encoding::{Encoder, EncodingSettings, PairForm, PairSettings};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::{data, read};

/// The recorded tokenizer with the four markers, `@` and `$`.
fn tokenizer() -> String {
    let mut description: Value = read("wordpiece.json");
    let added = description["added_tokens"].as_array_mut().unwrap();
    for (id, content) in (102..).zip(["[E1]", "[/E1]", "[E2]", "[/E2]"]) {
        added.push(json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true
        }));
    }
    description["model"]["vocab"]["@"] = json!(100);
    description["model"]["vocab"]["$"] = json!(101);
    description.to_string()
}

fn encoder(max_tokens: usize) -> Encoder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer()).unwrap();
    Encoder::load(&path, &EncodingSettings { max_tokens, overlap_words: 1 }).unwrap()
}

/// `a b c …` with entities on these words.
fn example(words: u32, entities: &[(u32, u32, &str)], relations: &[(u32, u32, &str)]) -> Example {
    let letters: Vec<String> = ('a'..).take(words as usize).map(String::from).collect();
    let entity = |&(first, last, label): &(u32, u32, &str)| Entity::new(Span::new(2 * first, 2 * last - 1), label);
    let relation = |&(head, tail, label): &(u32, u32, &str)| Relation { head, tail, label: label.into() };
    Example {
        id: "x".into(),
        text: letters.join(" "),
        entities: entities.iter().map(entity).collect(),
        relations: relations.iter().map(relation).collect(),
        ..Example::default()
    }
}

fn shown(row: &Encoding) -> String {
    let tokenizer = Tokenizer::from_bytes(tokenizer()).unwrap();
    let token = |(place, &id): (usize, &u32)| {
        let token = tokenizer.id_to_token(id).unwrap();
        if row.entity_starts.contains(&(place as u32)) { format!("<{token}") } else { token }
    };
    row.input_ids.iter().enumerate().map(token).collect::<Vec<_>>().join(" ").replace(" ##", "")
}

fn check(form: PairForm, max_tokens: usize, example: &Example, rows: &[&str], reasons: &[&str]) {
    let settings = PairSettings { form, ..PairSettings::default() };
    let encoded = encoder(max_tokens).encode_pairs(std::slice::from_ref(example), &settings, None).unwrap();
    assert_eq!(encoded.encodings.iter().map(shown).collect::<Vec<_>>(), rows);
    let found: Vec<&str> = encoded.misaligned.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(found, reasons);
}

#[test]
fn masked_pairs() {
    let pair = example(5, &[(0, 2, "X"), (3, 4, "Y")], &[(0, 1, "r")]);
    check(PairForm::Mask, 20, &pair, &["[CLS] <@ x $ c <@ y $ e [SEP]"], &[]);
    // The tail may come first.
    let turned = example(5, &[(0, 2, "X"), (3, 4, "Y")], &[(1, 0, "r")]);
    check(PairForm::Mask, 20, &turned, &["[CLS] <@ x $ c <@ y $ e [SEP]"], &[]);
    let nested = example(3, &[(0, 2, "X"), (1, 2, "Y")], &[(0, 1, "r")]);
    check(PairForm::Mask, 20, &nested, &[], &["pair_overlaps"]);
}

#[test]
fn marked_pairs() {
    let pair = example(4, &[(0, 2, "X"), (3, 4, "Y")], &[(0, 1, "r"), (1, 0, "s")]);
    let rows = ["[CLS] <[E1] a b [/E1] c <[E2] d [/E2] [SEP]", "[CLS] <[E2] a b [/E2] c <[E1] d [/E1] [SEP]"];
    check(PairForm::Mark, 20, &pair, &rows, &[]);
    let nested = example(3, &[(1, 2, "X"), (0, 3, "Y")], &[(0, 1, "r")]);
    check(PairForm::Mark, 20, &nested, &["[CLS] <[E2] a <[E1] b [/E1] c [/E2] [SEP]"], &[]);
}

#[test]
fn long_texts_are_cut_around_the_pair() {
    let far = example(20, &[(8, 9, "X"), (10, 11, "Y")], &[(0, 1, "r")]);
    // Two special tokens, four markers, three words: 9 of 12.
    check(PairForm::Mark, 12, &far, &["[CLS] g h <[E1] i [/E1] j <[E2] k [/E2] l [SEP]"], &[]);
    check(PairForm::Mark, 9, &far, &["[CLS] <[E1] i [/E1] j <[E2] k [/E2] [SEP]"], &[]);
    check(PairForm::Mark, 8, &far, &[], &["pair_too_far"]);
}

#[test]
fn pairs_between_labels_are_judged_besides_those_that_are_listed() {
    let example = example(6, &[(0, 1, "X"), (2, 3, "Y"), (4, 5, "Y")], &[(0, 2, "r")]);
    let settings = PairSettings {
        between: vec![["X".into(), "Y".into()]],
        unlisted: Some("none".into()),
        ..PairSettings::default()
    };
    let classes = ["none".to_owned(), "r".to_owned()];
    let encode =
        |example: &Example, classes| encoder(30).encode_pairs(std::slice::from_ref(example), &settings, classes);
    let rows = encode(&example, Some(&classes[..])).unwrap().encodings;
    let found: Vec<_> = rows.iter().map(|row| (row.window, row.pair.clone(), row.class)).collect();
    assert_eq!(found, [(0, vec![0, 2], Some(1)), (1, vec![0, 1], Some(0))]);
    let rows = encode(&example, None).unwrap().encodings;
    assert!(rows.iter().all(|row| row.class.is_none()));

    let error = |example: &Example, expected: &str| {
        assert_eq!(encode(example, Some(&classes[..])).unwrap_err().to_string(), expected);
    };
    let relations = |head, tail, label: &str| Example {
        relations: vec![Relation { head, tail, label: label.into() }],
        ..example.clone()
    };
    error(&relations(0, 1, "s"), "example `x` has a relation labelled `s`, which is none of `relations` (none, r)");
    error(
        &relations(0, 3, "r"),
        "a relation of example `x` points at entity 3, but the example has 3 (counted from 0)",
    );
}

#[test]
fn a_tokenizer_without_markers_is_told() {
    let plain = Encoder::load(&data("wordpiece.json"), &EncodingSettings { max_tokens: 20, overlap_words: 1 }).unwrap();
    let settings = PairSettings { form: PairForm::Mark, ..PairSettings::default() };
    let error = plain.encode_pairs(&[], &settings, None).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "wordpiece.json` has no token `[E1]`: marked pairs need an encoder to which the markers were added"
        ),
        "{error}"
    );
}

proptest! {
    /// A row is never longer than asked, its words are the text's, in order, and its entities start where it says.
    #[test]
    fn rows_fit(
        words in 2_u32..24,
        first in (0_u32..24, 1_u32..4),
        second in (0_u32..24, 1_u32..4),
        max_tokens in 6_usize..30,
        mark: bool,
    ) {
        let entity = |(at, length): (u32, u32), label| {
            let at = at % words;
            (at, (at + length).min(words), label)
        };
        let example = example(words, &[entity(first, "X"), entity(second, "Y")], &[(0, 1, "r")]);
        let form = if mark { PairForm::Mark } else { PairForm::Mask };
        let settings = PairSettings { form, ..PairSettings::default() };
        let encoded = encoder(max_tokens).encode_pairs(std::slice::from_ref(&example), &settings, None).unwrap();
        prop_assert_eq!(encoded.encodings.len() + encoded.misaligned.len(), 1);
        for row in &encoded.encodings {
            prop_assert!(row.input_ids.len() <= max_tokens);
            prop_assert_eq!(row.input_ids.len(), row.token_words.len());
            let inside: Vec<i32> = row.token_words.iter().copied().filter(|&word| word >= 0).collect();
            prop_assert_eq!(inside, (0..row.word_starts.len() as i32).collect::<Vec<_>>());
            prop_assert!(row.word_starts.is_sorted());
            let starts: Vec<u32> = row.entity_starts.iter().map(|&place| row.input_ids[place as usize]).collect();
            prop_assert_eq!(starts, if mark { [102, 104] } else { [100, 100] });
        }
    }
}
