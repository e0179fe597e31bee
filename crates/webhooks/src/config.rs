//! How receivers are told.

use std::time::Duration;

/// How receivers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long an event is tried before it is given up.
    pub give_up_after: Duration,
    /// How many receivers are told at once.
    pub receivers: usize,
    /// Of how many calls one receiver is told at once.
    pub per_receiver: usize,
    /// How long the log of deliveries is kept.
    pub log_kept: Duration,
}

impl Default for Config {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            give_up_after: Duration::from_secs(3 * DAY),
            receivers: 64,
            per_receiver: 8,
            log_kept: Duration::from_secs(30 * DAY),
        }
    }
}
