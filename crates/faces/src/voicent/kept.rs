//! What this face keeps of its calls, beside their names.

use jiff::{Timestamp, tz::TimeZone};
use outdial_domain::Call;
use serde::{Deserialize, Serialize};

/// What a call's record needs that is nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// For when it was planned. A retry gives the call another time.
    pub(super) due: Timestamp,
    /// Whether its record goes when it is over.
    pub(super) self_delete: bool,
}

impl Kept {
    pub(super) fn print(&self) -> String {
        serde_json::to_string(self).expect("a time and a truth have a JSON form")
    }

    /// What was kept of a call; what is plain to see of it where that cannot be read.
    pub(super) fn of(call: &Call) -> Self {
        let read = call
            .face
            .as_ref()
            .and_then(|face| serde_json::from_str(&face.kept).ok());
        read.unwrap_or(Self {
            due: call.created_at,
            self_delete: false,
        })
    }
}

/// A moment as answers show it: the clock on the wall of the gateway.
pub(super) fn on_the_wall(moment: Timestamp, zone: &TimeZone) -> jiff::civil::DateTime {
    moment.to_zoned(zone.clone()).datetime()
}
