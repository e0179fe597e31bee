//! What is yet to be told to receivers.

use jiff::Timestamp;
use outdial_domain::ReceiverId;
use outdial_engine::ports::{Change, Feed, Settled};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::{
    delivery,
    error::{Failure, all_of},
};
use crate::rows::{
    column::micros,
    webhook::{FeedRow, key, noticed},
};

/// Adds a feed, or moves one on.
pub(super) const WAKE: &str = "INSERT INTO feed (kind, subject, webhook_id, replay_id, account_id, receiver, told, newest, \
     tries, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject, webhook_id, replay_id) DO UPDATE SET \
     newest = max(newest, excluded.newest)";
/// What a receiver is to be told by now.
pub(super) const DUE: &str = "SELECT kind, subject, webhook_id, replay_id, account_id, receiver, told, newest, tries \
     FROM feed WHERE receiver = ? AND due <= ? ORDER BY due LIMIT ? + 0";
/// Writes how far a receiver was told.
pub(super) const SETTLE: &str = "UPDATE feed SET told = ?4, tries = ?5, due = ?6 \
     WHERE subject = ?1 AND webhook_id = ?2 AND replay_id = ?3";
pub(super) const REMOVE: &str =
    "DELETE FROM feed WHERE subject = ? AND webhook_id = ? AND replay_id = ? AND newest <= ?";
pub(super) const DROP_ALL: &str = "DELETE FROM feed WHERE receiver = ?";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<FeedRow> {
    Ok(FeedRow {
        kind: row.get::<_, String>(0)?.into(),
        subject: row.get(1)?,
        webhook_id: row.get(2)?,
        replay_id: row.get(3)?,
        account_id: row.get(4)?,
        receiver: row.get(5)?,
        told: row.get(6)?,
        newest: row.get(7)?,
        tries: row.get(8)?,
    })
}

pub(super) fn wake(connection: &Connection, row: &FeedRow, due: i64) -> rusqlite::Result<()> {
    connection.prepare_cached(WAKE)?.execute(params![
        row.kind,
        row.subject,
        row.webhook_id,
        row.replay_id,
        row.account_id,
        row.receiver,
        row.told,
        row.newest,
        row.tries,
        due,
    ])?;
    Ok(())
}

/// Moves on the feed of a call that names its own receiver.
pub(super) fn notice(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    match noticed(change) {
        Some((row, due)) => wake(connection, &row, due),
        None => Ok(()),
    }
}

pub(super) fn add(connection: &Connection, feeds: &[Feed], now: Timestamp) -> Result<(), Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for feed in feeds {
        wake(&transaction, &FeedRow::from(feed), micros(now))?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn due(
    connection: &Connection,
    receiver: ReceiverId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Feed>, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = all_of(connection, DUE, params![receiver.uuid(), micros(now), most], read)?;
    Ok(rows.into_iter().map(Feed::try_from).collect::<Result<_, _>>()?)
}

pub(super) fn settle(connection: &Connection, settled: &[Settled], now: Timestamp) -> Result<(), Failure> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for one in settled {
        let (call, webhook, replay) = key(&one.key);
        let all = one.due.is_none()
            && transaction
                .prepare_cached(REMOVE)?
                .execute(params![call, webhook, replay, one.told])?
                > 0;
        if !all {
            // What came meanwhile is due at once.
            let due = micros(one.due.unwrap_or(now));
            let values = params![call, webhook, replay, one.told, one.tries, due];
            transaction.prepare_cached(SETTLE)?.execute(values)?;
        }
        if let Some(entry) = &one.delivery {
            delivery::add(&transaction, entry)?;
        }
    }
    Ok(transaction.commit()?)
}

/// Drops all that waits for a webhook.
pub(super) fn drop_all(connection: &Connection, receiver: ReceiverId) -> rusqlite::Result<()> {
    connection.prepare_cached(DROP_ALL)?.execute([receiver.uuid()])?;
    Ok(())
}
