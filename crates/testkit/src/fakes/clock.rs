//! A clock that a test can set.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use outdial_engine::ports::Clock;
use tokio::time::Instant;

/// A clock that begins at a fixed time and goes on with tokio's clock.
///
/// In a test with paused time (`#[tokio::test(start_paused = true)]`) it stands still while anything
/// can run and jumps with the timers, so that the time of day and every deadline always agree.
#[derive(Debug)]
pub struct FakeClock {
    begun: Instant,
    start: Mutex<Timestamp>,
}

impl FakeClock {
    /// What every fake clock shows first: 2030-01-02T03:04:05Z.
    pub const START: Timestamp = Timestamp::constant(1_893_553_445, 0);

    /// Puts the time of day forward, or back with a negative duration, as when a machine's clock is
    /// set. No timer runs out by it.
    pub fn set_forward(&self, by: SignedDuration) {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        *start += by;
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            start: Mutex::new(Self::START),
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let start = *self.start.lock().unwrap_or_else(PoisonError::into_inner);
        start + self.begun.elapsed()
    }
}
