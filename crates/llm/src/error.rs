//! What can go wrong with a model.

use std::time::Duration;

/// Why a model gave no answer, sorted by what the customer is told (AC 5.7).
///
/// `Display` is for logs. It names statuses, error codes and transport causes, and never the key, the prompt
/// or the provider's own message, which may quote either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The model answered 400 or 422: in practice, the conversation is too long for it.
    #[error("the model rejected the request: {detail}")]
    TooLong {
        /// The HTTP status, or the status that an error inside a stream stands for.
        status: u16,
        /// The cause, for logs.
        detail: String,
    },
    /// The model cannot answer now: 408, 429, 5xx, no connection, a timeout, or a connection closed in the
    /// middle of an answer.
    #[error("the model is unavailable: {detail}")]
    Unavailable {
        /// What kind of unavailability it is.
        cause: Cause,
        /// How long the server asked to wait, if it did.
        retry_after: Option<Duration>,
        /// The cause, for logs.
        detail: String,
    },
    /// Any other status, such as 401, 403 or 404: a person has to change the configuration.
    #[error("the model's API answered with an error: {detail}")]
    Api {
        /// The HTTP status, or the status that an error inside a stream stands for.
        status: u16,
        /// The cause and a hint, for logs.
        detail: String,
    },
    /// The server said yes and then sent something that is no answer: not JSON, or beyond every limit.
    /// The customer is told the same as for [`Error::Unavailable`].
    #[error("the model's answer cannot be understood: {0}")]
    BadStream(String),
    /// The configuration cannot work. Only [`Provider::new`](crate::Provider::new) returns this.
    #[error("the model's configuration is wrong: {0}")]
    Config(String),
}

/// Why a model is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It took too long.
    Timeout,
    /// It is asked more than it allows (429).
    RateLimit,
    /// Anything else.
    Trouble,
}

impl Error {
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable {
            cause: Cause::Trouble,
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// There was no answer, or no end of it, in time.
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self::Unavailable {
            cause: Cause::Timeout,
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// Why it is unavailable, if it is.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Unavailable { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// The error that a status stands for; `None` for a status of success.
    pub(crate) fn of_status(status: u16, retry_after: Option<Duration>, detail: String) -> Self {
        match status {
            400 | 422 => Self::TooLong { status, detail },
            408 | 429 | 500..=599 => Self::Unavailable {
                cause: match status {
                    408 | 504 => Cause::Timeout,
                    429 => Cause::RateLimit,
                    _ => Cause::Trouble,
                },
                retry_after,
                detail,
            },
            _ => Self::Api { status, detail },
        }
    }
}
