//! How trunks are doing, for whoever wants to know.

use std::time::Duration;

use jiff::Timestamp;

/// How a trunk is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// Its name.
    pub name: String,
    /// Whether calls to us find their way.
    pub registration: RegistrationState,
    /// Whether it answers.
    pub health: HealthState,
}

/// Whether a trunk knows where we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// It is not to be told.
    NotWanted,
    /// It has not been told yet.
    Pending,
    /// It knows.
    Registered {
        /// For how long it does if it is not told again.
        until: Timestamp,
    },
    /// It would not be told.
    Failed {
        /// Since when.
        since: Timestamp,
        /// What it said, and what to do.
        reason: String,
    },
    /// It was told that we are gone.
    Withdrawn,
}

/// Whether a trunk answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthState {
    /// Nobody asks it.
    Unwatched,
    /// It has not been asked, or did not answer yet, but not often enough to say that it is down.
    Unknown,
    /// It answers.
    Up {
        /// Since when.
        since: Timestamp,
        /// How long its last answer took.
        took: Duration,
    },
    /// It does not answer, so no calls are sent to it.
    Down {
        /// Since when.
        since: Timestamp,
        /// What was seen of it.
        reason: String,
    },
}

/// The health of a trunk, answer by answer.
#[derive(Debug)]
pub(super) struct Health {
    failures: u32,
    pub(super) state: HealthState,
}

impl Health {
    pub(super) fn new(watched: bool) -> Self {
        Self {
            failures: 0,
            state: match watched {
                true => HealthState::Unknown,
                false => HealthState::Unwatched,
            },
        }
    }

    /// It answered, or did not. So many failures one after the other mean that it is down.
    pub(super) fn heard(&mut self, answer: Result<Duration, String>, down_after: u32, now: Timestamp) {
        match answer {
            Ok(took) => {
                self.failures = 0;
                let since = match self.state {
                    HealthState::Up { since, .. } => since,
                    _ => now,
                };
                self.state = HealthState::Up { since, took };
            }
            Err(reason) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= down_after.max(1) {
                    let since = match self.state {
                        HealthState::Down { since, .. } => since,
                        _ => now,
                    };
                    self.state = HealthState::Down { since, reason };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_down_after_so_many_failures_and_up_at_the_first_answer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let took = Duration::from_millis(3);
        let mut health = Health::new(true);
        let mut heard = |answer: Result<(), &str>, second| {
            health.heard(answer.map(|()| took).map_err(str::to_owned), 2, at(second));
            health.state.clone()
        };
        assert_eq!(heard(Err("silent"), 1), HealthState::Unknown);
        let down = |since, reason: &str| HealthState::Down {
            since: at(since),
            reason: reason.into(),
        };
        assert_eq!(heard(Err("silent"), 2), down(2, "silent"));
        assert_eq!(heard(Err("refused"), 3), down(2, "refused"));
        assert_eq!(heard(Ok(()), 4), HealthState::Up { since: at(4), took });
        assert_eq!(heard(Ok(()), 5), HealthState::Up { since: at(4), took });
        assert_eq!(heard(Err("silent"), 6), HealthState::Up { since: at(4), took });
        assert_eq!(heard(Err("silent"), 7), down(7, "silent"));
    }
}
