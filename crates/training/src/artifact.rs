use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clinsynth_contract::{Digest, Manifest, TagSet};

use crate::TrainingError;

/// An artifact folder whose manifest and files were checked.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub folder: PathBuf,
    pub manifest: Manifest,
    /// Digest of the manifest and of the weights to start from.
    pub digest: Digest,
}

impl Artifact {
    /// Reads the manifest and compares every file's digest with it.
    ///
    /// Errors: [`TrainingError::Contract`], [`TrainingError::LibraryTooOld`], [`TrainingError::Io`].
    pub(crate) fn open(folder: &Path, library: u32) -> Result<Self, TrainingError> {
        let manifest = Manifest::read(folder)?;
        if library < manifest.least_onnxruntime {
            return Err(TrainingError::LibraryTooOld { found: library, needed: manifest.least_onnxruntime });
        }
        manifest.verify(folder)?;
        let path = folder.join(Manifest::FILE);
        let bytes = fs::read(&path).map_err(TrainingError::io("read", &path))?;
        let digest = clinsynth_contract::Hasher::new().field(bytes);
        let weights = file_digest(&weights_of(folder))?;
        Ok(Self { folder: folder.to_owned(), manifest, digest: digest.field(weights.as_str()).finish() })
    }

    /// A file of the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The weights to start from.
    pub(crate) fn weights(&self) -> PathBuf {
        weights_of(&self.folder)
    }
}

/// The tags by which words are told apart; none where whole sequences are classified.
///
/// Errors: [`TrainingError::UnknownTags`].
pub(crate) fn tags(manifest: &Manifest) -> Result<Option<TagSet>, TrainingError> {
    if manifest.classifies_sequences() {
        return Ok(None);
    }
    let names = &manifest.tags;
    let unknown = || TrainingError::UnknownTags { found: names.join(", ") };
    TagSet::from_names(names).map(Some).ok_or_else(unknown)
}

fn weights_of(folder: &Path) -> PathBuf {
    folder.join(Manifest::CHECKPOINT).join(Manifest::WEIGHTS)
}

/// The digest of a file's bytes.
pub(crate) fn file_digest(path: &Path) -> Result<Digest, TrainingError> {
    File::open(path).and_then(Digest::of_reader).map_err(TrainingError::io("read", path))
}
