use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use clinsynth_contract::Digest;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::StoreError;
use crate::info::Stamp;

/// What every Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// The least Parquet file: magic, footer length, magic.
const LEAST_BYTES: u64 = 12;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 1024;

/// A Parquet file whose footer was read.
pub(crate) struct Source {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
}

impl Source {
    /// Opens a Parquet file of any origin.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut file = File::open(path).map_err(|source| StoreError::read(path, source))?;
        check_magic(path, &mut file)?;
        // Types come from the Parquet schema alone: the Arrow schema that Polars or pandas leave in the footer asks
        // for views, large strings or dictionaries, where the contract has plain strings.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file, options)
            .map_err(|source| StoreError::DamagedFooter { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    fn parquet(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    /// Rows, by the row groups.
    pub(crate) fn rows(&self) -> u64 {
        self.parquet().row_groups().iter().map(|group| group.num_rows().max(0) as u64).sum()
    }

    /// The program that wrote the file, as it says.
    pub(crate) fn created_by(&self) -> &str {
        self.parquet().file_metadata().created_by().unwrap_or_default()
    }

    /// Our entries in the footer, or `None` when another program wrote the file.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        let entries = self.parquet().file_metadata().key_value_metadata();
        Stamp::from_entries(&self.path, entries.map_or(&[], Vec::as_slice))
    }

    /// Digest of the first `bytes` bytes.
    pub(crate) fn digest(&mut self, bytes: u64) -> Result<Digest, StoreError> {
        let failed = |source| StoreError::Read { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Digest::of_reader((&self.file).take(bytes)).map_err(failed)
    }

    /// Checks that the file still holds what was written.
    pub(crate) fn verify(&mut self, stamp: &Stamp) -> Result<(), StoreError> {
        let found = self.digest(stamp.digest_bytes)?;
        if found != stamp.info.digest {
            let expected = stamp.info.digest.clone();
            return Err(StoreError::Changed { path: self.path.clone(), expected, found });
        }
        if self.rows() == stamp.info.rows {
            return Ok(());
        }
        let problem = format!("{}, but the row groups hold {}", stamp.info.rows, self.rows());
        Err(StoreError::BadEntry { path: self.path.clone(), key: "clinsynth.rows", problem })
    }

    /// Decodes the file from its start. Readers share the file's position, hence the exclusive borrow.
    pub(crate) fn batches(&mut self) -> Result<ParquetRecordBatchReader, StoreError> {
        let file = self.file.try_clone().map_err(|source| StoreError::Read { path: self.path.clone(), source })?;
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|source: ParquetError| StoreError::DamagedFooter { path: self.path.clone(), source })
    }
}

/// Tells an empty, a foreign and a cut file apart before the Parquet reader, whose words for them are one.
fn check_magic(path: &Path, file: &mut File) -> Result<(), StoreError> {
    let failed = |source| StoreError::read(path, source);
    let bytes = file.metadata().map_err(failed)?.len();
    let mut head = Vec::with_capacity(MAGIC.len());
    file.take(MAGIC.len() as u64).read_to_end(&mut head).map_err(failed)?;
    if head.is_empty() {
        return Err(StoreError::Empty { path: path.to_owned() });
    }
    if !MAGIC.starts_with(&head) {
        return Err(StoreError::NotParquet { path: path.to_owned() });
    }
    let mut tail = [0; MAGIC.len()];
    if bytes >= LEAST_BYTES {
        file.seek(SeekFrom::End(-(MAGIC.len() as i64))).map_err(failed)?;
        file.read_exact(&mut tail).map_err(failed)?;
    }
    if tail == *MAGIC { Ok(()) } else { Err(StoreError::Truncated { path: path.to_owned(), bytes }) }
}
