//! Attempts.

use outdial_domain::{AccountId, Attempt, AttemptState, CallId};
use rusqlite::{Connection, Row, params};

use super::{
    error::{Failure, all_of},
    progress,
};
use crate::rows::{
    attempt::AttemptRow,
    column::{json, micros},
};

/// Adds an attempt, unless it is there.
pub(super) const ADD: &str = "INSERT INTO attempt (account_id, call_id, number, id, state, journalled_at, \
     dialing_at, ringing_at, answered_at, ended_at, ending, deadline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT (call_id, number) DO NOTHING";

/// Moves an attempt on.
pub(super) const MOVE: &str = "UPDATE attempt SET state = ?3, dialing_at = ?4, ringing_at = ?5, answered_at = ?6, \
     ended_at = ?7, ending = ?8, deadline = ?9 WHERE call_id = ?1 AND number = ?2";

/// The attempts of one call, in order.
pub(super) const OF_CALL: &str = "SELECT id, call_id, number, deadline, state, journalled_at, dialing_at, ringing_at, \
     answered_at, ended_at, ending FROM attempt WHERE call_id = ? AND account_id = ? ORDER BY number";

fn read(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        id: row.get(0)?,
        call_id: row.get(1)?,
        number: row.get(2)?,
        deadline: row.get(3)?,
        progress: progress::read(row, 4)?,
    })
}

/// Writes an attempt as it is now. One that is only journalled is new, or there already and just so.
pub(super) fn put(connection: &Connection, account: AccountId, attempt: &Attempt) -> rusqlite::Result<()> {
    let progress = &attempt.progress;
    let ending = progress.ending.as_ref().map(json);
    let moved = progress.state != AttemptState::Journalled
        && connection.prepare_cached(MOVE)?.execute(params![
            attempt.call.uuid(),
            attempt.number,
            progress.state.as_str(),
            progress.dialing_at.map(micros),
            progress.ringing_at.map(micros),
            progress.answered_at.map(micros),
            progress.ended_at.map(micros),
            ending,
            micros(attempt.deadline),
        ])? > 0;
    if moved {
        return Ok(());
    }
    connection.prepare_cached(ADD)?.execute(params![
        account.uuid(),
        attempt.call.uuid(),
        attempt.number,
        attempt.id.uuid(),
        progress.state.as_str(),
        micros(progress.journalled_at),
        progress.dialing_at.map(micros),
        progress.ringing_at.map(micros),
        progress.answered_at.map(micros),
        progress.ended_at.map(micros),
        ending,
        micros(attempt.deadline),
    ])?;
    Ok(())
}

pub(super) fn of_call(connection: &Connection, account: AccountId, call: CallId) -> Result<Vec<Attempt>, Failure> {
    let rows: Vec<AttemptRow> = all_of(connection, OF_CALL, params![call.uuid(), account.uuid()], read)?;
    Ok(rows.into_iter().map(Attempt::try_from).collect::<Result<_, _>>()?)
}
