//! Accounts.

use outdial_domain::{Account, AccountId, Allowance};
use outdial_engine::ports::StoreError;
use rusqlite::{Connection, Row, params};

use super::error::{Failure, all_of, is_taken};
use crate::rows::{
    account::{AccountRow, said},
    column::micros,
};

const ADD: &str = "INSERT INTO account (id, name, created_at, allowance) VALUES (?, ?, ?, ?)";
const ALLOW: &str = "UPDATE account SET allowance = ?2 WHERE id = ?1";
pub(super) const ALL: &str = "SELECT id, name, created_at, allowance FROM account ORDER BY name";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        id: row.get(0)?,
        name: row.get(1)?,
        created_at: row.get(2)?,
        allowance: row.get(3)?,
    })
}

pub(super) fn add(connection: &Connection, account: &Account) -> Result<(), Failure> {
    let allowance = said(&account.allowance);
    let values = params![account.id.uuid(), account.name, micros(account.created_at), allowance];
    match connection.execute(ADD, values) {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(account.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Writes what an account is allowed. Says whether there is one.
pub(super) fn allow(connection: &Connection, account: AccountId, allowance: &Allowance) -> Result<bool, Failure> {
    Ok(connection.execute(ALLOW, params![account.uuid(), said(allowance)])? > 0)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Account>, Failure> {
    let rows: Vec<AccountRow> = all_of(connection, ALL, (), read)?;
    Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}
