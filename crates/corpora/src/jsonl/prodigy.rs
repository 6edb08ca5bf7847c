//! `{"text", "spans": [{"start", "end", "label"}], "relations": […]}` of Prodigy, which spaCy's projects use as well.
//!
//! Source: Prodigy's documentation, "Annotation interfaces", `ner` and `relations`.

use clinsynth_contract::{CharOffsets, Span};
use serde_json::{Value, json};

use super::{Problem, identifier, list, offset, string};
use crate::Loss;
use crate::iob_writer::token_spans;
use crate::text::{AnnotatedText, Link, Mention, Reason};
use crate::write::{Losses, Tokens};

pub(super) fn read(value: &Value) -> Result<AnnotatedText, Problem> {
    let id = identifier(value.get("meta").and_then(|meta| meta.get("id")).or_else(|| value.get("id")));
    let mut text = AnnotatedText { id, text: string(value, "text")?, ..AnnotatedText::default() };
    if let Some(answer) = value.get("answer").and_then(Value::as_str).filter(|answer| *answer != "accept") {
        text.set_aside(
            Reason::NotAccepted,
            format!("the annotator's answer is `{answer}`; its annotations were left out"),
        );
        return Ok(text);
    }
    for span in list(value, "spans")? {
        text.mentions.push(mention(span)?);
    }
    for relation in list(value, "relations")? {
        let label = string(relation, "label")?;
        let mut end = |key: &str| -> Result<usize, Problem> {
            let span = relation.get(key).ok_or_else(|| format!("has a relation without `{key}`"))?;
            let found = mention(span)?;
            let same = |known: &Mention| known.fragments == found.fragments && known.label == found.label;
            Ok(text.mentions.iter().position(same).unwrap_or_else(|| {
                text.mentions.push(found);
                text.mentions.len() - 1
            }))
        };
        let (head, tail) = (end("head_span")?, end("child_span")?);
        text.links.push(Link::between(head, tail, label));
    }
    Ok(text)
}

fn mention(span: &Value) -> Result<Mention, Problem> {
    let label = span.get("label").map(|label| identifier(Some(label))).unwrap_or_default();
    let concept = span.get("kb_id").map(|id| identifier(Some(id))).filter(|id| !id.is_empty());
    Ok(Mention { concept, ..Mention::new(Span::new(offset(span, "start")?, offset(span, "end")?), label) })
}

pub(super) fn write(text: &AnnotatedText, losses: &mut Losses) -> Value {
    let offsets = CharOffsets::new(&text.text);
    let tokens = if text.tokens.is_empty() {
        token_spans(&text.text, Tokens::Words, &text.mentions)
    } else {
        text.tokens.clone()
    };
    let gap = text.mentions.iter().filter(|mention| mention.fragments.len() > 1).count();
    losses.add_many(Loss::Gap, gap);
    losses.add_many(Loss::Properties, text.mentions.iter().filter(|mention| !mention.properties.is_empty()).count());
    let spans: Vec<Value> = text.mentions.iter().map(|mention| span(mention, &tokens)).collect();
    let mut relations = Vec::new();
    for link in &text.links {
        let (Some(head), Some(tail)) = (text.mention_of(&link.head), text.mention_of(&link.tail)) else {
            losses.add(Loss::RelationWithoutPair);
            continue;
        };
        let (head, tail) = (span(head, &tokens), span(tail, &tokens));
        relations.push(json!({
            "head": head["token_end"], "child": tail["token_end"], "label": link.label,
            "head_span": head, "child_span": tail,
        }));
    }
    let token = |(id, span): (usize, &Span)| {
        let next = tokens.get(id + 1).map_or(offsets.chars(), |next| next.start);
        let word = offsets.slice(*span).unwrap_or_default();
        json!({ "text": word, "start": span.start, "end": span.end, "id": id, "ws": next > span.end })
    };
    let tokens: Vec<Value> = tokens.iter().enumerate().map(token).collect();
    json!({
        "text": text.text, "meta": { "id": text.id }, "tokens": tokens, "spans": spans, "relations": relations,
        "answer": "accept",
    })
}

fn span(mention: &Mention, tokens: &[Span]) -> Value {
    let cover = mention.cover();
    let first = tokens.partition_point(|token| token.end <= cover.start);
    let last = tokens.partition_point(|token| token.start < cover.end).saturating_sub(1).max(first);
    let mut value = json!({
        "start": cover.start, "end": cover.end, "token_start": first, "token_end": last, "label": mention.label,
    });
    if let (Some(fields), Some(concept)) = (value.as_object_mut(), &mention.concept) {
        fields.insert("kb_id".to_owned(), concept.as_str().into());
    }
    value
}
