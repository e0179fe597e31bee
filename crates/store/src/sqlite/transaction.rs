//! Running changes against the database: all of a batch as one text, or each within a savepoint.

use std::sync::Arc;

use futures_util::TryStreamExt;
use outdial_engine::ports::{Change, StoreError};
use sqlx::{
    AssertSqlSafe, Either, Executor, Row, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    batch::Batch,
    error::{Failure, forbidden, is_forbidden, is_taken},
    job::CLAIM_COLUMNS,
};

/// Runs a transaction. Gives the position of its last event, and the rows of its claim.
pub(super) async fn transact(
    connection: &mut SqliteConnection,
    text: Arc<str>,
    arguments: SqliteArguments,
) -> Result<(i64, Vec<SqliteRow>), sqlx::Error> {
    // Of the databases that sqlx knows only SQLite takes several statements with values, and sqlx may
    // stop offering it some day; then each statement of the text becomes a query of its own.
    let mut results = connection.fetch_many(sqlx::query_with(AssertSqlSafe(text), arguments));
    let (mut position, mut rows) = (0, Vec::new());
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Left(done) => position = done.last_insert_rowid(),
            Either::Right(row) if row.len() == CLAIM_COLUMNS => rows.push(row),
            Either::Right(_) => {}
        }
    }
    Ok((position, rows))
}

pub(super) async fn roll_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(|_| ())
}

/// Saves each change within a savepoint, so that one at fault does not spoil the others. Gives what
/// became of each, and the position of the newest event.
pub(super) async fn one_by_one<'c>(
    connection: &mut SqliteConnection,
    changes: impl Iterator<Item = &'c Change>,
) -> Result<(Vec<Result<(), StoreError>>, Option<i64>), sqlx::Error> {
    let mut results = Vec::new();
    let mut newest = None;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for change in changes {
        sqlx::raw_sql("SAVEPOINT change").execute(&mut *connection).await?;
        let result = match one(connection, change).await {
            Ok(position) => {
                newest = Some(position);
                Ok(())
            }
            Err(Failure::Database(error)) if is_forbidden(&error) => Err(forbidden(change.call.id, message(&error))),
            Err(Failure::Database(error)) => return Err(error),
            Err(Failure::Store(error)) => Err(error),
        };
        if result.is_err() {
            sqlx::raw_sql("ROLLBACK TO change").execute(&mut *connection).await?;
        }
        sqlx::raw_sql("RELEASE change").execute(&mut *connection).await?;
        results.push(result);
    }
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok((results, newest))
}

fn message(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

async fn one(connection: &mut SqliteConnection, change: &Change) -> Result<i64, Failure> {
    let stale = || Failure::Store(StoreError::Stale(change.call.id));
    let batch = Batch::fold(std::iter::once(change)).ok_or_else(stale)?;
    let sizes = batch.sizes();
    let calls = sqlx::query_with(AssertSqlSafe(sizes.calls()), batch.calls(&sizes).into_inner())
        .execute(&mut *connection)
        .await;
    match calls {
        Ok(done) if done.rows_affected() == 1 => {}
        Ok(_) => return Err(stale()),
        Err(error) if is_taken(&error) => return Err(stale()),
        Err(error) => return Err(error.into()),
    }
    let rest = sqlx::query_with(AssertSqlSafe(sizes.rest()), batch.rest(&sizes).into_inner())
        .execute(&mut *connection)
        .await?;
    Ok(rest.last_insert_rowid())
}
