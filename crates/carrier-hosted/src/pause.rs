//! For how long a service takes no texts, because it said that it gets too many.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The longest that is waited because of one answer.
const LONGEST: Duration = Duration::from_secs(600);

/// The pause of a trunk.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// The service wants to be left alone for so long.
    pub(crate) fn begin(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST);
        let mut paused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |before| before.max(until)));
    }

    /// How long it still does.
    pub(crate) fn left(&self) -> Option<Duration> {
        let paused = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = paused?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}
