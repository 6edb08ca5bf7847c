use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::RunnerError;

/// The folder that holds everything a pipeline made: objects by content, actions by key, work in progress and runs.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A store at `root`; folders are made when they are first needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Finished outputs: `objects/ab/<digest>/…`.
    pub fn object(&self, digest: &str) -> PathBuf {
        self.root.join("objects").join(digest.get(..2).unwrap_or("xx")).join(digest)
    }

    /// The record of a finished step: `actions/<key>.json`.
    pub fn action(&self, key: &str) -> PathBuf {
        self.root.join("actions").join(format!("{key}.json"))
    }

    /// What a step of a pipeline last made: links to its outputs, and the components of its key.
    pub fn latest(&self, pipeline: &str, step: &str) -> PathBuf {
        self.root.join("latest").join(file_safe(pipeline)).join(file_safe(step))
    }

    /// Work in progress of a step, kept until it is finished, such as checkpoints.
    pub fn work(&self, key: &str) -> PathBuf {
        self.root.join("work").join(key)
    }

    /// The lock that one process holds while it works on a key.
    pub fn lock(&self, key: &str) -> PathBuf {
        self.root.join("locks").join(key)
    }

    /// One invocation: events, plan and logs.
    pub fn run(&self, run: &str) -> PathBuf {
        self.root.join("runs").join(run)
    }

    /// What a step printed in a run.
    pub fn log(&self, run: &str, step: &str) -> PathBuf {
        self.run(run).join("logs").join(format!("{}.log", file_safe(step)))
    }

    /// The request cache: every completion that an endpoint was ever asked for.
    pub fn requests(&self) -> PathBuf {
        self.root.join("requests.sqlite")
    }

    /// The prompts that a dry run rendered for a step.
    pub fn dry_run(&self, pipeline: &str, step: &str) -> PathBuf {
        self.root.join("dry-run").join(file_safe(pipeline)).join(format!("{}.jsonl", file_safe(step)))
    }

    /// Digests of outside files by path, size and modification time.
    pub fn file_digests(&self) -> PathBuf {
        self.root.join("file-digests.json")
    }
}

/// A step's identifier as a file name: `train@seed=0` becomes `train@seed=0`, slashes become underscores.
fn file_safe(step: &str) -> String {
    step.chars().map(|c| if c.is_alphanumeric() || "@=.,-_".contains(c) { c } else { '_' }).collect()
}

/// Writes a file so that it is either whole or absent: temporary file, fsync, rename, fsync of the folder.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RunnerError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let temporary = path.with_extension(format!("tmp{}", std::process::id()));
        let result = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = result.and_then(|()| fs::rename(&temporary, path)) {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        sync_folder(folder)
    };
    write().map_err(|source| RunnerError::Write { path: path.to_owned(), source })
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunnerError> {
    let bytes =
        serde_json::to_vec_pretty(value).map_err(|source| RunnerError::Json { path: path.to_owned(), source })?;
    write_atomically(path, &bytes)
}

/// Reads a JSON file, or `None` when there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RunnerError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| RunnerError::Json { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RunnerError::Read { path: path.to_owned(), source }),
    }
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
