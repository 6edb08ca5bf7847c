//! Sentences with a masked pair of entities and a label, as BLURB and BioBERT distribute GAD, EU-ADR, ChemProt and DDI:
//! `index, sentence, label` under a header, or `sentence, label` without one.

use clinsynth_contract::Span;

use crate::lines::{Bytes, Line, Lines, Source};
use crate::text::{AnnotatedText, Link, Mention, Reason};
use crate::write::{Losses, Sink, on_one_line};
use crate::{CorpusError, Loss};

/// The first line of a written file.
pub(crate) const HEADER: &str = "index\tsentence\tlabel";

/// Whether the line is the header of such a file, or a sentence with a mask and a label.
pub(crate) fn is_relation(line: &str) -> bool {
    is_header(line) || (line.contains('\t') && !masks(line).is_empty())
}

fn is_header(line: &str) -> bool {
    let mut columns = line.rsplit('\t');
    let label = columns.next().is_some_and(|label| label.trim().eq_ignore_ascii_case("label"));
    label && columns.next().is_some_and(|column| column.trim().eq_ignore_ascii_case("sentence"))
}

/// Reads one sentence after the other.
pub(crate) struct Reader {
    source: Source,
    lines: Lines,
    /// Columns of the first line.
    width: Option<usize>,
    sentences: usize,
}

impl Reader {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        Self { source: source.clone(), lines: Lines::new(source, bytes), width: None, sentences: 0 }
    }

    fn sentence(&mut self) -> Result<Option<AnnotatedText>, CorpusError> {
        while let Some(line) = self.lines.next()? {
            if line.is_blank() {
                continue;
            }
            let columns: Vec<&str> = line.text.split('\t').collect();
            let expected = *self.width.get_or_insert(columns.len().clamp(2, 3));
            if columns.len() != expected {
                let expected = format!("{expected} (an index where there are three, a sentence, a label)");
                return Err(self.source.bad_columns(line, columns.len(), expected));
            }
            if self.sentences == 0 && is_header(line.text) {
                continue;
            }
            let (sentence, label) = (columns[expected - 2], columns[expected - 1].trim());
            if label.is_empty() {
                return Err(self.source.bad_line(line, "has no label"));
            }
            let mut text = read(line, sentence, label);
            text.id = if expected == 3 { columns[0].to_owned() } else { self.sentences.to_string() };
            self.sentences += 1;
            return Ok(Some(text));
        }
        Ok(None)
    }
}

impl Iterator for Reader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.sentence().transpose()
    }
}

/// A sentence: its masks are the mentions, and the label is that of the relation between the first two.
fn read(line: Line, sentence: &str, label: &str) -> AnnotatedText {
    let mut text = AnnotatedText { text: sentence.to_owned(), line: line.number, ..AnnotatedText::default() };
    let mention = |(span, label): &(Span, String)| Mention { line: line.number, ..Mention::new(*span, label) };
    text.mentions = masks(sentence).iter().map(mention).collect();
    match text.mentions.len() {
        0 => text.set_aside(
            Reason::MaskNotFound,
            format!(
                "line {}: no entity is masked as `@TYPE$`, so the label `{label}` stands between nothing",
                line.number
            ),
        ),
        // Two overlapping entities stand behind one mask, such as ChemProt's `@CHEM-GENE$`.
        1 => text.links.push(Link { line: line.number, ..Link::between(0, 0, label) }),
        _ => {
            let turned = rank(&text.mentions[1].label) < rank(&text.mentions[0].label);
            let (head, tail) = if turned { (1, 0) } else { (0, 1) };
            text.links.push(Link { line: line.number, ..Link::between(head, tail, label) });
        }
    }
    text
}

/// What a pair is named by: chemical-gene, gene-disease, chemical-disease. Of equal ranks the first in the text.
fn rank(label: &str) -> usize {
    match label {
        "CHEMICAL" | "DRUG" => 0,
        "DISEASE" => 2,
        _ => 1,
    }
}

/// The masks of a sentence, `@TYPE$`, with their types.
fn masks(sentence: &str) -> Vec<(Span, String)> {
    let mut masks = Vec::new();
    let mut start = None;
    for (index, (byte, character)) in (0u32..).zip(sentence.char_indices()) {
        match (character, start) {
            ('@', _) => start = Some((index, byte + 1)),
            ('$', Some((first, from))) if byte > from => {
                masks.push((Span::new(first, index + 1), sentence[from..byte].to_owned()));
                start = None;
            }
            (character, _) if character.is_ascii_alphanumeric() || "-_".contains(character) => {}
            _ => start = None,
        }
    }
    masks
}

/// Writes a line for each relation, its two mentions masked by their labels.
pub(crate) fn write(text: &AnnotatedText, sink: &mut Sink, losses: &mut Losses) -> Result<(), CorpusError> {
    if text.links.is_empty() {
        losses.add(Loss::TextWithoutRelation);
    }
    let flat = on_one_line(&text.text, losses);
    let characters: Vec<char> = flat.chars().collect();
    let id = text.id.replace(['\t', '\n', '\r'], "_");
    for (number, link) in text.links.iter().enumerate() {
        let Some(sentence) = masked(text, &characters, link) else {
            losses.add(Loss::RelationWithoutPair);
            continue;
        };
        let index = if text.links.len() == 1 { id.clone() } else { format!("{id}.{number}") };
        sink.put(&[&index, "\t", &sentence, "\t", &link.label, "\n"])?;
    }
    Ok(())
}

/// The sentence with head and tail masked, or `None` when they overlap without being the same.
fn masked(text: &AnnotatedText, characters: &[char], link: &Link) -> Option<String> {
    let [head, tail] = [&link.head, &link.tail].map(|argument| text.mention_of(argument));
    let mut pair = vec![head?, tail?];
    pair.sort_by_key(|mention| mention.cover());
    pair.dedup_by_key(|mention| mention.cover());
    let mut sentence = String::new();
    let mut from = 0;
    for mention in pair {
        let cover = mention.cover();
        sentence.extend(characters.get(from..cover.start as usize)?);
        characters.get(cover.start as usize..cover.end as usize)?;
        let label = mention.label.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
        sentence.extend(["@", &label, "$"]);
        from = cover.end as usize;
    }
    sentence.extend(&characters[from..]);
    Some(sentence)
}
