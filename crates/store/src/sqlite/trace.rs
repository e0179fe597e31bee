//! The messages of legs.

use outdial_domain::{AccountId, CallId, LegId};
use outdial_engine::ports::{Trace, WireMessage};
use rusqlite::{Connection, Row, params};

use super::error::{Failure, all_of};
use crate::rows::trace::{self, TraceRow};

pub(super) const PUT: &str = "INSERT INTO trace (account_id, call_id, leg_id, messages) VALUES (?, ?, ?, ?) \
     ON CONFLICT (call_id, leg_id) DO UPDATE SET messages = excluded.messages";

/// The traces of one call.
pub(super) const OF_CALL: &str =
    "SELECT leg_id, messages FROM trace WHERE call_id = ? AND account_id = ? ORDER BY leg_id";

fn read(row: &Row<'_>) -> rusqlite::Result<TraceRow> {
    Ok(TraceRow {
        leg_id: row.get(0)?,
        messages: row.get(1)?,
    })
}

pub(super) fn put(
    connection: &Connection,
    account: AccountId,
    call: CallId,
    leg: LegId,
    messages: &[WireMessage],
) -> rusqlite::Result<()> {
    let values = params![account.uuid(), call.uuid(), leg.uuid(), trace::text(messages)];
    connection.prepare_cached(PUT)?.execute(values)?;
    Ok(())
}

pub(super) fn of_call(connection: &Connection, account: AccountId, call: CallId) -> Result<Vec<Trace>, Failure> {
    let rows: Vec<TraceRow> = all_of(connection, OF_CALL, params![call.uuid(), account.uuid()], read)?;
    Ok(rows.into_iter().map(Trace::try_from).collect::<Result<_, _>>()?)
}
