//! A lane of calls, as jobs name it.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Priority};
use outdial_engine::ports::{Lane, StoreError};
use uuid::Uuid;

use super::column::Place;

/// What stands in the column `priority`: the most urgent comes first.
fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

/// The columns of a job that name its lane, and when the first job of it is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneRow {
    pub(crate) account_id: Uuid,
    pub(crate) priority: i64,
    pub(crate) due: i64,
}

impl LaneRow {
    /// The lane, and when its first job is due. One that cannot be read is left out, so that it does not stand
    /// in the way of all others; the log names it.
    pub(crate) fn read(self) -> Option<(Lane, Timestamp)> {
        self.lane()
            .inspect_err(|error| tracing::error!(%error, "calls that wait cannot be dialled"))
            .ok()
    }

    fn lane(self) -> Result<(Lane, Timestamp), StoreError> {
        let place = Place {
            table: "job",
            id: &self.account_id,
        };
        let priority = Priority::ALL
            .iter()
            .copied()
            .find(|priority| rank(*priority) == self.priority);
        let priority = priority.ok_or_else(|| place.bad("priority", format_args!("{} is none", self.priority)))?;
        let lane = Lane {
            account: AccountId::from_uuid(self.account_id),
            priority,
        };
        Ok((lane, place.time("due", self.due)?))
    }
}

/// The columns of a lane.
pub(crate) fn columns(lane: Lane) -> (Uuid, i64) {
    (lane.account.uuid(), rank(lane.priority))
}

/// The place of a call in its lane.
pub(crate) fn turn(due: Timestamp, call: CallId) -> (i64, Uuid) {
    (super::column::micros_up(due), call.uuid())
}
