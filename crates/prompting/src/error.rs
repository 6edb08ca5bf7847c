use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clinsynth_contract::{ContractError, Sensitivity};

/// Why prompts could not be made, or completions not be had. What concerns one completion or one example alone is
/// never an error but a quarantined row, see [`crate::Reason`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptingError {
    /// A file could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `read`, `open`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says; shared, because one failed write can fail several requests.
        #[source]
        source: Arc<io::Error>,
    },
    /// A line of a seed file is not a seed.
    #[error("`{}` line {line}: {problem}", path.display())]
    Seeds {
        /// The seed file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A file is not text.
    #[error("`{}` line {line}: is not UTF-8; convert the file to UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the first byte that is none, from 1.
        line: usize,
    },
    /// A template is not made of messages, or its Jinja cannot be parsed or rendered.
    #[error("template `{template}` line {line}: {problem}")]
    Template {
        /// File name of the template.
        template: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Settings that cannot work.
    #[error("`{key}` {problem}")]
    Settings {
        /// The setting.
        key: &'static str,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Labels that cannot form a tag set.
    #[error(transparent)]
    Labels(#[from] ContractError),
    /// A prompt holds text that may not travel to this endpoint.
    #[error(
        "request `{request}` is `{sensitivity}` and may not travel to `{host}`: use a loopback endpoint, or list \
         `{host}` under `on-premises` if it is in the house"
    )]
    NotCleared {
        /// The request.
        request: String,
        /// Sensitivity of its prompt.
        sensitivity: Sensitivity,
        /// Host and port of the endpoint.
        host: String,
    },
    /// An example or an error that no prompt may show.
    #[error(
        "example `{example}` is `{sensitivity}` and may not be quoted in a prompt: show public or synthetic examples"
    )]
    NotQuotable {
        /// The example.
        example: String,
        /// Its sensitivity.
        sensitivity: Sensitivity,
    },
    /// Prompts that were cleared for one destination were about to be sent to another.
    #[error("prompts cleared for `{cleared}` cannot go to `{asked}`")]
    WrongDestination {
        /// Where they may go.
        cleared: String,
        /// Where they were about to go.
        asked: String,
    },
    /// A prompt's digest is not that of its messages under these parameters.
    #[error("request `{request}` was rendered for another model or other parameters: enumerate the prompts again")]
    StalePrompt {
        /// The request.
        request: String,
    },
    /// A recordings file without a single usable line.
    #[error("`{}` line {line}: {problem}; no line of the file is a recorded completion", path.display())]
    Recordings {
        /// The file.
        path: PathBuf,
        /// The first bad line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The request cache cannot be read as what it should be.
    #[error("request cache `{}` is damaged: {problem}; move it away to begin anew", path.display())]
    CacheDamaged {
        /// The database.
        path: PathBuf,
        /// What the database engine says.
        problem: String,
    },
    /// The request cache was made by another version.
    #[error(
        "request cache `{}` has version {found}, and this program knows version {known}: use the program that made it, \
         or move it away to begin anew", path.display()
    )]
    CacheVersion {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that this program makes.
        known: i64,
    },
    /// The endpoint's settings are unusable.
    #[error("endpoint `{name}`: {problem}")]
    Endpoint {
        /// Name of the endpoint.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// No connection to the endpoint, after every retry.
    #[error("cannot reach `{url}` ({problem}): start the server, correct `base-url`, or use recorded completions")]
    Unreachable {
        /// Base URL of the endpoint.
        url: String,
        /// What the connection attempt ended with.
        problem: String,
    },
    /// The endpoint refuses every request for a reason that the next request would meet too.
    #[error("`{url}` refuses requests with status {status} ({message}): {remedy}")]
    EndpointRefuses {
        /// Base URL of the endpoint.
        url: String,
        /// HTTP status.
        status: u16,
        /// The server's words, shortened.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// Every request so far ended without a completion.
    #[error(
        "`{url}` answered none of the first {tried} requests (the last: {last}): check the model's name and settings"
    )]
    NothingAnswered {
        /// Base URL of the endpoint.
        url: String,
        /// Requests that were over.
        tried: usize,
        /// How the last of them ended.
        last: String,
    },
    /// An endpoint that answered before has answered nothing for longer than its patience.
    #[error(
        "`{url}` has answered nothing for {seconds} s ({failures} attempts failed, the last: {last}): see to the server; \
         what was completed is kept, and the same command goes on from there"
    )]
    EndpointDown {
        /// Base URL of the endpoint.
        url: String,
        /// Seconds since its last answer.
        seconds: u64,
        /// Attempts that failed since.
        failures: usize,
        /// How the last of them ended.
        last: String,
    },
    /// The next request could cost more than the budget leaves.
    #[error(
        "endpoint `{name}`: the budget is spent ({spent} so far, and the next request could take {next}): raise `budget`, \
         and the same command goes on; what was completed is kept"
    )]
    BudgetSpent {
        /// Name of the endpoint.
        name: String,
        /// What it was charged so far.
        spent: String,
        /// The most that the next request could cost.
        next: String,
    },
    /// The candidates are used up, and fewer examples were accepted than asked for.
    #[error(
        "{accepted} of {count} examples were accepted out of {candidates} candidates (missing: {missing}; set aside: \
         {set_aside}): raise `max-candidates`, add seeds or recordings, or lower `count`"
    )]
    TooFewAccepted {
        /// Examples accepted.
        accepted: usize,
        /// Examples asked for.
        count: usize,
        /// Examples that the model was asked for.
        candidates: usize,
        /// How many are missing of which class.
        missing: String,
        /// How many rows were set aside for which reason.
        set_aside: String,
    },
    /// A batch that the provider refused as a whole.
    #[error("`{url}` refuses batch `{id}` ({message}): correct the step, or set `mode: direct`")]
    BatchRefused {
        /// Base URL of the endpoint.
        url: String,
        /// The provider's identifier of the batch.
        id: String,
        /// The provider's words, shortened.
        message: String,
    },
    /// The egress guard stopped a request before it left.
    #[error("egress guard: request `{request}` for `{host}` was stopped: {problem}")]
    Egress {
        /// The request.
        request: String,
        /// Host and port it was about to go to.
        host: String,
        /// Which rule it breaks.
        problem: String,
    },
    /// The caller asked to stop; what was completed is in the request cache.
    #[error("interrupted after {done} of {total} requests: the same command goes on from there")]
    Interrupted {
        /// Requests completed and durable.
        done: usize,
        /// Requests in all.
        total: usize,
    },
    /// The asynchronous runtime could not be started.
    #[error("cannot start the network runtime")]
    Runtime(#[source] io::Error),
}

impl PromptingError {
    /// A [`PromptingError::File`].
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { action, path: path.into(), source: Arc::new(source) }
    }
}
