use serde_json::{Map, Value, json};

use super::elements::{ElementText, Elements};
use super::model::{Annotation, Document, Infons, Piece, Relation, into_text};
use crate::CorpusError;
use crate::lines::{Bytes, Source};
use crate::text::AnnotatedText;

pub(super) const HEAD: &str =
    "{\"source\": \"clinsynth\", \"date\": \"\", \"key\": \"clinsynth\", \"infons\": {}, \"documents\": [\n";
pub(super) const TAIL: &str = "\n]}\n";

/// Where the documents are: in a collection, and in an answer of PubTator 3.
const KEYS: &[&str] = &["documents", "PubTator3"];

/// Reads one document after the other.
pub(crate) struct JsonReader {
    source: Source,
    elements: Elements,
}

impl JsonReader {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        Self { source: source.clone(), elements: Elements::new(source, bytes, KEYS) }
    }

    fn read(&self, element: &ElementText) -> Result<AnnotatedText, CorpusError> {
        let bad = |line: usize, problem: String| CorpusError::Syntax { path: self.source.path(), line, problem };
        let value: Value = serde_json::from_slice(&element.bytes)
            .map_err(|error| bad(element.line + error.line().saturating_sub(1), format!("is not JSON: {error}")))?;
        read_document(&value, element.line).map(into_text).map_err(|problem| bad(element.line, problem))
    }
}

impl Iterator for JsonReader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.elements.next()? {
            Ok(element) => self.read(&element),
            Err(error) => Err(error),
        })
    }
}

/// Text of a value: identifiers are numbers in some files.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn infons(value: &Value) -> Infons {
    let infons = value.get("infons").and_then(Value::as_object);
    infons.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn number(value: &Value, key: &str) -> Result<u32, String> {
    let found = value.get(key).unwrap_or(&Value::Null);
    let number = found.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("has a document whose `{key}` is {found}, expected a whole number"))
}

fn read_document(value: &Value, line: usize) -> Result<Document, String> {
    let id = value.get("id").map(text).unwrap_or_default();
    if !value.is_object() {
        return Err("has a document that is no object".to_owned());
    }
    let mut document = Document { id, line, ..Document::default() };
    for passage in list(value, "passages") {
        read_piece(passage, &mut document)?;
    }
    read_annotations(value, &mut document)?;
    Ok(document)
}

/// A passage with a text of its own, or its sentences.
fn read_piece(piece: &Value, document: &mut Document) -> Result<(), String> {
    let own = piece.get("text").and_then(Value::as_str);
    let sentences = list(piece, "sentences");
    match own {
        Some(own) if !own.is_empty() || sentences.is_empty() => {
            let offset = if piece.get("offset").is_some() { number(piece, "offset")? } else { 0 };
            document.pieces.push(Piece { infons: infons(piece), offset, text: own.to_owned() });
        }
        _ => {
            for sentence in sentences {
                // Sentences have none of their own; deeper ones are no BioC.
                let sentence_text = sentence.get("text").map(text).unwrap_or_default();
                let piece =
                    Piece { infons: infons(sentence), offset: number(sentence, "offset")?, text: sentence_text };
                document.pieces.push(piece);
                read_annotations(sentence, document)?;
            }
        }
    }
    read_annotations(piece, document)
}

fn read_annotations(parent: &Value, document: &mut Document) -> Result<(), String> {
    let line = document.line;
    for annotation in list(parent, "annotations") {
        let mut locations = Vec::new();
        for location in list(annotation, "locations") {
            locations.push((number(location, "offset")?, number(location, "length")?));
        }
        document.annotations.push(Annotation {
            id: annotation.get("id").map(text).unwrap_or_default(),
            infons: infons(annotation),
            locations,
            text: annotation.get("text").and_then(Value::as_str).map(str::to_owned),
            line,
        });
    }
    for relation in list(parent, "relations") {
        let field = |node: &Value, key: &str| node.get(key).map(text).unwrap_or_default();
        document.relations.push(Relation {
            id: field(relation, "id"),
            infons: infons(relation),
            nodes: list(relation, "nodes").iter().map(|node| (field(node, "refid"), field(node, "role"))).collect(),
            line,
        });
    }
    Ok(())
}

/// A document as JSON on one line. Annotations stand in the passage in which they begin.
pub(super) fn document(document: &Document) -> String {
    let passage = |(index, piece): (usize, &Piece)| {
        let next = document.pieces.get(index + 1).map_or(u32::MAX, |next| next.offset);
        let here = |annotation: &&Annotation| {
            (piece.offset..next).contains(&annotation.locations.first().map_or(0, |location| location.0))
        };
        let annotations: Vec<Value> = document.annotations.iter().filter(here).map(annotation_value).collect();
        json!({
            "infons": infons_value(&piece.infons),
            "offset": piece.offset,
            "text": piece.text,
            "sentences": [],
            "annotations": annotations,
            "relations": [],
        })
    };
    let passages: Vec<Value> = document.pieces.iter().enumerate().map(passage).collect();
    let relations: Vec<Value> = document.relations.iter().map(relation_value).collect();
    json!({ "id": document.id, "infons": {}, "passages": passages, "annotations": [], "relations": relations })
        .to_string()
}

fn infons_value(infons: &Infons) -> Value {
    infons.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect::<Map<_, _>>().into()
}

fn annotation_value(annotation: &Annotation) -> Value {
    let location = |&(offset, length): &(u32, u32)| json!({ "offset": offset, "length": length });
    let locations: Vec<Value> = annotation.locations.iter().map(location).collect();
    json!({
        "id": annotation.id,
        "infons": infons_value(&annotation.infons),
        "text": annotation.text.as_deref().unwrap_or_default(),
        "locations": locations,
    })
}

fn relation_value(relation: &Relation) -> Value {
    let node = |(refid, role): &(String, String)| json!({ "refid": refid, "role": role });
    let nodes: Vec<Value> = relation.nodes.iter().map(node).collect();
    json!({ "id": relation.id, "infons": infons_value(&relation.infons), "nodes": nodes })
}
