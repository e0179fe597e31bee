//! Accounts.

use outdial_domain::Account;
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::{
    error::{Failure, is_taken},
    text::{given, kept},
};
use crate::rows::{account::AccountRow, column::micros};

const ADD: &str = "INSERT INTO account (id, name, created_at) VALUES ($1, $2, $3)";
pub(super) const ALL: &str = "SELECT id, name, created_at FROM account ORDER BY name";

impl FromRow<'_, PgRow> for AccountRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            name: given(row.try_get(1)?),
            created_at: row.try_get(2)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, account: &Account) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(account.id.uuid())
        .bind(kept(&account.name))
        .bind(micros(account.created_at))
        .execute(connection)
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(account.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn all(connection: &mut PgConnection) -> Result<Vec<Account>, Failure> {
    let rows: Vec<AccountRow> = sqlx::query_as(ALL).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}
