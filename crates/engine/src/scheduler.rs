//! Takes the calls whose time is about to come and gives each to a task of its own.
//!
//! A call is taken a moment before its time, so that it goes at its very moment: then it is in memory, and
//! neither the store nor the others that are due at that moment hold it up.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Engine, call_task,
    ports::{ClaimedCall, Lane, StoreError, Work},
};

/// How many calls are taken in one transaction at most.
const BATCH: usize = 256;
/// How long before its time a call is taken.
pub(crate) const AHEAD: Duration = Duration::from_secs(1);
/// How long to sleep at most, so that a machine whose clock was set is never late by more.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// The same where nodes share a store: another may take a call that is due here and then be gone, or have
/// no room for it, and nobody tells us.
const LONGEST_SLEEP_AMONG_NODES: Duration = Duration::from_millis(500);
/// How long to wait before the store is asked again after it failed.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let stopping = engine.inner().stopping.clone();
    loop {
        let wait = match take_due(&engine).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "cannot take due calls");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = engine.inner().due.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Takes and starts what is due. Says how long there is nothing to do.
async fn take_due(engine: &Engine) -> Result<Duration, StoreError> {
    let inner = engine.inner();
    let longest = longest_sleep(engine);
    loop {
        if inner.stopping.is_cancelled() {
            return Ok(longest);
        }
        let wanted = inner.admission.wanted(BATCH);
        if wanted.is_nothing() || !inner.node.may_dial() {
            // Calls that go leave room, and wake us; a lease comes back unheard.
            return Ok(longest);
        }
        let run = inner.node.run().id;
        let by = engine.ids.now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let claimed = engine.store.claim_due(by, &run, wanted).await?;
        let go_on = claimed.more && !claimed.calls.is_empty();
        for claim in claimed.calls {
            start(engine, claim);
        }
        if inner.stopping.is_cancelled() {
            // What was being claimed while the rest was given back.
            engine.give_back().await;
        } else if !go_on {
            let next = engine
                .store
                .next_due(Work::Calls, &inner.admission.full_lanes())
                .await?;
            let until = until(next, engine.ids.now());
            return Ok(until.map_or(longest, |until| until.min(longest)));
        }
    }
}

/// Gives a claimed call to a task of its own.
pub(crate) fn start(engine: &Engine, claim: ClaimedCall) {
    let inner = engine.inner();
    let control = inner.live.enter(claim.call.id);
    let seat = inner.admission.seat(Lane::of(&claim.call));
    let engine = engine.clone();
    let claim = Box::new(claim);
    inner.tasks.spawn(async move {
        let id = claim.call.id;
        Box::pin(call_task::run(&engine, claim, control, seat)).await;
        engine.inner().live.leave(id);
    });
}

/// How long to sleep at most.
pub(crate) fn longest_sleep(engine: &Engine) -> Duration {
    match engine.store.nodes() {
        Some(_) => LONGEST_SLEEP_AMONG_NODES,
        None => LONGEST_SLEEP,
    }
}

/// How long until a call that is due then is to be taken.
pub(crate) fn until(due: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    due.map(|due| {
        let left = Duration::try_from(due.duration_since(now)).unwrap_or_default();
        left.saturating_sub(AHEAD)
    })
}
