//! Lets everybody who wants the same thing at the same time wait for one making of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use outdial_engine::ports::{Clip, PromptError};

use crate::cache::Key;

/// What comes of a making.
pub(crate) type Outcome = Result<Arc<Clip>, PromptError>;

type Flight = Shared<BoxFuture<'static, Outcome>>;

/// The makings under way.
///
/// Nobody in particular drives a making: each waiter does when it is woken. So any of them may go
/// away, and when all have gone away the making is dropped, with the engine it was running.
#[derive(Default)]
pub(crate) struct Flights {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Numbers tell a making from an earlier one of the same key that is only now being dropped.
    started: u64,
    under_way: HashMap<Key, (u64, WeakShared<BoxFuture<'static, Outcome>>)>,
}

impl Flights {
    /// Joins the making of this key, or starts it.
    ///
    /// `ready` is asked whether one has just ended, `start` gives the making. Both are called under
    /// a lock and do no work of their own.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: Key,
        ready: impl FnOnce() -> Option<Arc<Clip>>,
        start: impl FnOnce() -> BoxFuture<'static, Outcome>,
    ) -> Flight {
        let mut state = self.lock();
        if let Some(flight) = state.under_way.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        if let Some(clip) = ready() {
            return futures_util::future::ready(Ok(clip)).boxed().shared();
        }
        state.started += 1;
        let number = state.started;
        let landing = Landing {
            flights: Arc::clone(self),
            key,
            number,
        };
        let making = start();
        let flight = async move {
            let _landing = landing;
            making.await
        };
        let flight = flight.boxed().shared();
        let weak = flight
            .downgrade()
            .expect("a flight that was never polled has not ended");
        state.under_way.insert(key, (number, weak));
        flight
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strikes a making off the list when it ends or is dropped.
struct Landing {
    flights: Arc<Flights>,
    key: Key,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.flights.lock();
        if state
            .under_way
            .get(&self.key)
            .is_some_and(|(number, _)| *number == self.number)
        {
            state.under_way.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{future::join_all, poll};
    use tokio::sync::oneshot;

    use super::*;

    fn clip() -> Arc<Clip> {
        Arc::new(Clip {
            rate: 8_000,
            samples: vec![1].into(),
        })
    }

    fn making(from: oneshot::Receiver<Outcome>) -> impl FnOnce() -> BoxFuture<'static, Outcome> {
        || async { from.await.expect("the test sends an outcome") }.boxed()
    }

    fn never() -> BoxFuture<'static, Outcome> {
        panic!("a second making was started")
    }

    #[tokio::test]
    async fn all_wait_for_one_making() {
        let (flights, key) = (Arc::new(Flights::default()), Key::upload("a", 8_000));
        let (end, ended) = oneshot::channel();
        let first = flights.join(key, || None, making(ended));
        let others: Vec<_> = (0..100).map(|_| flights.join(key, || None, never)).collect();
        end.send(Ok(clip())).unwrap();
        assert_eq!(first.await, Ok(clip()));
        assert!(join_all(others).await.into_iter().all(|outcome| outcome == Ok(clip())));
        assert!(flights.lock().under_way.is_empty());
    }

    #[tokio::test]
    async fn who_leaves_takes_nothing_from_the_others() {
        let (flights, key) = (Arc::new(Flights::default()), Key::upload("a", 8_000));
        let (end, ended) = oneshot::channel();
        let mut first = flights.join(key, || None, making(ended));
        let second = flights.join(key, || None, never);
        assert!(poll!(&mut first).is_pending());
        drop(first);
        end.send(Ok(clip())).unwrap();
        assert_eq!(second.await, Ok(clip()));
    }

    #[tokio::test]
    async fn a_making_that_nobody_waits_for_is_dropped() {
        let (flights, key) = (Arc::new(Flights::default()), Key::upload("a", 8_000));
        let (end, ended) = oneshot::channel();
        let mut only = flights.join(key, || None, making(ended));
        assert!(poll!(&mut only).is_pending());
        drop(only);
        assert!(end.is_closed());
        let (end, ended) = oneshot::channel();
        let next = flights.join(key, || None, making(ended));
        end.send(Ok(clip())).unwrap();
        assert_eq!(next.await, Ok(clip()));
    }

    #[tokio::test]
    async fn a_failure_is_shared_only_by_those_who_waited() {
        let (flights, key) = (Arc::new(Flights::default()), Key::upload("a", 8_000));
        let (end, ended) = oneshot::channel();
        let first = flights.join(key, || None, making(ended));
        let second = flights.join(key, || None, never);
        let failure = PromptError::Silent("nothing".to_owned());
        end.send(Err(failure.clone())).unwrap();
        assert_eq!(first.await, Err(failure));
        let (end, ended) = oneshot::channel();
        let third = flights.join(key, || None, making(ended));
        end.send(Ok(clip())).unwrap();
        assert_eq!(third.await, Ok(clip()));
        drop(second);
    }

    #[tokio::test]
    async fn what_has_just_ended_is_not_made_again() {
        let (flights, key) = (Arc::new(Flights::default()), Key::upload("a", 8_000));
        assert_eq!(flights.join(key, || Some(clip()), never).await, Ok(clip()));
    }
}
