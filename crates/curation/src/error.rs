/// Why a curation cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CurationError {
    /// A setting outside its range.
    #[error("curation setting `{name}` is `{value}`: it must be {expected}")]
    BadSetting {
        /// The setting, as pipelines spell it.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range, in words.
        expected: &'static str,
    },
}
