//! `[webhooks]`: who may be told of events, and how.

use std::time::Duration;

use outdial_engine::outgoing::{AllowedError, Outgoing};
use serde::Deserialize;

use super::ConfigError;

/// `[webhooks]`: who may be told of events, and how; times in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Networks, addresses and hosts that are allowed besides the public Internet, also without https.
    pub allow: Vec<String>,
    /// How long a receiver may take to answer.
    pub timeout: u64,
    /// How long an event is tried before it is given up.
    pub give_up_after: u64,
    /// How many receivers are told at once.
    pub receivers: usize,
    /// Of how many calls one receiver is told at once.
    pub per_receiver: usize,
    /// How long the log of deliveries is kept.
    pub log_kept: u64,
}

/// The longest time that a receiver may be given to answer, in seconds: a lease lasts longer.
const LONGEST_TIMEOUT: u64 = 30;

impl Default for Webhooks {
    fn default() -> Self {
        let usual = outdial_webhooks::Config::default();
        Self {
            allow: Vec::new(),
            timeout: 10,
            give_up_after: usual.give_up_after.as_secs(),
            receivers: usual.receivers,
            per_receiver: usual.per_receiver,
            log_kept: usual.log_kept.as_secs(),
        }
    }
}

impl Webhooks {
    /// Where we may connect to.
    pub(super) fn outgoing(&self) -> Result<Outgoing, ConfigError> {
        Outgoing::allowing(self.allow.iter().map(String::as_str))
            .map_err(|error: AllowedError| ConfigError::value("webhooks.allow", error.to_string()))
    }

    /// How receivers are told, and how long one may take to answer.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key and the remedy.
    pub fn telling(&self) -> Result<(outdial_webhooks::Config, Duration), ConfigError> {
        if self.timeout == 0 || self.timeout > LONGEST_TIMEOUT {
            let message = format!("give 1 to {LONGEST_TIMEOUT} seconds");
            return Err(ConfigError::value("webhooks.timeout", message));
        }
        for (key, number) in [("receivers", self.receivers), ("per_receiver", self.per_receiver)] {
            if !(1..=1_000).contains(&number) {
                return Err(ConfigError::value(format!("webhooks.{key}"), "give 1 to 1000"));
            }
        }
        let config = outdial_webhooks::Config {
            give_up_after: Duration::from_secs(self.give_up_after),
            receivers: self.receivers,
            per_receiver: self.per_receiver,
            log_kept: Duration::from_secs(self.log_kept),
        };
        Ok((config, Duration::from_secs(self.timeout)))
    }
}
