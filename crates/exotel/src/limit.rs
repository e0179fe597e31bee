//! The throttle: so many requests a minute and account, spread evenly.
//!
//! Every client of a process shares it by account, without being told to. With [`FileLimiter`], or any
//! other [`Limiter`], several processes do, too.
//!
//! A request that has to wait stands in a queue and goes in its turn. Dropping its future takes it out
//! of the queue, and nothing is used up by it.

mod file;
mod queue;

pub use file::FileLimiter;
pub(crate) use queue::Queue;

use crate::Error;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many requests a minute the service takes of an account.
pub const PER_MINUTE: u32 = 200;

/// Nothing holds an account back longer than this, whatever a server says.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// What came of asking for a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Slot {
    /// The request may go, now.
    Taken,
    /// None is free before this has passed. Nothing was taken.
    Wait(Duration),
}

/// Shares out the requests of an account.
///
/// A server or a database can stand in: the client asks, sleeps as long as it is told, and asks again.
pub trait Limiter: fmt::Debug + Send + Sync {
    /// Takes a place for one request, if one is free.
    fn take<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Slot, Error>>;

    /// How long until one is free, without taking it.
    fn wait<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Duration, Error>>;

    /// Lets nobody go before this has passed, because the service said so. An hour is the longest.
    fn hold<'a>(&'a self, account: &'a str, wait: Duration) -> BoxFuture<'a, Result<(), Error>>;

    /// How far apart the requests are, for estimates.
    fn spacing(&self) -> Duration;
}

/// The limiter of a process: all clients in it share the time of an account.
#[derive(Clone, Copy, Debug)]
pub struct ProcessLimiter {
    spacing: Duration,
}

/// When the next request of an account may go.
static NEXT: LazyLock<Mutex<HashMap<String, Instant>>> = LazyLock::new(Mutex::default);

impl ProcessLimiter {
    /// For accounts that may send another number of requests a minute.
    #[must_use]
    pub fn per_minute(requests: u32) -> Self {
        Self {
            spacing: spacing(requests),
        }
    }

    fn on_next<T>(account: &str, change: impl FnOnce(&mut Instant, Instant) -> T) -> T {
        // Nothing in here panics, so a poisoned lock holds what it should.
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        change(next.entry(account.to_owned()).or_insert(now), now)
    }
}

impl Default for ProcessLimiter {
    fn default() -> Self {
        Self::per_minute(PER_MINUTE)
    }
}

impl Limiter for ProcessLimiter {
    fn take<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Slot, Error>> {
        let slot = Self::on_next(account, |next, now| {
            if *next > now {
                return Slot::Wait(*next - now);
            }
            *next = now + self.spacing;
            Slot::Taken
        });
        Box::pin(std::future::ready(Ok(slot)))
    }

    fn wait<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Duration, Error>> {
        let wait = Self::on_next(account, |next, now| next.saturating_duration_since(now));
        Box::pin(std::future::ready(Ok(wait)))
    }

    fn hold<'a>(&'a self, account: &'a str, wait: Duration) -> BoxFuture<'a, Result<(), Error>> {
        Self::on_next(account, |next, now| *next = (*next).max(now + wait.min(LONGEST_HOLD)));
        Box::pin(std::future::ready(Ok(())))
    }

    fn spacing(&self) -> Duration {
        self.spacing
    }
}

fn spacing(per_minute: u32) -> Duration {
    Duration::from_secs(60) / per_minute.max(1)
}
