use std::path::{Path, PathBuf};
use std::process::Command;

use clinsynth_contract::{Example, Prediction, Row, ScoredSpan, Sensitivity};
use clinsynth_store::{Dataset, write_rows};
use serde::Serialize;
use serde_json::Value;

use crate::rows::{examples, settings};

#[test]
#[ignore = "needs CLINSYNTH_PYTHON: a Python with pyarrow and duckdb"]
fn python_reads_our_files_and_we_read_its() {
    check_exchange(&examples(1500));
    let spans = vec![ScoredSpan { start: 0, end: 4_000_000_000, label: "Krankheit ß".into(), score: 0.25 }];
    check_exchange(&[
        Prediction { example: "a".into(), spans, ..Prediction::default() },
        Prediction { example: "b\0\n".into(), ..Prediction::default() },
    ]);
    check_exchange::<Example>(&[]);
}

/// Each program must see the rows that were written, and what it writes itself must read back as the same rows.
fn check_exchange<R: Row + Serialize + Clone + PartialEq + std::fmt::Debug>(rows: &[R]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.parquet");
    write_rows(&path, rows.to_vec(), settings()).unwrap();
    let seen = run_python(&path, folder.path());
    let expected = serde_json::to_value(rows).unwrap();
    let programs = seen.as_object().unwrap();
    assert!(programs.contains_key("pyarrow") && programs.contains_key("duckdb"), "{:?}", programs.keys());
    for (program, found) in programs {
        assert!(*found == expected, "{program} sees other rows");
        let mut theirs = Dataset::<R>::open(folder.path().join(format!("{program}.parquet"))).unwrap();
        assert_eq!(theirs.info().sensitivity, Sensitivity::Restricted);
        assert_eq!(theirs.info().rows, rows.len() as u64);
        assert!(theirs.read().unwrap() == rows, "the rows that {program} wrote read back otherwise");
    }
}

fn run_python(path: &Path, folder: &Path) -> Value {
    let python =
        std::env::var_os("CLINSYNTH_PYTHON").expect("set CLINSYNTH_PYTHON to a Python with pyarrow and duckdb");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/check_parquet.py");
    let output = Command::new(python).arg(script).arg(path).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
