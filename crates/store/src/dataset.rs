use std::marker::PhantomData;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use clinsynth_contract::{Row, Sensitivity, Table};

use crate::source::Source;
use crate::{DatasetInfo, Lineage, StoreError};

/// A dataset of rows `R`, opened and checked.
pub struct Dataset<R> {
    source: Source,
    info: DatasetInfo,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> Dataset<R> {
    /// Opens a dataset: checks that it is Parquet, holds the table `R` in the version that this build reads, and has
    /// the bytes that were written (one pass over the file).
    ///
    /// A Parquet file of another program (pyarrow, DuckDB, Polars, pandas) is taken when its columns fit; columns in
    /// another order and further columns do no harm. Nobody vouched for it, so its sensitivity is `restricted`, its
    /// lineage is empty and its digest is that of the whole file.
    ///
    /// Errors: one variant of [`StoreError`] for each of a missing, empty, foreign, cut, damaged or changed file, of
    /// another table and of another version; [`StoreError::WrongColumns`] lists every wrong column.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let mut source = Source::open(path.as_ref())?;
        let info = match source.stamp()? {
            Some(stamp) => {
                check_table::<R>(source.path(), &stamp.info)?;
                source.verify(&stamp)?;
                stamp.info
            }
            None => foreign_info::<R>(&mut source)?,
        };
        // Checks the columns now, even when there is no row.
        to_table::<R>(source.path(), Ok(RecordBatch::new_empty(source.schema().clone())))?;
        Ok(Self { source, info, row: PhantomData })
    }

    /// What the footer says.
    pub fn info(&self) -> &DatasetInfo {
        &self.info
    }

    /// The rows from the first to the last, in tables of up to 1,024, decoded as they are asked for. Ends after an
    /// error.
    ///
    /// Errors: [`StoreError::DamagedRows`] or [`StoreError::WrongColumns`] (nulls where a value is due).
    pub fn tables(&mut self) -> impl Iterator<Item = Result<Table<R>, StoreError>> + '_ {
        let (batches, failure) = match self.source.batches() {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(error)),
        };
        let path = self.source.path();
        let tables = batches.into_iter().flatten().map(move |batch| to_table(path, batch));
        failure.into_iter().map(Err).chain(tables).scan(false, |failed, table| {
            let ended = std::mem::replace(failed, table.is_err());
            (!ended).then_some(table)
        })
    }

    /// All rows, in order.
    ///
    /// Errors: as [`Dataset::tables`].
    pub fn read(&mut self) -> Result<Vec<R>, StoreError> {
        let mut rows = Vec::new();
        for table in self.tables() {
            rows.extend(table?.rows());
        }
        Ok(rows)
    }
}

fn check_table<R: Row>(path: &Path, info: &DatasetInfo) -> Result<(), StoreError> {
    let path = path.to_owned();
    if info.table != R::NAME {
        return Err(StoreError::OtherTable { path, expected: R::NAME, found: info.table.clone() });
    }
    if info.version != R::VERSION {
        return Err(StoreError::OtherVersion { path, table: R::NAME, expected: R::VERSION, found: info.version });
    }
    Ok(())
}

fn foreign_info<R: Row>(source: &mut Source) -> Result<DatasetInfo, StoreError> {
    Ok(DatasetInfo {
        table: R::NAME.to_owned(),
        version: R::VERSION,
        digest: source.digest(u64::MAX)?,
        rows: source.rows(),
        sensitivity: Sensitivity::Restricted,
        lineage: Lineage::default(),
        created_by: source.created_by().to_owned(),
    })
}

fn to_table<R: Row>(path: &Path, batch: Result<RecordBatch, ArrowError>) -> Result<Table<R>, StoreError> {
    let batch = batch.map_err(|source| StoreError::DamagedRows { path: path.to_owned(), source })?;
    Table::from_batch(&batch).map_err(|source| StoreError::WrongColumns { path: path.to_owned(), source })
}
