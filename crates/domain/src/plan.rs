//! What to do: whom to ring, when, how often, and how long. The flow after the answer is the `flow` crate's.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Address, CallWebhook, Hours, HoursError, Retry, outcome::words};

words! {
    /// How urgent a call is beside others that wait for the same limit.
    #[derive(Default)]
    Priority {
        /// Before all others: an alert, a code that somebody waits for.
        High = "high",
        /// As usual.
        #[default]
        Normal = "normal",
        /// When nothing else waits.
        Low = "low",
    }
}

/// Whom to ring, when, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whom to ring.
    pub to: Address,
    /// The caller id to show; the trunk's own when none is given.
    pub from: Option<Address>,
    /// The name of the only trunk to use, where the request names one.
    pub via: Option<String>,
    /// Not to be dialled before this time. A retry has a time of its own, and so may have other values of
    /// `to` and `via`: what stands here is what the current or the next attempt does.
    pub due: Timestamp,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// Not to be dialled at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When the phone may be rung; always, when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Retry::is_never")]
    pub retry: Retry,
    /// How long the phone rings.
    pub ring: Duration,
    /// How long the call may last from its answer.
    pub talk: Duration,
    /// Free text of the caller, echoed everywhere.
    pub tag: Option<String>,
    /// The caller's own name for the call, echoed everywhere. Where a request has no idempotency key, this
    /// serves as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Who is told of what happens to this call, besides the account's webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<CallWebhook>,
}

impl Plan {
    /// The most bytes a tag may have.
    pub const LONGEST_TAG: usize = 256;
    /// The most bytes a reference may have.
    pub const LONGEST_REFERENCE: usize = 255;
}

impl Plan {
    /// The first moment from this one on at which it may be dialled; `None` when its time is over by then.
    ///
    /// # Errors
    ///
    /// [`HoursError`] when its hours cannot be reckoned.
    pub fn opening(&self, from: Timestamp) -> Result<Option<Timestamp>, HoursError> {
        match &self.hours {
            Some(hours) => hours.opening(&self.to, from, self.expires),
            None => Ok(Some(from).filter(|from| self.expires.is_none_or(|end| *from < end))),
        }
    }
}
