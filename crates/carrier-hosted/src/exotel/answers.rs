//! What Exotel's answers and refusals mean.

use std::time::Duration;

use outdial_domain::{
    Outcome,
    message::{PartFate, ReceiptState, Refusal},
};
use outdial_exotel::{
    Error,
    call::{CallAnswer, CallStatus},
    sms::{DetailedStatus, SmsAnswer, SmsStatus},
};

use crate::{
    ending::{not_dialled, not_now, told},
    service::{Placed, Seen, Trouble},
};

/// What became of a request for a call that was not answered as it should be.
pub(super) fn not_placed(error: &Error) -> Placed {
    if !error.nothing_was_done() {
        return Placed::Lost(format!("Exotel may or may not have taken this call: {error}"));
    }
    let reason = format!("Exotel: {error}. Nobody was rung");
    Placed::No(match error {
        // The next turn comes when the service takes requests again.
        Error::RateLimited { .. } => return Placed::Later(Duration::ZERO, format!("Exotel: {error}")),
        Error::Transport(_) => not_now(reason),
        Error::RefusedByDnd(_) => told(Outcome::Rejected, reason),
        Error::Invalid(invalid) if ["From", "To"].iter().any(|field| names(invalid, field)) => {
            told(Outcome::InvalidNumber, reason)
        }
        _ => not_dialled(reason),
    })
}

fn names(invalid: &outdial_exotel::Invalid, field: &str) -> bool {
    invalid.faults().iter().any(|fault| fault.field == field)
}

/// What is known of a call. Its own status says that it goes on before anybody has answered, so only its sides tell.
pub(super) fn seen(answer: &CallAnswer) -> Seen {
    let call = &answer.call;
    let first = answer
        .details
        .as_ref()
        .and_then(|details| details.conversation.leg1_status.as_ref());
    let connected = answer.details.as_ref().is_some_and(|details| {
        let mut legs = details.legs.iter();
        legs.any(|leg| leg.id == 1 && leg.on_call_duration.is_some_and(|seconds| seconds > 0))
    });
    let outcome = call.status.as_ref().filter(|status| status.is_final()).map(outcome);
    let length = call
        .duration
        .map_or_else(String::new, |seconds| format!(" after {seconds} s"));
    let word = call.status.as_ref().map_or("", CallStatus::as_str);
    Seen {
        answered: connected || first == Some(&CallStatus::Completed),
        ended: outcome.map(|outcome| told(outcome, format!("Exotel says that it was `{word}`{length}"))),
    }
}

fn outcome(status: &CallStatus) -> Outcome {
    match status {
        CallStatus::Completed => Outcome::Completed,
        CallStatus::Busy => Outcome::Busy,
        CallStatus::NoAnswer => Outcome::NoAnswer,
        CallStatus::Canceled => Outcome::Canceled,
        CallStatus::Failed => Outcome::Failed,
        CallStatus::Queued | CallStatus::Ringing | CallStatus::InProgress | CallStatus::Other(_) => Outcome::Unknown,
    }
}

/// Why nothing is known now.
pub(super) fn trouble(error: &Error) -> Trouble {
    match error {
        Error::NotFound(reason) => Trouble::Gone(reason.clone()),
        other => Trouble::Passing(other.to_string()),
    }
}

/// What became of a text that the service answered for.
pub(super) fn sent(SmsAnswer(texts): SmsAnswer) -> PartFate {
    let sids = texts.into_iter().map(|sms| sms.sid);
    match sids.into_iter().next().filter(|sid| !sid.is_empty()) {
        Some(sid) => PartFate::Accepted { id: Some(sid) },
        None => PartFate::Unknown {
            reason: "Exotel took the text without a name for it".to_owned(),
        },
    }
}

/// What became of a text that it did not.
pub(super) fn not_sent(error: &Error) -> PartFate {
    let reason = format!("Exotel: {error}");
    if !error.nothing_was_done() {
        return PartFate::Unknown { reason };
    }
    match error {
        Error::RateLimited { .. } => PartFate::Refused {
            refusal: Refusal::Slower,
            reason,
        },
        Error::Transport(_) => PartFate::NotSent { reason },
        Error::RefusedByDnd(_) => PartFate::Refused {
            refusal: Refusal::Never,
            reason,
        },
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
pub(super) fn receipt(SmsAnswer(texts): &SmsAnswer) -> Result<(ReceiptState, Option<String>), Trouble> {
    let sms = texts
        .first()
        .ok_or_else(|| Trouble::Passing("the answer is empty".to_owned()))?;
    let code = sms.detailed_status_code;
    let Some(status) = &sms.status else {
        return Err(Trouble::Passing("the answer has no status".to_owned()));
    };
    let state = match status {
        SmsStatus::Sent => ReceiptState::Delivered,
        SmsStatus::FailedDnd => ReceiptState::Rejected,
        SmsStatus::Failed => failed(code),
        SmsStatus::Queued | SmsStatus::Sending | SmsStatus::Submitted => ReceiptState::Enroute,
        SmsStatus::Other(word) => match word.as_str() {
            "delivered" => ReceiptState::Delivered,
            "expired" => ReceiptState::Expired,
            "undelivered" => ReceiptState::Undeliverable,
            "failed_dnd" => ReceiptState::Rejected,
            _ => ReceiptState::Enroute,
        },
    };
    let wrong = state.is_final() && state != ReceiptState::Delivered;
    Ok((state, code.filter(|_| wrong).map(|code| code.0.to_string())))
}

/// What a failure's code says.
fn failed(code: Option<DetailedStatus>) -> ReceiptState {
    match code {
        Some(DetailedStatus::FAILED_EXPIRED) => ReceiptState::Expired,
        Some(DetailedStatus::FAILED_REJECTED) => ReceiptState::Rejected,
        Some(DetailedStatus(23015..=23030 | 23070..=23281)) => ReceiptState::Rejected,
        Some(_) | None => ReceiptState::Undeliverable,
    }
}
