//! doccano's exports: `{"text", "label": [[start, end, label]]}`, or with relations `{"text", "entities", "relations"}`.
//!
//! Source: doccano's documentation, "Dataset formats", sequence labeling and relation extraction.

use std::collections::HashMap;

use clinsynth_contract::Span;
use serde_json::{Value, json};

use super::{Problem, identifier, list, number, offset, string};
use crate::Loss;
use crate::text::{AnnotatedText, Link, Mention, Reason};
use crate::write::Losses;

pub(super) fn read(value: &Value) -> Result<AnnotatedText, Problem> {
    // Older versions say `data` and `labels`.
    let key = if value.get("text").is_some() { "text" } else { "data" };
    let mut text =
        AnnotatedText { id: identifier(value.get("id")), text: string(value, key)?, ..AnnotatedText::default() };
    for key in ["label", "labels"] {
        for label in list(value, key)? {
            text.mentions.push(triple(label)?);
        }
    }
    let mut indices = HashMap::new();
    for entity in list(value, "entities")? {
        if entity.is_array() {
            text.mentions.push(triple(entity)?);
            continue;
        }
        let id = identifier(entity.get("id"));
        let span = Span::new(offset(entity, "start_offset")?, offset(entity, "end_offset")?);
        let concept = entity.get("concept").map(|concept| identifier(Some(concept))).filter(|id| !id.is_empty());
        indices.insert(id.clone(), text.mentions.len());
        text.mentions.push(Mention { id: Some(id), concept, ..Mention::new(span, string(entity, "label")?) });
    }
    for relation in list(value, "relations")? {
        let (id, label) = (identifier(relation.get("id")), string(relation, "type")?);
        let [from, to] = ["from_id", "to_id"].map(|key| identifier(relation.get(key)));
        match (indices.get(&from), indices.get(&to)) {
            (Some(&head), Some(&tail)) => {
                text.links.push(Link { id: Some(id), ..Link::between(head, tail, label) });
            }
            _ => text.set_aside(
                Reason::RelationMentionNotFound,
                format!("relation `{id}` ({label}) names `{from}` and `{to}`, one of which is no entity"),
            ),
        }
    }
    Ok(text)
}

/// `[start, end, label]`.
fn triple(value: &Value) -> Result<Mention, Problem> {
    let bad = || format!("has the label {value}, expected `[start, end, \"label\"]`");
    let Some([start, end, label]) = value.as_array().map(Vec::as_slice) else { return Err(bad()) };
    let (Ok(start), Ok(end), Some(label)) = (number(start), number(end), label.as_str()) else { return Err(bad()) };
    Ok(Mention::new(Span::new(start, end), label))
}

/// The shape with relations, which holds everything. Identifiers count from 1; the `concept` of an entity is ours.
pub(super) fn write(text: &AnnotatedText, losses: &mut Losses) -> Value {
    let gaps = text.mentions.iter().filter(|mention| mention.fragments.len() > 1).count();
    losses.add_many(Loss::Gap, gaps);
    losses.add_many(Loss::Properties, text.mentions.iter().filter(|mention| !mention.properties.is_empty()).count());
    let entity = |(number, mention): (usize, &Mention)| {
        let Span { start, end } = mention.cover();
        let mut entity = json!({ "id": number + 1, "label": mention.label, "start_offset": start, "end_offset": end });
        if let (Some(fields), Some(concept)) = (entity.as_object_mut(), &mention.concept) {
            fields.insert("concept".to_owned(), concept.as_str().into());
        }
        entity
    };
    let entities: Vec<Value> = text.mentions.iter().enumerate().map(entity).collect();
    let mut relations = Vec::new();
    for link in &text.links {
        let (Some(head), Some(tail)) = (text.index_of(&link.head), text.index_of(&link.tail)) else {
            losses.add(Loss::RelationWithoutPair);
            continue;
        };
        relations
            .push(json!({ "id": relations.len() + 1, "from_id": head + 1, "to_id": tail + 1, "type": link.label }));
    }
    json!({ "id": text.id, "text": text.text, "entities": entities, "relations": relations })
}
