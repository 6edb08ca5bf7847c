use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clinsynth_contract::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::RunnerError;
use crate::layout::{Layout, read_json, write_json};

/// Digests of outside files. Content decides; size, modification time and inode are only a short cut to a known digest.
#[derive(Debug, Default)]
pub(crate) struct FileDigests {
    known: BTreeMap<PathBuf, Known>,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    size: u64,
    modified_nanoseconds: u128,
    digest: Digest,
}

impl FileDigests {
    /// Reads what earlier runs learned; a broken file only costs the short cut.
    pub(crate) fn open(layout: &Layout) -> Self {
        Self { known: read_json(&layout.file_digests()).ok().flatten().unwrap_or_default(), changed: false }
    }

    /// The digest of a file, or of a folder's files by relative path.
    pub(crate) fn digest(&mut self, path: &Path) -> Result<Digest, RunnerError> {
        let path = fs::canonicalize(path).map_err(|source| RunnerError::Read { path: path.to_owned(), source })?;
        if !path.is_dir() {
            return self.file(&path);
        }
        let mut hasher = Hasher::new();
        for relative in files_below(&path)? {
            hasher =
                hasher.field(relative.to_string_lossy().as_bytes()).field(self.file(&path.join(&relative))?.as_str());
        }
        Ok(hasher.finish())
    }

    fn file(&mut self, path: &Path) -> Result<Digest, RunnerError> {
        let read = |source| RunnerError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(read)?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_nanoseconds = modified.map_or(0, |age| age.as_nanos());
        if let Some(known) = self.known.get(path)
            && known.size == metadata.len()
            && known.modified_nanoseconds == modified_nanoseconds
        {
            return Ok(known.digest.clone());
        }
        let digest = File::open(path).and_then(Digest::of_reader).map_err(read)?;
        let known = Known { size: metadata.len(), modified_nanoseconds, digest: digest.clone() };
        self.known.insert(path.to_owned(), known);
        self.changed = true;
        Ok(digest)
    }

    /// Keeps what was learned; failing to is no error, since it only costs time.
    pub(crate) fn save(&self, layout: &Layout) {
        if self.changed
            && let Err(error) = write_json(&layout.file_digests(), &self.known)
        {
            tracing::debug!(%error, "file digests not kept");
        }
    }
}

/// Relative paths of all files below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, RunnerError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let here = folder.join(&relative);
        let read = |source| RunnerError::Read { path: here.clone(), source };
        for entry in fs::read_dir(&here).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = relative.join(entry.file_name());
            if entry.file_type().map_err(read)?.is_dir() { open.push(name) } else { found.push(name) }
        }
    }
    found.sort();
    Ok(found)
}
