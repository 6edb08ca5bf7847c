//! Token-and-tag files: the last column is the tag, the first the token, further columns are passed over.

use clinsynth_contract::{Prefix, Span, TagSpan, decode_tags};

use crate::CorpusError;
use crate::lines::{Bytes, Line, Lines, Source};
use crate::text::{AnnotatedText, Mention};

const DOCUMENT_START: &str = "-DOCSTART-";

/// Whether the line separates documents, as in the CoNLL-2003 files.
pub(crate) fn is_document_start(line: &str) -> bool {
    columns(line).first() == Some(&DOCUMENT_START)
}

/// Whether the line looks like a token with its tag.
pub(crate) fn is_tagged(line: &str) -> bool {
    let columns = columns(line);
    columns.len() >= 2 && columns.last().is_some_and(|tag| split_tag(tag).is_some())
}

/// Reads one sentence after the other, its tokens joined by single spaces; tags are read by the rules of
/// [`decode_tags`]. Sentences between two `-DOCSTART-` lines are one document; without such lines each sentence is one.
pub(crate) struct Reader {
    source: Source,
    lines: Lines,
    /// Columns of the first line.
    width: Option<usize>,
    /// `-DOCSTART-` lines so far.
    documents: usize,
    sentences: usize,
}

impl Reader {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        Self { source: source.clone(), lines: Lines::new(source, bytes), width: None, documents: 0, sentences: 0 }
    }

    /// The next sentence, or `None` at the end.
    fn sentence(&mut self) -> Result<Option<AnnotatedText>, CorpusError> {
        let mut sentence = Tagged::default();
        let mut document = self.documents;
        while let Some(line) = self.lines.next()? {
            let starts_document = is_document_start(line.text);
            if !line.is_blank() && !starts_document {
                let (token, tag) = token_and_tag(&self.source, line, &mut self.width)?;
                let tag = split_tag(tag).ok_or_else(|| self.source.bad_line(line, "ends with an unknown tag"))?;
                sentence.push(token, tag, line.number);
                continue;
            }
            self.documents += usize::from(starts_document);
            if !sentence.tokens.is_empty() {
                break;
            }
            document = self.documents;
        }
        if sentence.tokens.is_empty() {
            return Ok(None);
        }
        let mut text = sentence.finish();
        text.id = self.sentences.to_string();
        text.document = document.checked_sub(1).map(|number| format!("d{number}"));
        self.sentences += 1;
        Ok(Some(text))
    }
}

impl Iterator for Reader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.sentence().transpose()
    }
}

fn columns(line: &str) -> Vec<&str> {
    if line.contains('\t') {
        line.split('\t').collect()
    } else {
        line.split(' ').filter(|column| !column.is_empty()).collect()
    }
}

/// The outer columns of a line, which has as many as the first line had.
fn token_and_tag<'t>(
    source: &Source,
    line: Line<'t>,
    width: &mut Option<usize>,
) -> Result<(&'t str, &'t str), CorpusError> {
    let columns = columns(line.text);
    let expected = *width.get_or_insert(columns.len().max(2));
    match columns[..] {
        [_, .., _] if columns.len() != expected => Err(source.bad_columns(line, columns.len(), expected.to_string())),
        ["", .., _] => Err(source.bad_line(line, "has no token")),
        [token, .., tag] => Ok((token, tag)),
        _ => Err(source.bad_columns(line, columns.len(), "a token and a tag")),
    }
}

/// Prefix and type of a tag of the IOB, BIOES (E, S) or BILOU (L, U) family; a bare prefix has the type `""`.
pub(crate) fn split_tag(tag: &str) -> Option<(Prefix, &str)> {
    let (prefix, found) = tag.split_once('-').unwrap_or((tag, ""));
    let prefix = match prefix {
        "O" if tag == "O" => Prefix::Outside,
        "B" => Prefix::Begin,
        "I" => Prefix::Inside,
        "E" | "L" => Prefix::End,
        "S" | "U" => Prefix::Single,
        _ => return None,
    };
    Some((prefix, found))
}

/// Tokens with their tags, on the way to a text.
#[derive(Default)]
pub(crate) struct Tagged {
    text: String,
    chars: u32,
    pub(crate) tokens: Vec<Span>,
    tags: Vec<(Prefix, usize)>,
    /// Types in the order they came up: what the tags index.
    labels: Vec<String>,
    /// Line of each token.
    lines: Vec<usize>,
}

impl Tagged {
    pub(crate) fn push(&mut self, token: &str, (prefix, found): (Prefix, &str), line: usize) {
        let label = if prefix == Prefix::Outside { 0 } else { self.label_index(found) };
        if !self.tokens.is_empty() {
            self.text.push(' ');
            self.chars += 1;
        }
        let start = self.chars;
        self.text.push_str(token);
        self.chars += token.chars().count() as u32;
        self.tokens.push(Span::new(start, self.chars));
        self.tags.push((prefix, label));
        self.lines.push(line);
    }

    fn label_index(&mut self, found: &str) -> usize {
        self.labels.iter().position(|known| known == found).unwrap_or_else(|| {
            self.labels.push(found.to_owned());
            self.labels.len() - 1
        })
    }

    pub(crate) fn finish(self) -> AnnotatedText {
        let mention = |span: TagSpan| {
            let characters = Span::new(self.tokens[span.first].start, self.tokens[span.last - 1].end);
            Mention { line: self.lines[span.first], ..Mention::new(characters, &self.labels[span.label]) }
        };
        let mentions = decode_tags(self.tags.iter().copied()).into_iter().map(mention).collect();
        let line = self.lines.first().copied().unwrap_or_default();
        AnnotatedText { text: self.text, tokens: self.tokens, mentions, line, ..AnnotatedText::default() }
    }
}
