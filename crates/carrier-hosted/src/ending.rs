//! Endings that all services have in common.

use outdial_domain::{EndedBy, Ending, Outcome};

/// The ending of a leg that was certainly not dialled.
pub(crate) fn not_dialled(reason: impl Into<String>) -> Ending {
    Ending::new(Outcome::Failed, EndedBy::System, reason)
}

/// The ending of a leg that the service did not take for reasons of its own, so that another trunk, or another time, may
/// do better.
pub(crate) fn not_now(reason: impl Into<String>) -> Ending {
    Ending::new(Outcome::Congestion, EndedBy::Network, reason)
}

/// The ending of a leg that may or may not have rung.
pub(crate) fn unknown(reason: impl Into<String>) -> Ending {
    Ending::new(Outcome::Unknown, EndedBy::System, reason)
}

/// An ending that the service tells.
pub(crate) fn told(outcome: Outcome, reason: impl Into<String>) -> Ending {
    let by = match outcome {
        Outcome::Busy | Outcome::NoAnswer | Outcome::Rejected => EndedBy::Callee,
        Outcome::Completed
        | Outcome::InvalidNumber
        | Outcome::Congestion
        | Outcome::Failed
        | Outcome::Machine
        | Outcome::Canceled
        | Outcome::Expired
        | Outcome::Refused => EndedBy::Network,
        Outcome::Unknown => EndedBy::System,
    };
    Ending::new(outcome, by, reason)
}
