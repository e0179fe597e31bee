//! Events.

use outdial_domain::{AccountId, Event, Subject};
use outdial_engine::ports::StoredEvent;
use rusqlite::{Connection, Row, params};

use super::error::{Failure, all_of};
use crate::rows::{
    event::{self, HappenedRow},
    subject::kind,
};

pub(super) const ADD: &str =
    "INSERT INTO event (position, account_id, kind, subject, sequence, events) VALUES (?, ?, ?, ?, ?, ?)";

/// The events of one call or message, in order.
pub(super) const OF_SUBJECT: &str = "SELECT position, account_id, kind, subject, sequence, events FROM event \
     WHERE subject = ? AND account_id = ? ORDER BY sequence";

/// The events of one account after a position, in the order they were saved. Every row has one at least.
pub(super) const AFTER: &str = "SELECT position, account_id, kind, subject, sequence, events FROM event \
     WHERE account_id = ? AND position > ? ORDER BY position LIMIT ? + 0";

/// The position of the newest event. The log remembers it even when its row is gone.
pub(super) const NEWEST: &str = "SELECT position FROM log WHERE id = 1";

/// Remembers the position of the newest event.
pub(super) const REMEMBER: &str = "UPDATE log SET position = ? WHERE id = 1";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<HappenedRow> {
    Ok(HappenedRow {
        position: row.get(0)?,
        account_id: row.get(1)?,
        kind: row.get(2)?,
        subject: row.get(3)?,
        sequence: row.get(4)?,
        events: row.get(5)?,
    })
}

/// Adds what one change made happen, so that its last event has this position.
pub(super) fn add(
    connection: &Connection,
    account: AccountId,
    subject: Subject,
    events: &[Event],
    position: i64,
) -> rusqlite::Result<()> {
    let sequence = events.first().map_or(0, |event| event.sequence);
    let values = params![
        position,
        account.uuid(),
        kind(subject),
        subject.uuid(),
        sequence,
        event::text(events)
    ];
    connection.prepare_cached(ADD)?.execute(values)?;
    Ok(())
}

pub(super) fn of_subject(
    connection: &Connection,
    account: AccountId,
    subject: Subject,
) -> Result<Vec<StoredEvent>, Failure> {
    let rows = all_of(connection, OF_SUBJECT, params![subject.uuid(), account.uuid()], read)?;
    Ok(event::all(rows)?)
}

pub(super) fn after(
    connection: &Connection,
    account: AccountId,
    position: i64,
    most: usize,
) -> Result<Vec<StoredEvent>, Failure> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = all_of(connection, AFTER, params![account.uuid(), position, limit], read)?;
    Ok(event::page(rows, position, most)?)
}

pub(super) fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached(NEWEST)?.query_row((), |row| row.get(0))
}

pub(super) fn remember(connection: &Connection, position: i64) -> rusqlite::Result<()> {
    connection.prepare_cached(REMEMBER)?.execute([position])?;
    Ok(())
}
