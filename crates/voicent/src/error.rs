//! What can go wrong, sorted by what to do about it.

use crate::Invalid;

/// Why there is no answer to a request.
///
/// The gateway knows no credentials, no credit and no limits, so there are no errors for them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fields are missing or cannot be; nothing was sent.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// There is no such call, or its record went by itself.
    #[error("not found: {0}")]
    NotFound(String),
    /// The gateway refuses the request, in its words.
    #[error("refused: {0}")]
    Refused(String),
    /// The gateway was not reached, or the connection broke. Whether a call was taken is not known.
    #[error("the gateway was not reached: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gateway is in trouble, or what answered is no gateway.
    #[error("the gateway is in trouble: {0}")]
    Server(String),
}

#[cfg(feature = "client")]
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // The address says what was asked, and of whom.
        Self::Transport(Box::new(error.without_url()))
    }
}
