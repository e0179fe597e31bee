//! The name of a request at the gateway, and the answers that give or take it.

use crate::Invalid;
use jiff::{Timestamp, Zoned};
use std::fmt;

/// The name of a request: digits, the milliseconds since 1970 at which it was made.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ReqId(String);

impl ReqId {
    /// Takes the digits.
    ///
    /// # Errors
    ///
    /// When there are none, more than 32, or something else among them.
    pub fn new(digits: impl Into<String>) -> Result<Self, Invalid> {
        let digits = digits.into();
        let fine = (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fine {
            Ok(Self(digits))
        } else {
            Err(Invalid::bad("reqid", "must be 1 to 32 digits"))
        }
    }

    /// The name of a request that was made at this time.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.as_millisecond().max(0).to_string())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReqId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The answer to a request for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// It was taken under this name.
    Yes(ReqId),
    /// It was not, with what the gateway said.
    No(String),
}

impl Accepted {
    /// Reads the answer: whatever text there is, the name stands in `[ReqId=…]`.
    #[must_use]
    pub fn read(body: &str) -> Self {
        let token = body.split_once("[ReqId=").and_then(|(_, rest)| rest.split_once(']'));
        match token.map(|(digits, _)| ReqId::new(digits)) {
            Some(Ok(id)) => Self::Yes(id),
            _ => Self::No(error_of(body).unwrap_or_else(|| shortened(body))),
        }
    }

    /// Prints it, with the time for which the call is planned.
    #[must_use]
    pub fn print(&self, due: &Zoned) -> String {
        match self {
            Self::Yes(id) => format!(
                "Your call is planned for {}. [ReqId={id}]\n",
                due.strftime("%a %b %d %H:%M:%S %Z %Y")
            ),
            Self::No(why) => print_error(why),
        }
    }
}

/// The answer to a request to remove a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// It was not there.
    No(String),
}

impl Removed {
    /// Where requests to remove go, with the field `reqid`.
    pub const PATH: &'static str = "/ocall/callremoveHandler.jsp";

    /// Reads the answer.
    #[must_use]
    pub fn read(body: &str) -> Self {
        error_of(body).map_or(Self::Yes, Self::No)
    }

    /// Prints it.
    #[must_use]
    pub fn print(&self) -> String {
        match self {
            Self::Yes => "[removed]\n".to_owned(),
            Self::No(why) => print_error(why),
        }
    }
}

/// The text with which the gateway denies to know a call.
#[must_use]
pub fn no_such_record(id: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_digit).take(32).collect();
    format!("no such call record: {id}")
}

/// The text after `ERROR:`, if the body is one.
pub(crate) fn error_of(body: &str) -> Option<String> {
    body.trim().strip_prefix("ERROR:").map(shortened)
}

/// One line, and nothing in it that a client would take for an answer.
pub(crate) fn print_error(why: &str) -> String {
    let why: String = why
        .chars()
        .map(|character| match character {
            '[' | ']' | '^' => ' ',
            other if other.is_control() => ' ',
            other => other,
        })
        .collect();
    format!("ERROR: {}\n", why.trim())
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(200).collect()
}
