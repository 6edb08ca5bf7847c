use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::CorpusError;

/// Characters of a line that a message quotes.
const QUOTED: usize = 80;
/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// Where bytes come from, in memory or from a file.
pub(crate) type Bytes = Box<dyn BufRead + Send>;

/// The file behind a reader, for its messages.
#[derive(Clone, Debug)]
pub(crate) struct Source(Arc<Path>);

/// One line of it, without its end.
#[derive(Clone, Copy)]
pub(crate) struct Line<'t> {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) text: &'t str,
}

impl Line<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl Source {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.to_path_buf()
    }

    pub(crate) fn open(&self) -> Result<Bytes, CorpusError> {
        let file = File::open(&self.0).map_err(|source| self.unreadable(source))?;
        Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
    }

    pub(crate) fn unreadable(&self, source: std::io::Error) -> CorpusError {
        CorpusError::Read { path: self.path(), source }
    }

    pub(crate) fn empty(&self) -> CorpusError {
        CorpusError::Empty { path: self.path() }
    }

    pub(crate) fn bad_line(&self, line: Line, problem: impl Into<String>) -> CorpusError {
        CorpusError::Line { path: self.path(), line: line.number, problem: problem.into(), text: quote(line.text) }
    }

    pub(crate) fn bad_columns(&self, line: Line, found: usize, expected: impl Into<String>) -> CorpusError {
        let (path, text, expected) = (self.path(), quote(line.text), expected.into());
        CorpusError::Columns { path, line: line.number, found, expected, text }
    }

    pub(crate) fn not_utf8(&self, line: usize, byte: u64) -> CorpusError {
        CorpusError::NotUtf8 { path: self.path(), line, byte }
    }
}

/// The lines of a text file, one at a time; they end with LF or CRLF, and a byte order mark is not part of the first.
pub(crate) struct Lines {
    source: Source,
    bytes: Bytes,
    buffer: Vec<u8>,
    number: usize,
    /// Bytes before the line in `buffer`.
    offset: u64,
}

impl Lines {
    pub(crate) fn new(source: &Source, bytes: Bytes) -> Self {
        Self { source: source.clone(), bytes, buffer: Vec::new(), number: 0, offset: 0 }
    }

    /// The next line, or `None` at the end.
    ///
    /// Errors: the file cannot be read, or the line is not UTF-8.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, CorpusError> {
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        let read = self.bytes.read_until(b'\n', &mut self.buffer);
        // A folder opens like a file, and only reading it fails.
        if read.map_err(|source| self.source.unreadable(source))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let text = std::str::from_utf8(&self.buffer)
            .map_err(|error| self.source.not_utf8(self.number, self.offset + error.valid_up_to() as u64))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if self.number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        Ok(Some(Line { number: self.number, text }))
    }
}

/// A whole text file of a corpus folder.
pub(crate) fn read_text(path: &Path) -> Result<String, CorpusError> {
    let bytes = std::fs::read(path).map_err(|source| Source::new(path).unreadable(source))?;
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..byte].split(|&byte| byte == b'\n').count();
        Source::new(path).not_utf8(line, byte as u64)
    })
}

/// The start of a line, for a message.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}
