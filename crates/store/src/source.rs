use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow::datatypes::SchemaRef;
use clinsynth_contract::Digest;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use crate::StoreError;
use crate::info::Stamp;
use crate::seal;

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
        let source = Self { path: path.to_owned(), file, metadata };
        source.check_chunks()?;
        Ok(source)
    }

    /// The Parquet reader panics on column chunks at negative offsets, which only a damaged footer holds.
    fn check_chunks(&self) -> Result<(), StoreError> {
        let negative = |chunk: &ColumnChunkMetaData| {
            let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
            start < 0 || chunk.compressed_size() < 0
        };
        if !self.parquet().row_groups().iter().flat_map(RowGroupMetaData::columns).any(negative) {
            return Ok(());
        }
        let source = ParquetError::General("a column chunk has a negative offset or size".to_owned());
        Err(StoreError::DamagedFooter { path: self.path.clone(), source })
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
        Stamp::from_entries(&self.path, self.created_by(), entries.map_or(&[], Vec::as_slice))
    }

    /// Digest of the first `bytes` bytes.
    pub(crate) fn digest(&mut self, bytes: u64) -> Result<Digest, StoreError> {
        let failed = |source| StoreError::Read { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Digest::of_reader((&self.file).take(bytes)).map_err(failed)
    }

    /// Checks that every byte of the file is the one that was written.
    pub(crate) fn verify(&mut self, stamp: &Stamp) -> Result<(), StoreError> {
        self.verify_footer(stamp)?;
        let found = self.digest(stamp.digest_bytes)?;
        self.check_digest(&stamp.info.digest, found)
    }

    /// Checks what stands after the row groups.
    pub(crate) fn verify_footer(&mut self, stamp: &Stamp) -> Result<(), StoreError> {
        let mut footer = Vec::new();
        self.file
            .seek(SeekFrom::Start(stamp.digest_bytes))
            .and_then(|_| self.file.read_to_end(&mut footer))
            .map_err(|source| StoreError::Read { path: self.path.clone(), source })?;
        let found = seal::compute(&mut footer).map_or_else(|| Digest::of(&footer), |(_, digest)| digest);
        self.check_digest(&stamp.footer_digest, found)
    }

    fn check_digest(&self, expected: &Digest, found: Digest) -> Result<(), StoreError> {
        if found == *expected {
            return Ok(());
        }
        Err(StoreError::Changed { path: self.path.clone(), expected: expected.clone(), found })
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
