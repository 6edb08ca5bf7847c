//! PubTator files: title and abstract, joined by one character, under stand-off annotations in characters.

mod assembly;

use crate::input::{Input, Line};
use crate::{Corpus, CorpusError, ReadSettings};

/// A document as it stands in the file.
struct Draft<'t> {
    id: &'t str,
    /// Line of the title.
    line: usize,
    title: &'t str,
    body: Option<&'t str>,
    mentions: Vec<Mention<'t>>,
    relations: Vec<Relation<'t>>,
}

#[derive(Clone, Copy)]
struct Mention<'t> {
    line: usize,
    start: u32,
    end: u32,
    text: &'t str,
    found: &'t str,
    concept: Option<&'t str>,
    /// Whether a seventh column spells out the parts of a composite mention.
    parts: bool,
}

#[derive(Clone, Copy)]
struct Relation<'t> {
    line: usize,
    found: &'t str,
    head: &'t str,
    tail: &'t str,
}

enum Annotation<'t> {
    Mention(Mention<'t>),
    Relation(Relation<'t>),
}

/// Whether the line starts a document.
pub(crate) fn is_title(line: &str) -> bool {
    section(line, "|t|").is_some()
}

/// One example for each document, with the mentions sorted by start, nested and overlapping ones included.
///
/// A document-level relation between concepts stands between the first mention of each.
pub(crate) fn read(input: &Input, settings: &ReadSettings) -> Result<Corpus, CorpusError> {
    Ok(assembly::assemble(parse(input)?, settings))
}

fn parse(input: &Input) -> Result<Vec<Draft<'_>>, CorpusError> {
    let mut drafts: Vec<Draft> = Vec::new();
    for line in input.lines().filter(|line| !line.is_blank()) {
        if let Some((id, title)) = section(line.text, "|t|") {
            let (mentions, relations) = (Vec::new(), Vec::new());
            drafts.push(Draft { id, line: line.number, title, body: None, mentions, relations });
        } else if let Some(draft) = drafts.last_mut() {
            extend(input, line, draft)?;
        } else {
            return Err(input.bad_line(line, "stands before the first title (`ID|t|title`)"));
        }
    }
    Ok(drafts)
}

/// Adds a line to the document it follows.
fn extend<'t>(input: &Input, line: Line<'t>, draft: &mut Draft<'t>) -> Result<(), CorpusError> {
    let body = section(line.text, "|a|");
    let id = body.map_or_else(|| line.text.split('\t').next().unwrap_or_default(), |(id, _)| id);
    if body.is_none() && !line.text.contains('\t') {
        return Err(input.bad_line(line, "is no title, abstract or annotation"));
    }
    if id != draft.id {
        return Err(input.bad_line(line, "names another document than the title before it"));
    }
    match body {
        Some(_) if draft.body.is_some() => return Err(input.bad_line(line, "is a second abstract")),
        Some((_, body)) => draft.body = Some(body),
        None => match annotation(input, line)? {
            Annotation::Mention(mention) => draft.mentions.push(mention),
            Annotation::Relation(relation) => draft.relations.push(relation),
        },
    }
    Ok(())
}

/// Identifier and text of a title or abstract line.
fn section<'t>(line: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    line.split_once(mark).filter(|(id, _)| !id.is_empty() && !id.contains(['|', '\t']))
}

/// `ID start end mention type [concept [parts]]`, or `ID type head tail [note]` where the second column is no number.
fn annotation<'t>(input: &Input, line: Line<'t>) -> Result<Annotation<'t>, CorpusError> {
    let columns: Vec<&str> = line.text.split('\t').collect();
    match columns[..] {
        [_, found, head, tail] | [_, found, head, tail, _] if !is_number(found) => {
            Ok(Annotation::Relation(Relation { line: line.number, found, head, tail }))
        }
        [_, start, end, text, found, ref rest @ ..] if rest.len() <= 2 => {
            let (Ok(start), Ok(end)) = (start.parse(), end.parse()) else {
                return Err(input.bad_line(line, "has an offset that is no number"));
            };
            let concept = rest.first().copied().filter(|concept| !is_no_concept(concept));
            let mention = Mention { line: line.number, start, end, text, found, concept, parts: rest.len() == 2 };
            Ok(Annotation::Mention(mention))
        }
        _ => Err(input.bad_columns(line, columns.len(), "5 to 7 for a mention, 4 or 5 for a relation")),
    }
}

fn is_number(column: &str) -> bool {
    !column.is_empty() && column.bytes().all(|byte| byte.is_ascii_digit())
}

/// BC5CDR marks a mention without a concept by `-1`, PubTator's exports by `-`.
fn is_no_concept(concept: &str) -> bool {
    matches!(concept, "" | "-" | "-1")
}
