//! Schedules.

use jiff::Timestamp;
use outdial_domain::{AccountId, ScheduleId};
use outdial_engine::ports::StoredSchedule;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::error::Failure;
use crate::rows::{
    column::{Place, json, micros, micros_up},
    schedule::{ScheduleRow, WholeScheduleRow},
};

const ADD: &str =
    "INSERT INTO schedule (account_id, id, wake, version, schedule, flow) VALUES ($1, $2, $3, $4, $5, $6)";

/// Writes a schedule as it is now, where it still has the version before.
const CHANGE: &str = "UPDATE schedule SET wake = $4, version = version + 1, schedule = $5, flow = $6 \
     WHERE account_id = $1 AND id = $2 AND version = $3";

const ONE: &str = "SELECT id, schedule, flow FROM schedule WHERE account_id = $1 AND id = $2";
const OF_ACCOUNT: &str = "SELECT id, schedule, flow FROM schedule WHERE account_id = $1 ORDER BY id DESC";
const REMOVE: &str = "DELETE FROM schedule WHERE account_id = $1 AND id = $2";

/// Those that want to be looked at, the longest waiting first. Several nodes may find the same ones; the
/// version decides who moves them on.
const DUE: &str = "SELECT id, schedule, flow FROM schedule WHERE wake IS NOT NULL AND wake <= $1 \
     ORDER BY wake LIMIT $2";
const NEXT: &str = "SELECT min(wake) FROM schedule WHERE wake IS NOT NULL";

impl FromRow<'_, PgRow> for WholeScheduleRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            row: ScheduleRow::from_row(row)?,
            wake: row.try_get(3)?,
            version: row.try_get(4)?,
        })
    }
}

impl FromRow<'_, PgRow> for ScheduleRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            schedule: row.try_get(1)?,
            flow: row.try_get(2)?,
        })
    }
}

fn all(rows: Vec<ScheduleRow>) -> Result<Vec<StoredSchedule>, Failure> {
    Ok(rows
        .into_iter()
        .map(StoredSchedule::try_from)
        .collect::<Result<_, _>>()?)
}

pub(super) async fn add(connection: &mut PgConnection, stored: &StoredSchedule) -> Result<(), Failure> {
    let schedule = &stored.schedule;
    sqlx::query(ADD)
        .bind(schedule.account.uuid())
        .bind(schedule.id.uuid())
        .bind(schedule.wake().map(micros_up))
        .bind(i64::from(schedule.version))
        .bind(json(schedule))
        .bind(json(&stored.flow))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn change(connection: &mut PgConnection, stored: &StoredSchedule) -> Result<bool, Failure> {
    let schedule = &stored.schedule;
    let changed = sqlx::query(CHANGE)
        .bind(schedule.account.uuid())
        .bind(schedule.id.uuid())
        .bind(i64::from(schedule.version) - 1)
        .bind(schedule.wake().map(micros_up))
        .bind(json(schedule))
        .bind(json(&stored.flow))
        .execute(connection)
        .await?;
    Ok(changed.rows_affected() == 1)
}

pub(super) async fn one(
    connection: &mut PgConnection,
    account: AccountId,
    id: ScheduleId,
) -> Result<Option<StoredSchedule>, Failure> {
    let row: Option<ScheduleRow> = sqlx::query_as(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(StoredSchedule::try_from).transpose()?)
}

pub(super) async fn of_account(
    connection: &mut PgConnection,
    account: AccountId,
) -> Result<Vec<StoredSchedule>, Failure> {
    all(sqlx::query_as(OF_ACCOUNT)
        .bind(account.uuid())
        .fetch_all(connection)
        .await?)
}

pub(super) async fn remove(connection: &mut PgConnection, account: AccountId, id: ScheduleId) -> Result<bool, Failure> {
    let removed = sqlx::query(REMOVE)
        .bind(account.uuid())
        .bind(id.uuid())
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() == 1)
}

pub(super) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<StoredSchedule>, Failure> {
    let rows = sqlx::query_as(DUE)
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    all(rows)
}

pub(super) async fn next(connection: &mut PgConnection) -> Result<Option<Timestamp>, Failure> {
    let wake: Option<i64> = sqlx::query_scalar(NEXT).fetch_one(connection).await?;
    Ok(Place {
        table: "schedule",
        id: &"next",
    }
    .maybe_time("wake", wake)?)
}
