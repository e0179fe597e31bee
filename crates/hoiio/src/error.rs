//! What can go wrong with a request, sorted by what to do about it.

use crate::{Invalid, Status, UnreadableAnswer};
use std::time::Duration;

/// Why there is no answer to a request.
///
/// No variant holds the access token, or an address with one in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The application or its token is not known. Mend the credentials.
    #[error("the service does not accept the credentials ({0})")]
    BadCredentials(Status),
    /// Fields are missing or cannot be: found before anything was sent, or told by the service.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The balance is too low.
    #[error("the credit does not suffice")]
    InsufficientCredit,
    /// Too many requests in a minute. The same request may be sent again after the wait.
    #[error("too many requests: wait {} s", wait.as_secs())]
    RateLimited {
        /// How long to wait: as the service says, or a minute, the length of its window.
        wait: Duration,
    },
    /// There is no such transaction, session or number, or it belongs to somebody else.
    #[error("not found ({0})")]
    NotFound(Status),
    /// The service refuses for another reason, which its word tells.
    #[error("refused ({0})")]
    Refused(Status),
    /// The service was not reached, or the connection broke. Whether a request that makes something
    /// was carried out is not known.
    #[error("the service was not reached: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The service is in trouble, or what answered is not the service.
    #[error("the service is in trouble: {0}")]
    Server(String),
}

impl Error {
    /// Whether the request surely was not carried out, so that it may be sent elsewhere or again.
    ///
    /// Not so when the connection broke after it stood, or when the answer was none: then nobody knows.
    #[must_use]
    pub fn nothing_was_done(&self) -> bool {
        match self {
            Self::Transport(source) => never_connected(source.as_ref()),
            Self::Server(_) => false,
            Self::BadCredentials(_)
            | Self::Invalid(_)
            | Self::InsufficientCredit
            | Self::RateLimited { .. }
            | Self::NotFound(_)
            | Self::Refused(_) => true,
        }
    }

    /// The status word, when the service has told one that this variant keeps.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::BadCredentials(status) | Self::NotFound(status) | Self::Refused(status) => Some(status),
            Self::Invalid(_)
            | Self::InsufficientCredit
            | Self::RateLimited { .. }
            | Self::Transport(_)
            | Self::Server(_) => None,
        }
    }

    /// What a status word means, given what `Retry-After` said.
    #[must_use]
    pub fn from_status(status: Status, retry_after: Option<Duration>) -> Self {
        if let Some(invalid) = Invalid::from_status(&status) {
            return match status {
                Status::ParamMissing(name) if name == "app_id" || name == "access_token" => {
                    Self::BadCredentials(Status::ParamMissing(name))
                }
                _ => Self::Invalid(invalid),
            };
        }
        match status {
            Status::InvalidAccessToken | Status::InvalidAppId => Self::BadCredentials(status),
            Status::InsufficientCredit => Self::InsufficientCredit,
            Status::RateLimitExceeded => Self::RateLimited {
                wait: retry_after.unwrap_or(Duration::from_secs(60)),
            },
            Status::InvalidTxnRef
            | Status::TxnRefInvalid
            | Status::TxnRefAccessDenied
            | Status::InvalidSession
            | Status::SessionAccessDenied
            | Status::UserNotFound => Self::NotFound(status),
            Status::InternalServerError | Status::ServiceNotAvailable => Self::Server(status.to_string()),
            other => Self::Refused(other),
        }
    }
}

impl From<UnreadableAnswer> for Error {
    fn from(error: UnreadableAnswer) -> Self {
        Self::Server(error.to_string())
    }
}

#[cfg(feature = "client")]
fn never_connected(source: &(dyn std::error::Error + 'static)) -> bool {
    source.downcast_ref().is_some_and(reqwest::Error::is_connect)
}

#[cfg(not(feature = "client"))]
fn never_connected(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

#[cfg(feature = "client")]
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold what nobody should read.
        Self::Transport(Box::new(error.without_url()))
    }
}
