//! Takes the messages whose time is about to come and gives each to a task of its own, as the scheduler of calls
//! does.

use std::time::Duration;

use jiff::Timestamp;

use super::task;
use crate::{
    Engine,
    ports::{Lane, StoreError, Work},
    scheduler::{AFTER_FAILURE, AHEAD, longest_sleep, until},
};

/// How many messages are taken in one transaction at most.
const BATCH: usize = 512;

/// Runs until the engine stops.
pub(super) async fn run(engine: Engine) {
    let stopping = engine.inner().stopping.clone();
    loop {
        let wait = match take_due(&engine).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "cannot take due messages");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = engine.inner().messages_due.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Takes and starts what is due. Says how long there is nothing to do.
async fn take_due(engine: &Engine) -> Result<Duration, StoreError> {
    let inner = engine.inner();
    let longest = longest_sleep(engine);
    loop {
        let wanted = inner.admission.messages_wanted(BATCH);
        if inner.stopping.is_cancelled() || wanted.is_nothing() || !inner.node.may_dial() {
            return Ok(longest);
        }
        let run = inner.node.run().id;
        let by = engine.ids.now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let claimed = engine.store.claim_messages(by, &run, wanted).await?;
        let go_on = claimed.more && !claimed.messages.is_empty();
        for message in claimed.messages {
            let seat = inner.admission.seat(Lane::of_message(&message));
            inner.tasks.spawn(task::run(engine.clone(), run.clone(), message, seat));
        }
        if inner.stopping.is_cancelled() {
            // What was being claimed while the rest was given back.
            engine.give_back().await;
        } else if !go_on {
            let full = inner.admission.full_message_lanes();
            let next = engine.store.next_due(Work::Messages, &full).await?;
            let until = until(next, engine.ids.now());
            return Ok(until.map_or(longest, |until| until.min(longest)));
        }
    }
}
