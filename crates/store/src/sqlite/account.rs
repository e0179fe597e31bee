//! Accounts.

use outdial_domain::{Account, AccountId};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, micros},
    error::{Failure, is_taken},
};

const ADD: &str = "INSERT INTO account (id, name, created_at) VALUES (?, ?, ?)";
pub(super) const ALL: &str = "SELECT id, name, created_at FROM account ORDER BY name";

#[derive(Debug)]
struct AccountRow {
    id: Uuid,
    name: String,
    created_at: i64,
}

impl FromRow<'_, SqliteRow> for AccountRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            created_at: row.try_get(2)?,
        })
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let id = AccountId::from_uuid(row.id);
        let created_at = Place {
            table: "account",
            id: &id,
        }
        .time("created_at", row.created_at)?;
        Ok(Self {
            id,
            name: row.name,
            created_at,
        })
    }
}

pub(super) async fn add(connection: &mut SqliteConnection, account: &Account) -> Result<(), Failure> {
    let added = sqlx::query(ADD)
        .bind(account.id.uuid())
        .bind(account.name.as_str())
        .bind(micros(account.created_at))
        .execute(connection)
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Taken(account.name.clone()).into()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Account>, Failure> {
    let rows: Vec<AccountRow> = sqlx::query_as(ALL).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
}
