use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use clinsynth_contract::{Document, Example, Seed};
use clinsynth_store::{Dataset, DatasetInfo, StoreError, write_rows};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;

use crate::rows::{examples, settings};

/// The message of opening `bytes` as examples, with the file's path shortened to its name.
fn message_for(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.parquet");
    fs::write(&path, bytes).unwrap();
    message(&path)
}

fn message(path: &Path) -> String {
    let error = Dataset::<Example>::open(path).map(|_| ()).unwrap_err();
    error.to_string().replace(path.to_str().unwrap(), "file.parquet")
}

fn dataset_bytes() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.parquet");
    write_rows(&path, examples(9), settings()).unwrap();
    fs::read(&path).unwrap()
}

/// Where the digested part ends.
fn digested(bytes: &[u8]) -> usize {
    let key = b"clinsynth.digest_bytes";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let digits = bytes[at..].iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
    String::from_utf8(digits.copied().collect()).unwrap().parse().unwrap()
}

#[test]
fn each_bad_file_has_one_clear_message() {
    let check = |bytes: &[u8], expected: &str| assert_eq!(message_for(bytes), expected);
    check(b"", "`file.parquet` is empty: run the step that makes it again");
    check(b"id,text\n1,a\n", "`file.parquet` is not a Parquet file: it does not begin with `PAR1`");
    check(b"PAR1", "`file.parquet` was cut short: its 4 bytes do not end with a Parquet footer; make or copy it again");
    check(b"PAR1\0\0\0\0\xff\xff\xff\0PAR1", "`file.parquet` has a damaged Parquet footer; make or copy it again");
    assert_eq!(
        message(Path::new("file.parquet")),
        "no dataset at `file.parquet`: run the step that makes it, or correct the path"
    );
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    let whole = dataset_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Dataset::<Example>::open(&path).map(|_| ()).unwrap_err();
        match length {
            0 => assert!(matches!(error, StoreError::Empty { .. }), "{error}"),
            _ => assert!(matches!(error, StoreError::Truncated { bytes, .. } if bytes == length as u64), "{error}"),
        }
    }
}

#[test]
fn a_file_changed_at_any_byte_is_an_error() {
    let whole = dataset_bytes();
    let data = digested(&whole);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.parquet");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xff][at % 3];
        fs::write(&path, &bytes).unwrap();
        let error = Dataset::<Example>::open(&path).map(|_| ()).expect_err(&format!("byte {at}"));
        match at {
            0..4 => assert!(matches!(error, StoreError::NotParquet { .. }), "byte {at}: {error}"),
            _ if at < data => assert!(matches!(error, StoreError::Changed { .. }), "byte {at}: {error}"),
            // Which part of the footer complains depends on the byte.
            _ => {}
        }
    }
}

#[test]
fn a_changed_dataset_names_both_digests() {
    let mut bytes = dataset_bytes();
    bytes[40] ^= 1;
    let message = message_for(&bytes);
    assert!(message.starts_with("`file.parquet` was changed after it was written: its digest is "), "{message}");
}

#[test]
fn another_table_and_another_version_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seeds.parquet");
    write_rows(&path, [Seed::default()], settings()).unwrap();
    assert_eq!(message(&path), "`file.parquet` holds the table `seeds`, expected `examples`");

    let mut bytes = dataset_bytes();
    let entry = b"clinsynth.version";
    // The Parquet footer's own entry is the last; its value follows the key after a field header and a length.
    let at = bytes.windows(entry.len()).rposition(|window| window == entry).unwrap() + entry.len() + 2;
    assert_eq!(bytes[at], b'2');
    bytes[at] = b'7';
    assert_eq!(
        message_for(&bytes),
        "`file.parquet` holds version 7 of table `examples`, and this build reads version 2: run the step that made it again"
    );
}

#[test]
fn a_foreign_file_lists_every_wrong_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.parquet");
    write_foreign(
        &path,
        &[
            ("id", Arc::new(UInt32Array::from(vec![1]))),
            ("kind", Arc::new(StringArray::from(vec!["mention"]))),
            ("value", Arc::new(StringArray::from(vec![None::<&str>]))),
            ("source", Arc::new(StringArray::from(vec!["mine"]))),
            ("sensitivity", Arc::new(StringArray::from(vec!["public"]))),
            ("weight", Arc::new(Float64Array::from(vec![0.5]))),
        ],
        &[],
    );
    let error = Dataset::<Seed>::open(&path).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string().replace(path.to_str().unwrap(), "file.parquet"),
        "`file.parquet` does not fit: not a `seeds` table: column `id` is UInt32 with nulls, expected Utf8; \
         column `label` (Utf8) is missing; column `concept` (Utf8) is missing"
    );
    assert!(matches!(DatasetInfo::read(&path), Err(StoreError::Foreign { .. })));
}

#[test]
fn nulls_where_a_value_is_due_are_found_while_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nulls.parquet");
    let text = |value| -> ArrayRef { Arc::new(StringArray::from(vec![Some("a"), value])) };
    let columns = [
        ("id", text(Some("b"))),
        ("text", text(None)),
        ("source", text(Some("b"))),
        ("sensitivity", text(Some("public"))),
    ];
    write_foreign(&path, &columns, &[]);
    let mut dataset = Dataset::<Document>::open(&path).unwrap();
    let results: Vec<_> = dataset.tables().collect();
    assert!(matches!(results[..], [Err(StoreError::WrongColumns { .. })]), "{results:?}");
}

#[test]
fn a_spoiled_footer_entry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.parquet");
    let columns: [(&str, ArrayRef); 1] = [("id", Arc::new(StringArray::from(vec!["a"])))];
    write_foreign(
        &path,
        &columns,
        &[("clinsynth.table", "examples"), ("clinsynth.version", "one"), ("clinsynth.digest", "0")],
    );
    assert_eq!(
        message(&path),
        "`file.parquet` has a damaged footer: entry `clinsynth.version` is `one` (invalid digit found in string); \
         make or copy it again"
    );
    write_foreign(&path, &columns, &[("clinsynth.table", "examples"), ("clinsynth.rows", "1")]);
    assert_eq!(
        message(&path),
        "`file.parquet` has a damaged footer: entry `clinsynth.version` is missing; make or copy it again"
    );
}

fn write_foreign(path: &Path, columns: &[(&str, ArrayRef)], entries: &[(&str, &str)]) {
    let nullable = columns.iter().map(|(name, array)| (*name, array.clone(), true));
    let batch = RecordBatch::try_from_iter_with_nullable(nullable).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    for (key, value) in entries {
        writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), (*value).to_owned()));
    }
    writer.close().unwrap();
}
