//! What a gateway's answers and refusals mean.

use outdial_domain::{
    Ending, Outcome,
    message::{PartFate, ReceiptState, Refusal},
};
use outdial_voicent::{Attempt, Error, Outcome as Told, Status, Word};

use crate::{
    ending::{not_dialled, not_now, told},
    service::{Placed, Trouble},
};

/// What became of a request for a call that was not answered as it should be.
pub(super) fn not_placed(error: &Error) -> Placed {
    if !error.nothing_was_done() {
        return Placed::Lost(format!("the gateway may or may not have taken this call: {error}"));
    }
    let reason = format!("{error}. Nobody was rung");
    Placed::No(match error {
        Error::Transport(_) => not_now(reason),
        _ => not_dialled(reason),
    })
}

/// What the records of a call come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempted {
    /// It waits, or goes on.
    NotYet,
    /// It is over.
    Over(Ending),
    /// It was tried, and the gateway would try it again.
    WouldRetry(Outcome, String),
}

pub(super) fn attempted(attempts: &[Attempt]) -> Attempted {
    let of = |word: &Word| attempts.iter().rev().find(|attempt| attempt.word == *word);
    let says = |attempt: &Attempt| format!("the gateway says: {}", attempt.message);
    if let Some(made) = of(&Word::Made) {
        return Attempted::Over(told(Outcome::Completed, says(made)));
    }
    if let Some(failed) = of(&Word::Failed) {
        return Attempted::Over(told(outcome(&failed.message), says(failed)));
    }
    match of(&Word::Retry) {
        Some(retry) => Attempted::WouldRetry(outcome(&retry.message), retry.message.clone()),
        None => Attempted::NotYet,
    }
}

/// What a message for people says, as far as one can tell.
fn outcome(message: &str) -> Outcome {
    const WORDS: &[(&str, Outcome)] = &[
        ("busy", Outcome::Busy),
        ("occupied", Outcome::Busy),
        ("no answer", Outcome::NoAnswer),
        ("too late", Outcome::Expired),
        ("not available", Outcome::Congestion),
    ];
    let message = message.to_ascii_lowercase();
    let known = WORDS.iter().find(|(word, _)| message.contains(word));
    known.map_or(Outcome::Failed, |(_, outcome)| *outcome)
}

/// Why nothing is known now.
pub(super) fn trouble(error: &Error) -> Trouble {
    match error {
        Error::NotFound(reason) => Trouble::Gone(reason.clone()),
        other => Trouble::Passing(other.to_string()),
    }
}

/// What became of a text that was not taken.
pub(super) fn not_sent(error: &Error) -> PartFate {
    let reason = format!("the gateway: {error}");
    if !error.nothing_was_done() {
        return PartFate::Unknown { reason };
    }
    match error {
        Error::Transport(_) => PartFate::NotSent { reason },
        _ => never(reason),
    }
}

/// This trunk will never send it; another one may.
pub(super) fn never(reason: String) -> PartFate {
    PartFate::Refused {
        refusal: Refusal::Elsewhere,
        reason,
    }
}

/// Where a text is: that it was sent is all that a gateway ever says of one.
pub(super) fn receipt(status: &Status) -> ReceiptState {
    match status.outcome() {
        Told::Made => ReceiptState::Delivered,
        Told::Failed => ReceiptState::Undeliverable,
        Told::InProgress | Told::WillRetry | Told::Gone => ReceiptState::Enroute,
    }
}
