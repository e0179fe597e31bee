//! Uploaded audio files. Their bytes are among the blobs.

use outdial_domain::{AccountId, AudioId};
use outdial_engine::ports::{AudioFile, StoreError};
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct AudioRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) blob: String,
    pub(crate) format: String,
    pub(crate) millis: i64,
    pub(crate) created_at: i64,
}

impl TryFrom<AudioRow> for AudioFile {
    type Error = StoreError;

    fn try_from(row: AudioRow) -> Result<Self, StoreError> {
        let id = AudioId::from_uuid(row.id);
        let place = Place {
            table: "audio",
            id: &id,
        };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            millis: place.number("millis", row.millis)?,
            created_at: place.time("created_at", row.created_at)?,
            name: row.name,
            blob: row.blob,
            format: row.format,
        })
    }
}
