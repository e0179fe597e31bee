//! Takes receivers that have something to be told, and gives each to a task of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use outdial_engine::ports::{ReceiverClaim, StoreError};

use crate::{Shared, serve};

/// For how long a receiver is this node's own at most. Whoever serves it asks for more in time; when the node
/// is gone, others need not wait for so long.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How often it looks for what other nodes have left.
const LOOK: Duration = Duration::from_secs(5);
/// The shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(5);
/// How long to wait before the store is asked again after it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Runs until it is to stop.
pub(crate) async fn run(shared: Arc<Shared>) {
    let serving = Arc::new(AtomicUsize::new(0));
    let mut notices = shared.engine.store.notices();
    loop {
        notices.borrow_and_update();
        let wait = match take(&shared, &serving).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "receivers cannot be told at the moment");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            changed = notices.changed() => if changed.is_err() { return },
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Takes receivers as long as there is room. Says how long there is nothing to do.
async fn take(shared: &Arc<Shared>, serving: &Arc<AtomicUsize>) -> Result<Duration, StoreError> {
    let room = shared.config.receivers.saturating_sub(serving.load(Ordering::Acquire));
    if room == 0 {
        // A task that ends wakes us.
        return Ok(LOOK);
    }
    let engine = &shared.engine;
    if !engine.holds_lease() {
        return Ok(AFTER_FAILURE);
    }
    let (now, run) = (engine.ids.now(), engine.run());
    let claim = ReceiverClaim {
        now,
        node: run.clone(),
        until: now + LEASE,
        most: room,
    };
    let claimed = engine.store.claim_receivers(claim).await?;
    for (receiver, failed) in claimed.receivers {
        serving.fetch_add(1, Ordering::AcqRel);
        let (task, serving, run) = (Arc::clone(shared), Arc::clone(serving), run.clone());
        shared.tasks.spawn(async move {
            serve::serve(&task, run, receiver, failed).await;
            serving.fetch_sub(1, Ordering::AcqRel);
            task.wake.notify_one();
        });
    }
    let until = |next: jiff::Timestamp| Duration::try_from(next.duration_since(now)).unwrap_or_default();
    Ok(claimed.next.map_or(LOOK, |next| until(next).clamp(SHORTEST, LOOK)))
}
