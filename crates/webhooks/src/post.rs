//! The port to whatever carries a notification to its receiver.

use futures_util::future::BoxFuture;

/// Carries a notification to its receiver: over HTTP, or nowhere in tests.
pub trait Post: Send + Sync {
    /// Sends it once and waits for the answer, for a bounded time.
    ///
    /// # Errors
    ///
    /// [`PostError`] when there is no answer.
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<Posted, PostError>>;
}

/// A notification on its way.
#[derive(Clone, PartialEq, Eq)]
pub struct Posting {
    /// Where to.
    pub url: String,
    /// Names and values of headers, the type of the body among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// What the receiver answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// How the body begins.
    pub beginning: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Nothing may be sent there.
    #[error("not sent: {0}")]
    Refused(String),
    /// The receiver cannot be reached, or does not answer in time.
    #[error("{0}")]
    Unreachable(String),
}
