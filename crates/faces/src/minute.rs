//! So many requests a minute, as the services that faces speak for allowed them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts the requests of each client in a minute that begins with its first one. Each node counts by itself.
#[derive(Debug)]
pub(crate) struct Minute<K> {
    most: u32,
    begun: Mutex<HashMap<K, (Instant, u32)>>,
}

/// How a client stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many requests a minute has.
    pub(crate) most: u32,
    /// How many are left of it.
    pub(crate) left: u32,
    /// When the next minute begins.
    pub(crate) until_next: Duration,
    /// Whether this one was within the limit.
    pub(crate) allowed: bool,
}

impl Standing {
    /// How somebody stands who may ask again after this.
    pub(crate) fn refused(wait: Duration) -> Self {
        Self {
            most: 0,
            left: 0,
            until_next: wait,
            allowed: false,
        }
    }
}

impl<K: Eq + Hash> Minute<K> {
    /// At most so many; 0 for any number.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            begun: Mutex::default(),
        }
    }

    /// Counts a request. The clients are those of the configuration, so there are few.
    pub(crate) fn count(&self, client: K, now: Instant) -> Standing {
        let most = if self.most == 0 { u32::MAX } else { self.most };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, count) = begun.entry(client).or_insert((now, 0));
        if now.duration_since(*first) >= MINUTE {
            (*first, *count) = (now, 0);
        }
        let allowed = *count < most;
        *count += u32::from(allowed);
        Standing {
            most,
            left: most - *count,
            until_next: MINUTE.saturating_sub(now.duration_since(*first)),
            allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_minute() {
        let (minute, now) = (Minute::new(2), Instant::now());
        let count = |client, second| minute.count(client, now + Duration::from_secs(second));
        assert_eq!((count("a", 0).left, count("a", 10).left), (1, 0));
        let refused = count("a", 20);
        assert!(!refused.allowed);
        assert_eq!(refused.until_next, Duration::from_secs(40));
        assert!(count("b", 20).allowed);
        assert!(count("a", 60).allowed);
        let any = Minute::new(0);
        assert!((0..1_000).all(|_| any.count("a", now).allowed));
    }
}
