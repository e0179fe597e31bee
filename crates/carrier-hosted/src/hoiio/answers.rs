//! What Hoiio's answers and refusals mean.

use outdial_domain::{
    Outcome,
    message::{PartFate, ReceiptState, Refusal},
};
use outdial_hoiio::{
    Error,
    sms::{SmsState, SmsStatus},
    voice::{CallState, CallStatus},
};

use crate::{
    ending::{not_dialled, not_now, told},
    service::{Placed, Seen, Trouble},
};

/// What became of a request for a call that was not answered as it should be.
pub(super) fn not_placed(error: &Error) -> Placed {
    if !error.nothing_was_done() {
        return Placed::Lost(format!("Hoiio may or may not have taken this call: {error}"));
    }
    let reason = format!("Hoiio: {error}. Nobody was rung");
    Placed::No(match error {
        Error::RateLimited { wait } => return Placed::Later(*wait, format!("Hoiio: {error}")),
        Error::Transport(_) => not_now(reason),
        Error::Invalid(invalid) if invalid.faults().iter().any(|fault| fault.field.starts_with("dest")) => {
            told(Outcome::InvalidNumber, reason)
        }
        Error::Refused(status) if status.to_string() == "error_concurrent_call_limit_reached" => not_now(reason),
        _ => not_dialled(reason),
    })
}

/// What is known of a call: it ended as its first number did, and when that one answered, as its second did.
pub(super) fn seen(status: &CallStatus) -> Seen {
    let first = status.call_status_dest1.as_ref();
    let second = status.call_status_dest2.as_ref();
    let answered = first == Some(&CallState::Answered);
    let deciding = match second {
        Some(second) if answered => Some(("dest2", second)),
        _ => first.map(|first| ("dest1", first)),
    };
    let ended = deciding.filter(|_| status.is_final()).map(|(which, state)| {
        let length = status
            .duration
            .map_or_else(String::new, |minutes| format!(", in minute {minutes}"));
        let reason = format!("Hoiio says that {which} was `{}`{length}", state.as_str());
        told(outcome(state), reason)
    });
    Seen { answered, ended }
}

fn outcome(state: &CallState) -> Outcome {
    match state {
        CallState::Answered => Outcome::Completed,
        CallState::Unanswered => Outcome::NoAnswer,
        CallState::Busy => Outcome::Busy,
        CallState::Failed => Outcome::Failed,
        CallState::Ongoing | CallState::Other(_) => Outcome::Unknown,
    }
}

/// Why nothing is known now.
pub(super) fn trouble(error: &Error) -> Trouble {
    match error {
        Error::NotFound(status) => Trouble::Gone(status.to_string()),
        other => Trouble::Passing(other.to_string()),
    }
}

/// What became of a text that was not taken.
pub(super) fn not_sent(error: &Error) -> PartFate {
    let reason = format!("Hoiio: {error}");
    if !error.nothing_was_done() {
        return PartFate::Unknown { reason };
    }
    match error {
        Error::RateLimited { .. } => PartFate::Refused {
            refusal: Refusal::Slower,
            reason,
        },
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

/// Where a text is.
pub(super) fn receipt(status: &SmsStatus) -> Result<(ReceiptState, Option<String>), Trouble> {
    let Some(state) = &status.sms_status else {
        return Err(Trouble::Passing("the answer has no status".to_owned()));
    };
    let receipt = match state {
        SmsState::Delivered => ReceiptState::Delivered,
        SmsState::Failed => ReceiptState::Undeliverable,
        SmsState::Error => ReceiptState::Rejected,
        SmsState::Queued | SmsState::Received | SmsState::Other(_) => ReceiptState::Enroute,
    };
    Ok((receipt, None))
}
