//! Recordings, and the secrets that links to them are signed with. Their sound is in files.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{AccountId, Recording, RecordingId};
use outdial_engine::ports::{Page, RecordingFilter, RecordingStore, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    SqliteStore,
    error::{Failure, all_of},
    page,
};
use crate::rows::{
    column::{json, micros},
    recording::{RecordingRow, open_at},
};

pub(super) const SAVE: &str = "INSERT INTO recording (account_id, id, call_id, node, delete_at, recording) \
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, id) DO UPDATE \
     SET node = excluded.node, delete_at = excluded.delete_at, recording = excluded.recording";
pub(super) const ONE: &str = "SELECT id, recording FROM recording WHERE account_id = ? AND id = ?";
pub(super) const LIST: &str =
    "SELECT id, recording FROM recording WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ? + 0";
pub(super) const OF_CALL: &str = "SELECT id, recording FROM recording \
     WHERE account_id = ? AND call_id = ? AND id < ? ORDER BY id DESC LIMIT ? + 0";
pub(super) const REMOVE: &str = "DELETE FROM recording WHERE account_id = ? AND id = ?";
pub(super) const OPEN: &str = "SELECT id, recording FROM recording WHERE node IS NOT NULL AND node = ? ORDER BY id";
pub(super) const OLD: &str = "SELECT id, recording FROM recording \
     WHERE delete_at IS NOT NULL AND delete_at <= ? ORDER BY delete_at LIMIT ? + 0";
const KEEP_SECRET: &str = "INSERT INTO server_secret (name, secret) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT secret FROM server_secret WHERE name = ?";

fn read(row: &Row<'_>) -> rusqlite::Result<RecordingRow> {
    Ok(RecordingRow {
        id: row.get(0)?,
        recording: row.get(1)?,
    })
}

fn all(rows: Vec<RecordingRow>) -> Result<Vec<Recording>, Failure> {
    Ok(rows.into_iter().map(Recording::try_from).collect::<Result<_, _>>()?)
}

fn save(connection: &Connection, recording: &Recording) -> Result<(), Failure> {
    connection.prepare_cached(SAVE)?.execute(params![
        recording.account.uuid(),
        recording.id.uuid(),
        recording.call.uuid(),
        open_at(recording),
        recording.delete_at.map(micros),
        json(recording),
    ])?;
    Ok(())
}

/// All that are complete, of whatever account.
pub(super) fn finished(connection: &Connection) -> rusqlite::Result<Vec<RecordingId>> {
    let mut statement = connection.prepare("SELECT id FROM recording WHERE node IS NULL ORDER BY id")?;
    let ids = statement.query_map([], |row| row.get::<_, Uuid>(0))?;
    ids.map(|id| id.map(RecordingId::from_uuid)).collect()
}

fn one(connection: &Connection, account: AccountId, id: RecordingId) -> Result<Option<Recording>, Failure> {
    let row = connection
        .prepare_cached(ONE)?
        .query_row(params![account.uuid(), id.uuid()], read)
        .optional()?;
    Ok(row.map(Recording::try_from).transpose()?)
}

fn list(connection: &Connection, account: AccountId, filter: &RecordingFilter) -> Result<Page<Recording>, Failure> {
    let one_more = page::one_more(filter.most);
    let before = filter.before.map_or(Uuid::max(), |before| before.uuid());
    let rows: Vec<RecordingRow> = match filter.call {
        Some(call) => all_of(
            connection,
            OF_CALL,
            params![account.uuid(), call.uuid(), before, one_more],
            read,
        )?,
        None => all_of(connection, LIST, params![account.uuid(), before, one_more], read)?,
    };
    let more = rows.len() > filter.most;
    let items = all(rows.into_iter().take(filter.most).collect())?;
    Ok(Page { items, more })
}

impl RecordingStore for SqliteStore {
    fn save_recording(&self, recording: Recording) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| save(connection, &recording))
    }

    fn recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<Option<Recording>, StoreError>> {
        self.read(move |connection| one(connection, account, id))
    }

    fn recordings(
        &self,
        account: AccountId,
        filter: RecordingFilter,
    ) -> BoxFuture<'_, Result<Page<Recording>, StoreError>> {
        self.read(move |connection| list(connection, account, &filter))
    }

    fn remove_recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.run(move |connection| {
            let values = params![account.uuid(), id.uuid()];
            Ok(connection.prepare_cached(REMOVE)?.execute(values)? == 1)
        })
    }

    fn open_recordings(&self, node: &str) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        let node = node.to_owned();
        self.read(move |connection| all(all_of(connection, OPEN, [node], read)?))
    }

    fn old_recordings(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(move |connection| all(all_of(connection, OLD, params![micros(now), most], read)?))
    }

    fn server_secret(&self, name: &str, fresh: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        let name = name.to_owned();
        self.writer.run(move |connection| {
            connection.execute(KEEP_SECRET, params![name, fresh])?;
            Ok(connection.query_row(SECRET, [name], |row| row.get(0))?)
        })
    }
}
