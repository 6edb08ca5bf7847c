/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportingError {
    /// The page's template failed: a fault of this crate, not of the data.
    #[error("cannot render the report")]
    Template(#[from] minijinja::Error),
}
