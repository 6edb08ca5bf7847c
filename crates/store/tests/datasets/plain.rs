use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use clinsynth_contract::Example;
use clinsynth_store::{Dataset, PlainWriter, StoreError, inspect};
use serde_json::json;

fn schema() -> SchemaRef {
    let fields = vec![Field::new("word", DataType::Utf8, false), Field::new("tag", DataType::Int64, false)];
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([("huggingface".to_owned(), "{}".to_owned())])))
}

fn batch(words: &[&str], tags: &[i64]) -> RecordBatch {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(words.to_vec())), Arc::new(Int64Array::from(tags.to_vec()))];
    RecordBatch::try_new(schema(), columns).unwrap()
}

#[test]
fn a_plain_file_holds_the_rows_of_the_caller_and_is_no_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.parquet");
    let mut writer = PlainWriter::create(&path, &schema()).unwrap();
    writer.append(&batch(&["no", "gout"], &[0, 1])).unwrap();
    writer.append(&batch(&["."], &[0])).unwrap();
    assert!(!path.exists());
    writer.commit().unwrap();
    let inspection = inspect(&path, 9).unwrap();
    assert_eq!((inspection.info, inspection.rows), (None, 3));
    let rows = [json!({"word": "no", "tag": 0}), json!({"word": "gout", "tag": 1}), json!({"word": ".", "tag": 0})];
    assert_eq!(inspection.sample, rows);
    assert!(matches!(Dataset::<Example>::open(&path), Err(StoreError::WrongColumns { .. })));
}

#[test]
fn a_file_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = PlainWriter::create(folder.path().join("plain.parquet"), &schema()).unwrap();
    writer.append(&batch(&["no"], &[0])).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
