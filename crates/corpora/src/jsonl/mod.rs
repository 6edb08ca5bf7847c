//! JSON lines: one text a line, in the shapes of Hugging Face data sets, Prodigy and doccano.

mod doccano;
mod hugging_face;
mod prodigy;

use serde_json::Value;

use crate::lines::{Bytes, Line, Lines, Source};
use crate::text::AnnotatedText;
use crate::write::{Losses, Sink, Tokens};
use crate::{CorpusError, Format};

/// What is wrong with a line.
type Problem = String;

/// Reads one line after the other.
pub(crate) struct Reader {
    source: Source,
    lines: Lines,
    format: Format,
    /// Texts so far: the identifier of one that brings none.
    texts: usize,
}

impl Reader {
    pub(crate) fn new(source: &Source, bytes: Bytes, format: Format) -> Self {
        Self { source: source.clone(), lines: Lines::new(source, bytes), format, texts: 0 }
    }

    fn text(&mut self) -> Result<Option<AnnotatedText>, CorpusError> {
        while let Some(line) = self.lines.next()? {
            if line.is_blank() {
                continue;
            }
            let mut text = parse(line, self.format).map_err(|problem| self.source.bad_line(line, problem))?;
            text.line = line.number;
            text.mentions.iter_mut().for_each(|mention| mention.line = line.number);
            text.links.iter_mut().for_each(|link| link.line = line.number);
            if text.id.is_empty() {
                text.id = self.texts.to_string();
            }
            self.texts += 1;
            return Ok(Some(text));
        }
        Ok(None)
    }
}

impl Iterator for Reader {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.text().transpose()
    }
}

fn parse(line: Line, format: Format) -> Result<AnnotatedText, Problem> {
    let value: Value = serde_json::from_str(line.text).map_err(|error| format!("is not JSON ({error})"))?;
    if !value.is_object() {
        return Err("is no JSON object".to_owned());
    }
    match format {
        Format::HuggingFace => hugging_face::read(&value),
        Format::Prodigy => prodigy::read(&value),
        _ => doccano::read(&value),
    }
}

/// Writes a text as one line.
pub(crate) fn write(
    text: &AnnotatedText,
    format: Format,
    tokens: Tokens,
    sink: &mut Sink,
    losses: &mut Losses,
) -> Result<(), CorpusError> {
    match format {
        Format::HuggingFace => hugging_face::write(text, tokens, sink, losses),
        Format::Prodigy => sink.put(&[&prodigy::write(text, losses).to_string(), "\n"]),
        _ => sink.put(&[&doccano::write(text, losses).to_string(), "\n"]),
    }
}

/// The shape of a line, by its keys.
pub(crate) fn detect(line: &str) -> Option<Format> {
    let value: Value = serde_json::from_str(line).ok()?;
    let has = |key: &str| value.get(key).is_some();
    if has("documents") || has("passages") || has("PubTator3") {
        Some(Format::BiocJson)
    } else if has("spans") {
        Some(Format::Prodigy)
    } else if has("ner_tags") || has("tags") {
        Some(Format::HuggingFace)
    } else if has("text") || has("data") {
        Some(Format::Doccano)
    } else {
        None
    }
}

/// An identifier, which may be a number.
fn identifier(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(id)) => id.clone(),
        Some(id @ Value::Number(_)) => id.to_string(),
        _ => String::new(),
    }
}

fn string(value: &Value, key: &str) -> Result<String, Problem> {
    let found = value.get(key).unwrap_or(&Value::Null);
    found.as_str().map(str::to_owned).ok_or_else(|| format!("has the `{key}` {found}, expected a text"))
}

fn offset(value: &Value, key: &str) -> Result<u32, Problem> {
    number(value.get(key).unwrap_or(&Value::Null))
        .map_err(|found| format!("has the `{key}` {found}, expected a whole number"))
}

fn number(value: &Value) -> Result<u32, String> {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(|| value.to_string())
}

/// The elements of an array that may be absent or null.
fn list<'v>(value: &'v Value, key: &str) -> Result<&'v [Value], Problem> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("has the `{key}` {other}, expected a list")),
    }
}
