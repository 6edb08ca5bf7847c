use std::path::Path;

use crate::lines::{Bytes, Lines, Source};
use crate::text::AnnotatedText;
use crate::{CorpusError, Format, bioc, brat, chemprot, folder, i2b2, iob, jsonl, pubtator, relations};

type Inner = Box<dyn Iterator<Item = Result<AnnotatedText, CorpusError>> + Send>;

/// The texts of a corpus, read one at a time: memory holds one text, whatever the size of the file. Ends after an error.
pub struct Texts {
    source: Source,
    inner: Inner,
    began: bool,
    ended: bool,
}

impl Iterator for Texts {
    type Item = Result<AnnotatedText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.inner.next();
        self.ended = !matches!(next, Some(Ok(_)));
        let empty = next.is_none() && !self.began;
        self.began = true;
        if empty { Some(Err(self.source.empty())) } else { next }
    }
}

/// Starts reading a corpus.
///
/// Errors: the place cannot be read, or its form is not told from its first lines. Each text may be an error of its
/// own: a line that is not of the form, with its number.
pub fn texts(path: &Path, format: Format) -> Result<Texts, CorpusError> {
    let format = if format == Format::Auto { detect(path)? } else { format };
    let source = Source::new(path);
    if format.is_folder() != path.is_dir() && path.exists() {
        let (path, expected) = (source.path(), if format.is_folder() { "a folder" } else { "a file" });
        return Err(CorpusError::WrongKind { path, format, expected });
    }
    let inner: Inner = match format {
        Format::Spacy => return Err(CorpusError::NotRead { format, known: Format::names(Format::reads) }),
        Format::Brat => Box::new(brat::read(path)?),
        Format::I2b2 => Box::new(i2b2::read(path)?),
        Format::ChemProt => Box::new(chemprot::read(path)?),
        Format::Text => Box::new(folder::read_texts(path)?),
        _ => of_bytes(&source, source.open()?, format),
    };
    Ok(Texts { source, inner, began: false, ended: false })
}

/// Starts reading a corpus of one file from memory or a stream; `path` is its name in messages.
///
/// Errors: [`CorpusError::NotAFile`] when the format is that of a folder, `auto`, or only written.
pub fn texts_of(bytes: Box<dyn std::io::BufRead + Send>, path: &Path, format: Format) -> Result<Texts, CorpusError> {
    let source = Source::new(path);
    if format.is_folder() || !format.reads() || format == Format::Auto {
        return Err(CorpusError::NotAFile { format });
    }
    let inner = of_bytes(&source, bytes, format);
    Ok(Texts { source, inner, began: false, ended: false })
}

fn of_bytes(source: &Source, bytes: Bytes, format: Format) -> Inner {
    match format {
        Format::PubTator => Box::new(pubtator::Reader::new(source, bytes)),
        Format::Relations => Box::new(relations::Reader::new(source, bytes)),
        Format::Iob | Format::Iob1 | Format::Bioes | Format::Conll => Box::new(iob::Reader::new(source, bytes)),
        Format::BiocXml => Box::new(bioc::XmlReader::new(source, bytes)),
        Format::BiocJson => Box::new(bioc::JsonReader::new(source, bytes)),
        Format::HuggingFace | Format::Prodigy | Format::Doccano => Box::new(jsonl::Reader::new(source, bytes, format)),
        Format::Auto | Format::Brat | Format::I2b2 | Format::ChemProt | Format::Text | Format::Spacy => {
            Box::new(std::iter::empty())
        }
    }
}

/// Tells the form of a file from its first line with text, and that of a folder from the names in it.
fn detect(path: &Path) -> Result<Format, CorpusError> {
    if path.is_dir() {
        return detect_folder(path);
    }
    let source = Source::new(path);
    let mut lines = Lines::new(&source, source.open()?);
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        return detect_line(line.text).ok_or_else(|| CorpusError::UnknownFormat {
            path: path.to_owned(),
            line: line.number,
            text: crate::lines::quote(line.text),
            known: Format::names(Format::reads),
        });
    }
    Err(source.empty())
}

fn detect_line(line: &str) -> Option<Format> {
    let start = line.trim_start();
    if start.starts_with('<') {
        Some(Format::BiocXml)
    } else if start.starts_with('{') && jsonl::detect(line).is_some() {
        jsonl::detect(line)
    } else if start.starts_with('{') || start == "[" || start.starts_with("[{") {
        Some(Format::BiocJson)
    } else if pubtator::is_title(line) {
        Some(Format::PubTator)
    } else if relations::is_relation(line) {
        Some(Format::Relations)
    } else if iob::is_document_start(line) || iob::is_tagged(line) {
        Some(Format::Iob)
    } else {
        None
    }
}

fn detect_folder(path: &Path) -> Result<Format, CorpusError> {
    for (extension, format) in [("ann", Format::Brat), ("con", Format::I2b2), ("txt", Format::Text)] {
        if !folder::files_below(path, extension)?.is_empty() {
            return Ok(format);
        }
    }
    if chemprot::is_here(path)? {
        return Ok(Format::ChemProt);
    }
    Err(CorpusError::UnknownFolder { path: path.to_owned() })
}
