//! The task that owns one live call, from its claim to its end.
//!
//! Nobody else changes the call meanwhile: they send it [`Control`]s or read the store.

mod asked;
mod bridging;
mod controlled;
mod conversation;
mod flow;
pub(crate) mod incoming;
mod journal;
mod masked;
mod other;
mod prompts;
mod record;
mod recordings;
mod sound;
mod stay;
mod together;
mod waiting;

use std::time::Duration;

use outdial_domain::{Call, EndedBy, Ending, EventKind, LiveCall, Outcome, call::Happening};
use outdial_flow::Flow;
use tokio::sync::mpsc;

use crate::{
    Engine, HangUpAnswer,
    call_task::{conversation::Conversation, journal::journal, prompts::Rendered, waiting::admitted},
    fault,
    live::{HangUp, Said, Told, by_whom},
    pacing::admission::{Permit, Seat},
    ports::{Change, ClaimedCall, Job, LegHandle, LegOrder, RingError, WholeOrder},
    recorder::Recorder,
    rooms::owner::{self, Interest, Place},
    routing::Route,
    saving::{Saved, save},
    scheduler::AHEAD,
};

/// The sample rate that prompts are rendered at before the phone rings: that of nearly every trunk.
const USUAL_RATE: u32 = 8_000;

/// Dials a claimed call and stays with it to its end.
///
/// A call talks for much longer than it does anything else, so what is only needed before that is
/// boxed and gone by then: the task takes little more memory than the conversation.
pub(crate) async fn run(engine: &Engine, claimed: Box<ClaimedCall>, mut control: mpsc::Receiver<Told>, seat: Seat) {
    let Some(_kept_until_its_end) = Box::pin(belongs_here(engine, &claimed)).await else {
        return;
    };
    let dialled = Box::pin(dialled(engine, claimed, &mut control, seat)).await;
    if let Some(Dialled {
        conversation,
        leg,
        permit: _until_it_has_ended,
    }) = dialled
    {
        conversation.run(leg, control).await;
    }
}

/// A call whose leg is under way.
struct Dialled<'a> {
    conversation: Box<Conversation<'a>>,
    leg: LegHandle,
    permit: Permit,
}

/// Prepares a call, journals it and rings its leg. `None` when nothing is under way: then it is written what
/// becomes of the call, unless it is another's by now.
async fn dialled<'a>(
    engine: &'a Engine,
    claimed: Box<ClaimedCall>,
    control: &mut mpsc::Receiver<Told>,
    seat: Seat,
) -> Option<Dialled<'a>> {
    let ClaimedCall { run, mut call, flow } = *claimed;
    let prepared = tokio::select! {
        biased;
        // Given back with all that was claimed, for others or the next start.
        () = engine.stopping() => return None,
        asked = asked(control) => {
            // Without anybody who could ask, the call was changed and claimed anew: it is another task's.
            Box::pin(prevent(engine, call, asked?)).await;
            return None;
        }
        prepared = Box::pin(prepare(engine, &mut call, &flow, seat)) => prepared,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(ending) => {
            Box::pin(end_undialled(engine, call, ending?)).await;
            return None;
        }
    };
    // What was given to the journal is written even if nobody waits for it, so this is not broken off.
    let mut later = call.clone();
    if let Some(kind) = later.not_now(engine.ids.now()) {
        Box::pin(put_off(engine, later, kind)).await;
        return None;
    }
    // Asked before the journal is written: whoever stands still after it finds this moment over.
    let send_before = engine.inner().node.send_before(&run);
    fault::point("before_journal");
    let live = Box::pin(journal(engine, &run, call, &prepared.route)).await?;
    fault::point("after_journal");
    dial(engine, live, prepared, flow, send_before, control).await
}

/// How long to wait before it is asked again whose a room is.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether a call belongs to this node. One into a room that another node has is given to that node. While the
/// store cannot say, nothing is dialled. What is given lasts as long as the call, so that the room stays here.
async fn belongs_here(engine: &Engine, claimed: &ClaimedCall) -> Option<Option<Interest>> {
    let (Some(nodes), Some(room)) = (engine.store.nodes(), claimed.flow.room()) else {
        return Some(None);
    };
    loop {
        let placed = owner::place(engine, claimed.call.account, room, &claimed.run).await;
        let failed = match placed {
            Ok(Place::Here(interest)) => return Some(interest),
            Ok(Place::There(owner)) => match owner::give(engine, nodes, claimed, &owner).await {
                Ok(()) => return None,
                Err(error) => error,
            },
            Err(error) => error,
        };
        tracing::warn!(call = %claimed.call.id, error = %failed, "it cannot be found out which node has a room");
        tokio::select! {
            // Given back with all that was claimed.
            () = engine.stopping() => return None,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// What a call needs before its leg may be journalled and rung.
struct Prepared {
    route: Route,
    rendered: Rendered,
    permit: Permit,
}

/// Waits for the time of the call, routes it, waits until its limits allow it, and renders its prompts: what
/// can go wrong goes wrong before a phone rings. An error without an ending means that the call is another task's by now.
async fn prepare(engine: &Engine, call: &mut Call, flow: &Flow, seat: Seat) -> Result<Prepared, Option<Ending>> {
    its_time(engine, call).await;
    let (route, permit) = admitted(engine, call, flow).await.map_err(|reason| reason.ending())?;
    drop(seat);
    let rendered = Rendered::render(engine, call.account, flow, USUAL_RATE)
        .await
        .map_err(|reason| Ending::new(Outcome::Failed, EndedBy::System, reason))?;
    Ok(Prepared {
        route,
        rendered,
        permit,
    })
}

/// Waits for a request to end the call; `None` when nobody can make one here any more.
async fn asked(control: &mut mpsc::Receiver<Told>) -> Option<HangUp> {
    loop {
        if let Some(hang_up) = control.recv().await?.before_the_answer() {
            return Some(hang_up);
        }
    }
}

/// Waits until the call is due: it was taken a moment before. The clock may be set meanwhile.
async fn its_time(engine: &Engine, call: &Call) {
    loop {
        let left = Duration::try_from(call.plan.due.duration_since(engine.ids.now())).unwrap_or_default();
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(AHEAD)).await;
    }
}

/// Ends a call that somebody asked to end before it was dialled. One that waits while the server stops does
/// not end: it is taken again, by another node or after the next start.
async fn prevent(engine: &Engine, call: Call, asked: HangUp) {
    let HangUp { by, why, kind, answer } = asked;
    if kind == EndedBy::System {
        return;
    }
    let ending = prevented(kind, &by, why.as_deref());
    if end_undialled(engine, call, ending).await == Saved::Done {
        // Whoever asked may have gone; the call is prevented all the same.
        let _ = answer.send(Said::HangUp(HangUpAnswer::Prevented));
    }
}

/// How a call ends that somebody wanted to end before it was dialled.
fn prevented(kind: EndedBy, by: &str, why: Option<&str>) -> Ending {
    let reason = format!("ended before it was dialled, by {}", by_whom(by, why));
    Ending::new(Outcome::Canceled, kind, reason)
}

/// Writes that a call could not be dialled this time: it waits for another try if its plan says so, or ends.
async fn end_undialled(engine: &Engine, mut call: Call, ending: Ending) -> Saved {
    let kind = call.conclude(ending, None, engine.ids.now());
    put_off(engine, call, kind).await
}

/// Writes what a call that is not dialled does instead: it waits, or it has ended.
async fn put_off(engine: &Engine, mut call: Call, kind: EventKind) -> Saved {
    let since = Some(call.events);
    let events = vec![engine.record(&mut call, kind)];
    let change = Change {
        since,
        flow: None,
        attempt: None,
        legs: Vec::new(),
        events,
        traces: Vec::new(),
        answer: None,
        job: Job::after_attempt(&call),
        call: call.clone(),
    };
    let saved = save(engine, change).await;
    if saved == Saved::Done {
        attempt_is_over(engine, &call);
    }
    saved
}

/// Rings the leg, or writes that it was not sent.
async fn dial<'a>(
    engine: &'a Engine,
    mut live: LiveCall,
    prepared: Prepared,
    flow: Flow,
    send_before: Option<std::time::Instant>,
    control: &mut mpsc::Receiver<Told>,
) -> Option<Dialled<'a>> {
    let Prepared {
        route,
        rendered,
        permit,
    } = prepared;
    let order = LegOrder {
        leg: live.leg.id,
        trunk: route.trunk.clone(),
        to: live.call.plan.to.clone(),
        from: live.call.plan.from.clone(),
        send_before,
    };
    let recorder = Recorder::new(engine, live.call.events);
    let hang_up = std::iter::from_fn(|| control.try_recv().ok()).find_map(Told::before_the_answer);
    if let Some(HangUp { by, why, kind, answer }) = hang_up {
        live.stopped = true;
        let ending = prevented(kind, &by, why.as_deref());
        Box::pin(unsent(engine, live, recorder, ending)).await;
        let _ = answer.send(Said::HangUp(HangUpAnswer::Prevented));
        return None;
    }
    let mut others = Duration::ZERO;
    let (leg, flow) = if route.whole {
        // Whoever is dialled after the answer is rung and talked to within the same order.
        let usual = engine.settings.limits.ring;
        others = flow.dials().iter().map(|dial| dial.longest(usual)).sum();
        let plan = &live.call.plan;
        let length = plan.ring + plan.talk + others;
        let order = WholeOrder {
            leg: order,
            account: live.call.account,
            ring: plan.ring,
            talk: plan.talk,
            sounds: rendered.all(),
            flow,
        };
        live.may_last(length, engine.ids.now());
        (route.carrier.take(order).await, None)
    } else {
        (route.carrier.ring(order).await, Some(flow))
    };
    fault::write_late(engine, live.call.id).await;
    match leg {
        Ok(leg) => {
            let commands = leg.commands.clone();
            let conversation = Conversation::new(engine, live, recorder, flow, rendered, commands).longer(others);
            return Some(Dialled {
                conversation: Box::new(conversation),
                leg,
                permit,
            });
        }
        // Whoever has a lease when it is saved takes the call from there.
        Err(reason @ RingError::TooLate) => Box::pin(take_back(engine, live, recorder, &reason.to_string())).await,
        Err(reason) => {
            let ending = Ending::new(Outcome::Failed, EndedBy::System, reason.to_string());
            Box::pin(unsent(engine, live, recorder, ending)).await;
        }
    }
    None
}

/// Stays with a call that an earlier run had handed over as a whole. Where its carrier cannot know what became of
/// it, it ends as `unknown` with this reason.
pub(crate) async fn stay_with(
    engine: &Engine,
    live: LiveCall,
    leg: LegHandle,
    unheard: String,
    control: mpsc::Receiver<Told>,
) {
    let recorder = Recorder::new(engine, live.call.events);
    let left = live.attempt.left(engine.ids.now());
    let commands = leg.commands.clone();
    let conversation = Conversation::new(engine, live, recorder, None, Rendered::default(), commands);
    Box::new(conversation.taken_up(left, unheard)).run(leg, control).await;
}

/// Writes that a leg was not sent, so that its call waits for another try.
async fn take_back(engine: &Engine, live: LiveCall, mut recorder: Recorder, reason: &str) {
    let Ok((mut live, kinds)) = live.take_back(reason, engine.ids.now()) else {
        tracing::error!(call = %live.call.id, "a call ended twice");
        return;
    };
    recorder.note(&mut live, kinds);
    finish(engine, live, recorder).await;
}

/// Writes the end of a leg that was never sent.
async fn unsent(engine: &Engine, live: LiveCall, mut recorder: Recorder, ending: Ending) {
    let happening = Happening::Ended { ending, quality: None };
    let Ok((mut live, kinds)) = live.step(happening, engine.ids.now()) else {
        tracing::error!(call = %live.call.id, "a call ended twice");
        return;
    };
    recorder.note(&mut live, kinds);
    finish(engine, live, recorder).await;
}

/// Writes the end of an attempt whose legs are over, and what follows for its call.
async fn finish(engine: &Engine, live: LiveCall, recorder: Recorder) {
    fault::point("before_end");
    recorder.finish(&live).await;
    fault::point("after_end");
    attempt_is_over(engine, &live.call);
}

/// Counts the end of a call, or tells the scheduler when it is due again.
pub(crate) fn attempt_is_over(engine: &Engine, call: &Call) {
    match &call.ending {
        Some(ending) => {
            metrics::counter!("outdial_calls_ended_total", "outcome" => ending.outcome.as_str()).increment(1);
        }
        None => engine.inner().due.notify_one(),
    }
}
