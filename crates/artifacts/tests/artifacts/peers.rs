//! Python's view of our files. Needs `CLINSYNTH_PYTHON`, an interpreter with tests/reference/requirements.txt.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::export::exported;

#[test]
#[ignore = "needs Python with onnx and onnxruntime; `just test-all` runs it"]
fn python_checks_and_runs_every_model() {
    let python = std::env::var_os("CLINSYNTH_PYTHON").map(PathBuf::from);
    let python = python.expect("`CLINSYNTH_PYTHON` must name a Python with tests/reference/requirements.txt");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/check_onnx.py");
    let (tiny, _) = exported();
    let output =
        Command::new(python).args([script, tiny.artifacts(), tiny.folder.path().join("exported")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "4 models\n");
}
