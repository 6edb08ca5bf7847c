//! Concept and relation files of the i2b2/VA challenge of 2010: places are lines, from 1, and tokens between white
//! space, from 0, both ends included.
//!
//! Source: Uzuner et al. 2011, "2010 i2b2/VA challenge on concepts, assertions, and relations in clinical text".

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clinsynth_contract::{CharOffsets, Span};

use crate::folder::{files_below, place, write_file};
use crate::iob_writer::between_white_space;
use crate::lines::{Line, Source, read_text};
use crate::text::{AnnotatedText, Link, Mention, Reason};
use crate::write::{Losses, count_concepts};
use crate::{CorpusError, Loss};

/// The property that holds what the text says about a problem, such as `absent`.
const ASSERTION: &str = "assertion";
/// Folders of the published corpus; files of one kind may also stand beside each other.
const FOLDERS: [(&str, &str); 4] = [("txt", "txt"), ("concept", "con"), ("rel", "rel"), ("ast", "ast")];

/// Reads each text below a folder that has a concept file, one after the other.
pub(crate) fn read(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<AnnotatedText, CorpusError>> + Send + use<>, CorpusError> {
    let folder = folder.to_owned();
    let names = files_below(&folder, "con")?;
    Ok(names.into_iter().map(move |name| read_one(&folder, &name)))
}

fn read_one(folder: &Path, name: &str) -> Result<AnnotatedText, CorpusError> {
    let [txt, con, rel, ast] = FOLDERS.map(|(kind, extension)| sibling(folder, name, kind, extension));
    let content = read_text(&txt)?;
    let id = name.split('/').filter(|part| *part != "concept").collect::<Vec<_>>().join("/");
    let mut text = AnnotatedText { id, line: 1, ..AnnotatedText::default() };
    let tokens = Tokens::new(&content);
    let mut indices = HashMap::new();
    each_line(&con, |source, line| concept(source, line, &tokens, &mut indices, &mut text))?;
    for (path, read) in [(rel, relation as Read), (ast, assertion as Read)] {
        if path.is_file() {
            each_line(&path, |source, line| read(source, line, &tokens, &indices, &mut text))?;
        }
    }
    text.text = content;
    Ok(text)
}

type Read = fn(&Source, Line, &Tokens, &HashMap<Key, usize>, &mut AnnotatedText) -> Result<(), CorpusError>;
/// Where a concept stands.
type Key = (Place, Place);
/// Line from 1, token from 0.
type Place = (usize, usize);

/// The file of the same text of another kind: beside the concept file, or in the kind's own folder beside `concept`.
fn sibling(folder: &Path, name: &str, kind: &str, extension: &str) -> PathBuf {
    let parts: Vec<&str> = name.split('/').map(|part| if part == "concept" { kind } else { part }).collect();
    folder.join(format!("{}.{extension}", parts.join("/")))
}

fn each_line(path: &Path, mut read: impl FnMut(&Source, Line) -> Result<(), CorpusError>) -> Result<(), CorpusError> {
    let (source, content) = (Source::new(path), read_text(path)?);
    for (number, text) in (1..).zip(content.lines()) {
        let line = Line { number, text };
        if !line.is_blank() {
            read(&source, line)?;
        }
    }
    Ok(())
}

/// The tokens of each line of a text.
struct Tokens<'t> {
    offsets: CharOffsets<'t>,
    lines: Vec<Vec<Span>>,
}

impl<'t> Tokens<'t> {
    fn new(text: &'t str) -> Self {
        let mut start = 0;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let shift = |span: Span| Span::new(start + span.start, start + span.end);
            lines.push(between_white_space(line).into_iter().map(shift).collect());
            start += line.chars().count() as u32 + 1;
        }
        Self { offsets: CharOffsets::new(text), lines }
    }

    /// The characters from the first token to the last.
    fn span(&self, (first, last): Key) -> Option<Span> {
        let token = |(line, token): Place| self.lines.get(line.checked_sub(1)?)?.get(token).copied();
        Some(Span::new(token(first)?.start, token(last)?.end))
    }

    /// The place of characters, where they are whole tokens of one line, or would be if they were widened.
    fn place(&self, span: Span) -> Option<(Key, bool)> {
        let line = self.lines.iter().position(|line| line.last().is_some_and(|token| token.end > span.start))?;
        let tokens = &self.lines[line];
        let first = tokens.partition_point(|token| token.end <= span.start);
        let last = tokens.partition_point(|token| token.start < span.end).checked_sub(1)?;
        let (from, to) = (tokens.get(first)?, tokens.get(last)?);
        let exact = from.start == span.start && to.end == span.end;
        (first <= last).then_some((((line + 1, first), (line + 1, last)), exact))
    }
}

/// The fields of a line, `c="text" 1:2 1:3||t="problem"`, as name, quoted text and what follows it.
fn fields<'t>(source: &Source, line: Line<'t>) -> Result<Vec<(&'t str, &'t str, &'t str)>, CorpusError> {
    let bad = || source.bad_line(line, "is not of the form `c=\"text\" 1:2 1:3||t=\"type\"`");
    let mut fields = Vec::new();
    let mut rest = Some(line.text);
    while let Some(field) = rest {
        let (name, value) = field.split_once("=\"").ok_or_else(bad)?;
        // The text of a concept may itself hold bars and quotes.
        let end = ["||c=\"", "||t=\"", "||r=\"", "||a=\""].iter().filter_map(|next| value.find(next)).min();
        let (quoted, after) = value[..end.unwrap_or(value.len())].rsplit_once('"').ok_or_else(bad)?;
        fields.push((name, quoted, after.trim()));
        rest = end.map(|end| &value[end + 2..]);
    }
    Ok(fields)
}

fn key(source: &Source, line: Line, places: &str) -> Result<Key, CorpusError> {
    let bad = || source.bad_line(line, format!("has the place `{places}`, expected `LINE:TOKEN LINE:TOKEN`"));
    let place = |text: &str| -> Option<Place> {
        let (line, token) = text.split_once(':')?;
        Some((line.parse().ok()?, token.parse().ok()?))
    };
    let (first, last) = places.split_once(' ').ok_or_else(bad)?;
    place(first).zip(place(last.trim())).ok_or_else(bad)
}

fn concept(
    source: &Source,
    line: Line,
    tokens: &Tokens,
    indices: &mut HashMap<Key, usize>,
    text: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let fields = fields(source, line)?;
    let [("c", stated, places), ("t", label, _)] = fields[..] else {
        return Err(source.bad_line(line, "is no concept, expected `c=\"text\" 1:2 1:3||t=\"type\"`"));
    };
    let key = key(source, line, places)?;
    let Some(span) = tokens.span(key) else {
        let detail =
            format!("line {}: `{stated}` ({label}) at {places}, where the text has no such tokens", line.number);
        text.set_aside(Reason::SpanOutside, detail);
        return Ok(());
    };
    indices.insert(key, text.mentions.len());
    // The published files state concepts in lower case, and white space as one space.
    let under = tokens.offsets.slice(span).unwrap_or_default();
    let stated = if folded(under) == folded(stated) { under } else { stated };
    let mention = Mention { stated: Some(stated.to_owned()), line: line.number, ..Mention::new(span, label) };
    text.mentions.push(mention);
    Ok(())
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// `c="…" 1:2 1:3||r="TrIP"||c="…" 1:5 1:6`.
fn relation(
    source: &Source,
    line: Line,
    _: &Tokens,
    indices: &HashMap<Key, usize>,
    text: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let fields = fields(source, line)?;
    let [("c", _, head), ("r", label, _), ("c", _, tail)] = fields[..] else {
        return Err(
            source.bad_line(line, "is no relation, expected `c=\"text\" 1:2 1:3||r=\"type\"||c=\"text\" 1:5 1:6`")
        );
    };
    match (indices.get(&key(source, line, head)?), indices.get(&key(source, line, tail)?)) {
        (Some(&head), Some(&tail)) => text.links.push(Link { line: line.number, ..Link::between(head, tail, label) }),
        _ => text.set_aside(
            Reason::RelationMentionNotFound,
            format!(
                "line {}: a `{label}` relation holds between {head} and {tail}, one of which is no concept",
                line.number
            ),
        ),
    }
    Ok(())
}

/// `c="…" 1:2 1:3||t="problem"||a="absent"`.
fn assertion(
    source: &Source,
    line: Line,
    _: &Tokens,
    indices: &HashMap<Key, usize>,
    text: &mut AnnotatedText,
) -> Result<(), CorpusError> {
    let fields = fields(source, line)?;
    let [("c", stated, place), ("t", _, _), ("a", value, _)] = fields[..] else {
        return Err(
            source.bad_line(line, "is no assertion, expected `c=\"text\" 1:2 1:3||t=\"problem\"||a=\"present\"`")
        );
    };
    match indices.get(&key(source, line, place)?) {
        Some(&index) => text.mentions[index].properties.push((ASSERTION.to_owned(), value.to_owned())),
        None => text.set_aside(
            Reason::OtherAnnotation,
            format!("line {}: the assertion `{value}` of `{stated}` at {place}, which is no concept", line.number),
        ),
    }
    Ok(())
}

/// Writes the files of a text beside each other; relations and assertions where it has some.
pub(crate) fn write(folder: &Path, text: &AnnotatedText, losses: &mut Losses) -> Result<(), CorpusError> {
    count_concepts(text, losses);
    let tokens = Tokens::new(&text.text);
    let placed: Vec<Option<String>> = text.mentions.iter().map(|mention| words(mention, &tokens, losses)).collect();
    let (mut con, mut rel, mut ast) = (String::new(), String::new(), String::new());
    for (mention, place) in text.mentions.iter().zip(&placed) {
        let Some(place) = place else { continue };
        let _ = writeln!(con, "{place}||t=\"{}\"", mention.label);
        if let Some(value) = mention.property(ASSERTION) {
            let _ = writeln!(ast, "{place}||t=\"{}\"||a=\"{value}\"", mention.label);
        }
    }
    for link in &text.links {
        let end = |argument| text.index_of(argument).and_then(|index| placed.get(index)?.as_ref());
        match (end(&link.head), end(&link.tail)) {
            (Some(head), Some(tail)) => {
                let _ = writeln!(rel, "{head}||r=\"{}\"||{tail}", link.label);
            }
            _ => losses.add(Loss::RelationWithoutPair),
        }
    }
    let path = place(folder, &text.id)?;
    write_file(&path, "txt", &text.text)?;
    write_file(&path, "con", &con)?;
    for (extension, content) in [("rel", rel), ("ast", ast)] {
        if !content.is_empty() {
            write_file(&path, extension, &content)?;
        }
    }
    Ok(())
}

/// `c="text" 1:2 1:3` of a mention; the text is in lower case, as in the published files.
fn words(mention: &Mention, tokens: &Tokens, losses: &mut Losses) -> Option<String> {
    if mention.fragments.len() > 1 {
        losses.add(Loss::Gap);
    }
    let cover = mention.cover();
    let crosses = tokens.offsets.slice(cover).is_ok_and(|under| under.contains('\n'));
    let Some((key, exact)) = tokens.place(cover).filter(|_| !crosses) else {
        losses.add(if crosses { Loss::CrossesLines } else { Loss::Outside });
        return None;
    };
    if !exact {
        losses.add(Loss::Widened);
    }
    let under = tokens.span(key).and_then(|span| tokens.offsets.slice(span).ok())?;
    let ((line, first), (_, last)) = key;
    Some(format!("c=\"{}\" {line}:{first} {line}:{last}", folded(under)))
}
