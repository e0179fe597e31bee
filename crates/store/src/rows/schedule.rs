//! Schedules. What is only read whole is JSON.

use outdial_domain::{Schedule, ScheduleId};
use outdial_engine::ports::{StoreError, StoredSchedule};
use uuid::Uuid;

use super::column::{Place, micros_up};

#[derive(Debug)]
pub(crate) struct ScheduleRow {
    pub(crate) id: Uuid,
    pub(crate) schedule: String,
    pub(crate) flow: String,
}

/// A schedule with the columns that repeat what it says, for an examination.
#[derive(Debug)]
pub(crate) struct WholeScheduleRow {
    pub(crate) row: ScheduleRow,
    pub(crate) wake: Option<i64>,
    pub(crate) version: i64,
}

impl TryFrom<WholeScheduleRow> for StoredSchedule {
    type Error = StoreError;

    fn try_from(WholeScheduleRow { row, wake, version }: WholeScheduleRow) -> Result<Self, StoreError> {
        let id = ScheduleId::from_uuid(row.id);
        let place = Place {
            table: "schedule",
            id: &id,
        };
        let stored = Self::try_from(row)?;
        if stored.schedule.id != id {
            return Err(place.bad("schedule", format_args!("it is that of {}", stored.schedule.id)));
        }
        if i64::from(stored.schedule.version) != version {
            return Err(place.bad("version", "it is not that of the schedule: nobody could change it"));
        }
        if stored.schedule.wake().map(micros_up) != wake {
            return Err(place.bad("wake", "it is not when the schedule wants to be looked at"));
        }
        Ok(stored)
    }
}

impl TryFrom<ScheduleRow> for StoredSchedule {
    type Error = StoreError;

    fn try_from(row: ScheduleRow) -> Result<Self, StoreError> {
        let id = ScheduleId::from_uuid(row.id);
        let place = Place {
            table: "schedule",
            id: &id,
        };
        Ok(Self {
            schedule: place.json::<Schedule>("schedule", &row.schedule)?,
            flow: place.json("flow", &row.flow)?,
        })
    }
}
