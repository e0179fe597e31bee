//! `GET Calls/{sid}`: a call as answers show it.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Call as OurCall, CallState, Leg as OurLeg, Outcome};
use outdial_engine::{
    ports::{CallDetails, RecordingFilter},
    verbs::{self, CallError},
};
use outdial_exotel::{
    Answer as _, Fields, Format, Record as _, Request as _, RestException,
    call::{Call, CallAnswer, CallStatus, Conversation, Details, Direction, GetCall, GetCallOptions, Leg},
    time,
};

use super::{Asker, Service, failed, invalid, kept::Kept, no_results};
use crate::recording_links::absolute;

/// Shows a call.
pub(super) async fn call(
    service: &Service,
    asker: &Asker<'_>,
    sid: &str,
    fields: &Fields,
) -> Result<String, RestException> {
    let options = GetCallOptions::from_fields(fields).map_err(|error| invalid(&error))?;
    let asked = GetCall {
        sid: sid.to_owned(),
        options,
    };
    asked.check().map_err(|error| invalid(&error))?;
    let details = find(service, asker, sid).await?;
    let mut answer = shown(service, asker, &details.call).await?;
    if let Some(minutes) = asked.options.recording_url_validity
        && answer.call.recording_url.is_some()
    {
        let lives = Duration::from_secs(u64::from(minutes) * 60);
        answer.call.recording_url = recording(service, asker, &details.call, Some(lives)).await?;
    }
    if asked.options.details.unwrap_or(false) {
        answer.details = Some(both_sides(&details));
    }
    Ok(answer.print(asker.format))
}

/// The call of this name.
pub(super) async fn find(service: &Service, asker: &Asker<'_>, sid: &str) -> Result<CallDetails, RestException> {
    let found = verbs::find_by_reference(&service.engine, &asker.actor, &sid.to_ascii_lowercase()).await;
    found.map_err(|error| match error {
        CallError::NotFound => no_results(),
        error => failed(&error),
    })
}

/// A call without its sides, with the address of its recording where it has one.
pub(super) async fn shown(service: &Service, asker: &Asker<'_>, call: &OurCall) -> Result<CallAnswer, RestException> {
    let kept = Kept::of(call);
    let sid = call
        .face
        .as_ref()
        .map(|face| face.reference.clone())
        .unwrap_or_default();
    let account = &asker.account.sid;
    let mut shown = Call::new(&sid)
        .date_created(time(call.created_at))
        .date_updated(time(updated(call)))
        .account_sid(account)
        .to(kept.to)
        .from(kept.from)
        .phone_number_sid(kept.caller_id)
        .status(status(call))
        // A call that has not begun has its creation here: the first clients insist on a time.
        .start_time(time(call.created_at))
        .direction(Direction::OutboundApi)
        .uri(match asker.format {
            Format::Json => format!("/v1/Accounts/{account}/Calls.json/{sid}"),
            Format::Xml => format!("/v1/Accounts/{account}/Calls/{sid}"),
        });
    if let Some(end) = call.ended_at {
        shown = shown.end_time(time(end)).duration(seconds(call.answered_at, end));
    }
    if kept.record && call.state == CallState::Ended {
        shown.recording_url = recording(service, asker, call, None).await?;
    }
    Ok(shown.into())
}

/// Where the recording of a call lies, for so long, or as long as is usual.
async fn recording(
    service: &Service,
    asker: &Asker<'_>,
    call: &OurCall,
    lives: Option<Duration>,
) -> Result<Option<String>, RestException> {
    let filter = RecordingFilter {
        call: Some(call.id),
        before: None,
        most: 1,
    };
    let found = verbs::list_recordings(&service.engine, &asker.actor, filter).await;
    let found = found.map_err(|error| failed(&error))?;
    let Some(recording) = found.items.first().filter(|recording| recording.is_finished()) else {
        return Ok(None);
    };
    let signer = verbs::link_signer(&service.engine).await;
    let mut signer = signer.map_err(|error| failed(&error))?;
    if let Some(lives) = lives {
        signer = signer.opening_for(lives);
    }
    let (link, signature) = signer.link(recording.account, recording.id, service.engine.ids.now());
    Ok(Some(absolute(&service.config.public_url, &link, &signature)))
}

/// How far a call is.
pub(super) fn status(call: &OurCall) -> CallStatus {
    match (call.state, &call.ending) {
        (CallState::Ended, Some(ending)) => of_outcome(ending.outcome),
        (CallState::Ended, None) => CallStatus::Failed,
        (CallState::Scheduled | CallState::Queued, _) => CallStatus::Queued,
        (CallState::Active, _) if call.answered_at.is_some() => CallStatus::InProgress,
        (CallState::Active, _) => CallStatus::Ringing,
    }
}

fn of_outcome(outcome: Outcome) -> CallStatus {
    match outcome {
        Outcome::Completed | Outcome::Machine => CallStatus::Completed,
        Outcome::Busy | Outcome::Rejected => CallStatus::Busy,
        Outcome::NoAnswer => CallStatus::NoAnswer,
        Outcome::Canceled => CallStatus::Canceled,
        Outcome::InvalidNumber
        | Outcome::Congestion
        | Outcome::Failed
        | Outcome::Expired
        | Outcome::Refused
        | Outcome::Unknown => CallStatus::Failed,
    }
}

/// When a call last changed, as far as a list of calls knows.
pub(super) fn updated(call: &OurCall) -> Timestamp {
    call.ended_at.or(call.answered_at).unwrap_or(call.created_at)
}

/// Whole seconds from an answer to an end; none without an answer.
pub(super) fn seconds(answered: Option<Timestamp>, end: Timestamp) -> u32 {
    let seconds = answered.map_or(0, |answered| end.duration_since(answered).as_secs().max(0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The legs of the last attempt: the first number, and the last one that was rung for it.
pub(super) fn sides(details: &CallDetails) -> [Option<&OurLeg>; 2] {
    let attempt = details.attempts.last().map(|attempt| attempt.id);
    let mut legs = details.legs.iter().filter(|leg| Some(leg.attempt) == attempt);
    [legs.next(), legs.next_back()]
}

/// What became of one side; nothing while it goes on, or when it was never rung.
pub(super) fn of_side(leg: Option<&OurLeg>) -> Option<CallStatus> {
    let progress = &leg?.progress;
    let ending = progress.ending.as_ref()?;
    Some(match progress.answered_at {
        Some(_) => CallStatus::Completed,
        None => of_outcome(ending.outcome),
    })
}

/// How long one side was connected.
pub(super) fn of_side_seconds(leg: Option<&OurLeg>) -> Option<u32> {
    let progress = &leg?.progress;
    Some(seconds(progress.answered_at, progress.ended_at?))
}

/// How long both sides talked; with a flow, how long the first did.
pub(super) fn conversation(details: &CallDetails) -> Option<u32> {
    let end = details.call.ended_at?;
    let [first, second] = sides(details);
    let talking = if Kept::of(&details.call).two { second } else { first };
    Some(seconds(talking.and_then(|leg| leg.progress.answered_at), end))
}

fn both_sides(details: &CallDetails) -> Details {
    let [first, second] = sides(details);
    let two = Kept::of(&details.call).two;
    let mut conversation_of = Conversation::new();
    conversation_of.conversation_duration = conversation(details);
    conversation_of.leg1_status = of_side(first);
    conversation_of.leg2_status = of_side(second).filter(|_| two);
    let leg = |id: u32, leg: Option<&OurLeg>| {
        let mut shown = Leg::new(id);
        shown.on_call_duration = of_side_seconds(leg);
        shown
    };
    let mut legs = vec![leg(1, first)];
    legs.extend(two.then(|| leg(2, second)));
    Details {
        conversation: conversation_of,
        legs,
    }
}
