//! Saving changes: all that wait in one transaction, and when one of them is at fault, each within a
//! savepoint of its own.

use outdial_domain::Subject;
use outdial_engine::ports::{Change, Claimed, Lane, MessageBatch, SavedMessage, StoreError, Trace};
use rusqlite::Connection;

use super::{
    attempt, call,
    error::{self, is_forbidden},
    event, feed, first_answer,
    job::{self, Claim},
    leg, message, trace,
};
use crate::rows::{change::forbidden, event::count};

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";

/// What became of the changes of a transaction.
pub(super) struct Saved {
    /// Of each change, in their order.
    pub(super) results: Vec<Result<(), StoreError>>,
    /// Of each batch of messages, in their order.
    pub(super) batches: Vec<Result<Vec<SavedMessage>, StoreError>>,
    /// The position of the newest event.
    pub(super) position: i64,
    /// What the claim has taken.
    pub(super) taken: Option<Claimed>,
}

/// Saves changes, and lets a claim take what is due after them. After an error nothing is saved, and the
/// transaction is still open.
pub(super) fn together<'c>(
    connection: &Connection,
    changes: impl Iterator<Item = &'c Change>,
    batches: impl Iterator<Item = &'c MessageBatch>,
    claim: Option<&Claim>,
) -> rusqlite::Result<Saved> {
    connection.prepare_cached(BEGIN)?.execute(())?;
    let mut log = Log::read(connection)?;
    let mut results = Vec::with_capacity(changes.size_hint().0);
    for change in changes {
        // A change that is refused has written nothing, so the others need not mind it.
        results.push(save(connection, change, &mut log)?);
    }
    let mut saved = Vec::with_capacity(batches.size_hint().0);
    for batch in batches {
        saved.push(save_batch(connection, batch, &mut log)?);
    }
    log.write(connection)?;
    let taken = claim.map(|claim| claim.take(connection)).transpose()?;
    connection.prepare_cached(COMMIT)?.execute(())?;
    Ok(Saved {
        results,
        batches: saved,
        position: log.position,
        taken,
    })
}

/// Saves each change, and each batch, within a savepoint, so that one which breaks a rule does not spoil the others.
pub(super) fn one_by_one<'c>(
    connection: &Connection,
    changes: impl Iterator<Item = &'c Change>,
    batches: impl Iterator<Item = &'c MessageBatch>,
) -> rusqlite::Result<Saved> {
    connection.execute_batch(BEGIN)?;
    let mut log = Log::read(connection)?;
    let mut results = Vec::new();
    for change in changes {
        let subject = change.call.id.into();
        let result = within_savepoint(connection, &mut log, subject, |log| save(connection, change, log))?;
        results.push(result);
    }
    let mut saved = Vec::new();
    for batch in batches {
        let Some(first) = batch.changes.first() else {
            saved.push(Ok(Vec::new()));
            continue;
        };
        let subject = first.message.id.into();
        let result = within_savepoint(connection, &mut log, subject, |log| save_batch(connection, batch, log))?;
        saved.push(result);
    }
    log.write(connection)?;
    connection.execute_batch(COMMIT)?;
    Ok(Saved {
        results,
        batches: saved,
        position: log.position,
        taken: None,
    })
}

fn within_savepoint<T>(
    connection: &Connection,
    log: &mut Log,
    subject: Subject,
    save: impl FnOnce(&mut Log) -> rusqlite::Result<Result<T, StoreError>>,
) -> rusqlite::Result<Result<T, StoreError>> {
    connection.execute_batch("SAVEPOINT change")?;
    let before = log.position;
    let result = match save(log) {
        Ok(result) => result,
        Err(error) if is_forbidden(&error) => Err(forbidden(subject, error::message(&error))),
        Err(error) => return Err(error),
    };
    if result.is_err() {
        connection.execute_batch("ROLLBACK TO change")?;
        log.position = before;
    }
    connection.execute_batch("RELEASE change")?;
    Ok(result)
}

fn save_batch(
    connection: &Connection,
    batch: &MessageBatch,
    log: &mut Log,
) -> rusqlite::Result<Result<Vec<SavedMessage>, StoreError>> {
    Ok(message::save(connection, batch, log)?.ok_or(StoreError::Repeated))
}

pub(super) fn roll_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ROLLBACK")
}

/// Saves one change, or says that it is stale or was answered before; then nothing was written.
fn save(connection: &Connection, change: &Change, log: &mut Log) -> rusqlite::Result<Result<(), StoreError>> {
    let call = &change.call;
    if let Some(answer) = &change.answer
        && !first_answer::put(connection, answer)?
    {
        return Ok(Err(StoreError::Repeated));
    }
    if !call::put(connection, change)? {
        if let Some(answer) = &change.answer {
            first_answer::remove(connection, answer)?;
        }
        return Ok(Err(StoreError::Stale(call.id.into())));
    }
    if let Some(attempt) = &change.attempt {
        attempt::put(connection, call.account, attempt)?;
    }
    for leg in &change.legs {
        leg::put(connection, call.account, leg)?;
    }
    for Trace { leg, messages } in &change.traces {
        trace::put(connection, call.account, call.id, *leg, messages)?;
    }
    let turn = (Lane::of(call), call.plan.due);
    job::put(connection, call.id.into(), turn, change.job)?;
    log.position += count(&change.events);
    event::add(connection, call.account, call.id.into(), &change.events, log.position)?;
    feed::notice(connection, change)?;
    Ok(Ok(()))
}

/// Counts the positions of events within a transaction.
pub(super) struct Log {
    before: i64,
    pub(super) position: i64,
}

impl Log {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let position = event::newest(connection)?;
        Ok(Self {
            before: position,
            position,
        })
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.position == self.before {
            return Ok(());
        }
        event::remember(connection, self.position)
    }
}
