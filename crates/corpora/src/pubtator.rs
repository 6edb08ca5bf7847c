//! PubTator files: title and abstract, joined by one character, under stand-off annotations in characters.

use clinsynth_contract::Span;

use crate::lines::{Bytes, Line, Lines, Source};
use crate::text::{AnnotatedText, Argument, Link, Mention};
use crate::write::{Losses, Sink, on_one_line};
use crate::{CorpusError, Loss};

/// Whether the line starts a document.
pub(crate) fn is_title(line: &str) -> bool {
    section(line, "|t|").is_some()
}

/// Reads one document after the other.
pub(crate) struct Reader {
    source: Source,
    lines: Lines,
    /// The document whose end was not seen yet.
    open: Option<AnnotatedText>,
}

impl Reader {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        Self { source: source.clone(), lines: Lines::new(source, bytes), open: None }
    }
}

impl Iterator for Reader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next() {
                Ok(Some(line)) if line.is_blank() => continue,
                Ok(Some(line)) => line,
                Ok(None) => return self.open.take().map(Ok),
                Err(error) => return Some(Err(error)),
            };
            if let Some((id, title)) = section(line.text, "|t|") {
                let mut text = AnnotatedText { id: id.to_owned(), line: line.number, ..AnnotatedText::default() };
                text.push_passage("title", title);
                if let Some(done) = self.open.replace(text) {
                    return Some(Ok(done));
                }
                continue;
            }
            let read = match &mut self.open {
                Some(text) => extend(&self.source, line, text),
                None => Err(self.source.bad_line(line, "stands before the first title (`ID|t|title`)")),
            };
            if let Err(error) = read {
                return Some(Err(error));
            }
        }
    }
}

/// Adds a line to the document it follows.
fn extend(source: &Source, line: Line, text: &mut AnnotatedText) -> Result<(), CorpusError> {
    let body = section(line.text, "|a|");
    let Some((id, _)) = body.or_else(|| line.text.split_once('\t')) else {
        return Err(source.bad_line(line, "is no title, abstract or annotation"));
    };
    if id != text.id {
        return Err(source.bad_line(line, "names another document than the title before it"));
    }
    match body {
        Some(_) if text.passages.len() > 1 => return Err(source.bad_line(line, "is a second abstract")),
        // Any one character stands for the line break between the two; offsets count it.
        Some((_, body)) => {
            text.push_passage("abstract", body);
        }
        None => annotate(source, line, text)?,
    }
    Ok(())
}

/// Identifier and text of a title or abstract line. The identifier ends at the first bar or tab, so that no line is
/// searched to its end.
fn section<'t>(line: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let end = line.bytes().position(|byte| matches!(byte, b'|' | b'\t')).filter(|&end| end > 0)?;
    Some((&line[..end], line[end..].strip_prefix(mark)?))
}

/// `ID start end mention type [concept [parts]]`, or `ID type head tail [note]` where the second column is no number.
fn annotate(source: &Source, line: Line, text: &mut AnnotatedText) -> Result<(), CorpusError> {
    let mut columns = [""; 8];
    let mut count = 0;
    for column in line.text.split('\t') {
        if let Some(place) = columns.get_mut(count) {
            *place = column;
        }
        count += 1;
    }
    match &columns[..count.min(8)] {
        [_, label, head, tail, rest @ ..] if rest.len() <= 1 && !is_number(label) => {
            let note = rest.iter().map(|note| ("note".to_owned(), (*note).to_owned())).collect();
            let concept = |concept: &str| Argument::Concept(concept.to_owned());
            let (label, head, tail) = ((*label).to_owned(), concept(head), concept(tail));
            text.links.push(Link { id: None, label, head, tail, properties: note, line: line.number });
        }
        [_, start, end, stated, label, rest @ ..] if count <= 7 => {
            let (Ok(start), Ok(end)) = (start.parse(), end.parse()) else {
                return Err(source.bad_line(line, "has an offset that is no number"));
            };
            text.mentions.push(Mention {
                stated: Some((*stated).to_owned()),
                concept: rest.first().map(|concept| (*concept).to_owned()),
                parts: rest.get(1).map(|parts| (*parts).to_owned()),
                line: line.number,
                ..Mention::new(Span::new(start, end), *label)
            });
        }
        _ => return Err(source.bad_columns(line, count, "5 to 7 for a mention, 4 or 5 for a relation")),
    }
    Ok(())
}

fn is_number(column: &str) -> bool {
    !column.is_empty() && column.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes a document: the first passage is the title, the rest the abstract.
pub(crate) fn write(text: &AnnotatedText, sink: &mut Sink, losses: &mut Losses) -> Result<(), CorpusError> {
    let flat = on_one_line(&text.text, losses);
    let id = text.id.replace(['|', '\t', '\n', '\r'], "_");
    let title_end = text.passages.first().map_or(text.text.chars().count(), |title| title.span.end as usize);
    let body_start = text.passages.get(1).map(|body| body.span.start as usize);
    let title: String = flat.chars().take(title_end).collect();
    sink.put(&[&id, "|t|", &title, "\n"])?;
    if text.passages.len() != 1 {
        let body: String = flat.chars().skip(body_start.unwrap_or(usize::MAX)).collect();
        sink.put(&[&id, "|a|", &body, "\n"])?;
    }
    for mention in &text.mentions {
        write_mention(&flat, &id, mention, sink, losses)?;
    }
    for link in &text.links {
        match (concept(text, &link.head), concept(text, &link.tail)) {
            (Some(head), Some(tail)) => {
                sink.put(&[&id, "\t", &link.label, "\t", head, "\t", tail])?;
                for (_, note) in link.properties.iter().filter(|(name, _)| name == "note") {
                    sink.put(&["\t", note])?;
                }
                sink.put(&["\n"])?;
            }
            _ => losses.add(Loss::RelationWithoutConcept),
        }
    }
    sink.put(&["\n"])
}

fn write_mention(
    text: &str,
    id: &str,
    mention: &Mention,
    sink: &mut Sink,
    losses: &mut Losses,
) -> Result<(), CorpusError> {
    if mention.fragments.len() > 1 {
        losses.add(Loss::Gap);
    }
    let Span { start, end } = mention.cover();
    let under = || text.chars().skip(start as usize).take(end.saturating_sub(start) as usize).collect();
    let stated: String = match &mention.stated {
        Some(stated) if mention.fragments.len() == 1 => stated.replace(['\t', '\n', '\r'], " "),
        _ => under(),
    };
    let (start, end) = (start.to_string(), end.to_string());
    sink.put(&[id, "\t", &start, "\t", &end, "\t", &stated, "\t", &mention.label])?;
    for column in [&mention.concept, &mention.parts].into_iter().flatten() {
        sink.put(&["\t", column])?;
    }
    sink.put(&["\n"])
}

/// The concept of an argument.
fn concept<'t>(text: &'t AnnotatedText, argument: &'t Argument) -> Option<&'t str> {
    match argument {
        Argument::Concept(concept) => Some(concept),
        Argument::Mention(index) => text.mentions.get(*index)?.concept.as_deref(),
    }
}
