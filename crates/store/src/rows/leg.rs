//! Legs.

use outdial_domain::{AttemptId, CallId, Leg, LegId};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::{column::Place, progress::ProgressRow};

#[derive(Debug)]
pub(crate) struct LegRow {
    pub(crate) id: Uuid,
    pub(crate) call_id: Uuid,
    pub(crate) attempt_id: Uuid,
    pub(crate) trunk: String,
    pub(crate) target: String,
    pub(crate) shows: Option<String>,
    pub(crate) node: String,
    pub(crate) quality: Option<String>,
    pub(crate) progress: ProgressRow,
}

impl TryFrom<LegRow> for Leg {
    type Error = StoreError;

    fn try_from(row: LegRow) -> Result<Self, StoreError> {
        let id = LegId::from_uuid(row.id);
        let place = Place { table: "leg", id: &id };
        Ok(Self {
            id,
            attempt: AttemptId::from_uuid(row.attempt_id),
            call: CallId::from_uuid(row.call_id),
            progress: row.progress.progress(place)?,
            quality: place.maybe_json("quality", row.quality.as_deref())?,
            trunk: row.trunk,
            target: row.target,
            shows: row.shows,
            node: row.node,
        })
    }
}

/// Legs in the order they were journalled, from rows by the time their ids were made.
pub(crate) fn in_order(rows: Vec<LegRow>) -> Result<Vec<Leg>, StoreError> {
    let mut legs = rows.into_iter().map(Leg::try_from).collect::<Result<Vec<_>, _>>()?;
    legs.sort_by_key(|leg| leg.progress.journalled_at);
    Ok(legs)
}
