use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;

use crate::StoreError;
use crate::partial::PartialFile;
use crate::writer::properties;

/// Not the name that datasets carry: nobody looks for a stamp in such a file.
const CREATED_BY: &str = concat!("clinsynth-plain version ", env!("CARGO_PKG_VERSION"));

/// Writes a Parquet file that is no contract table, for other programs: its columns are the caller's, and it carries no
/// digest, lineage or sensitivity. Nothing stands under its name until [`PlainWriter::commit`].
pub struct PlainWriter {
    // Before `partial`, so that the file is closed when the partial file is removed.
    writer: ArrowWriter<File>,
    partial: PartialFile,
    file: File,
}

impl PlainWriter {
    /// Starts a file at `path`, in a folder that exists. The schema's metadata become entries of the footer.
    ///
    /// Errors: [`StoreError::Write`].
    pub fn create(path: impl AsRef<Path>, schema: &SchemaRef) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let failed = |source| StoreError::Write { path: path.to_owned(), written: 0, source };
        let (partial, file) = PartialFile::create(path).map_err(failed)?;
        let own = file.try_clone().map_err(failed)?;
        let writer = properties(CREATED_BY)
            .and_then(|properties| ArrowWriter::try_new(own, schema.clone(), Some(properties)))
            .map_err(|source| StoreError::write(path, 0, source))?;
        let mut plain = Self { writer, partial, file };
        let mut entries: Vec<_> = schema.metadata().iter().collect();
        entries.sort();
        for (key, value) in entries {
            plain.writer.append_key_value_metadata(KeyValue::new(key.clone(), value.clone()));
        }
        Ok(plain)
    }

    /// Appends rows.
    ///
    /// Errors: [`StoreError::Write`], for example on a full disk.
    pub fn append(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let written = self.writer.write(batch);
        written.map_err(|source| StoreError::write(self.partial.target(), self.writer.bytes_written() as u64, source))
    }

    /// Makes the file durable under its name, all at once, replacing what stood there.
    ///
    /// Errors: as [`PlainWriter::append`]; the name is untouched then.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self { writer, partial, file } = self;
        let path = partial.target().to_owned();
        let written = writer.bytes_written() as u64;
        writer.close().map_err(|source| StoreError::write(&path, written, source))?;
        partial.commit(&file).map_err(|source| StoreError::Write { path, written, source })
    }
}
