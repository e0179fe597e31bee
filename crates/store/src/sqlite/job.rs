//! Jobs: what is to be dialled or sent, who has taken it, and what a restart gives back.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, MessageId, Subject};
use outdial_engine::ports::{CallDetails, Claimed, ClaimedCall, ClaimedMessages, Job, Lane, Share, Wanted, Work};
use rusqlite::{Connection, Params, params};
use uuid::Uuid;

use super::{backlog::lanes, call, error::Failure, message, receiver};
use crate::rows::{
    column::{micros, micros_up},
    lane,
};

pub(super) const ADD: &str = "INSERT INTO job (account_id, subject, priority, due) VALUES (?, ?, ?, ?) \
     ON CONFLICT (subject) DO UPDATE \
     SET priority = excluded.priority, due = excluded.due, claimed_by = NULL, claimed_at = NULL";

pub(super) const REMOVE: &str = "DELETE FROM job WHERE subject = ?";

/// What is due of one lane and taken by nobody, oldest first.
///
/// A limit that is a bare `?` may make SQLite look at its value while it plans, and so plan again for
/// every value it is given; the sum keeps it from looking. That is so in all our limits.
pub(super) const DUE: &str = "SELECT due, account_id, subject FROM job \
     WHERE claimed_by IS NULL AND account_id = ? AND priority = ? AND due <= ? ORDER BY due, subject LIMIT ? + 0";

/// Takes one job. The time of claiming is not asked of a clock: it is the time by which they are due.
/// Finding and taking in one statement would cost three tables that SQLite makes and drops for it.
pub(super) const TAKE: &str = "UPDATE job SET claimed_by = ?, claimed_at = ? WHERE subject = ?";

/// Gives back what was taken, by whomever: the process that took it is gone, because this one has the file. All
/// that was taken is in one small index.
pub(super) const GIVE_BACK: &str =
    "UPDATE job INDEXED BY job_claimed SET claimed_by = NULL, claimed_at = NULL WHERE claimed_by IS NOT NULL";

/// Gives back one job.
pub(super) const GIVE_BACK_ONE: &str = "UPDATE job SET claimed_by = NULL, claimed_at = NULL WHERE subject = ?";

/// Calls under way, whoever's they are.
pub(super) const UNFINISHED: &str = "SELECT call.account_id, call.id \
     FROM account CROSS JOIN call INDEXED BY call_by_state \
     ON call.account_id = account.id AND call.state = 'active'";

/// Calls under way whose current attempt is past its deadline, whoever's they are.
pub(super) const OVERDUE: &str = "SELECT call.account_id, call.id \
     FROM account CROSS JOIN call INDEXED BY call_by_state \
     ON call.account_id = account.id AND call.state = 'active' \
     WHERE EXISTS (SELECT 1 FROM attempt \
        WHERE attempt.call_id = call.id AND attempt.number = call.attempts AND attempt.deadline < ?)";

/// Claiming is not synced to the disk by itself: a claim that a power cut undoes is a job that nobody
/// has taken, which is what a restart makes of it anyway. The next change that is synced brings it along.
///
/// SQLite obeys these words when it reads them and not when it runs them, so they must never be kept
/// as prepared statements.
const WITHOUT_SYNC: &str = "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE";
const WITH_SYNC: &str = "COMMIT; PRAGMA synchronous = FULL";

/// Writes what becomes of the job of a call or a message, which is in this lane and due then.
pub(super) fn put(
    connection: &Connection,
    subject: Subject,
    (lane, due): (Lane, Timestamp),
    job: Job,
) -> rusqlite::Result<()> {
    match job {
        Job::Keep => {}
        Job::Add => {
            let (account, priority) = lane::columns(lane);
            let values = params![account, subject.uuid(), priority, micros_up(due)];
            connection.prepare_cached(ADD)?.execute(values)?;
        }
        Job::Remove => {
            connection.prepare_cached(REMOVE)?.execute([subject.uuid()])?;
        }
    }
    Ok(())
}

/// Somebody wants calls to dial, or messages to send.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) by: Timestamp,
    pub(super) run: String,
    pub(super) wanted: Wanted,
}

/// When something is due, whose it is, and what.
type Turn = (i64, Uuid, Uuid);

impl Claim {
    /// Takes what is due of each lane and reads it, oldest first, within a transaction.
    pub(super) fn take(&self, connection: &Connection) -> rusqlite::Result<Claimed> {
        let (due, share) = self.mark(connection, Work::Calls)?;
        let mut calls = Vec::with_capacity(due.len());
        for (_, account, call) in due {
            match call::one(connection, AccountId::from_uuid(account), CallId::from_uuid(call)) {
                Ok(found) => calls.extend(found.map(|(call, flow)| ClaimedCall {
                    run: self.run.clone(),
                    call,
                    flow,
                })),
                // It stays taken, so that it does not stand in the way of all others.
                Err(Failure::Store(error)) => tracing::error!(%error, "a call that is due cannot be dialled"),
                Err(Failure::Database(error)) => return Err(error),
            }
        }
        let lanes = calls.iter().map(|claimed| Lane::of(&claimed.call));
        let more = share.may_go_on(&self.wanted, lanes);
        Ok(Claimed { calls, more })
    }

    /// The same of messages.
    fn take_messages(&self, connection: &Connection) -> rusqlite::Result<ClaimedMessages> {
        let (due, share) = self.mark(connection, Work::Messages)?;
        let mut messages = Vec::with_capacity(due.len());
        for (_, account, id) in due {
            match message::one(connection, AccountId::from_uuid(account), MessageId::from_uuid(id)) {
                Ok(found) => messages.extend(found),
                Err(Failure::Store(error)) => tracing::error!(%error, "a message that is due cannot be sent"),
                Err(Failure::Database(error)) => return Err(error),
            }
        }
        let more = share.may_go_on(&self.wanted, messages.iter().map(Lane::of_message));
        Ok(ClaimedMessages { messages, more })
    }

    /// Marks what is due of each lane as taken, and gives it oldest first.
    fn mark(&self, connection: &Connection, work: Work) -> rusqlite::Result<(Vec<Turn>, Share)> {
        let mut due = lanes(connection, micros(self.by))?;
        due.retain(|(lane, _)| lane.work == work);
        let share = self.wanted.share(due);
        let mut due: Vec<Turn> = Vec::new();
        for (lane, most) in &share.lanes {
            let (account, priority) = lane::columns(*lane);
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            let mut find = connection.prepare_cached(DUE)?;
            let found = find.query_map(params![account, priority, micros(self.by), most], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            for row in found {
                due.push(row?);
            }
        }
        let mut take = connection.prepare_cached(TAKE)?;
        for (_, _, subject) in &due {
            take.execute(params![self.run, micros(self.by), subject])?;
        }
        due.sort_unstable_by_key(|&(due, _, subject)| (due, subject));
        Ok((due, share))
    }

    /// The same in a transaction of its own. After an error the connection must not be used again,
    /// because what is written by it might not be synced.
    pub(super) fn take_alone(&self, connection: &Connection) -> rusqlite::Result<Claimed> {
        connection.execute_batch(WITHOUT_SYNC)?;
        let claimed = self.take(connection)?;
        connection.execute_batch(WITH_SYNC)?;
        Ok(claimed)
    }

    /// The same of messages.
    pub(super) fn take_messages_alone(&self, connection: &Connection) -> rusqlite::Result<ClaimedMessages> {
        connection.execute_batch(WITHOUT_SYNC)?;
        let claimed = self.take_messages(connection)?;
        connection.execute_batch(WITH_SYNC)?;
        Ok(claimed)
    }
}

/// Gives these back, when nobody got them.
pub(super) fn give_back(connection: &Connection, subjects: impl Iterator<Item = Subject>) -> rusqlite::Result<()> {
    for subject in subjects {
        connection.prepare_cached(GIVE_BACK_ONE)?.execute([subject.uuid()])?;
    }
    Ok(())
}

pub(super) fn recover(connection: &Connection) -> Result<Vec<CallDetails>, Failure> {
    connection.execute(GIVE_BACK, ())?;
    connection.execute(receiver::GIVE_ALL_BACK, ())?;
    under_way(connection, UNFINISHED, ())
}

pub(super) fn overdue(connection: &Connection, now: Timestamp) -> Result<Vec<CallDetails>, Failure> {
    under_way(connection, OVERDUE, [micros(now)])
}

/// The calls that a statement finds.
fn under_way(connection: &Connection, statement: &str, values: impl Params) -> Result<Vec<CallDetails>, Failure> {
    let mut found: Vec<(Uuid, Uuid)> = connection
        .prepare(statement)?
        .query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    found.sort_unstable_by_key(|(_, call)| *call);
    let mut calls = Vec::with_capacity(found.len());
    for (account, call) in found {
        let (account, call) = (AccountId::from_uuid(account), CallId::from_uuid(call));
        calls.extend(call::details(connection, account, call)?);
    }
    Ok(calls)
}
