use clinsynth_contract::{CharOffsets, Span, words};

use crate::text::{AnnotatedText, Mention};
use crate::write::{Losses, Sink, Tokens, count_unkept};
use crate::{CorpusError, Format, Loss};

/// How tags are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Iob2,
    Iob1,
    Bioes,
    Biluo,
    Conll,
}

/// Writes sentences of the IOB family.
pub(crate) struct IobWriter {
    scheme: Scheme,
    tokens: Tokens,
    /// Whether documents are marked by now: they are from the first text of several sentences on.
    marked: bool,
    document: Option<String>,
}

/// A token with the index of the mention that it is in.
pub(crate) struct Token<'t> {
    pub(crate) text: &'t str,
    pub(crate) mention: Option<usize>,
}

impl IobWriter {
    pub(crate) fn new(format: Format, tokens: Tokens) -> Self {
        let scheme = match format {
            Format::Iob1 => Scheme::Iob1,
            Format::Bioes => Scheme::Bioes,
            Format::Conll => Scheme::Conll,
            _ => Scheme::Iob2,
        };
        Self { scheme, tokens, marked: format == Format::Conll, document: None }
    }

    /// Tags as spaCy has them: the last token `L-`, an only one `U-`.
    pub(crate) fn biluo(tokens: Tokens) -> Self {
        Self { scheme: Scheme::Biluo, tokens, marked: false, document: None }
    }

    /// The tags of a sentence.
    pub(crate) fn tags(&self, text: &AnnotatedText, sentence: &[Token]) -> Vec<String> {
        let neighbour = |index: Option<usize>| index.and_then(|index| sentence.get(index)?.mention);
        let tag = |(index, token): (usize, &Token)| {
            self.tag(text, neighbour(index.checked_sub(1)), token.mention, neighbour(Some(index + 1)))
        };
        sentence.iter().enumerate().map(tag).collect()
    }

    pub(crate) fn write(
        &mut self,
        text: &AnnotatedText,
        sink: &mut Sink,
        losses: &mut Losses,
    ) -> Result<(), CorpusError> {
        count_unkept(text, losses);
        let sentences = sentences(text, self.tokens, losses);
        self.start_document(text, sentences.len(), sink)?;
        for sentence in sentences {
            for (token, tag) in sentence.iter().zip(self.tags(text, &sentence)) {
                let between = if self.scheme == Scheme::Conll { " -X- -X- " } else { "\t" };
                sink.put(&[token.text, between, &tag, "\n"])?;
            }
            sink.put(&["\n"])?;
        }
        Ok(())
    }

    /// Writes a `-DOCSTART-` line where a marked document begins.
    fn start_document(&mut self, text: &AnnotatedText, sentences: usize, sink: &mut Sink) -> Result<(), CorpusError> {
        self.marked |= text.document.is_some() || sentences > 1;
        let document = text.document.as_ref().unwrap_or(&text.id);
        if !self.marked || self.document.as_ref() == Some(document) {
            return Ok(());
        }
        self.document = Some(document.clone());
        sink.put(&[if self.scheme == Scheme::Conll { "-DOCSTART- -X- -X- O\n\n" } else { "-DOCSTART-\tO\n\n" }])
    }

    /// The tag of a token by the mentions of its neighbours.
    fn tag(&self, text: &AnnotatedText, before: Option<usize>, here: Option<usize>, after: Option<usize>) -> String {
        let Some(mention) = here else { return "O".to_owned() };
        let label = |index: usize| text.mentions[index].label.as_str();
        let first = before != here;
        let last = after != here;
        let prefix = match self.scheme {
            Scheme::Bioes if first && last => 'S',
            Scheme::Bioes if last => 'E',
            Scheme::Biluo if first && last => 'U',
            Scheme::Biluo if last => 'L',
            Scheme::Iob1 if first && before.is_none_or(|before| label(before) != label(mention)) => 'I',
            _ if first => 'B',
            _ => 'I',
        };
        match label(mention) {
            "" => prefix.to_string(),
            label => format!("{prefix}-{}", label.replace(char::is_whitespace, "_")),
        }
    }
}

/// The tokens of each sentence: passages and lines end one. No two of the chosen mentions share a token.
pub(crate) fn sentences<'t>(text: &'t AnnotatedText, tokens: Tokens, losses: &mut Losses) -> Vec<Vec<Token<'t>>> {
    let offsets = CharOffsets::new(&text.text);
    let spans =
        if text.tokens.is_empty() { token_spans(&text.text, tokens, &text.mentions) } else { text.tokens.clone() };
    let owners = owners(&spans, &text.mentions, losses);
    let mut sentences: Vec<Vec<Token>> = Vec::new();
    let mut end = None;
    for (span, mention) in spans.into_iter().zip(owners) {
        let Ok(word) = offsets.slice(span) else { continue };
        let border = end.is_none_or(|end| is_border(text, &offsets, Span::new(end, span.start)));
        end = Some(span.end);
        let token = Token { text: word, mention };
        match sentences.last_mut() {
            Some(sentence) if !border => sentence.push(token),
            _ => sentences.push(vec![token]),
        }
    }
    leave_out_crossing(&mut sentences, losses);
    sentences
}

/// Whether a sentence ends in the gap between two tokens.
fn is_border(text: &AnnotatedText, offsets: &CharOffsets, gap: Span) -> bool {
    let begins = |start: u32| gap.start < start && start <= gap.end;
    text.passages.iter().skip(1).any(|passage| begins(passage.span.start))
        || offsets.slice(gap).is_ok_and(|gap| gap.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']))
}

/// The tokens of a text, cut where a mention begins or ends inside one.
pub(crate) fn token_spans(text: &str, tokens: Tokens, mentions: &[Mention]) -> Vec<Span> {
    let whole = match tokens {
        Tokens::Words => words(text).into_iter().map(|word| word.span).collect(),
        Tokens::WhiteSpace => between_white_space(text),
    };
    let mut borders: Vec<u32> =
        mentions.iter().map(Mention::cover).flat_map(|cover| [cover.start, cover.end]).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut pieces = Vec::with_capacity(whole.len());
    for Span { mut start, end } in whole {
        let from = borders.partition_point(|&border| border <= start);
        for &border in borders[from..].iter().take_while(|&&border| border < end) {
            pieces.push(Span::new(start, border));
            start = border;
        }
        pieces.push(Span::new(start, end));
    }
    pieces
}

pub(crate) fn between_white_space(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = None;
    let mut count = 0;
    for (index, character) in (0u32..).zip(text.chars()) {
        match (start, character.is_whitespace()) {
            (None, false) => start = Some(index),
            (Some(first), true) => {
                spans.push(Span::new(first, index));
                start = None;
            }
            _ => {}
        }
        count = index + 1;
    }
    spans.extend(start.map(|first| Span::new(first, count)));
    spans
}

/// The mention of each token. Of mentions that share a token the longest has it, of equally long ones the first; the
/// others are left out.
fn owners(tokens: &[Span], mentions: &[Mention], losses: &mut Losses) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..mentions.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(mentions[index].cover().len()));
    let mut owners = vec![None; tokens.len()];
    for index in order {
        let cover = mentions[index].cover();
        let first = tokens.partition_point(|token| token.end <= cover.start);
        let last = tokens.partition_point(|token| token.start < cover.end);
        let place = owners.get_mut(first..last).filter(|place| !place.is_empty());
        match place {
            None => losses.add(Loss::Outside),
            Some(place) if place.iter().any(Option::is_some) => losses.add(Loss::Overlap),
            Some(place) => {
                if mentions[index].fragments.len() > 1 {
                    losses.add(Loss::Gap);
                }
                if tokens[first].start != cover.start || tokens[last - 1].end != cover.end {
                    losses.add(Loss::Widened);
                }
                place.fill(Some(index));
            }
        }
    }
    owners
}

/// A mention over two sentences would be read as two.
fn leave_out_crossing(sentences: &mut [Vec<Token>], losses: &mut Losses) {
    for index in 1..sentences.len() {
        let last = sentences[index - 1].last().and_then(|token| token.mention);
        let first = sentences[index].first().and_then(|token| token.mention);
        if last.is_some() && last == first {
            losses.add(Loss::CrossesLines);
            for token in sentences.iter_mut().flatten().filter(|token| token.mention == last) {
                token.mention = None;
            }
        }
    }
}
