//! Why a text was not taken, for faces that have words of their own for it.

use outdial_flow::Problem;

/// Why a text was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// No trunk carries it. Nobody who asks is to blame for that.
    NoWay,
    /// No network takes such a body; this says why.
    Body(String),
    /// The body has too many parts; this says how many there may be.
    TooLong(String),
    /// The sender that was given is not to be had there; this says why.
    Sender(String),
    /// Nobody is reached under the number that was given, or nobody there may be texted.
    Receiver,
}

impl Unsent {
    /// Why a receiver of a request of this account was refused. The log has it in full, because the words of the faces say
    /// less.
    pub(crate) fn of(problems: &[Problem], account: &str) -> Self {
        let Some(problem) = problems.first() else {
            return Self::Receiver;
        };
        let Problem { field, code, message } = problem;
        let unsent = match (field.as_str(), *code) {
            (_, "no_route") => Self::NoWay,
            ("body", "too_long") => Self::TooLong(message.clone()),
            ("body", _) => Self::Body(message.clone()),
            ("from", _) => Self::Sender(message.clone()),
            _ => Self::Receiver,
        };
        match unsent {
            Self::NoWay => tracing::warn!(account, reason = message, "no trunk carries a text"),
            Self::Body(_) | Self::TooLong(_) | Self::Sender(_) | Self::Receiver => {
                tracing::info!(account, field, reason = message, "a text was not taken");
            }
        }
        unsent
    }
}
