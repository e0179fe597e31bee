//! The task that sends one message: from its claim until the network has answered.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{
    Message, MessageEvent, MessageState,
    message::{PartFate, RefusalCode},
    text::{Composed, Concatenation, MOST_PARTS, compose},
};
use tokio::time::Instant;

use super::{
    answers,
    route::{self, TextRoute, Way},
    saving::{Saved, change, save},
};
use crate::{
    Engine, fault,
    pacing::{
        admission::{Permit, Seat},
        queue::Waiting,
    },
    ports::{MessageChange, TextOrder},
    scheduler::AHEAD,
};

/// A message that goes on sooner leaves no word of its wait in the event log.
const WORTH_TELLING: Duration = Duration::from_secs(1);
/// How often it is looked whether a trunk is up again.
const LOOK: Duration = Duration::from_millis(500);

/// Sends a claimed message. What is not in the journal when the engine stops is given back with all that was claimed.
pub(super) async fn run(engine: Engine, run: String, mut message: Message, seat: Seat) {
    let mut seat = Some(seat);
    loop {
        let prepared = tokio::select! {
            biased;
            () = engine.stopping() => return,
            prepared = Box::pin(prepare(&engine, &mut message)) => prepared,
        };
        drop(seat.take());
        let changed = match prepared {
            // What was given to the journal is written even if nobody waits for it, so this is not broken off.
            Prepared::Ready(route, permit) => send(&engine, &run, message, *route, permit).await,
            Prepared::Over(event) => end(&engine, message, event).await,
            Prepared::Gone => by_now(&engine, &message, message.events).await,
        };
        match changed {
            Some(now) => message = now,
            None => return,
        }
    }
}

/// The message as it is by now, if somebody else has changed it while it waited here and it is still to be sent: a
/// receipt came for a part that an earlier try had sent. `since` is how many events it had here.
async fn by_now(engine: &Engine, message: &Message, since: u32) -> Option<Message> {
    let now = answers::reload(engine, message).await?;
    let waits = matches!(now.state, MessageState::Scheduled | MessageState::Queued);
    (waits && now.events > since).then_some(now)
}

/// Writes down that it ends before it was sent, or waits for another time. Returns the message if it was changed in
/// between and is still to be sent.
async fn end(engine: &Engine, mut message: Message, event: MessageEvent) -> Option<Message> {
    let since = message.events;
    let change = change(engine, &mut message, vec![event]);
    match save(engine, change).await {
        Saved::Done(_) => {
            answers::count(&message);
            if !message.state.is_final() {
                engine.inner().messages_due.notify_one();
            }
            None
        }
        Saved::Stale => by_now(engine, &message, since).await,
        Saved::Unwanted(_) | Saved::Stopping => None,
    }
}

fn is_open(engine: &Engine, message: &Message) -> bool {
    let now = engine.ids.now();
    message.plan.opening(now).is_some_and(|opening| opening <= now)
}

enum Prepared {
    /// It may go this way now.
    Ready(Box<TextRoute>, Option<Permit>),
    /// It ends before it was sent, or waits for another time.
    Over(MessageEvent),
    /// It is another task's by now, or nobody's.
    Gone,
}

/// Waits for the time of the message, chooses its way, and waits until all limits on it allow it.
async fn prepare(engine: &Engine, message: &mut Message) -> Prepared {
    its_time(engine, message.plan.due).await;
    let mut told = false;
    let tell_at = Instant::now() + WORTH_TELLING;
    loop {
        let now = engine.ids.now();
        if let Some(over) = message.overdue(now).or_else(|| message.put_off(now)) {
            return Prepared::Over(over);
        }
        let (because, wait) = match route::route(message, &engine.settings, &engine.text_carriers) {
            Err(error) => {
                // What those said that refused it before is what helps.
                let said = message.reason.as_ref().filter(|_| !message.refused_by.is_empty());
                let reason = match said {
                    Some(said) => format!("{error} ({said})"),
                    None => error.to_string(),
                };
                let refused = message.refuse(RefusalCode::NoRoute, reason, now);
                return refused.map_or(Prepared::Gone, Prepared::Over);
            }
            Ok(Way::Open(route)) => match route.state.pauses {
                Some(pause) => (format!("{} gets too much and pauses", route.trunk.name), pause),
                None => match permitted(engine, message, &route, &mut told, tell_at).await {
                    // Its trunk was told to go slower, or its hours have closed, while others were before this one.
                    Permitted::Now(_) if route.pauses_by_now() || !is_open(engine, message) => continue,
                    // It may have been down by then; its carrier says so at once, and nothing was sent.
                    Permitted::Now(permit) => return Prepared::Ready(Box::new(route), permit),
                    Permitted::Expired => continue,
                    Permitted::Gone => return Prepared::Gone,
                },
            },
            Ok(Way::Down(reasons)) => (reasons.join("; "), LOOK),
        };
        if !told && Instant::now() >= tell_at {
            told = true;
            if !tell(engine, message, because).await {
                return Prepared::Gone;
            }
        }
        let mut wait = wait.min(time_left(engine, message));
        if !told {
            wait = wait.min(tell_at.saturating_duration_since(Instant::now()));
        }
        tokio::time::sleep(wait).await;
    }
}

enum Permitted {
    Now(Option<Permit>),
    Expired,
    Gone,
}

async fn permitted(
    engine: &Engine,
    message: &mut Message,
    route: &TextRoute,
    told: &mut bool,
    tell_at: Instant,
) -> Permitted {
    let inner = engine.inner();
    let wants = route::wants(&engine.settings, message, &route.trunk);
    if wants.is_empty() {
        return Permitted::Now(None);
    }
    let mut ticket = inner.admission.enter(Waiting {
        subject: message.id.into(),
        account: message.account,
        priority: message.plan.priority,
        due: message.plan.due.as_microsecond(),
        wants: wants.into(),
        number: None,
    });
    loop {
        let left = time_left(engine, message);
        if left.is_zero() {
            return Permitted::Expired;
        }
        let over = Instant::now() + left;
        let until = if *told { over } else { tell_at.min(over) };
        tokio::select! {
            permit = ticket.permit() => return permit.map_or(Permitted::Gone, |permit| Permitted::Now(Some(permit))),
            () = tokio::time::sleep_until(until) => {}
        }
        if *told || until < tell_at {
            continue;
        }
        *told = true;
        if let Some(want) = inner.admission.reason(message.id.into())
            && !tell(engine, message, want.in_words()).await
        {
            return Permitted::Gone;
        }
    }
}

/// Writes into the event log what the message waits for. Says whether it is still ours.
async fn tell(engine: &Engine, message: &mut Message, because: String) -> bool {
    let mut held = message.clone();
    let Ok(event) = held.hold(because, engine.ids.now()) else {
        return false;
    };
    let change = MessageChange {
        job: crate::ports::Job::Keep,
        ..change(engine, &mut held, vec![event])
    };
    match save(engine, change).await {
        Saved::Done(_) => {
            *message = held;
            true
        }
        Saved::Stale | Saved::Unwanted(_) | Saved::Stopping => false,
    }
}

async fn its_time(engine: &Engine, due: Timestamp) {
    loop {
        let left = Duration::try_from(due.duration_since(engine.ids.now())).unwrap_or_default();
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(AHEAD)).await;
    }
}

fn time_left(engine: &Engine, message: &Message) -> Duration {
    Duration::try_from(message.plan.expires.duration_since(engine.ids.now())).unwrap_or_default()
}

/// Writes it into the journal, and then sends it. Returns the message if it was changed in between and is still to be
/// sent.
async fn send(
    engine: &Engine,
    run: &str,
    mut message: Message,
    route: TextRoute,
    permit: Option<Permit>,
) -> Option<Message> {
    let since = message.events;
    let Some(composed) = composed(&message, route.state.concatenation) else {
        tracing::error!(message = %message.id, "a message that was accepted cannot be composed");
        return None;
    };
    let submissions = match route.state.concatenation {
        Concatenation::Payload => 1,
        Concatenation::Udh8 | Concatenation::Udh16 | Concatenation::Sar => composed.parts.len(),
    };
    message.encoding = composed.encoding;
    message.parts = composed.parts.len();
    let Ok(mut sending) = message.journal(&route.trunk.name, submissions, engine.ids.now()) else {
        tracing::error!(message = %message.id, state = %message.state, "a message that waits cannot be sent");
        return None;
    };
    if let MessageEvent::Sending { passed_over, .. } = &mut sending {
        passed_over.clone_from(&route.passed_over);
    }
    // Asked before the journal is written: whoever stands still after it finds this moment over.
    let send_before = engine.inner().node.send_before(run);
    let have = message.have();
    let journal = MessageChange {
        journalled_by: Some(run.to_owned()),
        ..change(engine, &mut message, vec![sending])
    };
    fault::point("text_before_journal");
    match save(engine, journal).await {
        Saved::Done(_) => {}
        // They have asked for peace since the message was accepted.
        Saved::Unwanted(because) => {
            leave_alone(engine, message, &because).await;
            return None;
        }
        Saved::Stale => return by_now(engine, &message, since).await,
        Saved::Stopping => return None,
    }
    fault::point("text_after_journal");
    let fates = if send_before.is_none_or(|moment| std::time::Instant::now() < moment) {
        let good_for = Duration::try_from(message.plan.expires.duration_since(engine.ids.now())).ok();
        let fates = route.carrier.send(TextOrder {
            trunk: route.trunk.name.clone(),
            message: message.id,
            from: message.plan.from.clone(),
            to: message.plan.to.number().unwrap_or_default(),
            composed,
            reference: reference(&message),
            have,
            good_for,
            high: message.plan.priority == outdial_domain::Priority::High,
            send_before,
        });
        fates.await
    } else {
        let reason = "the lease of this node ended before it was sent".to_owned();
        vec![PartFate::NotSent { reason }; submissions]
    };
    fault::point("text_sent");
    drop(permit);
    answers::write_down(engine, message, fates, route.state.receipts).await;
    None
}

/// Ends what its receiver does not want, which is on disk as it was before its journal.
async fn leave_alone(engine: &Engine, message: Message, because: &str) {
    let Some(mut message) = answers::reload(engine, &message).await else {
        return;
    };
    let reason = format!("the receiver wants no texts: {because}");
    let refused = message.refuse(RefusalCode::DoNotDisturb, reason, engine.ids.now());
    if let Ok(event) = refused {
        end(engine, message, event).await;
    }
}

/// What its parts have in common, and its name for the far side: it follows from its id, so that it is the same
/// however often it is tried.
fn reference(message: &Message) -> u16 {
    let [.., high, low] = *message.id.uuid().as_bytes();
    u16::from_be_bytes([high, low])
}

/// The parts as they were counted when the message was accepted: whatever was asked of its typography is done.
fn composed(message: &Message, concatenation: Concatenation) -> Option<Composed> {
    compose(&message.plan.body, false, concatenation, MOST_PARTS).ok()
}
