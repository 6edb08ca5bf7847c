use std::fmt::Write as _;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};

use super::model::{Annotation, Document, Infons, Piece, Relation, into_text};
use crate::CorpusError;
use crate::lines::{Bytes, Source};
use crate::text::AnnotatedText;

pub(super) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE collection SYSTEM \"BioC.dtd\">\n\
<collection>\n<source>clinsynth</source>\n<date></date>\n<key>clinsynth</key>\n";
pub(super) const TAIL: &str = "</collection>\n";

/// Deepest nesting within a document; BioC itself has seven levels.
const DEPTH: usize = 32;

/// Counts the lines that pass.
struct Counted {
    bytes: Bytes,
    lines: Arc<AtomicUsize>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(buffer.len());
        buffer[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let passed = self.bytes.fill_buf().map_or(&[][..], |buffer| buffer.get(..amount).unwrap_or_default());
        self.lines.fetch_add(passed.split(|&byte| byte == b'\n').count().saturating_sub(1), Ordering::Relaxed);
        self.bytes.consume(amount);
    }
}

/// Reads one `<document>` after the other; what stands around them is passed over.
pub(crate) struct XmlReader {
    source: Source,
    xml: quick_xml::Reader<Counted>,
    lines: Arc<AtomicUsize>,
    buffer: Vec<u8>,
    began: bool,
}

/// An element of a document.
#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
    line: usize,
}

enum Step {
    Start(Element),
    Empty(Element),
    End,
    Text(String),
    Other,
    Eof,
}

impl XmlReader {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        let lines = Arc::new(AtomicUsize::new(1));
        let xml = quick_xml::Reader::from_reader(Counted { bytes, lines: Arc::clone(&lines) });
        Self { source: source.clone(), xml, lines, buffer: Vec::new(), began: false }
    }

    fn bad(&self, problem: impl Into<String>) -> CorpusError {
        let line = self.lines.load(Ordering::Relaxed);
        CorpusError::Syntax { path: self.source.path(), line, problem: problem.into() }
    }

    /// The next event, as plain text.
    fn step(&mut self) -> Result<Step, CorpusError> {
        self.buffer.clear();
        let line = self.lines.load(Ordering::Relaxed);
        let step = match self.xml.read_event_into(&mut self.buffer) {
            Ok(Event::Start(start)) => element(&start, line).map(Step::Start),
            Ok(Event::Empty(start)) => element(&start, line).map(Step::Empty),
            Ok(Event::End(_)) => Ok(Step::End),
            Ok(Event::Text(text)) => Ok(Step::Text(text.xml10_content().into_owned())),
            Ok(Event::CData(text)) => Ok(Step::Text(text.xml10_content().into_owned())),
            Ok(Event::GeneralRef(reference)) => {
                let named = quick_xml::escape::resolve_xml_entity(&reference.xml10_content()).map(str::to_owned);
                match reference.resolve_char_ref() {
                    Ok(Some(character)) => Ok(Step::Text(character.to_string())),
                    Ok(None) => named.map(Step::Text).ok_or_else(|| {
                        format!(
                            "names the unknown entity `&{};`; write the character itself",
                            reference.xml10_content()
                        )
                    }),
                    Err(error) => Err(format!("is not XML: {error}")),
                }
            }
            Ok(Event::Eof) => Ok(Step::Eof),
            Ok(_) => Ok(Step::Other),
            Err(error) => Err(format!("is not XML: {error}")),
        };
        step.map_err(|problem| self.bad(problem))
    }

    fn document(&mut self) -> Result<Option<AnnotatedText>, CorpusError> {
        loop {
            match self.step()? {
                Step::Start(element) if element.name == "document" => {
                    self.began = true;
                    let root = self.subtree(element)?;
                    return read_document(&root)
                        .map(into_text)
                        .map(Some)
                        .map_err(|(line, problem)| CorpusError::Syntax { path: self.source.path(), line, problem });
                }
                Step::Start(element)
                    if !self.began
                        && !matches!(element.name.as_str(), "collection" | "source" | "date" | "key" | "infon") =>
                {
                    return Err(self.bad(format!("begins `<{}>`, expected `<collection>` of BioC", element.name)));
                }
                Step::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    /// The element that just began, with all in it.
    fn subtree(&mut self, root: Element) -> Result<Element, CorpusError> {
        let mut open = vec![root];
        loop {
            match self.step()? {
                Step::Start(_) if open.len() >= DEPTH => return Err(self.bad("is nested too deeply for BioC")),
                Step::Start(element) => open.push(element),
                Step::Empty(element) => {
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(element);
                    }
                }
                Step::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Step::End => match (open.pop(), open.last_mut()) {
                    (Some(done), Some(parent)) => parent.children.push(done),
                    (Some(done), None) => return Ok(done),
                    (None, _) => return Err(self.bad("ends an element that did not begin")),
                },
                Step::Eof => return Err(self.bad("ends inside a `<document>`; the file is cut short")),
                Step::Other => {}
            }
        }
    }
}

impl Iterator for XmlReader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.document().transpose()
    }
}

fn element(start: &BytesStart, line: usize) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("is not XML: {error}"))?;
        let value =
            attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| format!("is not XML: {error}"))?;
        let key: &str = attribute.key.as_ref();
        attributes.push((key.to_owned(), value.into_owned()));
    }
    let name: &str = start.name().into_inner();
    Ok(Element { name: name.to_owned(), attributes, line, ..Element::default() })
}

impl Element {
    fn children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn content(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn infons(&self) -> Infons {
        self.children("infon").map(|infon| (infon.attribute("key").to_owned(), infon.text.clone())).collect()
    }
}

type Bad = (usize, String);

fn number(text: &str, what: &str, line: usize) -> Result<u32, Bad> {
    text.trim().parse().map_err(|_| (line, format!("has the {what} `{text}`, which is no number")))
}

fn read_document(root: &Element) -> Result<Document, Bad> {
    let id = root.content("id").unwrap_or_default().trim().to_owned();
    let mut document = Document { id, line: root.line, ..Document::default() };
    for passage in root.children("passage") {
        read_piece(passage, &mut document)?;
    }
    read_annotations(root, &mut document)?;
    Ok(document)
}

/// A passage with a text of its own, or its sentences.
fn read_piece(passage: &Element, document: &mut Document) -> Result<(), Bad> {
    if let Some(text) = passage.content("text") {
        let offset = number(passage.content("offset").unwrap_or("0"), "offset", passage.line)?;
        document.pieces.push(Piece { infons: passage.infons(), offset, text: text.to_owned() });
    } else {
        for sentence in passage.children("sentence") {
            read_piece(sentence, document)?;
        }
    }
    read_annotations(passage, document)
}

fn read_annotations(parent: &Element, document: &mut Document) -> Result<(), Bad> {
    for annotation in parent.children("annotation") {
        let mut locations = Vec::new();
        for location in annotation.children("location") {
            let start = number(location.attribute("offset"), "offset", location.line)?;
            locations.push((start, number(location.attribute("length"), "length", location.line)?));
        }
        document.annotations.push(Annotation {
            id: annotation.attribute("id").to_owned(),
            infons: annotation.infons(),
            locations,
            text: annotation.content("text").map(str::to_owned),
            line: annotation.line,
        });
    }
    for relation in parent.children("relation") {
        let node = |node: &Element| (node.attribute("refid").to_owned(), node.attribute("role").to_owned());
        document.relations.push(Relation {
            id: relation.attribute("id").to_owned(),
            infons: relation.infons(),
            nodes: relation.children("node").map(node).collect(),
            line: relation.line,
        });
    }
    Ok(())
}

/// A document as XML. Annotations stand in the passage in which they begin.
pub(super) fn document(document: &Document) -> String {
    let mut xml = format!("<document>\n<id>{}</id>\n", escaped(&document.id));
    for (index, piece) in document.pieces.iter().enumerate() {
        let next = document.pieces.get(index + 1).map_or(u32::MAX, |next| next.offset);
        xml.push_str("<passage>\n");
        push_infons(&mut xml, &piece.infons);
        let _ = writeln!(xml, "<offset>{}</offset>\n<text>{}</text>", piece.offset, escaped(&piece.text));
        let first = |annotation: &&Annotation| annotation.locations.first().map_or(0, |location| location.0);
        let here = |annotation: &&Annotation| (piece.offset..next).contains(&first(annotation));
        for annotation in document.annotations.iter().filter(here) {
            push_annotation(&mut xml, annotation);
        }
        xml.push_str("</passage>\n");
    }
    for relation in &document.relations {
        let _ = writeln!(xml, "<relation id=\"{}\">", escaped(&relation.id));
        push_infons(&mut xml, &relation.infons);
        for (node, role) in &relation.nodes {
            let _ = writeln!(xml, "<node refid=\"{}\" role=\"{}\"/>", escaped(node), escaped(role));
        }
        xml.push_str("</relation>\n");
    }
    xml.push_str("</document>\n");
    xml
}

fn push_infons(xml: &mut String, infons: &Infons) {
    for (key, value) in infons {
        let _ = writeln!(xml, "<infon key=\"{}\">{}</infon>", escaped(key), escaped(value));
    }
}

fn push_annotation(xml: &mut String, annotation: &Annotation) {
    let _ = writeln!(xml, "<annotation id=\"{}\">", escaped(&annotation.id));
    push_infons(xml, &annotation.infons);
    for (offset, length) in &annotation.locations {
        let _ = writeln!(xml, "<location offset=\"{offset}\" length=\"{length}\"/>");
    }
    if let Some(text) = &annotation.text {
        let _ = writeln!(xml, "<text>{}</text>", escaped(text));
    }
    xml.push_str("</annotation>\n");
}

/// Text that an XML reader gives back as it was: line ends and tabs as references, since readers normalise them, and
/// characters that XML 1.0 cannot hold as U+FFFD.
fn escaped(text: &str) -> String {
    let escaped = escape(text);
    let mut xml = String::with_capacity(escaped.len());
    for character in escaped.chars() {
        match character {
            '\r' => xml.push_str("&#13;"),
            '\n' => xml.push_str("&#10;"),
            '\t' => xml.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            _ => xml.push(character),
        }
    }
    xml
}
