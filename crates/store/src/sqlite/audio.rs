//! Uploaded audio files. Their bytes are among the blobs.

use outdial_domain::{AccountId, AudioId};
use outdial_engine::ports::{AudioFile, StoreError};
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, micros},
    error::{Failure, is_taken},
};

const ADD: &str =
    "INSERT INTO audio (account_id, id, name, blob, format, millis, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
pub(super) const ONE: &str =
    "SELECT account_id, id, name, blob, format, millis, created_at FROM audio WHERE account_id = ? AND id = ?";

#[derive(Debug)]
struct AudioRow {
    account_id: Uuid,
    id: Uuid,
    name: String,
    blob: String,
    format: String,
    millis: i64,
    created_at: i64,
}

impl FromRow<'_, SqliteRow> for AudioRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            name: row.try_get(2)?,
            blob: row.try_get(3)?,
            format: row.try_get(4)?,
            millis: row.try_get(5)?,
            created_at: row.try_get(6)?,
        })
    }
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

pub(super) async fn add(connection: &mut SqliteConnection, audio: &AudioFile) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(audio.account.uuid())
        .bind(audio.id.uuid())
        .bind(audio.name.as_str())
        .bind(audio.blob.as_str())
        .bind(audio.format.as_str())
        .bind(i64::try_from(audio.millis).unwrap_or(i64::MAX))
        .bind(micros(audio.created_at))
        .execute(connection)
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(audio.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn one(
    connection: &mut SqliteConnection,
    account: AccountId,
    id: AudioId,
) -> Result<Option<AudioFile>, Failure> {
    let row: Option<AudioRow> = sqlx::query_as(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(AudioFile::try_from).transpose()?)
}
