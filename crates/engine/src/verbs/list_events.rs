//! Reads the event log: of one call, or of the whole account as it grows.

use std::time::Duration;

use futures_util::{Stream, stream};
use outdial_domain::CallId;

use super::{Actor, CallError, get_call};
use crate::{
    Engine,
    ports::{StoreError, StoredEvent},
};

/// How long a reader that has seen everything waits for more to come together.
const GATHER: Duration = Duration::from_millis(15);
/// How many events are read at once.
const BATCH: usize = 500;

/// The events of one call, in order.
///
/// # Errors
///
/// [`CallError::NotFound`] when the account has no such call.
pub async fn list_events(engine: &Engine, actor: &Actor, call: CallId) -> Result<Vec<StoredEvent>, CallError> {
    get_call(engine, actor, call).await?;
    Ok(engine.store.events_of(actor.account, call.into()).await?)
}

/// All events of the account after a position, those to come included; without a position, only
/// those to come. Whoever was cut off goes on from the last position seen and misses nothing.
///
/// The stream ends when the engine stops. An error ends it too, after it was given.
pub fn follow_events(
    engine: &Engine,
    actor: &Actor,
    after: Option<i64>,
) -> impl Stream<Item = Result<StoredEvent, StoreError>> + Send + use<> {
    let mut newest = engine.store.newest();
    let position = after.unwrap_or_else(|| *newest.borrow_and_update());
    let start = Follow {
        engine: engine.clone(),
        account: actor.account,
        newest,
        position,
        read: Vec::new().into_iter(),
    };
    stream::try_unfold(start, |mut follow| async move {
        loop {
            if let Some(event) = follow.read.next() {
                follow.position = event.position;
                return Ok(Some((event, follow)));
            }
            follow.newest.borrow_and_update();
            let read = follow
                .engine
                .store
                .events_after(follow.account, follow.position, BATCH)
                .await?;
            if !read.is_empty() {
                follow.read = read.into_iter();
                continue;
            }
            let stopping = &follow.engine.inner().stopping;
            tokio::select! {
                changed = follow.newest.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    Err(_) => return Ok(None),
                },
                () = stopping.cancelled() => return Ok(None),
            }
        }
    })
}

struct Follow {
    engine: Engine,
    account: outdial_domain::AccountId,
    newest: tokio::sync::watch::Receiver<i64>,
    position: i64,
    read: std::vec::IntoIter<StoredEvent>,
}
