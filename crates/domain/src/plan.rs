//! What to do: whom to ring, when, and how long. The flow after the answer is the `flow` crate's.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Whom to ring, when, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whom to ring.
    pub to: Address,
    /// The caller id to show; the trunk's own when none is given.
    pub from: Option<Address>,
    /// The name of the only trunk to use, where the request names one.
    pub via: Option<String>,
    /// Not to be dialled before this time.
    pub due: Timestamp,
    /// How long the phone rings.
    pub ring: Duration,
    /// How long the call may last from its answer.
    pub talk: Duration,
    /// Free text of the caller, echoed everywhere.
    pub tag: Option<String>,
}

impl Plan {
    /// The most bytes a tag may have.
    pub const LONGEST_TAG: usize = 256;
}
