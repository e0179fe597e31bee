//! Answers to requests that have an idempotency key.

use jiff::Timestamp;
use outdial_domain::AccountId;
use outdial_engine::ports::{FirstAnswer, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::error::Failure;
use crate::rows::{column::micros, first_answer::FirstAnswerRow};

/// Keeps an answer, unless there is one for its key whose time is not over.
pub(super) const PUT: &str = "INSERT INTO first_answer (account_id, key, request, answer, made_at, kept_until) \
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, key) DO UPDATE SET request = excluded.request, \
     answer = excluded.answer, made_at = excluded.made_at, kept_until = excluded.kept_until \
     WHERE first_answer.kept_until <= excluded.made_at";
pub(super) const REMOVE: &str = "DELETE FROM first_answer WHERE account_id = ? AND key = ?";
pub(super) const ONE: &str = "SELECT account_id, key, request, answer, made_at, kept_until FROM first_answer \
     WHERE account_id = ? AND key = ? AND kept_until > ?";
pub(super) const FORGET: &str = "DELETE FROM first_answer WHERE rowid IN \
     (SELECT rowid FROM first_answer WHERE kept_until <= ? ORDER BY kept_until LIMIT ? + 0)";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<FirstAnswerRow> {
    Ok(FirstAnswerRow {
        account_id: row.get(0)?,
        key: row.get(1)?,
        request: row.get(2)?,
        answer: row.get(3)?,
        made_at: row.get(4)?,
        kept_until: row.get(5)?,
    })
}

/// Keeps an answer within a transaction. Says whether it did; if not, nothing was written.
pub(super) fn put(connection: &Connection, answer: &FirstAnswer) -> rusqlite::Result<bool> {
    let written = connection.prepare_cached(PUT)?.execute(params![
        answer.account.uuid(),
        answer.key,
        answer.request,
        answer.answer,
        micros(answer.made_at),
        micros(answer.kept_until),
    ])?;
    Ok(written == 1)
}

/// Whether there is an answer for its key whose time is not over.
pub(super) fn is_kept(connection: &Connection, answer: &FirstAnswer) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(ONE)?
        .exists(params![answer.account.uuid(), answer.key, micros(answer.made_at)])
}

/// Takes back what was put, when what it belongs to is not saved.
pub(super) fn remove(connection: &Connection, answer: &FirstAnswer) -> rusqlite::Result<()> {
    connection
        .prepare_cached(REMOVE)?
        .execute(params![answer.account.uuid(), answer.key])?;
    Ok(())
}

/// Adds something together with the answer to the request for it.
pub(super) fn with<T>(
    connection: &Connection,
    answer: Option<&FirstAnswer>,
    add: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(answer) = answer else {
        return add(connection);
    };
    let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    if !put(&transaction, answer)? {
        return Err(StoreError::Repeated.into());
    }
    let added = add(&transaction)?;
    transaction.commit()?;
    Ok(added)
}

pub(super) fn one(
    connection: &Connection,
    account: AccountId,
    key: [u8; 32],
    now: Timestamp,
) -> Result<Option<FirstAnswer>, Failure> {
    let row = connection
        .prepare_cached(ONE)?
        .query_row(params![account.uuid(), key, micros(now)], read)
        .optional()?;
    Ok(row.map(FirstAnswer::try_from).transpose()?)
}

pub(super) fn forget(connection: &Connection, now: Timestamp, most: usize) -> Result<usize, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(connection.prepare_cached(FORGET)?.execute(params![micros(now), most])?)
}
