//! What became of a call: its two sides, and how long they talked. Prices are left out, for there are none.

use jiff::Timestamp;
use outdial_domain::{CallState as OurState, Leg, Outcome};
use outdial_engine::ports::CallDetails;
use outdial_hoiio::{
    Status, time,
    voice::{CallState, CallStatus},
};

use super::{Asker, Service, kept::Kept, voice::find};

/// What became of the call of this name.
pub(super) async fn of(service: &Service, asker: &Asker<'_>, txn_ref: &str) -> Result<CallStatus, Status> {
    Ok(shown(&find(service, asker, txn_ref).await?))
}

/// A call as a status and as an entry of the history.
pub(super) fn shown(details: &CallDetails) -> CallStatus {
    let call = &details.call;
    let kept = Kept::of(call);
    let name = call.face.as_ref().map(|face| face.reference.clone());
    let sides = sides(details);
    let number = call.plan.to.to_string();
    let mut status = CallStatus::new(name.unwrap_or_default())
        .tag(kept.tag)
        .dest1(number.clone())
        .call_status_dest1(sides.first.clone())
        .date(time(call.created_at));
    match kept.dest2 {
        Some(dest2) => status = status.dest2(dest2).call_status_dest2(sides.second),
        // One of the clients insists on both sides, also of a call that has one.
        None => status = status.number(number).call_status_dest2(sides.first),
    }
    match minutes(details) {
        Some(minutes) => status.duration(minutes),
        None => status,
    }
}

/// What became of both sides.
pub(super) struct Sides {
    pub(super) first: CallState,
    pub(super) second: CallState,
}

pub(super) fn sides(details: &CallDetails) -> Sides {
    let attempt = details.attempts.last().map(|attempt| attempt.id);
    let mut legs = details.legs.iter().filter(|leg| Some(leg.attempt) == attempt);
    let ending = details
        .call
        .ending
        .as_ref()
        .filter(|_| details.call.state == OurState::Ended);
    let first = legs.next();
    let second = legs.next_back();
    let state = |leg: Option<&Leg>| match (leg, ending) {
        (_, None) if leg.is_none_or(|leg| leg.progress.ending.is_none()) => CallState::Ongoing,
        (Some(leg), _) if leg.progress.answered_at.is_some() => CallState::Answered,
        (Some(leg), _) => {
            let ending = leg.progress.ending.as_ref().or(ending);
            ending.map_or(CallState::Failed, |ending| unanswered(ending.outcome))
        }
        (None, Some(ending)) => unanswered(ending.outcome),
        (None, None) => CallState::Ongoing,
    };
    Sides {
        first: state(first),
        // Of a number that was not rung there is nothing to tell but that it did not answer.
        second: match (second, ending) {
            (None, Some(_)) => CallState::Unanswered,
            (second, _) => state(second),
        },
    }
}

fn unanswered(outcome: Outcome) -> CallState {
    match outcome {
        Outcome::Busy => CallState::Busy,
        Outcome::NoAnswer | Outcome::Rejected | Outcome::Canceled | Outcome::Completed | Outcome::Machine => {
            CallState::Unanswered
        }
        Outcome::InvalidNumber
        | Outcome::Congestion
        | Outcome::Failed
        | Outcome::Expired
        | Outcome::Refused
        | Outcome::Unknown => CallState::Failed,
    }
}

/// How many minutes they talked, begun ones counted; nothing while it goes on.
pub(super) fn minutes(details: &CallDetails) -> Option<u32> {
    let end = details.call.ended_at?;
    // Two talk from the answer of the second one on.
    let answered = |leg: &Leg| leg.progress.answered_at;
    let begun: Option<Timestamp> = match Kept::of(&details.call).dest2 {
        Some(_) => details.legs.iter().skip(1).rev().find_map(answered),
        None => details.call.answered_at,
    };
    let seconds = begun.map_or(0, |begun| end.duration_since(begun).as_secs().max(0));
    let begun_second = begun.is_some_and(|begun| end.duration_since(begun).subsec_nanos() > 0);
    let seconds = u64::try_from(seconds).unwrap_or_default() + u64::from(begun_second);
    Some(u32::try_from(seconds.div_ceil(60)).unwrap_or(u32::MAX))
}
