//! Accounts for what nobody stays with any more: it is followed again where its carrier can, or ends as `unknown`.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use outdial_domain::{
    Call, CallId, EndedBy, Ending, EventKind, Leg, LiveCall, Outcome, Retry, attempt::Progress, call::Happening,
};
use outdial_flow::Flow;

use crate::{
    Engine,
    call_task::{attempt_is_over, stay_with},
    ports::{CallDetails, Change, Job, LeftBehind, LegHandle, LegOrder, StoreError, StoredEvent, WholeOrder},
    recording, texting,
};

/// The calls of runs that are gone with which this process stays again, because their carrier can still learn
/// what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct TakenUp(Mutex<HashSet<CallId>>);

impl TakenUp {
    fn calls(&self) -> MutexGuard<'_, HashSet<CallId>> {
        // A set is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accounts for the calls and messages of runs that are gone, and gives back what they had claimed.
pub(crate) async fn end_all_of_the_gone(engine: &Engine) -> Result<(), StoreError> {
    end_those_of_the_gone(engine).await?;
    texting::interrupted::end_those_of_the_gone(engine).await
}

/// Ends the calls of runs that are gone, or stays with them again, and gives back what they had claimed.
async fn end_those_of_the_gone(engine: &Engine) -> Result<(), StoreError> {
    for details in engine.store.recover().await? {
        let why = |leg: &Leg| format!("the server was interrupted {}", how_far(&leg.progress));
        account_for(engine, details, why).await?;
    }
    Ok(())
}

/// Ends the calls whose attempt should have been over long ago.
pub(crate) async fn end_the_overdue(engine: &Engine) -> Result<(), StoreError> {
    for details in engine.store.overdue(engine.ids.now()).await? {
        let why = |leg: &Leg| {
            let how_far = how_far(&leg.progress);
            format!("nobody had ended this attempt by its deadline; it was last heard of {how_far}")
        };
        account_for(engine, details, why).await?;
    }
    Ok(())
}

/// Stays with a call again where its carrier can learn what becomes of it, and ends any other. Nobody waits here
/// for a carrier: it may take as long as the call may last.
async fn account_for(engine: &Engine, details: CallDetails, why: impl Fn(&Leg) -> String) -> Result<(), StoreError> {
    let inner = engine.inner();
    let id = details.call.id;
    if inner.taken_up.calls().contains(&id) {
        return Ok(());
    }
    let flow = details.flow;
    let Some(mut live) = LiveCall::read(details.call, details.attempts, details.legs) else {
        tracing::error!(%id, "an active call has no unfinished leg; it is left as it is");
        return Ok(());
    };
    live.stopped = was_to_end(engine, &live.call).await;
    let kept = flow.has_private_keys().then(|| flow.clone().without_private_keys());
    let Some(leg) = taken_up(engine, &live, flow) else {
        return Box::pin(end(engine, live, kept, why)).await;
    };
    tracing::info!(%id, carrier = live.leg.trunk, "an interrupted call is asked for, and followed to its end");
    inner.taken_up.calls().insert(id);
    let control = inner.live.enter(id);
    let unheard = why(&live.leg);
    let engine = engine.clone();
    inner.tasks.spawn(async move {
        stay_with(&engine, live, leg, unheard, control).await;
        engine.inner().live.leave(id);
        engine.inner().taken_up.calls().remove(&id);
    });
    Ok(())
}

/// The leg of a call that was handed over as a whole, if its carrier can say anything of it. A call whose task
/// is on this node has an owner, whom nobody replaces.
fn taken_up(engine: &Engine, live: &LiveCall, flow: Flow) -> Option<LegHandle> {
    if !live.others.is_empty() || engine.inner().live.has(live.call.id) {
        return None;
    }
    let trunk = engine
        .settings
        .trunks
        .iter()
        .find(|trunk| trunk.name == live.leg.trunk)?;
    let now = engine.ids.now();
    let plan = &live.call.plan;
    let order = WholeOrder {
        leg: LegOrder {
            leg: live.leg.id,
            trunk: Some(live.leg.trunk.clone()),
            to: plan.to.clone(),
            from: plan.from.clone(),
            send_before: None,
        },
        account: live.call.account,
        ring: plan.ring,
        talk: plan.talk,
        flow,
        sounds: Vec::new(),
    };
    engine.carriers.get(&trunk.carrier)?.take_up(LeftBehind {
        leg: live.leg.id,
        trunk: live.leg.trunk.clone(),
        order,
        since: live.leg.progress.journalled_at,
        now,
        longest: live.attempt.left(now),
    })
}

/// Ends one call. Somebody who was faster is right.
async fn end(
    engine: &Engine,
    live: LiveCall,
    kept: Option<Flow>,
    why: impl Fn(&Leg) -> String,
) -> Result<(), StoreError> {
    let id = live.call.id;
    let Some(mut change) = ended(engine, live, why).await else {
        tracing::error!(%id, "an interrupted call has ended already; it is left as it is");
        return Ok(());
    };
    let call = change.call.clone();
    // Of a call that is tried again all is needed.
    change.flow = kept.filter(|_| call.ending.is_some());
    match engine.store.commit(change).await {
        Err(StoreError::Stale(_)) => return Ok(()),
        saved => saved?,
    }
    attempt_is_over(engine, &call);
    match &call.ending {
        Some(ending) => {
            let outcome = ending.outcome.as_str();
            tracing::warn!(%id, outcome, "nobody stayed with this call from its journal to its end; it is not dialled again");
        }
        None => {
            tracing::warn!(%id, due = %call.plan.due, "nobody stayed with this call from its journal to its end; it is tried again by its plan");
        }
    }
    Ok(())
}

/// The end of every leg that is still open, and with the last of them that of the attempt.
async fn ended(engine: &Engine, mut live: LiveCall, why: impl Fn(&Leg) -> String) -> Option<Change> {
    let since = live.call.events;
    let open: Vec<Leg> = live
        .legs()
        .filter(|leg| leg.progress.ending.is_none())
        .cloned()
        .collect();
    let recorded = recording::interrupted::events_of(engine, &live.call).await;
    let recorded = recorded.unwrap_or_else(|error| {
        tracing::error!(call = %live.call.id, %error, "what was recorded of a call is not told with its end");
        Vec::new()
    });
    let recorded = recorded.into_iter();
    let mut events: Vec<_> = recorded.map(|kind| engine.record(&mut live.call, kind)).collect();
    for leg in open {
        let ending = Ending::new(Outcome::Unknown, EndedBy::System, why(&leg));
        // How the first party's leg ended says nothing of a call whose other leg may still have rung.
        if leg.id != live.leg.id {
            live.verdict = Some(ending.clone().because_of(leg.id));
        }
        let happening = Happening::Ended { ending, quality: None };
        let (next, kinds) = live.step_of(leg.id, happening, engine.ids.now()).ok()?;
        live = next;
        let kinds = kinds.into_iter();
        events.extend(kinds.map(|kind| engine.record(&mut live.call, kind)));
    }
    Some(Change {
        job: Job::after_attempt(&live.call),
        legs: live.legs().cloned().collect(),
        call: live.call,
        since: Some(since),
        flow: None,
        attempt: Some(live.attempt),
        events,
        traces: Vec::new(),
        answer: None,
    })
}

/// Whether somebody had asked to end the call before it was interrupted. When that cannot be read, it is
/// taken to be so: a call too few is better than a call too many.
async fn was_to_end(engine: &Engine, call: &Call) -> bool {
    if call.plan.retry == Retry::default() {
        return false;
    }
    let events = engine.store.events_of(call.account, call.id.into()).await;
    let asked = |stored: &StoredEvent| matches!(stored.event.kind, EventKind::HangUpRequested { .. });
    events.map_or(true, |events| events.iter().any(asked))
}

/// What was heard of a leg last, and what that says of the phone.
fn how_far(progress: &Progress) -> String {
    match progress {
        Progress {
            answered_at: Some(at), ..
        } => format!("after it was answered at {at}: how the conversation ended is not known"),
        Progress {
            ringing_at: Some(at), ..
        } => format!("after it began to ring at {at}: whether it was answered is not known"),
        Progress {
            dialing_at: Some(at), ..
        } => format!("after it was sent at {at}: the phone may or may not have rung"),
        Progress { journalled_at: at, .. } => {
            format!("after it was journalled at {at} and before it was heard of: the phone may or may not have rung")
        }
    }
}
