//! Recordings, and the secrets that links to them are signed with.

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{AccountId, Recording, RecordingId};
use outdial_engine::ports::{Page, RecordingFilter, RecordingStore, StoreError};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{PostgresStore, error::Failure};
use crate::rows::{
    column::{Place, json, micros},
    recording::{RecordingRow, open_at},
};

const SAVE: &str = "INSERT INTO recording (account_id, id, call_id, node, delete_at, recording) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, id) DO UPDATE \
     SET node = excluded.node, delete_at = excluded.delete_at, recording = excluded.recording";
const ONE: &str = "SELECT id, recording FROM recording WHERE account_id = $1 AND id = $2";
const LIST: &str = "SELECT id, recording FROM recording WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const OF_CALL: &str = "SELECT id, recording FROM recording \
     WHERE account_id = $1 AND call_id = $4 AND id < $2 ORDER BY id DESC LIMIT $3";
const REMOVE: &str = "DELETE FROM recording WHERE account_id = $1 AND id = $2";
const OPEN: &str = "SELECT id, recording FROM recording WHERE node IS NOT NULL AND node = $1 ORDER BY id";
const OLD: &str = "SELECT id, recording FROM recording \
     WHERE delete_at IS NOT NULL AND delete_at <= $1 ORDER BY delete_at LIMIT $2";
const KEEP_SECRET: &str = "INSERT INTO server_secret (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT secret FROM server_secret WHERE name = $1";

impl FromRow<'_, PgRow> for RecordingRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            recording: row.try_get(1)?,
        })
    }
}

fn all(rows: Vec<RecordingRow>) -> Result<Vec<Recording>, Failure> {
    Ok(rows.into_iter().map(Recording::try_from).collect::<Result<_, _>>()?)
}

async fn save(connection: &mut PgConnection, recording: &Recording) -> Result<(), Failure> {
    sqlx::query(SAVE)
        .bind(recording.account.uuid())
        .bind(recording.id.uuid())
        .bind(recording.call.uuid())
        .bind(open_at(recording))
        .bind(recording.delete_at.map(micros))
        .bind(json(recording))
        .execute(connection)
        .await?;
    Ok(())
}

async fn one(connection: &mut PgConnection, account: AccountId, id: RecordingId) -> Result<Option<Recording>, Failure> {
    let row: Option<RecordingRow> = sqlx::query_as(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Recording::try_from).transpose()?)
}

async fn list(
    connection: &mut PgConnection,
    account: AccountId,
    filter: &RecordingFilter,
) -> Result<Page<Recording>, Failure> {
    let one_more = i64::try_from(filter.most).unwrap_or(i64::MAX).saturating_add(1);
    let mut query = sqlx::query_as(if filter.call.is_some() { OF_CALL } else { LIST })
        .bind(account.uuid())
        .bind(filter.before.map_or(Uuid::max(), |before| before.uuid()))
        .bind(one_more);
    if let Some(call) = filter.call {
        query = query.bind(call.uuid());
    }
    let rows: Vec<RecordingRow> = query.fetch_all(connection).await?;
    let more = rows.len() > filter.most;
    let items = all(rows.into_iter().take(filter.most).collect())?;
    Ok(Page { items, more })
}

async fn remove(connection: &mut PgConnection, account: AccountId, id: RecordingId) -> Result<bool, Failure> {
    let removed = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(id.uuid())
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() == 1)
}

async fn secret(connection: &mut PgConnection, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], Failure> {
    sqlx::query(KEEP_SECRET)
        .bind(name)
        .bind(&fresh[..])
        .execute(&mut *connection)
        .await?;
    let kept: Vec<u8> = sqlx::query_scalar(SECRET).bind(name).fetch_one(connection).await?;
    let place = Place {
        table: "server_secret",
        id: &name,
    };
    let kept = kept
        .try_into()
        .map_err(|_| place.bad("secret", "it has not 32 bytes"))?;
    Ok(kept)
}

impl RecordingStore for PostgresStore {
    fn save_recording(&self, recording: Recording) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| async move { save(connection, &recording).await }.boxed())
    }

    fn recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<Option<Recording>, StoreError>> {
        self.with(move |connection| one(connection, account, id).boxed())
    }

    fn recordings(
        &self,
        account: AccountId,
        filter: RecordingFilter,
    ) -> BoxFuture<'_, Result<Page<Recording>, StoreError>> {
        self.with(move |connection| async move { list(connection, account, &filter).await }.boxed())
    }

    fn remove_recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| remove(connection, account, id).boxed())
    }

    fn open_recordings(&self, node: &str) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        let node = node.to_owned();
        self.with(move |connection| {
            async move { all(sqlx::query_as(OPEN).bind(node).fetch_all(connection).await?) }.boxed()
        })
    }

    fn old_recordings(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.with(move |connection| {
            async move {
                let old = sqlx::query_as(OLD).bind(micros(now)).bind(most);
                all(old.fetch_all(connection).await?)
            }
            .boxed()
        })
    }

    fn server_secret(&self, name: &str, fresh: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        let name = name.to_owned();
        self.with(move |connection| async move { secret(connection, &name, fresh).await }.boxed())
    }
}
