//! `callstatusHandler.jsp`: what became of a call, attempt by attempt, or of a text.

use jiff::{Timestamp, tz::TimeZone};
use outdial_domain::{Attempt as OurAttempt, CallState, EndedBy, Ending, Message, Outcome};
use outdial_engine::{
    ports::CallDetails,
    verbs::{self, CallError},
};
use outdial_voicent::{Attempt, Form, ReqId, Status, Word, no_such_record};

use super::{
    Gateway, Refusal,
    call::failed,
    kept::{Kept, on_the_wall},
    text,
};

/// What a name stands for.
pub(super) enum Found {
    Call(Box<CallDetails>),
    Text(Box<Message>),
}

/// The record of a call or a text.
pub(super) async fn of(gateway: &Gateway, form: &Form) -> Result<String, Refusal> {
    let zone = &gateway.config.zone;
    let attempts = match find(gateway, form).await? {
        Found::Call(details) => attempts(&details, zone),
        Found::Text(message) => text::attempts(&message, zone),
    };
    Ok(Status::Attempts(attempts).print())
}

/// What a form names, unless its record has gone.
pub(super) async fn find(gateway: &Gateway, form: &Form) -> Result<Found, Refusal> {
    let id = form.get("reqid").unwrap_or_default().trim();
    let gone = || Refusal::told(no_such_record(id));
    let name = ReqId::new(id).map_err(|_| gone())?;
    let details = match verbs::find_by_reference(&gateway.engine, &gateway.actor, name.as_str()).await {
        Ok(details) => details,
        Err(CallError::NotFound) => {
            let message = text::find(gateway, &name).await?.ok_or_else(gone)?;
            return Ok(Found::Text(Box::new(message)));
        }
        Err(error @ (CallError::OwnerGone | CallError::GoesOn(_) | CallError::Store(_))) => return Err(failed(&error)),
    };
    let over = details.call.state == CallState::Ended;
    if over && Kept::of(&details.call).self_delete {
        return Err(gone());
    }
    Ok(Found::Call(Box::new(details)))
}

/// The attempts that are over. While more may follow, none of them is said to have failed: clients take a
/// failure for the end.
fn attempts(details: &CallDetails, zone: &TimeZone) -> Vec<Attempt> {
    let call = &details.call;
    let due = Kept::of(call).due;
    let record =
        |word, at: Timestamp, message: &str| Attempt::new(word, on_the_wall(at, zone), on_the_wall(due, zone), message);
    let ended = |attempt: &OurAttempt| {
        attempt
            .progress
            .ending
            .clone()
            .map(|ending| (attempt.progress.journalled_at, ending))
    };
    let mut over: Vec<(Timestamp, Ending)> = details.attempts.iter().filter_map(ended).collect();
    let last = call.ending.as_ref().filter(|_| call.state == CallState::Ended);
    // A call that was never dialled has a record all the same, which says why.
    if over.is_empty()
        && let Some(ending) = last
    {
        over.push((call.ended_at.unwrap_or(call.created_at), ending.clone()));
    }
    let count = over.len();
    let mut records: Vec<Attempt> = over
        .into_iter()
        .enumerate()
        .map(|(index, (at, ending))| match last {
            Some(last) if index + 1 == count => match last.outcome {
                Outcome::Completed | Outcome::Machine => record(Word::Made, at, made(last.outcome)),
                _ => record(Word::Failed, at, why(last)),
            },
            _ => record(Word::Retry, at, &format!("{}. Try in 1 minute ", why(&ending))),
        })
        .collect();
    // Clients that know of answers look at the first record; those that read them all, at the last.
    let answers: Vec<_> = call
        .digits
        .iter()
        .map(|gathered| (gathered.name.clone(), gathered.digits.clone()))
        .collect();
    if let Some(last) = records.last_mut() {
        last.answers.clone_from(&answers);
    }
    if let Some(first) = records.first_mut() {
        first.answers = answers;
    }
    records
}

fn made(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Machine => "Message left on answering machine",
        _ => "Call succeeded",
    }
}

/// What happened, for people.
fn why(ending: &Ending) -> &'static str {
    match ending.outcome {
        Outcome::Completed | Outcome::Machine => made(ending.outcome),
        Outcome::Busy => "Line busy",
        Outcome::NoAnswer => "No answer",
        Outcome::Rejected => "Line disconnected",
        Outcome::InvalidNumber | Outcome::Unknown => "Call did not go through",
        Outcome::Congestion | Outcome::Refused => "Service not available",
        Outcome::Failed => "Service error",
        Outcome::Canceled if ending.by == EndedBy::Request => "Call removed",
        Outcome::Canceled => "Call did not go through",
        Outcome::Expired => "Too late to call",
    }
}
