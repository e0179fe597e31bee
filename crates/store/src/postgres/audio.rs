//! Uploaded audio files. Their bytes are among the blobs.

use outdial_domain::{AccountId, AudioId};
use outdial_engine::ports::{AudioFile, StoreError};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::{
    error::{Failure, is_taken},
    text::{given, kept},
};
use crate::rows::{audio::AudioRow, column::micros};

const ADD: &str = "INSERT INTO audio (account_id, id, name, blob, format, millis, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const ONE: &str =
    "SELECT account_id, id, name, blob, format, millis, created_at FROM audio WHERE account_id = $1 AND id = $2";

impl FromRow<'_, PgRow> for AudioRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            name: given(row.try_get(2)?),
            blob: row.try_get(3)?,
            format: given(row.try_get(4)?),
            millis: row.try_get(5)?,
            created_at: row.try_get(6)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, audio: &AudioFile) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(audio.account.uuid())
        .bind(audio.id.uuid())
        .bind(kept(&audio.name))
        .bind(audio.blob.as_str())
        .bind(kept(&audio.format))
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
    connection: &mut PgConnection,
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
