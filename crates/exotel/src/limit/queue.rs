//! Where the requests of an account wait, in their order.

use super::{Limiter, Slot};
use crate::Error;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The queue of one account, one for the whole process.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Fair: whoever came first is woken first.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicU32,
}

static QUEUES: LazyLock<Mutex<HashMap<String, Arc<Queue>>>> = LazyLock::new(Mutex::default);

/// A place in a queue, which is left by dropping it.
struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub(crate) fn of(account: &str) -> Arc<Self> {
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(account.to_owned()).or_default())
    }

    /// How long a request would wait that came now.
    pub(crate) async fn wait(&self, limiter: &dyn Limiter, account: &str) -> Result<Duration, Error> {
        let before = limiter.spacing() * self.waiting.load(Ordering::Relaxed);
        Ok(limiter.wait(account).await? + before)
    }

    /// Waits for its turn and for a place; gives up at once when it would be longer than `longest`.
    pub(crate) async fn enter(
        &self,
        limiter: &dyn Limiter,
        account: &str,
        longest: Option<Duration>,
    ) -> Result<(), Error> {
        let too_long = |wait: Duration, spent: Duration| longest.is_some_and(|longest| spent + wait > longest);
        let begun = Instant::now();
        let estimate = self.wait(limiter, account).await?;
        if too_long(estimate, Duration::ZERO) {
            return Err(Error::RateLimited { wait: estimate });
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&self.waiting);
        let _turn = self.turn.lock().await;
        loop {
            match limiter.take(account).await? {
                Slot::Taken => return Ok(()),
                Slot::Wait(wait) if too_long(wait, begun.elapsed()) => return Err(Error::RateLimited { wait }),
                Slot::Wait(wait) => tokio::time::sleep(wait).await,
            }
        }
    }
}
