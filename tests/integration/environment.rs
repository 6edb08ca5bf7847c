//! What the machine lacks: library, disk, endpoint. Exit code 4, the remedy in the message, nothing finished lost.

use std::path::Path;
use std::process::Command;

use crate::workplace::{Ended, Workplace};

#[test]
fn a_missing_library() {
    let place = Workplace::new();
    let output =
        place.command(&["run", "pipeline.yaml"]).env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so").output().unwrap();
    Ended::of(&output).check(4, &["/nowhere/libonnxruntime.so", "ORT_DYLIB_PATH"]);
}

#[test]
fn a_store_that_cannot_be_written() {
    let place = Workplace::new();
    place.write("file", "no folder");
    place.clinsynth(&["run", "pipeline.yaml", "--store", "file/store"]).check(4, &["file/store"]);
}

#[test]
fn an_encoder_that_is_none() {
    let place = Workplace::new();
    place.clinsynth(&["run", "pipeline.yaml", "--set", "steps.train.with.encoder=bert-base"]).check(2, &["bert-base"]);
    std::fs::remove_file(place.path("encoder/model.safetensors")).unwrap();
    place.run().check(2, &["encoder", "model.safetensors"]);
}

#[test]
fn a_library_that_is_none() {
    let place = Workplace::new();
    place.write("libonnxruntime.so", "no library");
    let library = place.path("libonnxruntime.so");
    let output = place.command(&["run", "pipeline.yaml"]).env("ORT_DYLIB_PATH", &library).output().unwrap();
    Ended::of(&output).check(4, &["libonnxruntime.so", "train"]);
    let doctor = place.command(&["doctor"]).env("ORT_DYLIB_PATH", &library).output().unwrap();
    Ended::of(&doctor).check(4, &["does not load"]);
}

/// A library with the one symbol that tells its version, as an ONNX Runtime of 2024 tells it.
#[test]
fn a_library_that_is_too_old() {
    let place = Workplace::new();
    place.write(
        "old.rs",
        "#[repr(C)] pub struct Base { api: extern \"C\" fn(u32) -> *const u8, version: extern \"C\" fn() -> *const u8 }\n\
         extern \"C\" fn api(_: u32) -> *const u8 { std::ptr::null() }\n\
         extern \"C\" fn version() -> *const u8 { b\"1.20.1\\0\".as_ptr() }\n\
         static BASE: Base = Base { api, version };\n\
         #[unsafe(no_mangle)] pub extern \"C\" fn OrtGetApiBase() -> *const Base { &BASE }\n",
    );
    let library = place.path("libonnxruntime.so.1.20.1");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-o"])
        .args([&library, &place.path("old.rs")])
        .status()
        .unwrap();
    assert!(built.success());
    let output = place.command(&["run", "pipeline.yaml"]).env("ORT_DYLIB_PATH", &library).output().unwrap();
    Ended::of(&output).check(4, &["1.20.1", "1.23"]);
}

#[test]
fn an_endpoint_that_does_not_answer() {
    let place = Workplace::new();
    // A port that was free a moment ago and is closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.edit(
        "steps:\n",
        &format!("endpoints: {{local: {{base-url: 'http://127.0.0.1:{port}/v1', model: m}}}}\nsteps:\n"),
    );
    let ended = place.clinsynth(&["run", "pipeline.yaml", "--set", "steps.generate.with.provider=local"]);
    ended.check(4, &["generate", &format!("127.0.0.1:{port}")]);
    // The held-out set does not need it, and what is done stays done.
    place.run().check(0, &["0 failed"]);
}

#[test]
fn no_pip_and_nothing_in_the_cache() {
    let place = Workplace::new();
    let output = place
        .command(&["run", "pipeline.yaml"])
        .env("PATH", place.path("nothing"))
        .env("CLINSYNTH_CACHE", place.path("cache"))
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    Ended::of(&output).check(4, &["pip", "ORT_DYLIB_PATH"]);
}

#[test]
fn a_full_disk() {
    let place = Workplace::new();
    let disk = place.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Mounted::tmpfs(&disk, "400k") else {
        eprintln!("skipped: only root may mount a small file system");
        return;
    };
    let store = disk.join("store");
    let store = store.to_str().unwrap();
    place.clinsynth(&["run", "pipeline.yaml", "--store", store]).check(4, &["train", "full"]);
    let mounted = Command::new("mount").args(["-o", "remount,size=200m"]).arg(&disk).status().unwrap();
    assert!(mounted.success());
    place.clinsynth(&["run", "pipeline.yaml", "--store", store]).check(0, &["3 cached", "0 failed"]);
}

struct Mounted<'p>(&'p Path);

impl<'p> Mounted<'p> {
    fn tmpfs(at: &'p Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output().ok()?;
        mounted.status.success().then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
