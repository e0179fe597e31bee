//! Schedules.

use jiff::Timestamp;
use outdial_domain::{AccountId, Schedule, ScheduleId};
use outdial_engine::ports::StoredSchedule;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Failure, all_of};
use crate::rows::{
    column::{Place, json, micros, micros_up},
    schedule::{ScheduleRow, WholeScheduleRow},
};

pub(super) const ADD: &str =
    "INSERT INTO schedule (account_id, id, wake, version, schedule, flow) VALUES (?, ?, ?, ?, ?, ?)";

/// Writes a schedule as it is now, where it still has the version before.
pub(super) const CHANGE: &str = "UPDATE schedule SET wake = ?4, version = version + 1, schedule = ?5, flow = ?6 \
     WHERE account_id = ?1 AND id = ?2 AND version = ?3";

pub(super) const ONE: &str = "SELECT id, schedule, flow FROM schedule WHERE account_id = ? AND id = ?";
pub(super) const OF_ACCOUNT: &str = "SELECT id, schedule, flow FROM schedule WHERE account_id = ? ORDER BY id DESC";
pub(super) const REMOVE: &str = "DELETE FROM schedule WHERE account_id = ? AND id = ?";

/// Those that want to be looked at, the longest waiting first.
pub(super) const DUE: &str = "SELECT id, schedule, flow FROM schedule WHERE wake IS NOT NULL AND wake <= ? \
     ORDER BY wake LIMIT ? + 0";
pub(super) const NEXT: &str = "SELECT min(wake) FROM schedule WHERE wake IS NOT NULL";

/// The same with the columns that repeat what it says.
pub(super) fn read_whole(row: &Row<'_>) -> rusqlite::Result<WholeScheduleRow> {
    Ok(WholeScheduleRow {
        row: read(row)?,
        wake: row.get(3)?,
        version: row.get(4)?,
    })
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<ScheduleRow> {
    Ok(ScheduleRow {
        id: row.get(0)?,
        schedule: row.get(1)?,
        flow: row.get(2)?,
    })
}

fn all(rows: Vec<ScheduleRow>) -> Result<Vec<StoredSchedule>, Failure> {
    Ok(rows
        .into_iter()
        .map(StoredSchedule::try_from)
        .collect::<Result<_, _>>()?)
}

pub(super) fn add(connection: &Connection, stored: &StoredSchedule) -> Result<(), Failure> {
    let schedule = &stored.schedule;
    connection.prepare_cached(ADD)?.execute(params![
        schedule.account.uuid(),
        schedule.id.uuid(),
        schedule.wake().map(micros_up),
        schedule.version,
        json(schedule),
        json(&stored.flow),
    ])?;
    Ok(())
}

pub(super) fn change(connection: &Connection, stored: &StoredSchedule) -> Result<bool, Failure> {
    let Schedule {
        account, id, version, ..
    } = &stored.schedule;
    let changed = connection.prepare_cached(CHANGE)?.execute(params![
        account.uuid(),
        id.uuid(),
        i64::from(*version) - 1,
        stored.schedule.wake().map(micros_up),
        json(&stored.schedule),
        json(&stored.flow),
    ])?;
    Ok(changed == 1)
}

pub(super) fn one(
    connection: &Connection,
    account: AccountId,
    id: ScheduleId,
) -> Result<Option<StoredSchedule>, Failure> {
    let row = connection
        .prepare_cached(ONE)?
        .query_row(params![account.uuid(), id.uuid()], read)
        .optional()?;
    Ok(row.map(StoredSchedule::try_from).transpose()?)
}

pub(super) fn of_account(connection: &Connection, account: AccountId) -> Result<Vec<StoredSchedule>, Failure> {
    all(all_of(connection, OF_ACCOUNT, [account.uuid()], read)?)
}

pub(super) fn remove(connection: &Connection, account: AccountId, id: ScheduleId) -> Result<bool, Failure> {
    let values = params![account.uuid(), id.uuid()];
    Ok(connection.prepare_cached(REMOVE)?.execute(values)? == 1)
}

pub(super) fn due(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<StoredSchedule>, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    all(all_of(connection, DUE, params![micros(now), most], read)?)
}

pub(super) fn next(connection: &Connection) -> Result<Option<Timestamp>, Failure> {
    let wake: Option<i64> = connection.prepare_cached(NEXT)?.query_row((), |row| row.get(0))?;
    Ok(Place {
        table: "schedule",
        id: &"next",
    }
    .maybe_time("wake", wake)?)
}
