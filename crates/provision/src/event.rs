use std::path::PathBuf;

/// What happens while an artefact is brought in; nothing is reported when it is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another process is bringing the same artefact; this one waits for it.
    Waiting {
        /// The artefact in words.
        what: &'static str,
    },
    /// `pip` starts to download a wheel.
    Downloading {
        /// The artefact in words.
        what: &'static str,
        /// The wheel, such as `onnxruntime==1.32.0`.
        requirement: &'static str,
        /// Size of the wheel.
        bytes: u64,
    },
    /// The wheel is there; the needed members are unpacked and their digests checked.
    Unpacking {
        /// The artefact in words.
        what: &'static str,
    },
    /// The artefact is in its place.
    Installed {
        /// The artefact in words.
        what: &'static str,
        /// Its folder in the cache.
        folder: PathBuf,
    },
}
