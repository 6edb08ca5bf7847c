use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::bioc::{BiocWriter, Syntax};
use crate::iob_writer::IobWriter;
use crate::spacy::SpacyWriter;
use crate::text::AnnotatedText;
use crate::{CorpusError, Format, brat, folder, i2b2, jsonl, pubtator, relations};

/// How a corpus is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteSettings {
    /// What is a token, in formats of tokens, where the text did not bring its own.
    pub tokens: Tokens,
}

/// What is a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// The words that models are trained on ([`clinsynth_contract::words`]): punctuation stands apart.
    #[default]
    Words,
    /// Whatever stands between white space: gives back what was read from a format of tokens.
    WhiteSpace,
}

/// What a format has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// A line break or tab of the text became a space.
    LineBreak,
    /// A discontinuous mention was written as one span, gaps included.
    Gap,
    /// A mention was left out: a longer one covers some of its tokens.
    Overlap,
    /// A mention was left out: it crosses the border of a sentence, line or section.
    CrossesLines,
    /// A mention was widened to the tokens that it touches.
    Widened,
    /// A mention was left out: its offsets do not fit the text.
    Outside,
    /// A concept was left out.
    Concept,
    /// A relation was left out.
    Relation,
    /// A relation was left out: a mention of it has no concept.
    RelationWithoutConcept,
    /// A relation was left out: its mentions overlap or are missing.
    RelationWithoutPair,
    /// A text was left out: it has no relation.
    TextWithoutRelation,
    /// Properties of mentions or relations were left out.
    Properties,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineBreak => "texts with line breaks or tabs, which became spaces",
            Self::Gap => "discontinuous mentions, written as one span with their gaps",
            Self::Overlap => "mentions left out that share tokens with a longer one",
            Self::CrossesLines => "mentions left out that cross the border of a sentence, line or section",
            Self::Widened => "mentions widened to whole tokens",
            Self::Outside => "mentions left out whose offsets do not fit the text",
            Self::Concept => "concepts left out",
            Self::Relation => "relations left out",
            Self::RelationWithoutConcept => "relations left out whose mentions have no concept",
            Self::RelationWithoutPair => "relations left out whose mentions overlap or are missing",
            Self::TextWithoutRelation => "texts left out that have no relation",
            Self::Properties => "annotations whose further properties were left out",
        })
    }
}

/// How often something had no place in the written format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(BTreeMap<Loss, usize>);

impl Losses {
    pub(crate) fn add(&mut self, loss: Loss) {
        self.add_many(loss, 1);
    }

    pub(crate) fn add_many(&mut self, loss: Loss, count: usize) {
        if count > 0 {
            *self.0.entry(loss).or_default() += count;
        }
    }

    /// Each loss with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, usize)> + '_ {
        self.0.iter().map(|(&loss, &count)| (loss, count))
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a corpus, text by text. A file stands under its name only after [`Writer::finish`].
pub struct Writer {
    form: Form,
    losses: Losses,
}

/// What writes a format, with its state.
enum Form {
    PubTator(Sink),
    Iob(Sink, IobWriter),
    Relations(Sink),
    Bioc(Sink, BiocWriter),
    JsonLines(Sink, Format, Tokens),
    Spacy(Sink, SpacyWriter),
    Brat(PathBuf),
    I2b2(PathBuf),
    Text(PathBuf),
}

impl Writer {
    /// Starts a corpus at `path`: a file, or a folder that is made when it is not there.
    ///
    /// Errors: the format is `auto`, or the place cannot be written.
    pub fn create(path: &Path, format: Format, settings: WriteSettings) -> Result<Self, CorpusError> {
        let form = match format {
            Format::Auto | Format::ChemProt => {
                return Err(CorpusError::NotWritten { known: Format::names(Format::writes) });
            }
            Format::PubTator => Form::PubTator(Sink::create(path)?),
            Format::Iob | Format::Iob1 | Format::Bioes | Format::Conll => {
                Form::Iob(Sink::create(path)?, IobWriter::new(format, settings.tokens))
            }
            Format::Relations => {
                let mut sink = Sink::create(path)?;
                sink.put(&[relations::HEADER, "\n"])?;
                Form::Relations(sink)
            }
            Format::BiocXml | Format::BiocJson => {
                let syntax = if format == Format::BiocXml { Syntax::Xml } else { Syntax::Json };
                let mut sink = Sink::create(path)?;
                let writer = BiocWriter::start(syntax, &mut sink)?;
                Form::Bioc(sink, writer)
            }
            Format::HuggingFace | Format::Prodigy | Format::Doccano => {
                Form::JsonLines(Sink::create(path)?, format, settings.tokens)
            }
            Format::Spacy => {
                let mut sink = Sink::create(path)?;
                let writer = SpacyWriter::start(settings.tokens, &mut sink)?;
                Form::Spacy(sink, writer)
            }
            Format::Brat => Form::Brat(folder_at(path)?),
            Format::I2b2 => Form::I2b2(folder_at(path)?),
            Format::Text => Form::Text(folder_at(path)?),
        };
        Ok(Self { form, losses: Losses::default() })
    }

    /// Appends a text.
    ///
    /// Errors: the system refuses to write.
    pub fn write(&mut self, text: &AnnotatedText) -> Result<(), CorpusError> {
        let losses = &mut self.losses;
        match &mut self.form {
            Form::PubTator(sink) => pubtator::write(text, sink, losses),
            Form::Iob(sink, writer) => writer.write(text, sink, losses),
            Form::Relations(sink) => relations::write(text, sink, losses),
            Form::Bioc(sink, writer) => writer.write(text, sink, losses),
            Form::JsonLines(sink, format, tokens) => jsonl::write(text, *format, *tokens, sink, losses),
            Form::Spacy(sink, writer) => writer.write(text, sink, losses),
            Form::Brat(path) => brat::write(path, text, losses),
            Form::I2b2(path) => i2b2::write(path, text, losses),
            Form::Text(path) => folder::write_text(path, text, losses),
        }
    }

    /// Ends the corpus and says what had no place in it.
    ///
    /// Errors: the system refuses to write.
    pub fn finish(self) -> Result<Losses, CorpusError> {
        match self.form {
            Form::PubTator(sink) | Form::Iob(sink, _) | Form::Relations(sink) | Form::JsonLines(sink, ..) => {
                sink.finish()?;
            }
            Form::Bioc(mut sink, writer) => {
                writer.end(&mut sink)?;
                sink.finish()?;
            }
            Form::Spacy(mut sink, _) => {
                SpacyWriter::end(&mut sink)?;
                sink.finish()?;
            }
            Form::Brat(_) | Form::I2b2(_) | Form::Text(_) => {}
        }
        Ok(self.losses)
    }
}

/// A file under way, beside the name that it will have.
pub(crate) struct Sink {
    path: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
}

impl Sink {
    pub(crate) fn create(path: &Path) -> Result<Self, CorpusError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let file = File::create(&partial).map_err(|source| unwritable(path, source))?;
        Ok(Self { path: path.to_owned(), partial, file: BufWriter::with_capacity(1 << 18, file) })
    }

    pub(crate) fn put(&mut self, pieces: &[&str]) -> Result<(), CorpusError> {
        for piece in pieces {
            self.file.write_all(piece.as_bytes()).map_err(|source| unwritable(&self.path, source))?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), CorpusError> {
        let done = self.file.flush().and_then(|()| fs::rename(&self.partial, &self.path));
        done.map_err(|source| unwritable(&self.path, source))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // After `finish` it is not there any more.
        let _ = fs::remove_file(&self.partial);
    }
}

fn folder_at(path: &Path) -> Result<PathBuf, CorpusError> {
    fs::create_dir_all(path).map_err(|source| unwritable(path, source))?;
    Ok(path.to_owned())
}

pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> CorpusError {
    CorpusError::Write { path: path.to_owned(), source }
}

/// The text with every tab and line break as a space, so that offsets stay.
pub(crate) fn on_one_line<'t>(text: &'t str, losses: &mut Losses) -> Cow<'t, str> {
    if !text.contains(['\n', '\r', '\t']) {
        return text.into();
    }
    losses.add(Loss::LineBreak);
    text.replace(['\n', '\r', '\t'], " ").into()
}

/// Counts what a format of texts and mentions alone has no place for.
pub(crate) fn count_unkept(text: &AnnotatedText, losses: &mut Losses) {
    losses.add_many(Loss::Relation, text.links.len());
    count_concepts(text, losses);
}

/// Counts the concepts, for a format that has none.
pub(crate) fn count_concepts(text: &AnnotatedText, losses: &mut Losses) {
    losses.add_many(Loss::Concept, text.mentions.iter().filter(|mention| mention.concept.is_some()).count());
}
