//! Legs.

use outdial_domain::{AccountId, AttemptState, CallId, Leg};
use rusqlite::{Connection, Row, params};

use super::{
    error::{Failure, all_of},
    progress,
};
use crate::rows::{
    column::{json, micros},
    leg::{LegRow, in_order},
};

/// Adds a leg, unless it is there.
pub(super) const ADD: &str = "INSERT INTO leg (account_id, call_id, id, attempt_id, trunk, target, shows, node, state, \
     journalled_at, dialing_at, ringing_at, answered_at, ended_at, ending, quality) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call_id, id) DO NOTHING";

/// Moves a leg on.
pub(super) const MOVE: &str = "UPDATE leg SET state = ?3, dialing_at = ?4, ringing_at = ?5, answered_at = ?6, \
     ended_at = ?7, ending = ?8, quality = ?9 WHERE call_id = ?1 AND id = ?2";

/// The legs of one call, by the time their ids were made.
pub(super) const OF_CALL: &str = "SELECT id, call_id, attempt_id, trunk, target, shows, node, quality, state, \
     journalled_at, dialing_at, ringing_at, answered_at, ended_at, ending \
     FROM leg WHERE call_id = ? AND account_id = ? ORDER BY id";

fn read(row: &Row<'_>) -> rusqlite::Result<LegRow> {
    Ok(LegRow {
        id: row.get(0)?,
        call_id: row.get(1)?,
        attempt_id: row.get(2)?,
        trunk: row.get(3)?,
        target: row.get(4)?,
        shows: row.get(5)?,
        node: row.get(6)?,
        quality: row.get(7)?,
        progress: progress::read(row, 8)?,
    })
}

/// Writes a leg as it is now. One that is only journalled is new, or there already and just so.
pub(super) fn put(connection: &Connection, account: AccountId, leg: &Leg) -> rusqlite::Result<()> {
    let progress = &leg.progress;
    let ending = progress.ending.as_ref().map(json);
    let quality = leg.quality.as_ref().map(json);
    let moved = progress.state != AttemptState::Journalled
        && connection.prepare_cached(MOVE)?.execute(params![
            leg.call.uuid(),
            leg.id.uuid(),
            progress.state.as_str(),
            progress.dialing_at.map(micros),
            progress.ringing_at.map(micros),
            progress.answered_at.map(micros),
            progress.ended_at.map(micros),
            ending,
            quality,
        ])? > 0;
    if moved {
        return Ok(());
    }
    connection.prepare_cached(ADD)?.execute(params![
        account.uuid(),
        leg.call.uuid(),
        leg.id.uuid(),
        leg.attempt.uuid(),
        leg.trunk,
        leg.target,
        leg.shows,
        leg.node,
        progress.state.as_str(),
        micros(progress.journalled_at),
        progress.dialing_at.map(micros),
        progress.ringing_at.map(micros),
        progress.answered_at.map(micros),
        progress.ended_at.map(micros),
        ending,
        quality,
    ])?;
    Ok(())
}

pub(super) fn of_call(connection: &Connection, account: AccountId, call: CallId) -> Result<Vec<Leg>, Failure> {
    let rows = all_of(connection, OF_CALL, params![call.uuid(), account.uuid()], read)?;
    Ok(in_order(rows)?)
}
