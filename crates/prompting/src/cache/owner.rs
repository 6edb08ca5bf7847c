use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::PromptingError;

/// End of the name of a file that is not locked yet.
const NASCENT: &str = ".new";

/// This process as the holder of claims: a file whose lock the system takes away when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Owner {
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Owner {
    pub(crate) fn new(database: &Path) -> Result<Self, PromptingError> {
        let folder = folder(database);
        let failed = |source| PromptingError::file("write", &folder, source);
        fs::create_dir_all(&folder).map_err(failed)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{}-{}", std::process::id(), now.as_nanos());
        let path = folder.join(&name);
        // Under its own name only once it is locked: a file without a lock counts as dead.
        let nascent = folder.join(format!("{name}{NASCENT}"));
        let lock = OpenOptions::new().create_new(true).write(true).open(&nascent).map_err(failed)?;
        lock.lock().and_then(|()| fs::rename(&nascent, &path)).map_err(failed)?;
        Ok(Self { name, path, _lock: lock })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A file that stays is only that: its lock is gone, and the next process removes it.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether the process behind a name still runs.
pub(crate) fn is_alive(database: &Path, name: &str) -> bool {
    let Ok(file) = File::open(folder(database).join(name)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Removes the files of processes that are gone, and says how many.
pub(crate) fn remove_dead(database: &Path) -> usize {
    let entries = fs::read_dir(folder(database)).into_iter().flatten().flatten();
    let is_dead = |name: &str| !name.ends_with(NASCENT) && !is_alive(database, name);
    let dead = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_dead));
    dead.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
}

fn folder(database: &Path) -> PathBuf {
    database.with_extension("owners")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_owner_lives_as_long_as_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("requests.sqlite");
        let owner = Owner::new(&database).unwrap();
        let name = owner.name().to_owned();
        assert!(is_alive(&database, &name));
        assert!(!is_alive(&database, "1-1"));
        // What a killed process leaves: a file without a lock.
        fs::write(database.with_extension("owners").join("2-2"), "").unwrap();
        assert!(!is_alive(&database, "2-2"));
        assert_eq!(remove_dead(&database), 1);
        drop(owner);
        assert!(!is_alive(&database, &name));
    }
}
