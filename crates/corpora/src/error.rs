use std::io;
use std::path::PathBuf;

/// Why a file cannot be read as a corpus. Every message names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The system refused to read.
    #[error("cannot read the corpus `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds nothing but white space.
    #[error("the corpus `{path}` is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("`{path}` line {line}: byte {byte} of the file is not UTF-8; convert the file to UTF-8")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Position of the first wrong byte, from 0.
        byte: usize,
    },
    /// The first lines fit no known form.
    #[error(
        "`{path}` line {line} is neither PubTator (`ID|t|title`) nor IOB (token and tag): `{text}`; name the format if it is one of them"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The first line with text, from 1.
        line: usize,
        /// That line, shortened.
        text: String,
    },
    /// A line has too few or too many columns.
    #[error("`{path}` line {line} has {found} columns, expected {expected}: `{text}`")]
    Columns {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its columns.
        found: usize,
        /// What was expected, in words.
        expected: String,
        /// The line, shortened.
        text: String,
    },
    /// A line cannot be understood.
    #[error("`{path}` line {line} {problem}: `{text}`")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
        /// The line, shortened.
        text: String,
    },
}
