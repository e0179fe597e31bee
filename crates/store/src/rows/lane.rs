//! A lane of calls or messages, as jobs name it.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Priority};
use outdial_engine::ports::{Lane, StoreError, Work};
use uuid::Uuid;

use super::{column::Place, message};

/// What stands in the column `priority` for calls: the most urgent comes first. Messages have the numbers after those.
pub(super) fn rank(priority: Priority) -> i64 {
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
            .inspect_err(|error| tracing::error!(%error, "calls or messages that wait cannot be taken"))
            .ok()
    }

    fn lane(self) -> Result<(Lane, Timestamp), StoreError> {
        let place = Place {
            table: "job",
            id: &self.account_id,
        };
        let works = [
            (Work::Calls, rank as fn(Priority) -> i64),
            (Work::Messages, message::rank),
        ];
        let found = works.iter().find_map(|(work, rank)| {
            let priority = Priority::ALL
                .iter()
                .find(|priority| rank(**priority) == self.priority)?;
            Some((*work, *priority))
        });
        let (work, priority) = found.ok_or_else(|| place.bad("priority", format_args!("{} is none", self.priority)))?;
        let lane = Lane {
            account: AccountId::from_uuid(self.account_id),
            work,
            priority,
        };
        Ok((lane, place.time("due", self.due)?))
    }
}

/// The columns of a lane.
pub(crate) fn columns(lane: Lane) -> (Uuid, i64) {
    let rank = match lane.work {
        Work::Calls => rank(lane.priority),
        Work::Messages => message::rank(lane.priority),
    };
    (lane.account.uuid(), rank)
}

/// The place of a call in its lane, as the columns `due` and `subject` of its job name it.
pub(crate) fn turn(due: i64, subject: Uuid) -> Result<(Timestamp, CallId), StoreError> {
    let place = Place {
        table: "job",
        id: &subject,
    };
    Ok((place.time("due", due)?, CallId::from_uuid(subject)))
}
