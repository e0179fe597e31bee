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

impl Error {
    /// Whether the request surely was not carried out, so that it may be sent elsewhere or again.
    ///
    /// Not so when the connection broke after it stood, or when the answer was none: then nobody knows.
    #[must_use]
    pub fn nothing_was_done(&self) -> bool {
        match self {
            Self::Transport(source) => never_connected(source.as_ref()),
            Self::Server(_) => false,
            Self::Invalid(_) | Self::NotFound(_) | Self::Refused(_) => true,
        }
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
        // The address says what was asked, and of whom.
        Self::Transport(Box::new(error.without_url()))
    }
}
