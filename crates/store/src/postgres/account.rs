//! Accounts.

use outdial_domain::{Account, AccountId, Allowance};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::{
    error::{Failure, is_taken},
    text::{given, kept},
};
use crate::rows::{
    account::{AccountRow, said},
    column::micros,
};

const ADD: &str = "INSERT INTO account (id, name, created_at, allowance) VALUES ($1, $2, $3, $4)";
pub(super) const ALL: &str = "SELECT id, name, created_at, allowance FROM account ORDER BY name";

/// Writes what an account is allowed, and tells the other nodes to look.
const ALLOW: &str = "WITH written AS (UPDATE account SET allowance = $2 WHERE id = $1 RETURNING id) \
     SELECT pg_notify('outdial_accounts', '')::text FROM written";

/// Where nodes tell each other that an account is allowed something else.
pub(super) const CHANNEL: &str = "outdial_accounts";

impl FromRow<'_, PgRow> for AccountRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            name: given(row.try_get(1)?),
            created_at: row.try_get(2)?,
            allowance: row.try_get(3)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, account: &Account) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(account.id.uuid())
        .bind(kept(&account.name))
        .bind(micros(account.created_at))
        .bind(said(&account.allowance))
        .execute(connection)
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(account.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Writes what an account is allowed. Says whether there is one.
pub(super) async fn allow(
    connection: &mut PgConnection,
    account: AccountId,
    allowance: &Allowance,
) -> Result<bool, Failure> {
    let written = sqlx::query(ALLOW)
        .bind(account.uuid())
        .bind(said(allowance))
        .fetch_optional(connection)
        .await?;
    Ok(written.is_some())
}

pub(super) async fn all(connection: &mut PgConnection) -> Result<Vec<Account>, Failure> {
    let rows: Vec<AccountRow> = sqlx::query_as(ALL).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}
