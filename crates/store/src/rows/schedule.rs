//! Schedules. What is only read whole is JSON.

use outdial_domain::{Schedule, ScheduleId};
use outdial_engine::ports::{StoreError, StoredSchedule};
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct ScheduleRow {
    pub(crate) id: Uuid,
    pub(crate) schedule: String,
    pub(crate) flow: String,
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
