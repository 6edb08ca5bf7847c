use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};

use crate::ContractError;

/// Schema metadata key that names the table.
const TABLE_KEY: &str = "clinsynth.table";
/// Schema metadata key that holds the table's version.
const VERSION_KEY: &str = "clinsynth.version";

/// A row type of a contract table.
pub trait Row: Sized {
    /// The table's name in files and messages.
    const NAME: &'static str;
    /// Raised whenever a column is added, removed or changes its meaning.
    const VERSION: u32;
    /// One sentence on what the table holds.
    const ABOUT: &'static str;
    /// The columns, in order, each with its documentation.
    fn columns() -> Vec<(Field, &'static str)>;
    /// One array for each column, in order.
    fn build(rows: Vec<Self>) -> Vec<ArrayRef>;
    /// The row at `index` of columns that were checked.
    fn read(columns: &[ArrayRef], index: usize) -> Self;
}

/// A `RecordBatch` that holds the columns of `R`, checked once.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<R> {
    batch: RecordBatch,
    row: PhantomData<R>,
}

impl<R: Row> Table<R> {
    /// The table's schema, with its name and version in the metadata.
    pub fn schema() -> SchemaRef {
        let fields: Vec<Field> = R::columns().into_iter().map(|(field, _)| field).collect();
        let metadata =
            HashMap::from([(TABLE_KEY.into(), R::NAME.into()), (VERSION_KEY.into(), R::VERSION.to_string())]);
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    /// Builds the table from rows, in order.
    ///
    /// Errors: Arrow's, when a column outgrows its 32-bit offsets (2 GiB of text in one batch).
    pub fn from_rows(rows: impl IntoIterator<Item = R>) -> Result<Self, ContractError> {
        let columns = R::build(rows.into_iter().collect());
        Ok(Self { batch: RecordBatch::try_new(Self::schema(), columns)?, row: PhantomData })
    }

    /// Checks a batch read from elsewhere. Columns may stand in any order and further columns are left out.
    ///
    /// Errors: [`ContractError::WrongVersion`] or [`ContractError::WrongColumns`], which lists every wrong column.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self, ContractError> {
        check_version::<R>(batch.schema_ref())?;
        let mut problems = Vec::new();
        let mut columns = Vec::new();
        for (field, _) in R::columns() {
            match (batch.column_by_name(field.name()), batch.schema_ref().field_with_name(field.name())) {
                (Some(column), Ok(found))
                    if same_type(found.data_type(), field.data_type())
                        && (field.is_nullable() || column.null_count() == 0) =>
                {
                    columns.push(retype(column, field.data_type()));
                }
                (Some(_), Ok(found)) => problems.push(format!(
                    "column `{}` is {}{}, expected {}",
                    field.name(),
                    found.data_type(),
                    if found.is_nullable() { " with nulls" } else { "" },
                    field.data_type(),
                )),
                _ => problems.push(format!("column `{}` ({}) is missing", field.name(), field.data_type())),
            }
        }
        if problems.is_empty() {
            Ok(Self { batch: RecordBatch::try_new(Self::schema(), columns)?, row: PhantomData })
        } else {
            Err(ContractError::WrongColumns { table: R::NAME, problems })
        }
    }

    /// Rows in the table.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether it holds no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at `index`.
    ///
    /// Panics: when `index` is not below [`Table::len`].
    pub fn row(&self, index: usize) -> R {
        R::read(self.batch.columns(), index)
    }

    /// All rows, in order, built one at a time.
    pub fn rows(&self) -> impl Iterator<Item = R> + '_ {
        (0..self.len()).map(|index| self.row(index))
    }

    /// The Arrow batch underneath.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }
}

fn check_version<R: Row>(schema: &Schema) -> Result<(), ContractError> {
    let found = (schema.metadata().get(TABLE_KEY), schema.metadata().get(VERSION_KEY));
    match found {
        // Files written by other tools carry no metadata; their columns are checked instead.
        (None, None) => Ok(()),
        (Some(table), Some(version)) if table == R::NAME && *version == R::VERSION.to_string() => Ok(()),
        (table, version) => Err(ContractError::WrongVersion {
            table: R::NAME,
            version: R::VERSION,
            found: format!("{} version {}", table.map_or("?", String::as_str), version.map_or("?", String::as_str)),
        }),
    }
}

/// Type equality that ignores how a writer named list items and whether it allowed nulls it did not use.
fn same_type(found: &DataType, expected: &DataType) -> bool {
    match (found, expected) {
        (DataType::List(found), DataType::List(expected)) => same_type(found.data_type(), expected.data_type()),
        (DataType::Struct(found), DataType::Struct(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| {
                    found.name() == expected.name() && same_type(found.data_type(), expected.data_type())
                })
        }
        _ => found == expected,
    }
}

fn retype(column: &ArrayRef, expected: &DataType) -> ArrayRef {
    if column.data_type() == expected {
        return Arc::clone(column);
    }
    retype_data(&column.to_data(), expected).map_or_else(|_| Arc::clone(column), arrow::array::make_array)
}

fn retype_data(
    data: &arrow::array::ArrayData,
    expected: &DataType,
) -> Result<arrow::array::ArrayData, arrow::error::ArrowError> {
    let children: Vec<DataType> = match expected {
        DataType::List(item) => vec![item.data_type().clone()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type().clone()).collect(),
        _ => Vec::new(),
    };
    let children: Result<Vec<_>, _> =
        data.child_data().iter().zip(&children).map(|(child, expected)| retype_data(child, expected)).collect();
    data.clone().into_builder().data_type(expected.clone()).child_data(children?).build()
}

/// The description of a table that `schemas/` holds: name, version, and each column with its type and meaning.
pub fn describe<R: Row>() -> Value {
    let columns: Vec<Value> = R::columns()
        .into_iter()
        .map(|(field, about)| {
            json!({
                "name": field.name(),
                "type": type_name(field.data_type()),
                "nullable": field.is_nullable(),
                "description": about.trim(),
            })
        })
        .collect();
    json!({ "table": R::NAME, "version": R::VERSION, "description": R::ABOUT.trim(), "columns": columns })
}

fn type_name(data_type: &DataType) -> Value {
    match data_type {
        DataType::List(item) => json!({ "list": type_name(item.data_type()) }),
        DataType::Struct(fields) => {
            let fields: serde_json::Map<String, Value> = fields
                .iter()
                .map(|field| {
                    let name = if field.is_nullable() { format!("{}?", field.name()) } else { field.name().clone() };
                    (name, type_name(field.data_type()))
                })
                .collect();
            json!({ "struct": fields })
        }
        other => Value::String(other.to_string().to_lowercase()),
    }
}
