use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, Hasher, Sensitivity};
use clinsynth_store::DatasetInfo;

use crate::RunnerError;
use crate::action::Output;
use crate::files::files_below;
use crate::layout::{Layout, sync_folder};

/// A finished file or folder in a step's work folder, about to become an object of the store.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) sensitivity: Sensitivity,
    dataset: Option<DatasetInfo>,
}

impl Staged {
    /// A dataset that the store has committed.
    pub(crate) fn dataset(name: &str, path: PathBuf, info: DatasetInfo) -> Self {
        Self { name: name.to_owned(), path, sensitivity: info.sensitivity, dataset: Some(info) }
    }

    /// Any other file, or a folder.
    pub(crate) fn plain(name: &str, path: PathBuf, sensitivity: Sensitivity) -> Self {
        Self { name: name.to_owned(), path, sensitivity, dataset: None }
    }
}

/// Moves a staged output into the store under its content digest. An object that is there already is kept.
pub(crate) fn adopt(layout: &Layout, staged: &Staged) -> Result<Output, RunnerError> {
    let file = staged.path.file_name().map_or_else(|| staged.name.clone(), |name| name.to_string_lossy().into_owned());
    let content = match &staged.dataset {
        Some(info) => info.digest.clone(),
        None => content_digest(&staged.path)?,
    };
    // Two steps may write the same rows under different sensitivities: the level belongs to the object.
    let digest = Hasher::new().field(content.as_str()).field(staged.sensitivity.name()).field(&file).finish();
    let object = layout.object(digest.as_str());
    let target = object.join(&file);
    if !target.exists() {
        let write = |source| RunnerError::Write { path: target.clone(), source };
        fs::create_dir_all(&object).map_err(write)?;
        sync_all(&staged.path).map_err(write)?;
        fs::rename(&staged.path, &target).map_err(write)?;
        sync_folder(&object).map_err(write)?;
    }
    Ok(Output {
        name: staged.name.clone(),
        table: staged.dataset.as_ref().map(|info| info.table.clone()),
        rows: staged.dataset.as_ref().map(|info| info.rows),
        digest,
        file,
        sensitivity: staged.sensitivity,
    })
}

fn content_digest(path: &Path) -> Result<Digest, RunnerError> {
    let read = |source| RunnerError::Read { path: path.to_owned(), source };
    if !path.is_dir() {
        return fs::File::open(path).and_then(Digest::of_reader).map_err(read);
    }
    let mut hasher = Hasher::new();
    for relative in files_below(path)? {
        let digest = fs::File::open(path.join(&relative)).and_then(Digest::of_reader).map_err(read)?;
        hasher = hasher.field(relative.to_string_lossy().as_bytes()).field(digest.as_str());
    }
    Ok(hasher.finish())
}

fn sync_all(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return fs::File::open(path)?.sync_all();
    }
    for entry in fs::read_dir(path)? {
        sync_all(&entry?.path())?;
    }
    sync_folder(path)
}
