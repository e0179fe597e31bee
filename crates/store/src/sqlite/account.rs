//! Accounts.

use outdial_domain::Account;
use outdial_engine::ports::StoreError;
use rusqlite::{Connection, Row, params};

use super::error::{Failure, all_of, is_taken};
use crate::rows::{account::AccountRow, column::micros};

const ADD: &str = "INSERT INTO account (id, name, created_at) VALUES (?, ?, ?)";
pub(super) const ALL: &str = "SELECT id, name, created_at FROM account ORDER BY name";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        id: row.get(0)?,
        name: row.get(1)?,
        created_at: row.get(2)?,
    })
}

pub(super) fn add(connection: &Connection, account: &Account) -> Result<(), Failure> {
    let values = params![account.id.uuid(), account.name, micros(account.created_at)];
    match connection.execute(ADD, values) {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(account.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Account>, Failure> {
    let rows: Vec<AccountRow> = all_of(connection, ALL, (), read)?;
    Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}
