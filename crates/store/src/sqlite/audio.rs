//! Uploaded audio files. Their bytes are among the blobs.

use outdial_domain::{AccountId, AudioId};
use outdial_engine::ports::{AudioFile, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Failure, is_taken};
use crate::rows::{audio::AudioRow, column::micros};

const ADD: &str =
    "INSERT INTO audio (account_id, id, name, blob, format, millis, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
pub(super) const ONE: &str =
    "SELECT account_id, id, name, blob, format, millis, created_at FROM audio WHERE account_id = ? AND id = ?";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<AudioRow> {
    Ok(AudioRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        blob: row.get(3)?,
        format: row.get(4)?,
        millis: row.get(5)?,
        created_at: row.get(6)?,
    })
}

pub(super) fn add(connection: &Connection, audio: &AudioFile) -> Result<(), Failure> {
    let added = connection.execute(
        ADD,
        params![
            audio.account.uuid(),
            audio.id.uuid(),
            audio.name,
            audio.blob,
            audio.format,
            i64::try_from(audio.millis).unwrap_or(i64::MAX),
            micros(audio.created_at),
        ],
    );
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(audio.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn one(connection: &Connection, account: AccountId, id: AudioId) -> Result<Option<AudioFile>, Failure> {
    let row = connection
        .prepare_cached(ONE)?
        .query_row(params![account.uuid(), id.uuid()], read)
        .optional()?;
    Ok(row.map(AudioFile::try_from).transpose()?)
}
