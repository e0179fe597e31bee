//! Which node serves which receiver.

use jiff::Timestamp;
use outdial_domain::ReceiverId;
use outdial_engine::ports::{ClaimedReceivers, ReceiverClaim};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::error::{Failure, all_of};
use crate::rows::{
    column::{Place, micros},
    receiver::{WAITING, WaitingRow, failed, ready},
};

pub(super) const TAKE: &str = "INSERT INTO receiver (id, claimed_by, claimed_until, failed) VALUES (?1, ?2, ?3, 0) \
     ON CONFLICT (id) DO UPDATE SET claimed_by = ?2, claimed_until = ?3 \
     WHERE claimed_until IS NULL OR claimed_until <= ?4 RETURNING failed";
pub(super) const KEEP: &str = "UPDATE receiver SET claimed_until = ?3 WHERE id = ?1 AND claimed_by = ?2";
pub(super) const GIVE_BACK: &str = "UPDATE receiver SET claimed_by = NULL, claimed_until = NULL, failed = ?3, due = ?4 \
     WHERE id = ?1 AND claimed_by = ?2";
/// A receiver that nothing is to be remembered of has no row.
pub(super) const FORGET: &str =
    "DELETE FROM receiver WHERE id = ? AND claimed_by IS NULL AND failed = 0 AND due IS NULL";

/// Those that tell receivers are gone when the only process that can use the file has just begun.
pub(super) const GIVE_ALL_BACK: &str = "UPDATE receiver SET claimed_by = NULL, claimed_until = NULL \
     WHERE claimed_by IS NOT NULL";

fn read(row: &Row<'_>) -> rusqlite::Result<WaitingRow> {
    Ok(WaitingRow {
        receiver: row.get(0)?,
        due: row.get(1)?,
        pause: row.get(2)?,
        claimed_until: row.get(3)?,
    })
}

pub(super) fn claim(connection: &Connection, claim: &ReceiverClaim) -> Result<ClaimedReceivers, Failure> {
    let (receivers, next) = ready(&all_of(connection, WAITING, (), read)?, claim);
    let place = Place {
        table: "feed",
        id: &"next",
    };
    let next = place.maybe_time("due", next)?;
    if receivers.is_empty() {
        return Ok(ClaimedReceivers {
            receivers: Vec::new(),
            next,
        });
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut taken = Vec::with_capacity(receivers.len());
    for receiver in receivers {
        let values = params![receiver.uuid(), claim.node, micros(claim.until), micros(claim.now)];
        let mut statement = transaction.prepare_cached(TAKE)?;
        let row: Option<i64> = statement.query_row(values, |row| row.get(0)).optional()?;
        if let Some(number) = row {
            taken.push((receiver, failed(receiver, number)?));
        }
    }
    transaction.commit()?;
    Ok(ClaimedReceivers { receivers: taken, next })
}

pub(super) fn keep(
    connection: &Connection,
    receiver: ReceiverId,
    node: &str,
    until: Timestamp,
) -> Result<bool, Failure> {
    let values = params![receiver.uuid(), node, micros(until)];
    Ok(connection.prepare_cached(KEEP)?.execute(values)? > 0)
}

pub(super) fn give_back(
    connection: &Connection,
    receiver: ReceiverId,
    node: &str,
    failed: u32,
    due: Option<Timestamp>,
) -> Result<(), Failure> {
    let values = params![receiver.uuid(), node, failed, due.map(micros)];
    connection.prepare_cached(GIVE_BACK)?.execute(values)?;
    if failed == 0 && due.is_none() {
        connection.prepare_cached(FORGET)?.execute([receiver.uuid()])?;
    }
    Ok(())
}
