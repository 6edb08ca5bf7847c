use std::io;
use std::path::PathBuf;

/// Why a batch is not the table it was taken for, or a value not what its type allows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The batch lacks columns, or holds them under another type; every wrong column is listed.
    #[error("not a `{table}` table: {}", problems.join("; "))]
    WrongColumns {
        /// The table that was expected.
        table: &'static str,
        /// One sentence for each wrong column.
        problems: Vec<String>,
    },
    /// The schema's metadata names another table or version.
    #[error("expected table `{table}` version {version}, found `{found}`")]
    WrongVersion {
        /// The table that was expected.
        table: &'static str,
        /// The version this build reads.
        version: u32,
        /// What the metadata says.
        found: String,
    },
    /// A string that names no variant of a closed set (sensitivity, origin, split).
    #[error("unknown {what} `{value}`: expected one of {expected}")]
    UnknownName {
        /// The set, in words.
        what: &'static str,
        /// The string found.
        value: String,
        /// The allowed names, comma-separated.
        expected: &'static str,
    },
    /// A span that does not lie inside its text.
    #[error("span {start}..{end} lies outside a text of {length} characters")]
    SpanOutside {
        /// First character.
        start: u32,
        /// One past the last character.
        end: u32,
        /// Characters in the text.
        length: u32,
    },
    /// Labels that cannot form a tag set (empty, doubled, or with white space).
    #[error("label `{label}` {problem}")]
    BadLabel {
        /// The label.
        label: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file that is absent or cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An artifact folder's manifest that is not JSON or lacks fields.
    #[error("`{}` is not the manifest of an artifact folder", path.display())]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An artifact folder of another version.
    #[error("`{}` has format {found}, this build reads format {expected}: build the artifacts again", path.display())]
    WrongFormat {
        /// The manifest.
        path: PathBuf,
        /// The format this build reads.
        expected: u32,
        /// The format found.
        found: String,
    },
    /// A file of an artifact folder that changed after it was written.
    #[error("`{}` is not the file that the manifest describes: build the artifacts again", path.display())]
    DigestDiffers {
        /// The file.
        path: PathBuf,
    },
    /// Arrow refused to build the batch.
    #[error("cannot build the batch")]
    Arrow(#[from] arrow::error::ArrowError),
}
