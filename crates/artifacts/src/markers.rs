use std::borrow::Cow;
use std::path::Path;

use clinsynth_contract::Manifest;
use serde_json::{Value as Json, json};

use crate::ArtifactError;
use crate::build::{json as json_bytes, read, write};
use crate::encoder::Encoder;
use crate::weights::{Checkpoint, WeightFile, encode_checkpoint, normal_draws};

/// Copies the encoder in `encoder_dir` to `out` with these markers (such as `[E1]`, for the entities of a relation) as
/// special tokens: `tokenizer.json` names them, the word embedding has rows for them, drawn from
/// N(0, `initializer_range`) by `seed`, and `config.json` counts those. Returns the markers' ids; a marker that the
/// tokenizer knows keeps its id.
///
/// Errors: a file is absent or broken, the tokenizer has no vocabulary, the weights have no word embedding of the
/// configured size, or `out` cannot be written.
pub fn add_markers(encoder_dir: &Path, markers: &[&str], seed: u64, out: &Path) -> Result<Vec<u32>, ArtifactError> {
    let config_path = encoder_dir.join(Manifest::CONFIG);
    let encoder = Encoder::read(&config_path)?;
    let (mut config, tokenizer_path) = (parse(&config_path)?, encoder_dir.join(Manifest::TOKENIZER));
    let mut tokenizer = parse(&tokenizer_path)?;
    let ids =
        mark(&mut tokenizer, markers).ok_or_else(|| ArtifactError::NoVocabulary { path: tokenizer_path.clone() })?;
    let needed = ids.iter().map(|&id| id as usize + 1).fold(encoder.vocabulary, usize::max);

    let weights = WeightFile::read(&encoder_dir.join(Manifest::WEIGHTS))?;
    let tensors = weights.tensors()?;
    let (words, rows) = tensors.word_embedding(&encoder)?;
    let fresh = normal_draws((needed - encoder.vocabulary) * encoder.embedding, encoder.initializer_range, seed);
    let mut checkpoint: Checkpoint<'_> = tensors.all();
    checkpoint.insert(words, (vec![needed, encoder.embedding], Cow::Owned([rows, &fresh].concat())));
    let bytes = encode_checkpoint(&checkpoint, &out.join(Manifest::WEIGHTS))?;

    config["vocab_size"] = json!(needed);
    write(&out.join(Manifest::WEIGHTS), &bytes)?;
    write(&out.join(Manifest::CONFIG), &json_bytes(&config))?;
    write(&out.join(Manifest::TOKENIZER), &json_bytes(&tokenizer))?;
    Ok(ids)
}

fn parse(path: &Path) -> Result<Json, ArtifactError> {
    serde_json::from_slice(&read(path)?).map_err(|source| ArtifactError::Json { path: path.to_owned(), source })
}

/// Adds the markers behind all tokens there are.
///
/// The tokenizers library does not read the ids of added tokens: it looks each up in the model's vocabulary and counts on
/// from the vocabulary's size where it finds none, into ids that are taken if some below were left out. So every added
/// token goes into the vocabulary too. A vocabulary that is a list (Unigram) has no gaps, and the library counts right.
fn mark(tokenizer: &mut Json, markers: &[&str]) -> Option<Vec<u32>> {
    let mut known: Vec<(String, u64)> = Vec::new();
    match &tokenizer["model"]["vocab"] {
        Json::Object(vocabulary) => {
            known.extend(vocabulary.iter().filter_map(|(t, id)| Some((t.clone(), id.as_u64()?))));
        }
        Json::Array(vocabulary) => {
            known.extend((0..).zip(vocabulary).filter_map(|(id, entry)| Some((entry[0].as_str()?.to_owned(), id))));
        }
        _ => return None,
    }
    if tokenizer["added_tokens"].is_null() {
        tokenizer["added_tokens"] = json!([]);
    }
    let added = tokenizer["added_tokens"].as_array_mut()?;
    known.extend(added.iter().filter_map(|token| Some((token["content"].as_str()?.to_owned(), token["id"].as_u64()?))));
    let mut next = known.iter().map(|(_, id)| id + 1).max().unwrap_or(0);
    let mut ids = Vec::new();
    for &marker in markers {
        let id = known.iter().find(|(token, _)| token == marker).map_or(next, |(_, id)| *id);
        if id == next {
            known.push((marker.to_owned(), id));
            added.push(json!({
                "id": id, "content": marker, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true
            }));
            next += 1;
        }
        ids.push(id as u32);
    }
    if let Json::Object(vocabulary) = &mut tokenizer["model"]["vocab"] {
        for (token, id) in known {
            vocabulary.entry(token).or_insert(json!(id));
        }
    }
    Some(ids)
}
