//! This process as a node: the lease under which it dials, where nodes share a store.
//!
//! A lease goes by the store's clock. What this process knows of it goes by its own monotonic clock, from
//! before it asked for the lease: it believes in its lease for a shorter time than the store does.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    Engine, StartError,
    ports::{Ids, JoinError, Nodes, Run, StoreError},
};

/// How long a lease lasts. When it has run out, others take what was claimed under it.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// How often it is renewed: often enough that three renewals may fail.
const BEAT: Duration = Duration::from_millis(750);

/// How long after its lease has run out a run is declared gone, and its calls under way are ended. A node
/// that was slow for a moment is still in time to keep them.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);

/// A moment more than the lease of another run, so that it has surely run out.
const MARGIN: Duration = Duration::from_millis(50);

/// This process as a node.
#[derive(Debug)]
pub(crate) struct Membership(Mutex<State>);

#[derive(Debug)]
struct State {
    run: Run,
    lease: Lease,
    /// Whether it looks after what others leave behind.
    eldest: bool,
}

#[derive(Debug, Clone, Copy)]
enum Lease {
    /// The store is this process's alone.
    Unneeded,
    Until(Instant),
}

impl Membership {
    /// A run of the node of this name, without a lease yet where it needs one.
    pub(crate) fn new(name: &str, ids: &Ids, shared: bool) -> Self {
        let (run, lease) = if shared {
            (new_run(name, ids), Lease::Until(Instant::now()))
        } else {
            // There is no other run to be told from.
            let (id, name) = (name.to_owned(), name.to_owned());
            (Run { id, name }, Lease::Unneeded)
        };
        Self(Mutex::new(State {
            run,
            lease,
            eldest: !shared,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run that this process is at the moment.
    pub(crate) fn run(&self) -> Run {
        self.state().run.clone()
    }

    /// Whether it may take work, as far as this process knows.
    pub(crate) fn may_dial(&self) -> bool {
        match self.state().lease {
            Lease::Unneeded => true,
            Lease::Until(until) => Instant::now() < until,
        }
    }

    /// The moment after which nothing may be sent that this run is about to journal. It is over at once when this process
    /// has become another run since: then others may have ended, or sent, what the earlier one left.
    pub(crate) fn send_before(&self, run: &str) -> Option<std::time::Instant> {
        let state = self.state();
        match state.lease {
            Lease::Unneeded => None,
            Lease::Until(until) if state.run.id == run => Some(until.into_std()),
            Lease::Until(_) => Some(std::time::Instant::now()),
        }
    }

    /// Whether this process looks after what others leave behind.
    pub(crate) fn is_eldest(&self) -> bool {
        self.state().eldest
    }

    fn holds(&self, until: Instant, eldest: bool) {
        let mut state = self.state();
        state.lease = Lease::Until(until);
        state.eldest = eldest;
    }

    /// Becomes another run, because the store does not take back one that was declared gone.
    fn become_another(&self, ids: &Ids) {
        let mut state = self.state();
        state.run = new_run(&state.run.name, ids);
        state.eldest = false;
    }
}

/// Its id begins with the name, so that people know whose it is.
fn new_run(name: &str, ids: &Ids) -> Run {
    let [a, b, c, d, ..] = ids.secret();
    Run {
        id: format!("{name}-{a:02x}{b:02x}{c:02x}{d:02x}"),
        name: name.to_owned(),
    }
}

/// Enters this process among the nodes of its store, where there are any. It waits for the lease of an
/// earlier run of the same name, which a crash leaves behind.
///
/// # Errors
///
/// [`StartError::NodeInUse`] when the other run renews its lease, and so is alive.
pub(crate) async fn join(engine: &Engine) -> Result<(), StartError> {
    let Some(nodes) = engine.store.nodes() else {
        return Ok(());
    };
    let run = engine.inner().node.run();
    let mut seen = None;
    loop {
        let began = Instant::now();
        match nodes.join(&run, LEASE).await {
            Ok(()) => {
                engine.inner().node.holds(began + LEASE, false);
                return Ok(());
            }
            Err(JoinError::InUse { until, .. }) if seen.is_some_and(|seen| until > seen) => {
                return Err(StartError::NodeInUse(run.name));
            }
            Err(JoinError::InUse {
                run: other,
                left,
                until,
            }) => {
                tracing::info!(other, ?left, "waiting for the lease of an earlier run of this node");
                seen = Some(until);
                sleep(left.min(LEASE) + MARGIN).await;
            }
            Err(JoinError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Renews the lease until the engine has stopped, and then gives it up.
pub(crate) async fn keep(engine: Engine) {
    let left = engine.inner().left.clone();
    let Some(nodes) = engine.store.nodes() else { return };
    let mut failing = false;
    loop {
        let began = Instant::now();
        match beat(&engine, nodes).await {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("the lease of this node is renewed again");
            }
            Ok(()) => {}
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the lease of this node cannot be renewed; it dials nothing without one");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = left.cancelled() => break,
            () = sleep_until(began + BEAT) => {}
        }
    }
    if let Err(error) = nodes.leave(&engine.inner().node.run().id).await {
        tracing::warn!(%error, "this node did not say goodbye; others take over when its lease has run out");
    }
}

async fn beat(engine: &Engine, nodes: &dyn Nodes) -> Result<(), StoreError> {
    let node = &engine.inner().node;
    let began = Instant::now();
    match nodes.beat(&node.run().id, LEASE).await {
        Ok(eldest) => {
            node.holds(began + LEASE, eldest);
            Ok(())
        }
        Err(StoreError::Fenced(run)) => {
            tracing::error!(
                run,
                "this node was declared gone: others have its calls; it begins anew"
            );
            node.become_another(&engine.ids);
            enter_anew(nodes, &node.run()).await?;
            node.holds(began + LEASE, false);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn enter_anew(nodes: &dyn Nodes, run: &Run) -> Result<(), StoreError> {
    match nodes.join(run, LEASE).await {
        Ok(()) => Ok(()),
        Err(JoinError::Store(error)) => Err(error),
        // The next beat finds this run unknown, and tries again.
        Err(JoinError::InUse { .. }) => Err(StoreError::Taken(run.name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ports::{SystemClock, SystemEntropy};

    #[test]
    fn what_an_earlier_run_has_journalled_may_not_be_sent_by_the_next() {
        let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let node = Membership::new("a", &ids, true);
        let (run, lease) = (node.run().id, Instant::now() + LEASE);
        node.holds(lease, false);
        assert_eq!(node.send_before(&run), Some(lease.into_std()));
        node.become_another(&ids);
        node.holds(lease, false);
        assert!(
            node.send_before(&run)
                .is_some_and(|moment| moment <= std::time::Instant::now())
        );
        assert_eq!(node.send_before(&node.run().id), Some(lease.into_std()));
    }
}
