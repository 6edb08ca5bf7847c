use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use clinsynth_contract::{ContractError, Digest};
use parquet::errors::ParquetError;

/// Why a dataset could not be read or written. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No file stands at the path.
    #[error("no dataset at `{path}`: run the step that makes it, or correct the path")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file has no byte.
    #[error("`{path}` is empty: run the step that makes it again")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file does not begin as Parquet files do.
    #[error("`{path}` is not a Parquet file: it does not begin with `PAR1`")]
    NotParquet {
        /// The file.
        path: PathBuf,
    },
    /// The file begins as Parquet and lacks its end.
    #[error("`{path}` was cut short: its {bytes} bytes do not end with a Parquet footer; make or copy it again")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The footer cannot be decoded.
    #[error("`{path}` has a damaged Parquet footer; make or copy it again")]
    DamagedFooter {
        /// The file.
        path: PathBuf,
        /// What the Parquet reader says.
        source: ParquetError,
    },
    /// A `clinsynth.*` entry of the footer is missing or not what it should be.
    #[error("`{path}` has a damaged footer: entry `{key}` is {problem}; make or copy it again")]
    BadEntry {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Pages cannot be decoded.
    #[error("the rows of `{path}` cannot be decoded; make or copy it again")]
    DamagedRows {
        /// The file.
        path: PathBuf,
        /// What the Parquet reader says.
        source: ArrowError,
    },
    /// A Parquet file that another program wrote, where only one of ours will do.
    #[error("`{path}` is a Parquet file that clinsynth did not write: its footer has no entry `clinsynth.digest`")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file holds another contract table.
    #[error("`{path}` holds the table `{found}`, expected `{expected}`")]
    OtherTable {
        /// The file.
        path: PathBuf,
        /// The table that was asked for.
        expected: &'static str,
        /// The table it holds.
        found: String,
    },
    /// The file holds another version of the table.
    #[error(
        "`{path}` holds version {found} of table `{table}`, and this build reads version {expected}: run the step that made it again"
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The version that this build reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// Columns are missing or of another type; the source lists all of them.
    #[error("`{path}` does not fit: {source}")]
    WrongColumns {
        /// The file.
        path: PathBuf,
        /// Every wrong column.
        source: ContractError,
    },
    /// The bytes are not those that were written.
    #[error("`{path}` was changed after it was written: its digest is {}, its footer says {}; make or copy it again", found.short(), expected.short())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The digest in the footer.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The system refused to read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused to write, for example because the disk is full. Nothing is left behind.
    #[error("cannot write `{path}`: stopped after {written} bytes")]
    Write {
        /// The dataset that was being written.
        path: PathBuf,
        /// Bytes that had reached the system.
        written: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// Rows cannot be turned into a batch or pages.
    #[error("cannot encode the rows of `{path}`")]
    Encode {
        /// The dataset that was being written.
        path: PathBuf,
        /// The encoder's reason.
        source: EncodeError,
    },
}

/// What refused to encode.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// Arrow.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// Parquet.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl StoreError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.to_owned() },
            _ => Self::Read { path: path.to_owned(), source },
        }
    }

    pub(crate) fn encode(path: &Path, source: impl Into<EncodeError>) -> Self {
        Self::Encode { path: path.to_owned(), source: source.into() }
    }

    /// A failed write: the Parquet writer boxes the system's error, which is the one worth telling.
    pub(crate) fn write(path: &Path, written: u64, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::Write { path: path.to_owned(), written, source: *source },
                Err(inner) => Self::encode(path, ParquetError::External(inner)),
            },
            source => Self::encode(path, source),
        }
    }
}
