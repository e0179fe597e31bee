//! Keys. Only the hash of a secret is kept.

use outdial_domain::{AccountId, Key, KeyId};
use outdial_engine::ports::StoreError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Failure, all_of, is_taken};
use crate::rows::{
    column::{json, micros},
    key::KeyRow,
};

const ADD: &str = "INSERT INTO key (account_id, id, name, scopes, secret_hash, created_at, expires_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?)";
pub(super) const BY_HASH: &str =
    "SELECT account_id, id, name, scopes, created_at, expires_at FROM key WHERE secret_hash = ?";
pub(super) const OF_ACCOUNT: &str = "SELECT account_id, id, name, scopes, created_at, expires_at FROM key \
     WHERE account_id = ? ORDER BY created_at, id";
const REMOVE: &str = "DELETE FROM key WHERE account_id = ? AND id = ?";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        scopes: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

pub(super) fn add(connection: &Connection, key: &Key, secret_hash: [u8; 32]) -> Result<(), Failure> {
    let added = connection.execute(
        ADD,
        params![
            key.account.uuid(),
            key.id.uuid(),
            key.name,
            json(&key.scopes),
            secret_hash,
            micros(key.created_at),
            key.expires_at.map(micros),
        ],
    );
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(key.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn by_hash(connection: &Connection, secret_hash: [u8; 32]) -> Result<Option<Key>, Failure> {
    let row = connection
        .prepare_cached(BY_HASH)?
        .query_row([secret_hash], read)
        .optional()?;
    Ok(row.map(Key::try_from).transpose()?)
}

pub(super) fn of_account(connection: &Connection, account: AccountId) -> Result<Vec<Key>, Failure> {
    let rows: Vec<KeyRow> = all_of(connection, OF_ACCOUNT, [account.uuid()], read)?;
    Ok(rows.into_iter().map(Key::try_from).collect::<Result<_, _>>()?)
}

pub(super) fn remove(connection: &Connection, account: AccountId, key: KeyId) -> Result<bool, Failure> {
    Ok(connection.execute(REMOVE, params![account.uuid(), key.uuid()])? > 0)
}
