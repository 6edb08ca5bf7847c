use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use clinsynth_contract::{Row, Sensitivity, Table};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::info::{PROGRAM, Stamp};
use crate::partial::PartialFile;
use crate::seal;
use crate::sink::Sink;
use crate::{DatasetInfo, Lineage, StoreError};

/// Rows handed to the encoder at a time, whatever the size of the appended tables: page borders, and so the bytes of
/// the file, depend on the rows alone.
const CHUNK_ROWS: usize = 256;
/// Most rows of a row group.
const GROUP_ROWS: usize = 8192;
/// A row group ends when its encoded pages reach about this size; they wait in memory until then.
const GROUP_BYTES: usize = 16 << 20;
/// Zstandard level: smaller files than the fastest level at nearly its speed.
const ZSTD_LEVEL: i32 = 3;

/// What a dataset is stamped with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteSettings {
    /// How far the rows may travel. The writer takes the caller's word: it does not raise it to that of the rows.
    pub sensitivity: Sensitivity,
    /// Where the rows come from.
    pub lineage: Lineage,
}

/// Writes a dataset of rows `R` in bounded memory: at most one row group of encoded pages.
///
/// Nothing stands under the dataset's name until [`DatasetWriter::commit`]; a writer that is dropped before leaves
/// nothing. A process that is killed leaves a hidden `.NAME.PID-NUMBER.partial` beside it, which no reader takes for a
/// dataset.
pub struct DatasetWriter<R> {
    // Before `partial`, so that the file is closed when the partial file is removed.
    writer: ArrowWriter<Sink>,
    partial: PartialFile,
    chunks: BatchCoalescer,
    rows: u64,
    settings: WriteSettings,
    row: PhantomData<fn(R)>,
}

impl<R: Row> DatasetWriter<R> {
    /// Starts a dataset at `path`, in a folder that exists.
    ///
    /// Errors: [`StoreError::Write`].
    pub fn create(path: impl AsRef<Path>, settings: WriteSettings) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let failed = |source| StoreError::Write { path: path.to_owned(), written: 0, source };
        let (partial, file) = PartialFile::create(path).map_err(failed)?;
        Self::over(partial, file, settings)
    }

    fn over(partial: PartialFile, file: File, settings: WriteSettings) -> Result<Self, StoreError> {
        let schema = Table::<R>::schema();
        let writer = properties(PROGRAM)
            .and_then(|properties| ArrowWriter::try_new(Sink::new(file), schema.clone(), Some(properties)))
            .map_err(|source| StoreError::write(partial.target(), 0, source))?;
        let chunks = BatchCoalescer::new(schema, CHUNK_ROWS);
        Ok(Self { writer, partial, chunks, rows: 0, settings, row: PhantomData })
    }

    /// Appends the rows of a table, in order.
    ///
    /// Errors: [`StoreError::Write`], for example on a full disk, or [`StoreError::Encode`]; the writer is of no more
    /// use then and should be dropped.
    pub fn append(&mut self, table: &Table<R>) -> Result<(), StoreError> {
        self.rows += table.len() as u64;
        let pushed = self.chunks.push_batch(table.batch().clone());
        pushed.map_err(|source| StoreError::encode(self.partial.target(), source))?;
        self.write_chunks()
    }

    /// Appends rows, in order.
    ///
    /// Errors: as [`DatasetWriter::append`].
    pub fn push_rows(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), StoreError> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let table = Table::from_rows(rows.by_ref().take(CHUNK_ROWS));
            self.append(&table.map_err(|source| StoreError::encode(self.partial.target(), source))?)?;
        }
        Ok(())
    }

    /// Makes the dataset durable under its name, all at once, replacing what stood there.
    ///
    /// Errors: as [`DatasetWriter::append`]; the name is untouched then.
    pub fn commit(mut self) -> Result<DatasetInfo, StoreError> {
        let finished = self.chunks.finish_buffered_batch();
        finished.map_err(|source| StoreError::encode(self.partial.target(), source))?;
        self.write_chunks()?;
        let stamp = self.close()?;
        let Self { writer, partial, .. } = self;
        let path = partial.target().to_owned();
        let sink = writer.inner();
        partial.commit(sink.file()).map_err(|source| StoreError::Write { path, written: sink.written(), source })?;
        Ok(stamp.info)
    }

    /// Ends the last row group, digests the file so far, and writes the footer with its own digest.
    fn close(&mut self) -> Result<Stamp, StoreError> {
        self.writer.flush().map_err(|source| self.failed(source))?;
        self.writer.sync().map_err(|source| self.stopped(source))?;
        let stamp = self.stamp();
        let entries = stamp.entries().map_err(|source| StoreError::encode(self.partial.target(), source))?;
        self.writer.inner_mut().begin_footer();
        for entry in entries {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish().map_err(|source| self.failed(source))?;
        self.writer.sync().map_err(|source| self.stopped(source))?;
        self.writer.inner_mut().seal().map_err(|source| self.stopped(source))?;
        Ok(stamp)
    }

    fn stamp(&self) -> Stamp {
        let sink = self.writer.inner();
        let info = DatasetInfo {
            table: R::NAME.to_owned(),
            version: R::VERSION,
            digest: sink.digest(),
            rows: self.rows,
            sensitivity: self.settings.sensitivity,
            lineage: self.settings.lineage.clone(),
            created_by: PROGRAM.to_owned(),
        };
        Stamp { info, digest_bytes: sink.written(), footer_digest: seal::blank() }
    }

    fn write_chunks(&mut self) -> Result<(), StoreError> {
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.write_chunk(&chunk)?;
        }
        Ok(())
    }

    fn write_chunk(&mut self, chunk: &RecordBatch) -> Result<(), StoreError> {
        self.writer.write(chunk).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: ParquetError) -> StoreError {
        StoreError::write(self.partial.target(), self.writer.inner().written(), source)
    }

    fn stopped(&self, source: io::Error) -> StoreError {
        StoreError::Write { path: self.partial.target().to_owned(), written: self.writer.inner().written(), source }
    }
}

/// Writes all rows as one dataset; see [`DatasetWriter`].
///
/// Errors: as [`DatasetWriter::append`].
pub fn write_rows<R: Row>(
    path: impl AsRef<Path>,
    rows: impl IntoIterator<Item = R>,
    settings: WriteSettings,
) -> Result<DatasetInfo, StoreError> {
    let mut writer = DatasetWriter::create(path, settings)?;
    writer.push_rows(rows)?;
    writer.commit()
}

pub(crate) fn properties(created_by: &str) -> Result<WriterProperties, ParquetError> {
    // Page statistics bring the page index (column and offset index) with them.
    Ok(WriterProperties::builder()
        .set_created_by(created_by.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .build())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::OpenOptions;

    use clinsynth_contract::Document;
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};

    use super::*;

    fn documents(count: usize) -> impl Iterator<Item = Document> {
        // Text that hardly compresses, so that bytes reach the system.
        let text = |index: usize| {
            (0..8u64).map(move |part| blake3::hash(&(index as u64 * 8 + part).to_le_bytes()).to_string())
        };
        (0..count).map(move |index| Document { text: text(index).collect(), ..Document::default() })
    }

    fn settings() -> WriteSettings {
        WriteSettings { sensitivity: Sensitivity::Restricted, lineage: Lineage::default() }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_that_says_how_far_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.parquet");
        let (partial, _) = PartialFile::create(&path).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut writer = DatasetWriter::over(partial, full, settings()).unwrap();
        let error = writer.push_rows(documents(2 * GROUP_ROWS)).and_then(|()| writer.commit()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write `{}`: stopped after 0 bytes", path.display()));
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_page_is_indexed_and_row_groups_are_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.parquet");
        let mut writer = DatasetWriter::create(&path, settings()).unwrap();
        let mut most = 0;
        for _ in 0..20 {
            writer.push_rows(documents(2000)).unwrap();
            most = most.max(writer.writer.memory_size());
        }
        assert_eq!(writer.commit().unwrap().rows, 40_000);
        assert!(most < 2 * GROUP_BYTES, "{most} bytes waited in memory");
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
        reader.try_parse(&File::open(&path).unwrap()).unwrap();
        let metadata = reader.finish().unwrap();
        let rows: Vec<i64> =
            metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect();
        assert_eq!(rows, [8192, 8192, 8192, 8192, 7232]);
        assert!(metadata.page_index().is_some());
    }
}
