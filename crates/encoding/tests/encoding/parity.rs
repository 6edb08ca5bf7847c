use std::collections::BTreeMap;
use std::path::PathBuf;

use clinsynth_contract::Sensitivity;
use clinsynth_encoding::{Encoder, EncodingSettings, Text, words};
use serde::Deserialize;

use crate::{encoder, read};

#[derive(Deserialize)]
struct PythonWords {
    assigned: Vec<(u32, u32)>,
    word: Vec<(u32, u32)>,
    space: Vec<(u32, u32)>,
    texts: Vec<SplitText>,
}

#[derive(Deserialize)]
struct SplitText {
    text: String,
    words: Vec<(u32, u32)>,
}

fn characters(runs: &[(u32, u32)]) -> impl Iterator<Item = char> {
    runs.iter().flat_map(|&(first, last)| first..=last).filter_map(char::from_u32)
}

#[test]
fn texts_split_as_the_regular_expression_does() {
    for SplitText { text, words: expected } in read::<PythonWords>("words.json").texts {
        let found: Vec<(u32, u32)> = words(&text).iter().map(|word| (word.span.start, word.span.end)).collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn every_assigned_character_is_of_the_class_that_python_gives_it() {
    let python: PythonWords = read("words.json");
    let class = |character: char| {
        // Between letters, a word character makes one word, white space two, and a symbol three.
        words(&format!("a{character}a")).len()
    };
    let mut expected: BTreeMap<char, usize> = characters(&python.assigned).map(|character| (character, 3)).collect();
    expected.extend(characters(&python.word).map(|character| (character, 1)));
    expected.extend(characters(&python.space).map(|character| (character, 2)));
    let differing: Vec<char> =
        expected.into_iter().filter(|&(c, expected)| class(c) != expected).map(|(c, _)| c).collect();
    // Marks and joiners stay in their word, and circled Latin letters are letters: nothing else may differ.
    let circled =
        ['\u{24b6}'..='\u{24e9}', '\u{1f130}'..='\u{1f149}', '\u{1f150}'..='\u{1f169}', '\u{1f170}'..='\u{1f189}'];
    for character in &differing {
        assert_eq!(class(*character), 1, "U+{:04X}", *character as u32);
        let known = unicode_normalization::char::is_combining_mark(*character)
            || ['\u{200c}', '\u{200d}'].contains(character)
            || circled.iter().any(|range| range.contains(character));
        assert!(known, "U+{:04X}", *character as u32);
    }
    assert!(differing.contains(&'\u{301}'), "{}", differing.len());
}

#[derive(Deserialize)]
struct SubTokens {
    words: Vec<String>,
    ids: Vec<u32>,
    token_words: Vec<i32>,
}

/// Our ids for words that are joined by spaces, without the unknown tokens that stand for erased words.
fn check(encoder: &Encoder, unknown: u32, case: &SubTokens) {
    let text = case.words.join(" ");
    let row = Text { example: "e", document: "d", text: &text, sensitivity: Sensitivity::Public };
    let encoding = encoder.encode_texts([row]).unwrap().remove(0);
    assert_eq!(encoding.word_starts.len(), case.words.len(), "{text:?}");
    let (mut ids, mut token_words) = (Vec::new(), Vec::new());
    for (&id, &word) in encoding.input_ids.iter().zip(&encoding.token_words) {
        let erased = word >= 0 && !case.token_words.contains(&word);
        if erased {
            assert_eq!(id, unknown, "{text:?}");
        } else {
            ids.push(id);
            token_words.push(word);
        }
    }
    assert_eq!((ids, token_words), (case.ids.clone(), case.token_words.clone()), "{text:?}");
}

#[test]
fn ids_equal_hugging_face_for_words() {
    let cases: BTreeMap<String, Vec<SubTokens>> = read("subtokens.json");
    let folder = std::env::var_os("CLINSYNTH_ENCODER")
        .expect("`CLINSYNTH_ENCODER` must name the default encoder's folder: run `just test`, which provisions it");
    let path = PathBuf::from(folder).join("tokenizer.json");
    let settings = EncodingSettings { max_tokens: 2048, overlap_words: 0 };
    let default = Encoder::load(&path, &settings).unwrap();
    assert_eq!(default.vocabulary(), 30_522);
    let encoders = [
        ("encoder", default, 100),
        ("wordpiece", encoder("wordpiece.json", 2048, 0), 1),
        ("bytelevel", encoder("bytelevel.json", 2048, 0), 3),
    ];
    for (name, encoder, unknown) in &encoders {
        assert_eq!(cases[*name].len(), 24);
        for case in &cases[*name] {
            check(encoder, *unknown, case);
        }
    }
}

/// An encoder from a description that was changed.
fn changed(description: &serde_json::Value) -> Encoder {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, description.to_string()).unwrap();
    Encoder::load(&path, &EncodingSettings { max_tokens: 2048, overlap_words: 0 }).unwrap()
}

#[test]
fn a_byte_level_step_within_a_sequence_takes_the_space_too() {
    let mut description: serde_json::Value = read("bytelevel.json");
    let step = description["pre_tokenizer"].take();
    description["pre_tokenizer"] = serde_json::json!({ "type": "Sequence", "pretokenizers": [step] });
    let encoder = changed(&description);
    for case in &read::<BTreeMap<String, Vec<SubTokens>>>("subtokens.json")["bytelevel"] {
        check(&encoder, 3, case);
    }
}

#[test]
fn a_unigram_model_names_its_unknown_token_by_number() {
    let encoder = changed(&serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "pre_tokenizer": null,
        "post_processor": null, "decoder": null,
        "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false, "strip_accents": null, "lowercase": true },
        "model": { "type": "Unigram", "unk_id": 1, "vocab": [["a", -1.0], ["?", 0.0], ["b", -2.0]], "byte_fallback": false },
    }));
    let row = Text { example: "e", document: "d", text: "a \u{7} b", sensitivity: Sensitivity::Public };
    assert_eq!(encoder.encode_texts([row]).unwrap()[0].input_ids, [0, 1, 2]);
}
