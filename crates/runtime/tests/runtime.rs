//! One process holds one library, so these are one test in the order that matters.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use clinsynth_runtime::{Device, ModelSource, Runtime, RuntimeError, SessionSettings};

#[test]
fn one_library_a_process_with_clear_errors_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("libabsent.so");
    let error = Runtime::load(&absent).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no ONNX Runtime library at `{}`: run `clinsynth doctor`, or set `ORT_DYLIB_PATH` to a libonnxruntime of version 1.23 or later",
            absent.display()
        )
    );

    let broken = folder.path().join("libbroken.so");
    std::fs::write(&broken, "text").unwrap();
    let error = Runtime::load(&broken).unwrap_err();
    assert!(matches!(&error, RuntimeError::NotALibrary { path, .. } if path.ends_with("libbroken.so")), "{error:?}");
    assert!(error.source().unwrap().to_string().starts_with("failed to load from"), "{error:?}");

    let old = folder.path().join("libold.so");
    build_library(&old, "1.20.1");
    let error = Runtime::load(&old).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the ONNX Runtime library `{}` has version `1.20.1`, at least `1.23` is needed: run `clinsynth doctor`, or set `ORT_DYLIB_PATH` to a newer one",
            old.canonicalize().unwrap().display()
        )
    );

    let library = PathBuf::from(
        std::env::var_os("ORT_DYLIB_PATH")
            .expect("`ORT_DYLIB_PATH` must name the ONNX Runtime library: run `just test`, which provisions it"),
    );
    let runtime = Runtime::load(&library).unwrap();
    assert!(runtime.version() >= 23, "{}", runtime.version());
    assert_eq!(Runtime::load(&library).unwrap().path(), runtime.path());

    let error = Runtime::load(&broken).unwrap_err();
    assert!(
        matches!(&error, RuntimeError::AnotherLoaded { asked, .. } if asked.ends_with("libbroken.so")),
        "{error:?}"
    );

    models_are_checked(&runtime);
}

/// A shared library that exports no more of ONNX Runtime than its version.
fn build_library(path: &Path, version: &str) {
    let source = path.with_extension("rs");
    std::fs::write(
        &source,
        format!(
            r#"
            #[repr(C)] pub struct Base {{ api: extern "C" fn(u32) -> *const u8, version: extern "C" fn() -> *const u8 }}
            extern "C" fn api(_: u32) -> *const u8 {{ std::ptr::null() }}
            extern "C" fn version() -> *const u8 {{ c"{version}".as_ptr().cast() }}
            static BASE: Base = Base {{ api, version }};
            #[allow(non_snake_case)] #[unsafe(no_mangle)] pub extern "C" fn OrtGetApiBase() -> *const Base {{ &BASE }}
            "#
        ),
    )
    .unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-o"]).arg(path).arg(&source);
    assert!(rustc.status().unwrap().success());
}

fn models_are_checked(runtime: &Runtime) {
    let settings = SessionSettings { threads: 1, ..SessionSettings::default() };
    let error = runtime.session(ModelSource::Bytes(b"no model"), &settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("ONNX Runtime 1.{} refuses the model of 8 bytes in memory", runtime.version())
    );
    assert!(error.source().unwrap().to_string().contains("protobuf"), "{error:?}");
    let error = runtime.session(ModelSource::File("absent/model.onnx".as_ref()), &settings).unwrap_err();
    assert_eq!(error.to_string(), "no model at `absent/model.onnx`");
    let cuda = SessionSettings { device: Device::Cuda, ..settings };
    let error = runtime.session(ModelSource::Bytes(b"no model"), &cuda).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no CUDA with `{}`: `device: cuda` needs an NVIDIA GPU with its driver, CUDA's libraries, and a GPU build of ONNX Runtime named by `ORT_DYLIB_PATH`; `device: cpu` needs none",
            runtime.path().display()
        )
    );
    assert!(error.source().unwrap().to_string().contains("CUDA"), "{error:?}");
    assert_eq!(settings.resolved_threads(), 1);
    assert!(SessionSettings::default().resolved_threads() >= 1);
}
