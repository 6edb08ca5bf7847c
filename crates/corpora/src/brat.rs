//! brat's standoff: beside each `.txt` an `.ann` of the same name, one annotation a line.
//!
//! Source: "brat standoff format", <https://brat.nlplab.org/standoff.html>.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use clinsynth_contract::{CharOffsets, Span};

use crate::folder::{files_below, place, write_file};
use crate::lines::{Line, Source, read_text};
use crate::text::{AnnotatedText, Argument, Link, Mention, Reason};
use crate::write::Losses;
use crate::{CorpusError, Loss};

/// How brat itself names the vocabulary of a concept.
const REFERENCE: &str = "Reference";
/// The property of a mention that holds an annotator's note.
const NOTE: &str = "note";

/// Reads the pairs of files below a folder, one after the other.
pub(crate) fn read(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<AnnotatedText, CorpusError>> + Send + use<>, CorpusError> {
    let names = files_below(folder, "ann")?;
    let folder = folder.to_owned();
    Ok(names.into_iter().map(move |id| {
        let text = read_text(&folder.join(format!("{id}.txt")))?;
        let path = folder.join(format!("{id}.ann"));
        parse(&Source::new(&path), id, text, &read_text(&path)?)
    }))
}

/// A text with the annotations of its `.ann` file. Mentions first: other lines may stand before what they name.
pub(crate) fn parse(source: &Source, id: String, text: String, ann: &str) -> Result<AnnotatedText, CorpusError> {
    let mut read = AnnotatedText { id, text, line: 1, ..AnnotatedText::default() };
    let mut indices: HashMap<String, usize> = HashMap::new();
    let lines = || (1..).zip(ann.lines()).map(|(number, text)| Line { number, text }).filter(|line| !line.is_blank());
    for line in lines().filter(|line| line.text.starts_with('T')) {
        let (id, mention) = mention(source, line)?;
        indices.insert(id, read.mentions.len());
        read.mentions.push(mention);
    }
    for line in lines().filter(|line| !line.text.starts_with('T')) {
        match line.text.as_bytes()[0] {
            b'R' => relation(source, line, &indices, &mut read)?,
            b'N' => concept(source, line, &indices, &mut read)?,
            b'A' | b'M' => attribute(source, line, &indices, &mut read)?,
            b'#' => note(source, line, &indices, &mut read)?,
            b'E' | b'*' => aside(line, &mut read),
            _ => return Err(source.bad_line(line, "begins with none of T, R, N, A, M, E, * and #")),
        }
    }
    Ok(read)
}

fn aside(line: Line, read: &mut AnnotatedText) {
    read.set_aside(Reason::OtherAnnotation, format!("line {}: `{}`", line.number, crate::lines::quote(line.text)));
}

/// `T1<tab>Type start end[;start end]<tab>text`.
fn mention(source: &Source, line: Line) -> Result<(String, Mention), CorpusError> {
    let bad = || source.bad_line(line, "is no mention, expected `T1<tab>Type start end[;start end]<tab>text`");
    let mut columns = line.text.splitn(3, '\t');
    let (id, place) = (columns.next().unwrap_or_default(), columns.next().ok_or_else(bad)?);
    let (label, spans) = place.split_once(' ').ok_or_else(bad)?;
    let mut fragments = Vec::new();
    for span in spans.split(';') {
        let (start, end) = span.trim().split_once(' ').ok_or_else(bad)?;
        let (Ok(start), Ok(end)) = (start.parse(), end.parse()) else { return Err(bad()) };
        fragments.push(Span::new(start, end));
    }
    let stated = columns.next().map(str::to_owned);
    let mention = Mention {
        id: Some(id.to_owned()),
        fragments,
        stated,
        line: line.number,
        ..Mention::new(Span::default(), label)
    };
    Ok((id.to_owned(), mention))
}

/// `R1<tab>Type Arg1:T1 Arg2:T2`.
fn relation(
    source: &Source,
    line: Line,
    indices: &HashMap<String, usize>,
    read: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let bad = || source.bad_line(line, "is no relation, expected `R1<tab>Type Arg1:T1 Arg2:T2`");
    let (id, rest) = line.text.split_once('\t').ok_or_else(bad)?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [label, head, tail] = words[..] else { return Err(bad()) };
    let ((head_role, head), (tail_role, tail)) =
        (head.split_once(':').ok_or_else(bad)?, tail.split_once(':').ok_or_else(bad)?);
    let (Some(&head_index), Some(&tail_index)) = (indices.get(head), indices.get(tail)) else {
        let detail = format!(
            "line {}: relation `{id}` ({label}) names `{head}` and `{tail}`, one of which is no mention",
            line.number
        );
        read.set_aside(Reason::RelationMentionNotFound, detail);
        return Ok(());
    };
    let mut link = Link { id: Some(id.to_owned()), line: line.number, ..Link::between(head_index, tail_index, label) };
    if (head_role, tail_role) != ("Arg1", "Arg2") {
        link.properties = vec![("roles".to_owned(), format!("{head_role} {tail_role}"))];
    }
    read.links.push(link);
    Ok(())
}

/// `N1<tab>Reference T1 VOCABULARY:ID<tab>name`. Several concepts of a mention are joined by `|`.
fn concept(
    source: &Source,
    line: Line,
    indices: &HashMap<String, usize>,
    read: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let bad = || source.bad_line(line, "is no concept, expected `N1<tab>Reference T1 VOCABULARY:ID<tab>name`");
    let words: Vec<&str> = line.text.split('\t').nth(1).ok_or_else(bad)?.split(' ').collect();
    let [_, mention, concept] = words[..] else { return Err(bad()) };
    let Some(&index) = indices.get(mention) else {
        aside(line, read);
        return Ok(());
    };
    let held = &mut read.mentions[index].concept;
    *held = Some(held.take().map_or_else(|| concept.to_owned(), |held| format!("{held}|{concept}")));
    Ok(())
}

/// `A1<tab>Name T1 [value]`.
fn attribute(
    source: &Source,
    line: Line,
    indices: &HashMap<String, usize>,
    read: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let bad = || source.bad_line(line, "is no attribute, expected `A1<tab>Name T1 [value]`");
    let mut words = line.text.split_once('\t').ok_or_else(bad)?.1.splitn(3, ' ');
    let (name, mention) = (words.next().unwrap_or_default(), words.next().ok_or_else(bad)?);
    match indices.get(mention) {
        Some(&index) => {
            let value = words.next().unwrap_or_default().to_owned();
            read.mentions[index].properties.push((name.to_owned(), value));
        }
        None => aside(line, read),
    }
    Ok(())
}

/// `#1<tab>AnnotatorNotes T1<tab>note`.
fn note(
    source: &Source,
    line: Line,
    indices: &HashMap<String, usize>,
    read: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let bad = || source.bad_line(line, "is no note, expected `#1<tab>AnnotatorNotes T1<tab>note`");
    let mut columns = line.text.splitn(3, '\t').skip(1);
    let mention = columns.next().ok_or_else(bad)?.rsplit(' ').next().unwrap_or_default();
    match (indices.get(mention), columns.next()) {
        (Some(&index), Some(note)) => read.mentions[index].properties.push((NOTE.to_owned(), note.to_owned())),
        _ => aside(line, read),
    }
    Ok(())
}

/// Writes the two files of a text.
pub(crate) fn write(folder: &Path, text: &AnnotatedText, losses: &mut Losses) -> Result<(), CorpusError> {
    let path = place(folder, &text.id)?;
    write_file(&path, "txt", &text.text)?;
    write_file(&path, "ann", &annotations(text, losses))
}

fn annotations(text: &AnnotatedText, losses: &mut Losses) -> String {
    let offsets = CharOffsets::new(&text.text);
    let mut ann = String::new();
    let mut written = vec![false; text.mentions.len()];
    let (mut concepts, mut attributes, mut notes) = (0, 0, 0);
    for (index, mention) in text.mentions.iter().enumerate() {
        let pieces: Result<Vec<&str>, _> = mention.fragments.iter().map(|&span| offsets.slice(span)).collect();
        let Ok(pieces) = pieces else {
            losses.add(Loss::Outside);
            continue;
        };
        written[index] = true;
        let spans: Vec<String> = mention.fragments.iter().map(|span| format!("{} {}", span.start, span.end)).collect();
        let (number, label) = (index + 1, name(&mention.label));
        let stated = pieces.join(" ").replace(['\n', '\r', '\t'], " ");
        let _ = writeln!(ann, "T{number}\t{label} {}\t{stated}", spans.join(";"));
        for concept in
            mention.concept.iter().flat_map(|concept| concept.split('|')).filter(|concept| !concept.is_empty())
        {
            concepts += 1;
            let _ = writeln!(ann, "N{concepts}\t{REFERENCE} T{number} {}\t{stated}", name(concept));
        }
        for (key, value) in &mention.properties {
            let value = value.replace(['\n', '\r', '\t'], " ");
            if key == NOTE {
                notes += 1;
                let _ = writeln!(ann, "#{notes}\tAnnotatorNotes T{number}\t{value}");
            } else {
                attributes += 1;
                let space = if value.is_empty() { "" } else { " " };
                let _ = writeln!(ann, "A{attributes}\t{} T{number}{space}{value}", name(key));
            }
        }
    }
    push_relations(text, &written, &mut ann, losses);
    ann
}

fn push_relations(text: &AnnotatedText, written: &[bool], ann: &mut String, losses: &mut Losses) {
    let index = |argument: &Argument| text.index_of(argument).filter(|&index| written.get(index) == Some(&true));
    let mut number = 0;
    for link in &text.links {
        let (Some(head), Some(tail)) = (index(&link.head), index(&link.tail)) else {
            losses.add(Loss::RelationWithoutPair);
            continue;
        };
        number += 1;
        let roles = link.properties.iter().find(|(name, _)| name == "roles").map(|(_, roles)| roles.as_str());
        let (head_role, tail_role) = roles.and_then(|roles| roles.split_once(' ')).unwrap_or(("Arg1", "Arg2"));
        let _ = writeln!(ann, "R{number}\t{} {head_role}:T{} {tail_role}:T{}", name(&link.label), head + 1, tail + 1);
    }
}

/// A name without white space, as brat needs it.
fn name(text: &str) -> String {
    if text.is_empty() { "Entity".to_owned() } else { text.replace(char::is_whitespace, "_") }
}
