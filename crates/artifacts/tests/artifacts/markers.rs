//! Encoders with markers.

use std::fs;

use clinsynth_artifacts::{BuildSettings, add_markers, build};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::reference::{recorded, tags, write_encoder};

fn special(content: &str, id: u32) -> Value {
    json!({
        "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": true
    })
}

#[test]
fn markers_are_tokens_with_rows_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let [encoder, marked] = ["encoder", "marked"].map(|name| folder.path().join(name));
    write_encoder(&encoder, &recorded().config);
    // A vocabulary of four tokens whose ids leave others out, and an added token of another id than it would get.
    let tokenizer = json!({
        "added_tokens": [special("[PAD]", 0), special("[NEW]", 7)],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "a": 1, "[UNK]": 5, "b": 21}}
    });
    fs::write(encoder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    // Id 22 is a spare row of the embedding's 23; the next two are new.
    let ids = add_markers(&encoder, &["[E1]", "a", "[E2]", "[E3]", "[E1]"], 3, &marked).unwrap();
    assert_eq!(ids, [22, 1, 23, 24, 22]);
    let read = |path: &str| serde_json::from_slice::<Value>(&fs::read(marked.join(path)).unwrap()).unwrap();
    assert_eq!(read("config.json")["vocab_size"], 25);
    let added = read("tokenizer.json")["added_tokens"].clone();
    let contents: Vec<&Value> = added.as_array().unwrap().iter().map(|token| &token["content"]).collect();
    assert_eq!(contents, ["[PAD]", "[NEW]", "[E1]", "[E2]", "[E3]"]);
    let loaded = Tokenizer::from_file(marked.join("tokenizer.json")).unwrap();
    let encoded = loaded.encode("[E1] b [E2] a [E3] c [NEW] [PAD]", false).unwrap();
    assert_eq!(encoded.get_ids(), [22, 21, 23, 1, 24, 5, 7, 0]);

    let tensor = |path: &std::path::Path, name: &str| {
        let bytes = fs::read(path.join("model.safetensors")).unwrap();
        safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec()
    };
    let words = "bert.embeddings.word_embeddings.weight";
    let (before, after) = (tensor(&encoder, words), tensor(&marked, words));
    assert_eq!(after.len(), 25 * 8 * 4);
    assert!(after.starts_with(&before) && after[before.len()..].iter().any(|byte| *byte != 0));
    let other = "bert.encoder.layer.1.output.dense.weight";
    assert!(tensor(&encoder, other) == tensor(&marked, other));
    let manifest = build(&marked, &tags(), &BuildSettings::default(), &folder.path().join("artifacts")).unwrap();
    assert_eq!(manifest.encoder.vocabulary, 25);
}

#[test]
fn a_tokenizer_without_vocabulary_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_encoder(folder.path(), &recorded().config);
    let error = add_markers(folder.path(), &["[E1]"], 0, &folder.path().join("out")).unwrap_err();
    let path = folder.path().join("tokenizer.json");
    assert_eq!(error.to_string(), format!("`{}` holds no vocabulary under `model.vocab`", path.display()));
}
