use std::fs;
use std::path::{Path, PathBuf};

use crate::CorpusError;

/// Characters of a line that a message quotes.
const QUOTED: usize = 80;

/// The text of a corpus file.
pub(crate) struct Input {
    path: PathBuf,
    text: String,
}

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

impl Input {
    pub(crate) fn read(path: &Path) -> Result<Self, CorpusError> {
        let bytes = fs::read(path).map_err(|source| CorpusError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let byte = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..byte].split(|&byte| byte == b'\n').count();
            CorpusError::NotUtf8 { path: path.to_owned(), line, byte }
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// The first line with text.
    pub(crate) fn first_line(&self) -> Result<Line<'_>, CorpusError> {
        let first = self.lines().find(|line| !line.is_blank());
        first.ok_or_else(|| CorpusError::Empty { path: self.path.clone() })
    }

    /// The lines, ended by LF or CRLF; a byte order mark is not part of the first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        text.lines().enumerate().map(|(index, text)| Line { number: index + 1, text })
    }

    pub(crate) fn bad_line(&self, line: Line, problem: &'static str) -> CorpusError {
        CorpusError::Line { path: self.path.clone(), line: line.number, problem, text: quote(line.text) }
    }

    pub(crate) fn bad_columns(&self, line: Line, found: usize, expected: impl Into<String>) -> CorpusError {
        let expected = expected.into();
        CorpusError::Columns { path: self.path.clone(), line: line.number, found, expected, text: quote(line.text) }
    }

    pub(crate) fn unknown_format(&self, line: Line) -> CorpusError {
        CorpusError::UnknownFormat { path: self.path.clone(), line: line.number, text: quote(line.text) }
    }
}

fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}
