//! What no change may be, whatever the database.

use outdial_domain::Subject;
use outdial_engine::ports::{Change, StoreError};

/// Says what no change may be: the schema cannot say that sequences have no gaps.
pub(crate) fn flaw(change: &Change) -> Option<StoreError> {
    let before = change.since.unwrap_or(0);
    let gapless = (before + 1..)
        .zip(&change.events)
        .all(|(next, event)| next == event.sequence);
    let counted = u32::try_from(change.events.len()).is_ok_and(|count| before + count == change.call.events);
    let ours = change
        .events
        .iter()
        .all(|event| event.account == change.call.account && event.subject == Subject::Call(change.call.id));
    let why = if change.events.is_empty() {
        "it has no event"
    } else if !gapless || !counted {
        "the sequence of its events has a gap"
    } else if !ours {
        "it has an event of something else"
    } else if change.since.is_none() && change.flow.is_none() {
        "a new call needs a flow"
    } else if !change
        .traces
        .iter()
        .all(|trace| change.legs.iter().any(|leg| leg.id == trace.leg))
    {
        "a trace belongs to a leg"
    } else {
        return None;
    };
    Some(forbidden(change.call.id.into(), why))
}

/// What the schema forbids is a fault of whoever made the change: the domain should not have let it come so far.
pub(crate) fn forbidden(subject: Subject, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the change of {subject} breaks a rule of the database: {why}"),
        remedy: "This is a fault of the program: report it with the log".to_owned(),
    }
}
