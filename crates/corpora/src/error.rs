use std::io;
use std::path::PathBuf;

use clinsynth_contract::ContractError;

use crate::Format;

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
        byte: u64,
    },
    /// The first lines fit no known form.
    #[error(
        "`{path}` line {line} does not tell the form of the corpus: `{text}`; name the format if it is one of {known}"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The first line with text, from 1.
        line: usize,
        /// That line, shortened.
        text: String,
        /// The formats that can be read.
        known: String,
    },
    /// The names in a folder fit no known form.
    #[error("the folder `{path}` holds no corpus: neither `.ann` nor `.con` nor `.txt` files, nor `*_abstracts.tsv`")]
    UnknownFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder where a file is needed, or the reverse.
    #[error("`{path}` is not {expected}, which the format `{format}` is")]
    WrongKind {
        /// The place.
        path: PathBuf,
        /// The format.
        format: Format,
        /// `a file` or `a folder`.
        expected: &'static str,
    },
    /// A format that cannot be read from one stream of bytes.
    #[error("the format `{format}` is not that of one file")]
    NotAFile {
        /// The format.
        format: Format,
    },
    /// No format has this name.
    #[error("no format is called `{name}`; there are {known}")]
    NoSuchFormat {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The format cannot be written.
    #[error("a corpus is written in one of the formats {known}")]
    NotWritten {
        /// The formats that can be written.
        known: String,
    },
    /// The system refused to write.
    #[error("cannot write `{path}`")]
    Write {
        /// The place.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
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
    /// A file is not of its syntax, or ends too early.
    #[error("`{path}` line {line} {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A label cannot stand in a tag.
    #[error(transparent)]
    Label(#[from] ContractError),
    /// The format can only be written.
    #[error("the format `{format}` is only written; a corpus is read in one of {known}")]
    NotRead {
        /// The format.
        format: Format,
        /// The formats that can be read.
        known: String,
    },
    /// A line cannot be understood.
    #[error("`{path}` line {line} {problem}: `{text}`")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
        /// The line, shortened.
        text: String,
    },
}
