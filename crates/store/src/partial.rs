use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells the partial files of one process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A file that does not exist under its own name until it is complete. Dropped before [`PartialFile::commit`], it
/// leaves nothing behind.
#[derive(Debug)]
pub(crate) struct PartialFile {
    target: PathBuf,
    /// `.NAME.PID-NUMBER.partial`, in the target's folder, so that the rename stays within one file system.
    partial: PathBuf,
    committed: bool,
}

impl PartialFile {
    /// Creates the partial file of `target`.
    pub(crate) fn create(target: &Path) -> io::Result<(Self, File)> {
        let name = target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{}.partial", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
        let partial = target.with_file_name(hidden);
        // Truncates what a killed process of the same number may have left.
        let file = File::create(&partial)?;
        Ok((Self { target: target.to_owned(), partial, committed: false }, file))
    }

    /// The name it will have.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Makes `file` durable under its own name, replacing what stood there.
    pub(crate) fn commit(mut self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.partial, &self.target)?;
        self.committed = true;
        sync_folder(&self.target)
    }
}

/// The rename itself is only durable once its folder is.
fn sync_folder(target: &Path) -> io::Result<()> {
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Windows cannot open a folder as a file, and needs no such call.
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing can be done about a partial file that cannot be removed; the error under way says more.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
