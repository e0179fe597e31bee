//! Keys. Only the hash of a secret is kept.

use outdial_domain::{AccountId, Key, KeyId, Scope};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, json, micros},
    error::{Failure, is_taken},
};

const ADD: &str = "INSERT INTO key (account_id, id, name, scopes, secret_hash, created_at, expires_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?)";
pub(super) const BY_HASH: &str =
    "SELECT account_id, id, name, scopes, created_at, expires_at FROM key WHERE secret_hash = ?";
pub(super) const OF_ACCOUNT: &str = "SELECT account_id, id, name, scopes, created_at, expires_at FROM key \
     WHERE account_id = ? ORDER BY created_at, id";
const REMOVE: &str = "DELETE FROM key WHERE account_id = ? AND id = ?";

#[derive(Debug)]
struct KeyRow {
    account_id: Uuid,
    id: Uuid,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl FromRow<'_, SqliteRow> for KeyRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            name: row.try_get(2)?,
            scopes: row.try_get(3)?,
            created_at: row.try_get(4)?,
            expires_at: row.try_get(5)?,
        })
    }
}

impl TryFrom<KeyRow> for Key {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let id = KeyId::from_uuid(row.id);
        let place = Place { table: "key", id: &id };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            scopes: place.json::<Vec<Scope>>("scopes", &row.scopes)?,
            created_at: place.time("created_at", row.created_at)?,
            expires_at: place.maybe_time("expires_at", row.expires_at)?,
            name: row.name,
        })
    }
}

pub(super) async fn add(connection: &mut SqliteConnection, key: &Key, secret_hash: [u8; 32]) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(key.account.uuid())
        .bind(key.id.uuid())
        .bind(key.name.as_str())
        .bind(json(&key.scopes))
        .bind(secret_hash.as_slice())
        .bind(micros(key.created_at))
        .bind(key.expires_at.map(micros))
        .execute(connection)
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(key.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn by_hash(connection: &mut SqliteConnection, secret_hash: [u8; 32]) -> Result<Option<Key>, Failure> {
    let row: Option<KeyRow> = sqlx::query_as(BY_HASH)
        .bind(secret_hash.as_slice())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Key::try_from).transpose()?)
}

pub(super) async fn of_account(connection: &mut SqliteConnection, account: AccountId) -> Result<Vec<Key>, Failure> {
    let rows: Vec<KeyRow> = sqlx::query_as(OF_ACCOUNT)
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn remove(connection: &mut SqliteConnection, account: AccountId, key: KeyId) -> Result<bool, Failure> {
    let done = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(key.uuid())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
