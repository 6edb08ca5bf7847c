use std::fs;

use clinsynth_contract::{Prediction, ScoredSpan};
use clinsynth_store::{StoreError, inspect, write_rows};
use serde_json::json;

use crate::rows::{examples, settings};

#[test]
fn shows_columns_nulls_and_the_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("examples.parquet");
    let rows = examples(1100);
    let written = write_rows(&path, rows.clone(), settings()).unwrap();
    let inspection = inspect(&path, 1050).unwrap();
    assert_eq!(inspection.info, Some(written));
    assert_eq!(inspection.rows, 1100);
    let columns: Vec<_> = inspection.columns.iter().map(|column| (column.name.as_str(), column.nulls)).collect();
    let expected = [
        ("id", 0),
        ("document", 0),
        ("text", 0),
        ("entities", 0),
        ("relations", 0),
        ("split", 367),
        ("provenance", 0),
        ("sensitivity", 0),
    ];
    assert_eq!(columns, expected);
    assert_eq!(inspection.columns[2].data_type, "Utf8");
    let json: Vec<_> = rows[..1050].iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    assert!(inspection.sample == json);
}

#[test]
fn numbers_lists_and_structs_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.parquet");
    let spans = vec![
        ScoredSpan { start: 2, end: 9, label: "Disease".into(), score: 0.5 },
        ScoredSpan { start: 12, end: 14, label: "Chemical".into(), score: f32::NAN },
    ];
    write_rows(&path, [Prediction { example: "e".into(), spans, ..Prediction::default() }], settings()).unwrap();
    let inspection = inspect(&path, 5).unwrap();
    let expected = json!({
        "example": "e",
        "document": "",
        "spans": [
            { "start": 2, "end": 9, "label": "Disease", "score": 0.5 },
            { "start": 12, "end": 14, "label": "Chemical", "score": null },
        ],
        "relations": [],
        "model": "",
        "sensitivity": "synthetic",
    });
    assert_eq!(inspection.sample, [expected]);
}

#[test]
fn a_changed_file_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("examples.parquet");
    write_rows(&path, examples(5), settings()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 4;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(inspect(&path, 5), Err(StoreError::Changed { .. })));
}
