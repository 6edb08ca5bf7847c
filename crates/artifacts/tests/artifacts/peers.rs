//! Python's view of our files. Needs `CLINSYNTH_PYTHON`, an interpreter with tests/reference/requirements.txt.

use std::path::{Path, PathBuf};
use std::process::Command;

use clinsynth_artifacts::{export, export_int8};
use tempfile::TempDir;

use crate::{families, sequences};

/// The folder of each family and head, its first checkpoint exported in float32 and int8.
fn folders() -> Vec<TempDir> {
    let tokens = families::Case::all().into_iter().map(|case| case.folder());
    let sequences = sequences::Case::all().into_iter().map(|case| case.folder());
    let folders: Vec<TempDir> = tokens.chain(sequences).collect();
    for folder in &folders {
        let [artifacts, out] = ["artifacts", "exported"].map(|name| folder.path().join(name));
        export(&artifacts, &artifacts.join("checkpoint"), &out).unwrap();
        export_int8(&artifacts, &artifacts.join("checkpoint"), &out).unwrap();
    }
    folders
}

#[test]
#[ignore = "needs Python with onnx and onnxruntime; `just test-all` runs it"]
fn python_checks_and_runs_every_family_and_head() {
    let python = std::env::var_os("CLINSYNTH_PYTHON").map(PathBuf::from);
    let python = python.expect("`CLINSYNTH_PYTHON` must name a Python with tests/reference/requirements.txt");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/check_onnx.py");
    let folders = folders();
    let paths = folders.iter().map(TempDir::path);
    let output = Command::new(python).arg(script).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"13 folders with"), "{}", String::from_utf8_lossy(&output.stdout));
}
