use std::path::PathBuf;

/// What `clinsynth doctor` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The ONNX Runtime library.
    pub onnxruntime: Found,
    /// The default encoder's folder.
    pub encoder: Found,
    /// The command that would download, with its version; `None` when no pip answers.
    pub pip: Option<String>,
}

/// One artefact as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// The environment variable that names the path; `None` for the cache.
    pub variable: Option<&'static str>,
    /// Its condition.
    pub condition: Condition,
}

/// The condition of an artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There, and every digest is the pinned one.
    Verified,
    /// There, named by the user, so nothing is pinned to compare it with.
    Present,
    /// Not there; it will be downloaded when it is needed, unless a variable names it.
    Absent,
    /// Incomplete or altered (the reason in words); it will be replaced when it is needed and incomplete.
    Damaged(String),
}
