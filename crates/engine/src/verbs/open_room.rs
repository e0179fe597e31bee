//! Rings several numbers into one room. Each participant is a call of its own.

use outdial_domain::{Address, Call, CallId, EventKind, RoomName};
use outdial_flow::{Conference, Flow, Instruction, Problem};
use sha2::{Digest, Sha256};

use super::{Action, Actor, Once, PlaceCall, PlaceCallError, place_call::check};
use crate::{
    Engine,
    ports::{Change, Job, StoreError},
};

/// A request to ring numbers into a room.
#[derive(Debug, Clone)]
pub struct OpenRoom {
    /// The room, and how it is entered; a name is made up when there is none.
    pub room: Option<RoomName>,
    /// How all enter it; its `room` is the one above.
    pub conference: Conference,
    /// Whom to ring.
    pub participants: Vec<Participant>,
    /// What else all their calls have in common. Whom it rings and what it does are given by the others.
    pub call: PlaceCall,
}

/// One number that is rung into a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Whom to ring.
    pub to: Address,
    /// Whether it enters muted.
    pub muted: bool,
    /// Whether it may begin and end the room.
    pub moderator: bool,
}

/// A room into which numbers are rung.
#[derive(Debug, Clone)]
pub struct OpenedRoom {
    /// Its name.
    pub room: RoomName,
    /// The calls, in the order of the participants.
    pub calls: Vec<Call>,
}

/// Rings numbers into a room. When this returns, all calls are on disk.
///
/// The ids of all calls follow from that of the first one, with which the answer to the request is saved. So
/// when a crash interrupts this, the same request does the rest, and rings nobody twice: give it `first` then,
/// which is the call that its answer names first.
///
/// # Errors
///
/// [`PlaceCallError`] says why it was not taken; then nobody is rung.
pub async fn open_room(
    engine: &Engine,
    actor: &Actor,
    request: OpenRoom,
    first: Option<CallId>,
    once: Option<Once<OpenedRoom>>,
) -> Result<OpenedRoom, PlaceCallError> {
    if engine.inner().stopping.is_cancelled() {
        return Err(PlaceCallError::Stopping);
    }
    let made = first.is_some();
    let first = first.unwrap_or_else(|| engine.ids.make(CallId::new));
    let room = request.room.clone().unwrap_or_else(|| made_up(first));
    let now = engine.ids.now();
    let mut planned = Vec::with_capacity(request.participants.len());
    let mut problems = among(&request);
    for (index, participant) in request.participants.iter().enumerate() {
        match check(engine, actor, asked(&request, &room, participant), now).await {
            Ok(plan) => planned.push(plan),
            Err(PlaceCallError::Invalid(found)) => {
                for mut problem in found {
                    // All else is said of all of them.
                    if problem.field == "to" {
                        problem.field = format!("participants.{index}");
                    }
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
            Err(PlaceCallError::NoRoute(reason)) => {
                let field = format!("participants.{index}");
                return Err(PlaceCallError::no_route_to(&field, "from", reason));
            }
            Err(other) => return Err(other),
        }
    }
    if !problems.is_empty() {
        return Err(PlaceCallError::Invalid(problems));
    }
    let mut opened = OpenedRoom {
        room,
        calls: Vec::new(),
    };
    let mut changes = Vec::new();
    for (index, (plan, flow)) in planned.into_iter().enumerate() {
        let mut call = Call::new(nth(first, index), actor.account, plan, now);
        let kept = request.call.kept.clone();
        call.face = kept.map(|kept| kept.record(actor.face, call.id));
        let created = EventKind::Created {
            to: call.plan.to.to_string(),
            from: call.plan.from.as_ref().map(Address::to_string),
            due: call.plan.due,
            face: actor.face.to_owned(),
        };
        let events = vec![engine.record(&mut call, created)];
        opened.calls.push(call.clone());
        changes.push(Change {
            call,
            since: None,
            flow: Some(flow),
            attempt: None,
            legs: Vec::new(),
            events,
            traces: Vec::new(),
            job: Job::Add,
            answer: None,
        });
    }
    if let Some(change) = changes.first_mut() {
        change.answer = once.map(|answer| answer(&opened));
    }
    for (index, change) in changes.into_iter().enumerate() {
        if made && index == 0 {
            continue;
        }
        match engine.store.commit(change).await {
            Ok(()) => metrics::counter!("outdial_calls_created_total", "face" => actor.face).increment(1),
            // It was made before a crash, or by the same request elsewhere.
            Err(StoreError::Stale(_)) if index > 0 => {}
            Err(error) => return Err(error.into()),
        }
        engine.inner().due.notify_one();
    }
    Ok(opened)
}

/// The call that one participant is.
fn asked(request: &OpenRoom, room: &RoomName, participant: &Participant) -> PlaceCall {
    let conference = Conference {
        room: room.clone(),
        muted: request.conference.muted || participant.muted,
        moderator: participant.moderator,
        ..request.conference.clone()
    };
    PlaceCall {
        to: participant.to.clone(),
        action: Action::Flow(Flow {
            steps: vec![Instruction::Conference(conference)],
        }),
        ..request.call.clone()
    }
}

/// What is wrong with the participants as a whole.
fn among(request: &OpenRoom) -> Vec<Problem> {
    let participants = &request.participants;
    let mut problems = Vec::new();
    let mut add = |field: String, code, message: String| problems.push(Problem { field, code, message });
    let most = usize::from(request.conference.most);
    if participants.is_empty() {
        add(
            "participants".to_owned(),
            "missing",
            "give one number at least".to_owned(),
        );
    }
    if participants.len() > most {
        let message = format!("the room takes {most}, and these are {}", participants.len());
        add("participants".to_owned(), "too_long", message);
    }
    for (index, participant) in participants.iter().enumerate() {
        let same = |other: &Participant| other.to.is_same_party(&participant.to);
        if participants[..index].iter().any(same) {
            let message = format!("{} stands in it twice", participant.to);
            add(format!("participants.{index}"), "invalid", message);
        }
    }
    if request.conference.wait && !participants.iter().any(|participant| participant.moderator) {
        let message = "the room would wait for ever: name a moderator among the participants, or leave `wait` out";
        add("wait".to_owned(), "invalid", message.to_owned());
    }
    problems
}

/// The id of the call of a participant: always the same.
fn nth(first: CallId, index: usize) -> CallId {
    if index == 0 {
        return first;
    }
    let hash = Sha256::new()
        .chain_update(first.to_string())
        .chain_update((index as u64).to_be_bytes())
        .finalize();
    let mut tail = [0; 7];
    tail.copy_from_slice(&hash[..7]);
    first.sibling(tail)
}

/// A name for a room that has none.
fn made_up(first: CallId) -> RoomName {
    let text = first.to_string();
    let tail = &text[text.len().saturating_sub(12)..];
    format!("room-{tail}")
        .parse()
        .expect("letters, digits and a dash, and few of them")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_calls_of_a_room_have_ids_of_their_own_that_stay() {
        let first = CallId::new(Timestamp::from_second(1_790_000_000).unwrap(), [7; 10]);
        let ids: Vec<CallId> = (0..500).map(|index| nth(first, index)).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 500);
        assert_eq!(nth(first, 3), ids[3]);
        assert!(ids[3].to_string().parse::<CallId>().is_ok());
        assert!(made_up(first).as_str().starts_with("room-"));
    }
}
