//! Attempts.

use outdial_domain::{Attempt, AttemptId, CallId};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::{column::Place, progress::ProgressRow};

#[derive(Debug)]
pub(crate) struct AttemptRow {
    pub(crate) id: Uuid,
    pub(crate) call_id: Uuid,
    pub(crate) number: i64,
    pub(crate) deadline: i64,
    pub(crate) progress: ProgressRow,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let id = AttemptId::from_uuid(row.id);
        let place = Place {
            table: "attempt",
            id: &id,
        };
        Ok(Self {
            id,
            call: CallId::from_uuid(row.call_id),
            number: place.number("number", row.number)?,
            deadline: place.time("deadline", row.deadline)?,
            progress: row.progress.progress(place)?,
        })
    }
}
