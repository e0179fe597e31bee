//! Masked pairs.

use jiff::Timestamp;
use outdial_domain::{AccountId, Mask, MaskId};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};

use super::{error::Failure, text::kept};
use crate::rows::{
    column::{json, micros},
    mask::{MaskRow, may_be_added},
};

const ADD: &str = "INSERT INTO mask (account_id, id, number, expires, mask) VALUES ($1, $2, $3, $4, $5)";
/// Whoever adds masks of an account does so alone. Rows that only refer to the account go on.
const ALONE: &str = "SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE";
const REMOVE: &str = "DELETE FROM mask WHERE account_id = $1 AND id = $2";
const OF_ACCOUNT: &str = "SELECT id, mask FROM mask WHERE account_id = $1 ORDER BY id DESC";
const OF_NUMBER: &str = "SELECT id, mask FROM mask WHERE account_id = $1 AND number = $2 ORDER BY id DESC";
const FORGET: &str = "DELETE FROM mask WHERE (account_id, id) IN \
     (SELECT account_id, id FROM mask WHERE expires IS NOT NULL AND expires <= $1 ORDER BY expires LIMIT $2)";

impl FromRow<'_, PgRow> for MaskRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            mask: row.try_get(1)?,
        })
    }
}

fn all(rows: Vec<MaskRow>) -> Result<Vec<Mask>, Failure> {
    Ok(rows.into_iter().map(Mask::try_from).collect::<Result<_, _>>()?)
}

/// Adds it, unless it would be mistaken for another.
pub(super) async fn add(connection: &mut PgConnection, mask: &Mask) -> Result<(), Failure> {
    // Within a transaction this is a part of it.
    let mut transaction = connection.begin().await?;
    sqlx::query(ALONE)
        .bind(mask.account.uuid())
        .execute(&mut *transaction)
        .await?;
    let others = of_number(&mut transaction, mask.account, mask.number.to_string()).await?;
    may_be_added(mask, &others)?;
    sqlx::query(ADD)
        .bind(mask.account.uuid())
        .bind(mask.id.uuid())
        .bind(kept(&mask.number.to_string()))
        .bind(mask.expires.map(micros))
        .bind(json(mask))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn remove(connection: &mut PgConnection, account: AccountId, id: MaskId) -> Result<bool, Failure> {
    let removed = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(id.uuid())
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() == 1)
}

pub(super) async fn of_account(connection: &mut PgConnection, account: AccountId) -> Result<Vec<Mask>, Failure> {
    all(sqlx::query_as(OF_ACCOUNT)
        .bind(account.uuid())
        .fetch_all(connection)
        .await?)
}

pub(super) async fn of_number(
    connection: &mut PgConnection,
    account: AccountId,
    number: String,
) -> Result<Vec<Mask>, Failure> {
    all(sqlx::query_as(OF_NUMBER)
        .bind(account.uuid())
        .bind(kept(&number))
        .fetch_all(connection)
        .await?)
}

pub(super) async fn forget(connection: &mut PgConnection, before: Timestamp, most: usize) -> Result<usize, Failure> {
    let done = sqlx::query(FORGET)
        .bind(micros(before))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}
