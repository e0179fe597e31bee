//! Keys. Only the hash of a secret is kept.

use outdial_domain::{AccountId, Key, KeyId};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::{
    error::{Failure, is_taken},
    text::{given, kept},
};
use crate::rows::{
    column::{json, micros},
    key::KeyRow,
};

const ADD: &str = "INSERT INTO key (account_id, id, name, scopes, secret_hash, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
pub(super) const BY_HASH: &str =
    "SELECT account_id, id, name, scopes, created_at, expires_at FROM key WHERE secret_hash = $1";
pub(super) const OF_ACCOUNT: &str = "SELECT account_id, id, name, scopes, created_at, expires_at FROM key \
     WHERE account_id = $1 ORDER BY created_at, id";
const REMOVE: &str = "DELETE FROM key WHERE account_id = $1 AND id = $2";

impl FromRow<'_, PgRow> for KeyRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            name: given(row.try_get(2)?),
            scopes: row.try_get(3)?,
            created_at: row.try_get(4)?,
            expires_at: row.try_get(5)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, key: &Key, secret_hash: [u8; 32]) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(key.account.uuid())
        .bind(key.id.uuid())
        .bind(kept(&key.name))
        .bind(json(&key.scopes))
        .bind(secret_hash.to_vec())
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

pub(super) async fn by_hash(connection: &mut PgConnection, secret_hash: [u8; 32]) -> Result<Option<Key>, Failure> {
    let row: Option<KeyRow> = sqlx::query_as(BY_HASH)
        .bind(secret_hash.to_vec())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Key::try_from).transpose()?)
}

pub(super) async fn of_account(connection: &mut PgConnection, account: AccountId) -> Result<Vec<Key>, Failure> {
    let rows: Vec<KeyRow> = sqlx::query_as(OF_ACCOUNT)
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn remove(connection: &mut PgConnection, account: AccountId, key: KeyId) -> Result<bool, Failure> {
    let done = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(key.uuid())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
