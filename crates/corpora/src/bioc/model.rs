//! What the two syntaxes of BioC have in common.

use std::collections::HashMap;

use clinsynth_contract::{CharOffsets, Span};

use crate::Loss;
use crate::text::{AnnotatedText, Argument, Link, Mention, Reason};
use crate::write::Losses;

pub(super) type Infons = Vec<(String, String)>;

#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) line: usize,
    pub(super) pieces: Vec<Piece>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) relations: Vec<Relation>,
}

/// A passage, or a sentence of one.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) infons: Infons,
    /// First character, in the document's own count.
    pub(super) offset: u32,
    pub(super) text: String,
}

#[derive(Debug, Default)]
pub(super) struct Annotation {
    pub(super) id: String,
    pub(super) infons: Infons,
    /// First character and number of characters.
    pub(super) locations: Vec<(u32, u32)>,
    pub(super) text: Option<String>,
    pub(super) line: usize,
}

#[derive(Debug, Default)]
pub(super) struct Relation {
    pub(super) id: String,
    pub(super) infons: Infons,
    /// Identifier of an annotation, and its role.
    pub(super) nodes: Vec<(String, String)>,
    pub(super) line: usize,
}

const TYPE: &str = "type";
const CONCEPT: &str = "identifier";
const PARTS: &str = "parts";
/// The roles of the two arguments, unless a file has its own.
const ROLES: [&str; 2] = ["head", "tail"];
const ROLE_PROPERTIES: [&str; 2] = ["role of head", "role of tail"];
/// Infons that name the concepts of a relation without nodes, as PubTator's exports have them.
const ENTITIES: [&str; 2] = ["entity1", "entity2"];

/// Takes an infon out.
fn take(infons: &mut Infons, key: &str) -> Option<String> {
    let index = infons.iter().position(|(known, _)| known == key)?;
    Some(infons.remove(index).1)
}

pub(super) fn into_text(document: Document) -> AnnotatedText {
    let mut text = AnnotatedText { id: document.id, line: document.line, ..AnnotatedText::default() };
    let mut starts = Vec::with_capacity(document.pieces.len());
    for mut piece in document.pieces {
        let kind = take(&mut piece.infons, TYPE).unwrap_or_default();
        let span = text.push_passage(kind, &piece.text);
        if let Some(passage) = text.passages.last_mut() {
            passage.properties = piece.infons;
        }
        starts.push((piece.offset, span.start));
    }
    let mut indices = HashMap::new();
    for mut annotation in document.annotations {
        let fragment = |&(offset, length): &(u32, u32)| {
            let start = own_offset(&starts, offset);
            Span::new(start, start.saturating_add(length))
        };
        let mention = Mention {
            fragments: annotation.locations.iter().map(fragment).collect(),
            label: take(&mut annotation.infons, TYPE).unwrap_or_default(),
            concept: take(&mut annotation.infons, CONCEPT),
            parts: take(&mut annotation.infons, PARTS),
            stated: annotation.text,
            id: Some(annotation.id.clone()),
            properties: annotation.infons,
            line: annotation.line,
        };
        if mention.fragments.is_empty() {
            let detail = format!("line {}: annotation `{}` has no location", mention.line, annotation.id);
            text.set_aside(Reason::OtherAnnotation, detail);
            continue;
        }
        indices.insert(annotation.id, text.mentions.len());
        text.mentions.push(mention);
    }
    for relation in document.relations {
        link(&mut text, relation, &indices);
    }
    text
}

/// An offset of the document's own count in the joined text: passages there may be further apart.
fn own_offset(starts: &[(u32, u32)], offset: u32) -> u32 {
    let within = starts.iter().filter(|(first, _)| *first <= offset).max_by_key(|(first, _)| *first);
    within.map_or(offset, |(first, own)| own.saturating_add(offset - first))
}

fn link(text: &mut AnnotatedText, mut relation: Relation, indices: &HashMap<String, usize>) {
    let (id, line) = (relation.id, relation.line);
    let label = take(&mut relation.infons, TYPE).or_else(|| take(&mut relation.infons, "relation")).unwrap_or_default();
    let ends = match &relation.nodes[..] {
        [] => concepts(&mut relation.infons),
        [head, tail] => {
            let end = |(node, _): &(String, String)| indices.get(node).copied().map(Argument::Mention);
            let ends = end(head).zip(end(tail));
            if ends.is_none() {
                let (head, tail) = (&head.0, &tail.0);
                let detail =
                    format!("line {line}: relation `{id}` names `{head}` and `{tail}`, one of which is no annotation");
                text.set_aside(Reason::RelationMentionNotFound, detail);
                return;
            }
            ends
        }
        _ => None,
    };
    let Some((head, tail)) = ends else {
        let nodes = relation.nodes.len();
        let detail = format!("line {line}: relation `{id}` ({label}) holds between {nodes} annotations, not two");
        return text.set_aside(Reason::OtherAnnotation, detail);
    };
    let mut properties = relation.infons;
    for (index, (_, role)) in relation.nodes.iter().enumerate() {
        if role != ROLES[index] {
            properties.push((ROLE_PROPERTIES[index].to_owned(), role.clone()));
        }
    }
    text.links.push(Link { id: Some(id), label, head, tail, properties, line });
}

/// The concepts of a relation without nodes; BC5CDR names them by their types.
fn concepts(infons: &mut Infons) -> Option<(Argument, Argument)> {
    if let [Some(head), Some(tail)] = ENTITIES.map(|key| take(infons, key)) {
        return Some((Argument::Concept(head), Argument::Concept(tail)));
    }
    let [head, tail] = ["Chemical", "Disease"].map(|key| take(infons, key));
    Some((Argument::Concept(head?), Argument::Concept(tail?)))
}

pub(super) fn from_text(text: &AnnotatedText, losses: &mut Losses) -> Document {
    let offsets = CharOffsets::new(&text.text);
    let mut document = Document { id: text.id.clone(), ..Document::default() };
    for passage in &text.passages {
        let kind = Some((TYPE.to_owned(), passage.kind.clone())).filter(|(_, kind)| !kind.is_empty());
        let infons = kind.into_iter().chain(passage.properties.clone()).collect();
        let piece = offsets.slice(passage.span).unwrap_or_default().to_owned();
        document.pieces.push(Piece { infons, offset: passage.span.start, text: piece });
    }
    if document.pieces.is_empty() {
        document.pieces.push(Piece { text: text.text.clone(), ..Piece::default() });
    }
    let ids: Vec<String> = (1..)
        .zip(&text.mentions)
        .map(|(number, mention): (usize, _)| mention.id.clone().unwrap_or_else(|| number.to_string()))
        .collect();
    for (mention, id) in text.mentions.iter().zip(&ids) {
        document.annotations.push(annotation(mention, id, &offsets, losses));
    }
    for (number, link) in text.links.iter().enumerate() {
        document.relations.extend(relation(link, number, &ids, losses));
    }
    document
}

fn annotation(mention: &Mention, id: &str, offsets: &CharOffsets, losses: &mut Losses) -> Annotation {
    let named = [(TYPE, Some(&mention.label)), (CONCEPT, mention.concept.as_ref()), (PARTS, mention.parts.as_ref())];
    let named = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
    let under = || {
        let pieces: Result<Vec<&str>, _> = mention.fragments.iter().map(|&span| offsets.slice(span)).collect();
        pieces.ok().map(|pieces| pieces.join(" "))
    };
    let text = mention.stated.clone().or_else(under);
    if text.is_none() {
        losses.add(Loss::Outside);
    }
    Annotation {
        id: id.to_owned(),
        infons: named.chain(mention.properties.clone()).collect(),
        locations: mention.fragments.iter().map(|span| (span.start, span.len())).collect(),
        text,
        line: 0,
    }
}

fn relation(link: &Link, number: usize, ids: &[String], losses: &mut Losses) -> Option<Relation> {
    let mut infons = vec![(TYPE.to_owned(), link.label.clone())];
    let property = |name: &str| link.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let roles = [0, 1].map(|index| property(ROLE_PROPERTIES[index]).unwrap_or_else(|| ROLES[index].to_owned()));
    let nodes = match (&link.head, &link.tail) {
        (Argument::Mention(head), Argument::Mention(tail)) => {
            let [head_role, tail_role] = roles;
            let Some((head, tail)) = ids.get(*head).zip(ids.get(*tail)) else {
                losses.add(Loss::RelationWithoutPair);
                return None;
            };
            vec![(head.clone(), head_role), (tail.clone(), tail_role)]
        }
        (Argument::Concept(head), Argument::Concept(tail)) => {
            infons.extend(ENTITIES.map(str::to_owned).into_iter().zip([head.clone(), tail.clone()]));
            Vec::new()
        }
        _ => {
            losses.add(Loss::Relation);
            return None;
        }
    };
    let others = link.properties.iter().filter(|(name, _)| !ROLE_PROPERTIES.contains(&name.as_str()));
    infons.extend(others.cloned());
    let id = link.id.clone().unwrap_or_else(|| format!("R{}", number + 1));
    Some(Relation { id, infons, nodes, line: 0 })
}
