/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportingError {
    /// The table of published figures has a line that does not fit.
    #[error("line {line} of `{file}`: {what}")]
    Published {
        /// The table.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// The page's template failed: a fault of this crate, not of the data.
    #[error("cannot render the report")]
    Template(#[from] minijinja::Error),
}
