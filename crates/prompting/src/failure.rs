use async_openai::error::OpenAIError;

use crate::{PromptingError, Reason};

/// What became of a request that brought no completion.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The run cannot go on: the next request would meet the same.
    #[error(transparent)]
    Fatal(#[from] PromptingError),
    /// The endpoint does not understand this way of asking for JSON.
    #[error("{0}")]
    FormatRefused(String),
    /// This request alone brought nothing.
    #[error("{detail}")]
    SetAside {
        /// Why, for the quarantine.
        reason: Reason,
        /// The endpoint's words.
        detail: String,
    },
    /// The run is being stopped.
    #[error("stopped")]
    Stopped,
    /// Another process had it answered; the completion is in the cache.
    #[error("answered by another process")]
    Answered,
    /// It is part of a batch.
    #[error("part of a batch")]
    Batched,
}

impl Failure {
    pub(crate) fn set_aside(reason: Reason, detail: impl Into<String>) -> Self {
        Self::SetAside { reason, detail: detail.into() }
    }
}

/// The only error type that passes through the client's middleware.
impl From<Failure> for OpenAIError {
    fn from(failure: Failure) -> Self {
        Self::Boxed(Box::new(failure))
    }
}

/// Back out of the client.
impl From<OpenAIError> for Failure {
    fn from(error: OpenAIError) -> Self {
        match error {
            OpenAIError::Boxed(inner) => match inner.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(other) => Self::set_aside(Reason::BadReply, other.to_string()),
            },
            other => Self::set_aside(Reason::BadReply, other.to_string()),
        }
    }
}
