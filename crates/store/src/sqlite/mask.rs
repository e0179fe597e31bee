//! Masked pairs.

use jiff::Timestamp;
use outdial_domain::{AccountId, Mask, MaskId};
use rusqlite::{Connection, Row, params};

use super::error::{Failure, all_of};
use crate::rows::{
    column::{json, micros},
    mask::{MaskRow, may_be_added},
};

pub(super) const ADD: &str = "INSERT INTO mask (account_id, id, number, expires, mask) VALUES (?, ?, ?, ?, ?)";
pub(super) const REMOVE: &str = "DELETE FROM mask WHERE account_id = ? AND id = ?";
pub(super) const OF_ACCOUNT: &str = "SELECT id, mask FROM mask WHERE account_id = ? ORDER BY id DESC";
pub(super) const OF_NUMBER: &str = "SELECT id, mask FROM mask WHERE account_id = ? AND number = ? ORDER BY id DESC";
pub(super) const FORGET: &str = "DELETE FROM mask WHERE (account_id, id) IN \
     (SELECT account_id, id FROM mask WHERE expires IS NOT NULL AND expires <= ? ORDER BY expires LIMIT ? + 0)";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<MaskRow> {
    Ok(MaskRow {
        id: row.get(0)?,
        mask: row.get(1)?,
    })
}

fn all(rows: Vec<MaskRow>) -> Result<Vec<Mask>, Failure> {
    Ok(rows.into_iter().map(Mask::try_from).collect::<Result<_, _>>()?)
}

/// Adds it, unless it would be mistaken for another. Nobody else writes between the look and the addition.
pub(super) fn add(connection: &Connection, mask: &Mask) -> Result<(), Failure> {
    let others = of_number(connection, mask.account, &mask.number.to_string())?;
    may_be_added(mask, &others)?;
    connection.prepare_cached(ADD)?.execute(params![
        mask.account.uuid(),
        mask.id.uuid(),
        mask.number.to_string(),
        mask.expires.map(micros),
        json(mask),
    ])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, account: AccountId, id: MaskId) -> Result<bool, Failure> {
    let values = params![account.uuid(), id.uuid()];
    Ok(connection.prepare_cached(REMOVE)?.execute(values)? == 1)
}

pub(super) fn of_account(connection: &Connection, account: AccountId) -> Result<Vec<Mask>, Failure> {
    all(all_of(connection, OF_ACCOUNT, [account.uuid()], read)?)
}

pub(super) fn of_number(connection: &Connection, account: AccountId, number: &str) -> Result<Vec<Mask>, Failure> {
    all(all_of(connection, OF_NUMBER, params![account.uuid(), number], read)?)
}

pub(super) fn forget(connection: &Connection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(connection
        .prepare_cached(FORGET)?
        .execute(params![micros(before), most])?)
}
