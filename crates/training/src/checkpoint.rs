use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clinsynth_contract::Manifest;

use crate::TrainingError;
use crate::artifact::file_digest;
use crate::state::{Fingerprint, RunState, STATE_FORMAT};
use crate::weights::Weights;

/// Both moments of each parameter.
pub(crate) const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

/// The folder of a run's checkpoints. A checkpoint is a folder of its own that appears whole or not at all.
pub(crate) struct CheckpointFolder {
    path: PathBuf,
}

/// A whole checkpoint.
pub(crate) struct Checkpoint {
    pub path: PathBuf,
    pub state: RunState,
}

impl CheckpointFolder {
    /// Makes the folder, and clears away what a killed process left half written.
    ///
    /// Errors: [`TrainingError::Io`].
    pub(crate) fn open(run_dir: &Path) -> Result<Self, TrainingError> {
        let path = run_dir.join("checkpoints");
        fs::create_dir_all(&path).map_err(TrainingError::io("make the folder", &path))?;
        let folder = Self { path };
        for name in folder.names()?.iter().filter(|name| name.starts_with('.')) {
            remove(&folder.path(name))?;
        }
        Ok(folder)
    }

    /// Where the checkpoint of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The newest whole checkpoint; `None` in an empty folder.
    ///
    /// Errors: [`TrainingError::AnotherRun`], [`TrainingError::AllDamaged`], [`TrainingError::Io`].
    pub(crate) fn latest(&self, fingerprint: &Fingerprint) -> Result<Option<Checkpoint>, TrainingError> {
        let names = self.names()?;
        let (mut states, mut damage) = (Vec::new(), None);
        for name in names {
            match read_state(&self.path(&name)) {
                Ok(state) => states.push((name, state)),
                Err(problem) => self.note(&mut damage, name, problem),
            }
        }
        states.sort_by_key(|(_, state)| std::cmp::Reverse((state.step, state.epoch)));
        for (name, state) in states {
            let path = self.path(&name);
            let differing = state.fingerprint.differing(fingerprint);
            if !differing.is_empty() {
                return Err(TrainingError::AnotherRun { path, differing });
            }
            match self.check(&path, &state) {
                Ok(()) => return Ok(Some(Checkpoint { path, state })),
                Err(problem) => self.note(&mut damage, name, problem),
            }
        }
        match damage {
            None => Ok(None),
            Some((newest, problem)) => Err(TrainingError::AllDamaged { path: self.path.clone(), newest, problem }),
        }
    }

    fn note(&self, damage: &mut Option<(String, String)>, name: String, problem: String) {
        tracing::warn!(checkpoint = %self.path(&name).display(), problem, "passed over a damaged checkpoint");
        damage.get_or_insert((name, problem));
    }

    fn check(&self, path: &Path, state: &RunState) -> Result<(), String> {
        check_files(path, state)?;
        match &state.best {
            // A finished run hands out its best checkpoint, so that one must be whole as well.
            Some(best) if state.finished => {
                let path = self.path(&best.checkpoint);
                let best = read_state(&path)?;
                check_file(&path, &best, Manifest::WEIGHTS)
            }
            _ => Ok(()),
        }
    }

    /// Writes a checkpoint and returns when it is on the disk; a failure leaves the others as they were. A finished
    /// run's needs no moments.
    ///
    /// Errors: [`TrainingError::Io`], [`TrainingError::Tensors`].
    pub(crate) fn write(
        &self,
        name: &str,
        manifest: &Manifest,
        weights: &Weights,
        state: &RunState,
    ) -> Result<PathBuf, TrainingError> {
        let temporary = self.path(&format!(".writing-{name}"));
        let written = fill(&temporary, manifest, weights, state).and_then(|()| self.publish(&temporary, name));
        if written.is_err() {
            // What was written so far may be what fills the disk; the first error is the one to report.
            remove(&temporary).ok();
        }
        written
    }

    fn publish(&self, temporary: &Path, name: &str) -> Result<PathBuf, TrainingError> {
        let (target, replaced) = (self.path(name), self.path(&format!(".replaced-{name}")));
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(TrainingError::io("move", from));
        if target.exists() {
            rename(&target, &replaced)?;
        }
        rename(temporary, &target)?;
        sync(&self.path)?;
        remove(&replaced)?;
        Ok(target)
    }

    /// Removes every checkpoint but these.
    ///
    /// Errors: [`TrainingError::Io`].
    pub(crate) fn keep(&self, kept: &[&str]) -> Result<(), TrainingError> {
        self.names()?.iter().filter(|name| !kept.contains(&name.as_str())).try_for_each(|name| remove(&self.path(name)))
    }

    fn names(&self) -> Result<Vec<String>, TrainingError> {
        let failed = TrainingError::io("list", &self.path);
        let entries: Result<Vec<_>, _> = fs::read_dir(&self.path).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned())).collect()
        });
        let mut names = entries.map_err(failed)?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }
}

fn fill(path: &Path, manifest: &Manifest, weights: &Weights, state: &RunState) -> Result<(), TrainingError> {
    remove(path)?;
    fs::create_dir(path).map_err(TrainingError::io("make the folder", path))?;
    let mut state = state.clone();
    state.files.clear();
    let mut write = |name: &str, write: &dyn Fn(&Path) -> Result<(), TrainingError>| {
        let file = path.join(name);
        write(&file)?;
        sync(&file)?;
        state.files.insert(name.to_owned(), file_digest(&file)?);
        Ok::<(), TrainingError>(())
    };
    write(Manifest::WEIGHTS, &|file| weights.write_model(manifest, file))?;
    if !state.finished {
        write(OPTIMIZER, &|file| weights.write_optimizer(manifest, file))?;
    }
    write_state(&path.join(STATE), &state)?;
    sync(path)
}

fn read_state(path: &Path) -> Result<RunState, String> {
    let bytes = fs::read(path.join(STATE)).map_err(|error| format!("`{STATE}`: {error}"))?;
    let state: RunState = serde_json::from_slice(&bytes).map_err(|error| format!("`{STATE}`: {error}"))?;
    if state.format == STATE_FORMAT { Ok(state) } else { Err(format!("`{STATE}` has format {}", state.format)) }
}

fn check_files(path: &Path, state: &RunState) -> Result<(), String> {
    state.files.keys().try_for_each(|name| check_file(path, state, name))
}

fn check_file(path: &Path, state: &RunState, name: &str) -> Result<(), String> {
    match file_digest(&path.join(name)) {
        Ok(digest) if state.files.get(name) == Some(&digest) => Ok(()),
        Ok(_) => Err(format!("`{name}` has changed since it was written")),
        Err(error) => Err(error.to_string()),
    }
}

fn write_state(path: &Path, state: &RunState) -> Result<(), TrainingError> {
    let file = File::create(path).map_err(TrainingError::io("write", path))?;
    serde_json::to_writer_pretty(&file, state)
        .map_err(std::io::Error::from)
        .and_then(|()| file.sync_all())
        .map_err(TrainingError::io("write", path))
}

/// Waits until a file's bytes, or a folder's names, are on the disk.
fn sync(path: &Path) -> Result<(), TrainingError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(TrainingError::io("write", path))
}

fn remove(path: &Path) -> Result<(), TrainingError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(TrainingError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes the moments beside the weights of a finished run's best checkpoint.
pub(crate) fn drop_moments(checkpoint: &Path) -> Result<(), TrainingError> {
    remove(&checkpoint.join(OPTIMIZER))
}
