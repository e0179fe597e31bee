//! Recordings. What is only read whole is JSON.

use outdial_domain::{Recording, RecordingId};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct RecordingRow {
    pub(crate) id: Uuid,
    pub(crate) recording: String,
}

impl TryFrom<RecordingRow> for Recording {
    type Error = StoreError;

    fn try_from(row: RecordingRow) -> Result<Self, StoreError> {
        let id = RecordingId::from_uuid(row.id);
        let place = Place {
            table: "recording",
            id: &id,
        };
        place.json("recording", &row.recording)
    }
}

/// The node that has to finish it, as long as nobody has.
pub(crate) fn open_at(recording: &Recording) -> Option<&str> {
    (!recording.is_finished()).then_some(recording.node.as_str())
}
