//! Brings the database to the schema of this program.

use outdial_engine::ports::StoreError;
use sqlx::{Connection, PgConnection};

use super::error::Failure;

/// All migrations, in order. One that was published is never changed: add another.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/postgres/0001_first.sql")];

/// PostgreSQL 15, as the server says it.
const OLDEST_SERVER: i32 = 150_000;

/// Nodes that start together migrate one after the other: who holds this lock does it.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(5720231940418957420)";

const SERVER: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
     current_setting('server_encoding')";

const SCHEMA_IS_THERE: &str = "SELECT to_regclass('outdial_schema') IS NOT NULL";

/// Tables of these names that are there without our mark are somebody else's.
const OTHERS_ARE_THERE: &str = "SELECT to_regclass('account') IS NOT NULL OR to_regclass('call') IS NOT NULL \
     OR to_regclass('event') IS NOT NULL OR to_regclass('job') IS NOT NULL";

const DONE: &str = "SELECT coalesce(max(number), 0) FROM outdial_schema";

const MAKE_SCHEMA: &str = "CREATE TABLE outdial_schema (\
     number bigint NOT NULL PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())";

/// Whether the database has the schema of this program.
pub(super) async fn is_current(connection: &mut PgConnection) -> Result<(), Failure> {
    let there: bool = sqlx::query_scalar(SCHEMA_IS_THERE).fetch_one(&mut *connection).await?;
    if !there {
        return refuse(
            "the database is not one of this program".to_owned(),
            "Name one that is in `store.url`",
        );
    }
    let done: i64 = sqlx::query_scalar(DONE).fetch_one(&mut *connection).await?;
    if usize::try_from(done) != Ok(MIGRATIONS.len()) {
        return refuse(
            format!(
                "the database has schema {done}, and this program has {}",
                MIGRATIONS.len()
            ),
            "Use the version of the program that it belongs to, or start this one on it first",
        );
    }
    Ok(())
}

/// Runs the migrations that the database lacks, all in one transaction.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), Failure> {
    let (number, version, encoding): (i32, String, String) = sqlx::query_as(SERVER).fetch_one(&mut *connection).await?;
    is_usable(number, &version, &encoding)?;
    let mut transaction = connection.begin().await?;
    sqlx::query(ONE_AT_A_TIME).execute(&mut *transaction).await?;
    if !sqlx::query_scalar(SCHEMA_IS_THERE).fetch_one(&mut *transaction).await? {
        if sqlx::query_scalar(OTHERS_ARE_THERE)
            .fetch_one(&mut *transaction)
            .await?
        {
            return refuse(
                "the database holds the tables of another program".to_owned(),
                "Name another database in `store.url`",
            );
        }
        sqlx::query(MAKE_SCHEMA).execute(&mut *transaction).await?;
    }
    let done: i64 = sqlx::query_scalar(DONE).fetch_one(&mut *transaction).await?;
    let known = MIGRATIONS.len();
    let start = usize::try_from(done).unwrap_or(usize::MAX);
    if start > known {
        return refuse(
            format!(
                "the database has schema {done}, and this program knows schemas up to {known}: a newer version has used it"
            ),
            "Start that newer version, or restore the backup made before it",
        );
    }
    for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(start) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO outdial_schema (number) VALUES ($1)")
            .bind(number)
            .execute(&mut *transaction)
            .await?;
        tracing::info!(schema = number, "the database was brought to a new schema");
    }
    Ok(transaction.commit().await?)
}

/// Whether a server of this version can be used, and a database that keeps texts so.
fn is_usable(number: i32, version: &str, encoding: &str) -> Result<(), Failure> {
    if number < OLDEST_SERVER {
        return refuse(
            format!("the server is PostgreSQL {version}"),
            "Use PostgreSQL 15 or later",
        );
    }
    if encoding != "UTF8" {
        return refuse(
            format!("the database keeps texts as {encoding}"),
            "Create one that keeps them as UTF-8, as with `createdb --encoding=UTF8 --template=template0`",
        );
    }
    Ok(())
}

fn refuse(reason: String, remedy: &str) -> Result<(), Failure> {
    Err(StoreError::Unavailable {
        reason,
        remedy: remedy.to_owned(),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_refused_with_what_to_do() {
        let refused = |number, version, encoding| is_usable(number, version, encoding).unwrap_err().to_string();
        let error = refused(140_012, "14.12 (Debian 14.12-1)", "UTF8");
        assert!(error.contains("14.12") && error.contains("15 or later"), "{error}");
        assert!(refused(160_003, "16.3", "LATIN1").contains("UTF-8"));
        for number in [150_000, 170_001] {
            is_usable(number, "15", "UTF8").unwrap();
        }
    }
}
