//! Saves a change that must not be lost, trying until the disk takes it.

use std::time::Duration;

use crate::{
    Engine,
    ports::{Change, StoreError},
};

/// How long to wait before a failed save is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is on disk.
    Done,
    /// Somebody else changed the call in between, or has taken it over; nothing was saved.
    Stale,
    /// The engine stops while the disk still fails; nothing was saved.
    Stopping,
}

/// Saves a change, trying until the disk takes it, the change turns out to be stale, or the engine stops.
pub(crate) async fn save(engine: &Engine, change: Change) -> Saved {
    let mut failed_before = false;
    loop {
        match engine.store.commit(change.clone()).await {
            Ok(()) => return Saved::Done,
            Err(StoreError::Stale(_)) if failed_before && is_there(engine, &change).await => return Saved::Done,
            Err(StoreError::Stale(id)) => {
                tracing::info!(%id, "somebody else changed this call in between");
                return Saved::Stale;
            }
            Err(error @ StoreError::Fenced(_)) => {
                tracing::warn!(call = %change.call.id, %error, "this call is dialled by others, if at all");
                return Saved::Stale;
            }
            Err(error) => {
                tracing::error!(call = %change.call.id, %error, "cannot save; trying again");
                failed_before = true;
                tokio::select! {
                    () = tokio::time::sleep(AFTER_FAILURE) => {}
                    () = engine.inner().stopping.cancelled() => return Saved::Stopping,
                }
            }
        }
    }
}

/// Whether a save that was said to have failed had reached the disk all the same.
async fn is_there(engine: &Engine, change: &Change) -> bool {
    let events = engine.store.events_of(change.call.account, change.call.id.into()).await;
    let last = change.events.last().map(|event| event.id);
    events.is_ok_and(|events| events.last().map(|stored| stored.event.id) == last)
}
