use std::path::Path;

use arrow::datatypes::Schema;
use serde::Serialize;
use serde_json::Value;

use crate::json::row_to_json;
use crate::source::Source;
use crate::{DatasetInfo, StoreError};

/// What a Parquet file of any table, ours or not, holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The footer's words, or nothing when another program wrote the file.
    pub info: Option<DatasetInfo>,
    /// The columns, in order.
    pub columns: Vec<ColumnSummary>,
    /// Rows in the file.
    pub rows: u64,
    /// The first rows, as JSON objects in the order of the columns.
    pub sample: Vec<Value>,
}

/// One column of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its Arrow type, in words.
    pub data_type: String,
    /// Rows without a value.
    pub nulls: u64,
}

/// Reads the schema, counts the nulls of each column and keeps the first `sample` rows, in one pass in bounded memory.
///
/// Errors: as [`Dataset::open`](crate::Dataset::open), less what concerns one table: a file of ours must still have
/// the bytes that were written.
pub fn inspect(path: impl AsRef<Path>, sample: usize) -> Result<Inspection, StoreError> {
    let mut source = Source::open(path.as_ref())?;
    let stamp = source.stamp()?;
    if let Some(stamp) = &stamp {
        source.verify(stamp)?;
    }
    let mut columns = summaries(source.schema());
    let mut rows = Vec::new();
    for batch in source.batches()? {
        let batch = batch.map_err(|error| StoreError::DamagedRows { path: source.path().to_owned(), source: error })?;
        for (summary, column) in columns.iter_mut().zip(batch.columns()) {
            summary.nulls += column.null_count() as u64;
        }
        let wanted = sample.saturating_sub(rows.len()).min(batch.num_rows());
        rows.extend((0..wanted).map(|row| row_to_json(&batch, row)));
    }
    Ok(Inspection { info: stamp.map(|stamp| stamp.info), columns, rows: source.rows(), sample: rows })
}

fn summaries(schema: &Schema) -> Vec<ColumnSummary> {
    let summary = |field: &arrow::datatypes::FieldRef| ColumnSummary {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
        nulls: 0,
    };
    schema.fields().iter().map(summary).collect()
}
