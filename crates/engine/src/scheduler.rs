//! Takes the calls whose time has come and gives each to a task of its own.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    Engine, call_task,
    ports::{ClaimedCall, StoreError},
};

/// How many calls are taken in one transaction at most.
const BATCH: usize = 256;
/// How long to sleep at most, so that a machine whose clock was set is never late by more.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// The same where nodes share a store: another may take a call that is due here and then be gone, or have
/// no room for it, and nobody tells us.
const LONGEST_SLEEP_AMONG_NODES: Duration = Duration::from_millis(500);
/// How long to wait before the store is asked again after it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

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
    let longest = match engine.store.nodes() {
        Some(_) => LONGEST_SLEEP_AMONG_NODES,
        None => LONGEST_SLEEP,
    };
    loop {
        if inner.stopping.is_cancelled() {
            return Ok(longest);
        }
        let mut most = inner.admission.room_for_more(inner.live.count()).min(BATCH);
        if engine.store.nodes().is_some() {
            // What cannot be live here soon is left to the others.
            most = most.min(engine.settings.limits.live_calls.saturating_sub(inner.live.count()));
        }
        if most == 0 || !inner.node.may_dial() {
            // Calls that go leave room, and wake us; a lease comes back unheard.
            return Ok(longest);
        }
        let run = inner.node.run().id;
        let claimed = engine.store.claim_due(engine.ids.now(), &run, most).await?;
        let taken = claimed.len();
        for claim in claimed {
            start(engine, claim);
        }
        if taken < most {
            let until = until(engine.store.next_due().await?, engine.ids.now());
            return Ok(until.map_or(longest, |until| until.min(longest)));
        }
    }
}

/// Gives a claimed call to a task of its own.
pub(crate) fn start(engine: &Engine, claim: ClaimedCall) {
    let inner = engine.inner();
    let control = inner.live.enter(claim.call.id);
    let engine = engine.clone();
    inner.tasks.spawn(async move {
        let id = claim.call.id;
        Box::pin(call_task::run(&engine, claim, control)).await;
        engine.inner().live.leave(id);
    });
}

fn until(due: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default())
}
