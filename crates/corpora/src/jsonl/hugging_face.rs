//! `{"id", "tokens", "ner_tags"}` with tags by name, as data sets for token classification are exported.

use serde_json::{Value, json};

use super::{Problem, identifier, list};
use crate::iob::{Tagged, split_tag};
use crate::iob_writer::{IobWriter, sentences};
use crate::text::AnnotatedText;
use crate::write::{Losses, Sink, Tokens, count_unkept};
use crate::{CorpusError, Format};

pub(super) fn read(value: &Value) -> Result<AnnotatedText, Problem> {
    let key = if value.get("ner_tags").is_some() { "ner_tags" } else { "tags" };
    let (tokens, tags) = (list(value, "tokens")?, list(value, key)?);
    if tokens.len() != tags.len() {
        return Err(format!("has {} tokens and {} `{key}`; they must be as many", tokens.len(), tags.len()));
    }
    let mut tagged = Tagged::default();
    for (token, tag) in tokens.iter().zip(tags) {
        let token = token.as_str().filter(|token| !token.is_empty());
        let token = token.ok_or("has a token that is empty or no text")?;
        if tag.is_number() {
            let advice = "replace them by names: `features[\"ner_tags\"].feature.names` of the data set has them";
            return Err(format!("has `{key}` that are numbers; {advice}"));
        }
        let tag = tag.as_str().and_then(split_tag).ok_or_else(|| format!("has the unknown tag {tag}"))?;
        tagged.push(token, tag, 0);
    }
    let mut text = tagged.finish();
    text.id = identifier(value.get("id"));
    text.document = value.get("document").map(|id| identifier(Some(id))).filter(|id| !id.is_empty());
    Ok(text)
}

/// A line for each sentence.
pub(super) fn write(
    text: &AnnotatedText,
    tokens: Tokens,
    sink: &mut Sink,
    losses: &mut Losses,
) -> Result<(), CorpusError> {
    count_unkept(text, losses);
    let tagger = IobWriter::new(Format::Iob, tokens);
    let sentences = sentences(text, tokens, losses);
    let several = sentences.len() > 1;
    for (number, sentence) in sentences.iter().enumerate() {
        let words: Vec<&str> = sentence.iter().map(|token| token.text).collect();
        let id = if several { format!("{}.{number}", text.id) } else { text.id.clone() };
        let mut line = json!({ "id": id, "tokens": words, "ner_tags": tagger.tags(text, sentence) });
        let document = text.document.as_ref().or(several.then_some(&text.id));
        if let (Some(fields), Some(document)) = (line.as_object_mut(), document) {
            fields.insert("document".to_owned(), document.as_str().into());
        }
        sink.put(&[&line.to_string(), "\n"])?;
    }
    Ok(())
}
