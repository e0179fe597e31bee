//! What can go wrong with a request, sorted by what to do about it.

use crate::{Invalid, RestException};
use std::time::Duration;

/// Why there is no answer to a request. No variant holds the token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The account, its key or its token is not known. Mend the credentials.
    #[error("the service does not accept the credentials")]
    BadCredentials,
    /// Fields are missing or cannot be: found before anything was sent, or told by the service.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The balance is too low.
    #[error("the credit does not suffice")]
    InsufficientCredit,
    /// Too many requests in a minute, and waiting was not wanted or did not help. The same request may
    /// be sent again after the wait.
    #[error("too many requests: wait {:.1} s", wait.as_secs_f64())]
    RateLimited {
        /// How long to wait.
        wait: Duration,
    },
    /// There is no such call, text or number.
    #[error("not found: {0}")]
    NotFound(String),
    /// The callee is registered against such calls, and the law forbids this one.
    #[error("refused because of the callee's registration: {0}")]
    RefusedByDnd(String),
    /// The service refuses for another reason.
    #[error("refused with {}: {}", .0.status, .0.message)]
    Refused(RestException),
    /// The service was not reached, or the connection broke. Whether a request that makes something
    /// was carried out is not known.
    #[error("the service was not reached: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The service is in trouble, or what answered is not the service.
    #[error("the service is in trouble: {0}")]
    Server(String),
    /// The limiter that was set cannot work.
    #[error("the limiter cannot work: {0}")]
    Limiter(#[source] Box<dyn std::error::Error + Send + Sync>),
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
            Self::BadCredentials
            | Self::Invalid(_)
            | Self::InsufficientCredit
            | Self::RateLimited { .. }
            | Self::NotFound(_)
            | Self::RefusedByDnd(_)
            | Self::Refused(_)
            | Self::Limiter(_) => true,
        }
    }

    /// What an answer other than 200 means, given its code, its refusal if it holds one, and what
    /// `Retry-After` said.
    #[must_use]
    pub fn from_answer(status: u16, exception: Option<RestException>, retry_after: Option<Duration>) -> Self {
        let exception = exception.unwrap_or_else(|| RestException::new(status, ""));
        if exception.is_about_credit() {
            return Self::InsufficientCredit;
        }
        if exception.is_about_dnd() {
            return Self::RefusedByDnd(exception.message);
        }
        match status {
            400 => Self::Invalid(fields_of(&exception)),
            401 => Self::BadCredentials,
            404 => Self::NotFound(exception.message),
            429 => Self::RateLimited {
                wait: retry_after.unwrap_or(Duration::from_secs(60)),
            },
            // Success is 200 alone; what others stand for, nobody said.
            ..400 | 500.. => Self::Server(format!("HTTP {status} {}", exception.message)),
            _ => Self::Refused(RestException { status, ..exception }),
        }
    }
}

/// The field of a refusal: by its code, or by the first name of a field in its text.
fn fields_of(exception: &RestException) -> Invalid {
    const NAMES: &[(&str, &str)] = &[
        ("Recipient", "To"),
        ("CallerId", "CallerId"),
        ("StatusCallback", "StatusCallback"),
        ("TimeLimit", "TimeLimit"),
        ("TimeOut", "TimeOut"),
        ("EncodingType", "EncodingType"),
        ("Priority", "Priority"),
        ("Body", "Body"),
        ("From", "From"),
        ("Url", "Url"),
        ("To", "To"),
    ];
    let by_text = || {
        let mut words = exception.message.split(|letter: char| !letter.is_ascii_alphanumeric());
        words.find_map(|word| NAMES.iter().find(|(name, _)| *name == word).map(|(_, field)| *field))
    };
    let field = exception.bad_field().or_else(by_text).unwrap_or("request");
    Invalid::bad(field, format!("was refused by the service: {}", exception.message))
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
