//! Which node has a room, where several share a store. Calls into a room are dialled there: what is heard in it
//! is where its legs are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use outdial_domain::{AccountId, CallId, CallState, RoomName};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    Engine, commands,
    live::{Asked, Control, Said},
    ports::{ClaimedCall, Nodes, StoreError},
    scheduler,
};

type Key = (AccountId, RoomName);

/// The rooms that calls of this node are in, or on their way into.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    calls: Mutex<BTreeMap<Key, usize>>,
    /// Held while a room is taken or let go of, so that neither overtakes the other.
    moving: AsyncMutex<()>,
}

impl Wanted {
    fn calls(&self) -> MutexGuard<'_, BTreeMap<Key, usize>> {
        // Every operation leaves the map whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call of this node is in a room, or on its way into it: the node keeps the room for as long as this lives.
pub(crate) struct Interest {
    engine: Engine,
    key: Key,
    run: String,
}

impl Interest {
    fn new(engine: &Engine, key: Key, run: &str) -> Self {
        *engine.inner().wanted.calls().entry(key.clone()).or_default() += 1;
        Self {
            engine: engine.clone(),
            key,
            run: run.to_owned(),
        }
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut calls = self.engine.inner().wanted.calls();
        let Some(count) = calls.get_mut(&self.key) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        calls.remove(&self.key);
        drop(calls);
        // Without a runtime the process is at its end, and with it the run that has the room.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(let_go(self.engine.clone(), self.key.clone(), self.run.clone()));
        }
    }
}

/// Lets go of a room, unless somebody wants it again.
async fn let_go(engine: Engine, key: Key, run: String) {
    let _alone = engine.inner().wanted.moving.lock().await;
    if engine.inner().wanted.calls().contains_key(&key) {
        return;
    }
    if let Some(nodes) = engine.store.nodes()
        && let Err(error) = nodes.disown_room(key.0, &key.1, &run).await
    {
        tracing::debug!(%error, room = %key.1, "a room stays with this node until somebody is in it again");
    }
}

/// Where a call that enters a room belongs.
pub(crate) enum Place {
    /// Here; the room is kept while the interest lives, where others could take it.
    Here(Option<Interest>),
    /// At the node of this run.
    There(String),
}

/// Finds out where a call that enters a room belongs. A room that is nowhere is here from now on.
pub(crate) async fn place(
    engine: &Engine,
    account: AccountId,
    room: &RoomName,
    run: &str,
) -> Result<Place, StoreError> {
    let Some(nodes) = engine.store.nodes() else {
        return Ok(Place::Here(None));
    };
    let interest = Interest::new(engine, (account, room.clone()), run);
    let _alone = engine.inner().wanted.moving.lock().await;
    let owner = nodes.own_room(account, room, run).await?;
    Ok(if owner == run {
        Place::Here(Some(interest))
    } else {
        Place::There(owner)
    })
}

/// Gives a claimed call to the run that has its room.
pub(crate) async fn give(
    engine: &Engine,
    nodes: &dyn Nodes,
    claimed: &ClaimedCall,
    owner: &str,
) -> Result<(), StoreError> {
    let call = claimed.call.id;
    // When the answer to an earlier try was lost, it is given already, and only told once more.
    nodes.hand_over(call, &claimed.run, owner).await?;
    let control = Control::Take {
        account: claimed.call.account,
    };
    commands::leave(engine, nodes, owner, &Asked::Call { call, control }).await?;
    Ok(())
}

/// Takes a call that another node gives. Whoever journals it first has it: the store sees to that.
pub(crate) async fn take(engine: &Engine, account: AccountId, call: CallId) -> Said {
    let inner = engine.inner();
    if inner.stopping.is_cancelled() || inner.live.has(call) {
        return Said::Gone;
    }
    let Ok(Some(details)) = engine.store.call(account, call).await else {
        return Said::Gone;
    };
    match details.call.state {
        CallState::Scheduled | CallState::Queued => {}
        CallState::Active | CallState::Ended => return Said::Gone,
    }
    let claimed = ClaimedCall {
        run: inner.node.run().id,
        call: details.call,
        flow: details.flow,
    };
    scheduler::start(engine, claimed);
    Said::Obeyed("taken".to_owned())
}
