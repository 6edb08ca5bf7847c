//! Token-and-tag files: the last column is the tag, the first the token, further columns are passed over.

use clinsynth_contract::{Entity, Example, Origin, Prefix, Provenance, Span, decode_tags};

use crate::input::{Input, Line};
use crate::{Corpus, CorpusError, ReadSettings};

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

/// One example for each sentence, its tokens joined by single spaces; tags are read by the rules of [`decode_tags`].
/// Sentences between two `-DOCSTART-` lines are one document; without such lines each sentence is one.
pub(crate) fn read(input: &Input, settings: &ReadSettings) -> Result<Corpus, CorpusError> {
    let mut reader =
        Reader { settings, labels: Vec::new(), sentence: Sentence::default(), documents: 0, corpus: Corpus::default() };
    let mut width = None;
    for line in input.lines() {
        if line.is_blank() {
            reader.end_sentence();
        } else if is_document_start(line.text) {
            reader.end_sentence();
            reader.documents += 1;
        } else {
            let (token, tag) = token_and_tag(input, line, &mut width)?;
            reader.push(token, split_tag(tag).ok_or_else(|| input.bad_line(line, "ends with an unknown tag"))?);
        }
    }
    reader.end_sentence();
    Ok(reader.corpus)
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
    input: &Input,
    line: Line<'t>,
    width: &mut Option<usize>,
) -> Result<(&'t str, &'t str), CorpusError> {
    let columns = columns(line.text);
    let expected = *width.get_or_insert(columns.len().max(2));
    match columns[..] {
        [_, .., _] if columns.len() != expected => Err(input.bad_columns(line, columns.len(), expected.to_string())),
        ["", .., _] => Err(input.bad_line(line, "has no token")),
        [token, .., tag] => Ok((token, tag)),
        _ => Err(input.bad_columns(line, columns.len(), "a token and a tag")),
    }
}

/// Prefix and type of a tag of the IOB, BIOES (E, S) or BILOU (L, U) family; a bare prefix has the type `""`.
fn split_tag(tag: &str) -> Option<(Prefix, &str)> {
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

struct Reader<'r> {
    settings: &'r ReadSettings,
    /// Labels in the order they came up: what the tags of a sentence index.
    labels: Vec<String>,
    sentence: Sentence,
    /// `-DOCSTART-` lines so far.
    documents: usize,
    corpus: Corpus,
}

#[derive(Default)]
struct Sentence {
    text: String,
    chars: u32,
    tokens: Vec<Span>,
    tags: Vec<(Prefix, usize)>,
}

impl Reader<'_> {
    fn push(&mut self, token: &str, (prefix, found): (Prefix, &str)) {
        let label = if prefix == Prefix::Outside { 0 } else { self.label_index(found) };
        let sentence = &mut self.sentence;
        if !sentence.tokens.is_empty() {
            sentence.text.push(' ');
            sentence.chars += 1;
        }
        let start = sentence.chars;
        sentence.text.push_str(token);
        sentence.chars += token.chars().count() as u32;
        sentence.tokens.push(Span::new(start, sentence.chars));
        sentence.tags.push((prefix, label));
    }

    fn label_index(&mut self, found: &str) -> usize {
        let label = self.settings.label(found);
        self.labels.iter().position(|known| known == label).unwrap_or_else(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        })
    }

    fn end_sentence(&mut self) {
        let Sentence { text, tokens, tags, .. } = std::mem::take(&mut self.sentence);
        if tokens.is_empty() {
            return;
        }
        let entity = |span: clinsynth_contract::TagSpan| {
            let characters = Span::new(tokens[span.first].start, tokens[span.last - 1].end);
            Entity::new(characters, &self.labels[span.label])
        };
        let source = &self.settings.source;
        let id = format!("{source}:{}", self.corpus.examples.len());
        self.corpus.examples.push(Example {
            document: if self.documents == 0 { id.clone() } else { format!("{source}:d{}", self.documents - 1) },
            id,
            text,
            entities: decode_tags(tags).into_iter().map(entity).collect(),
            provenance: Provenance { origin: Origin::Human, ..Provenance::default() },
            sensitivity: self.settings.sensitivity,
            ..Example::default()
        });
    }
}
