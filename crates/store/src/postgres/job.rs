//! Jobs: what is to be dialled, who has taken it, and what a restart gives back.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Message, Subject};
use outdial_engine::ports::{CallDetails, Claimed, ClaimedCall, ClaimedMessages, Lane, Share, Wanted, Work};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{backlog::lanes, call, columns::columns, error::Failure, message, node, open::MOMENT, text::kept};
use crate::rows::{
    column::{micros, micros_up},
    lane,
    message::MessageRow,
};

pub(super) const ADD: &str = "INSERT INTO job (account_id, subject, priority, due) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) \
     ON CONFLICT (subject) DO UPDATE \
     SET priority = excluded.priority, due = excluded.due, claimed_by = NULL, claimed_at = NULL";

pub(super) const REMOVE: &str = "DELETE FROM job WHERE subject = ANY($1)";

/// Takes what is due of some lanes, oldest first, passing over what another node is taking at the same moment,
/// and reads it. The time of claiming is not asked of a clock: it is the time by which the calls are due.
///
/// The server cannot know how few a lane gives, and would rather read whole tables; of an array it expects
/// little, and looks its rows up.
///
/// A claim is not synced to the disk by itself: one that a crash of the server undoes is a job that
/// nobody has taken, and its journal, which is synced, comes after it in the server's own log.
macro_rules! claim {
    () => {
        "WITH taken AS (UPDATE job SET claimed_by = $5, claimed_at = $4 WHERE job.subject = ANY (ARRAY( \
            SELECT free.subject FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS lane (account_id, priority, most) \
            CROSS JOIN LATERAL (SELECT job.subject FROM job WHERE job.claimed_by IS NULL \
                AND job.account_id = lane.account_id AND job.priority = lane.priority AND job.due <= $4 \
                ORDER BY job.due, job.subject LIMIT lane.most FOR UPDATE SKIP LOCKED) AS free)) \
         RETURNING job.account_id, job.subject, job.due) \
         SELECT "
    };
}

pub(super) const CLAIM: &str = concat!(
    claim!(),
    call::read!(),
    ", call.flow, set_config('synchronous_commit', 'off', true) \
     FROM taken JOIN call ON call.account_id = taken.account_id AND call.id = taken.subject \
     ORDER BY taken.due, call.id"
);

/// The same of messages.
pub(super) const CLAIM_MESSAGES: &str = concat!(
    claim!(),
    message::read!(),
    ", set_config('synchronous_commit', 'off', true) \
     FROM taken JOIN message ON message.account_id = taken.account_id AND message.id = taken.subject \
     ORDER BY taken.due, message.id"
);

/// Gives back what a run has taken.
pub(super) const GIVE_BACK: &str = "UPDATE job SET claimed_by = NULL, claimed_at = NULL WHERE claimed_by = $1";

/// Gives back what was taken by runs that are gone; and, where the one that asks is sure, by those whose
/// lease has run out.
pub(super) const GIVE_BACK_OF_THE_DEAD: &str = "UPDATE job SET claimed_by = NULL, claimed_at = NULL \
     WHERE claimed_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node \
        WHERE node.id = job.claimed_by AND (node.lease_until > now() OR NOT $1))";

/// Gives back these calls, which this run has taken.
pub(super) const GIVE_BACK_THESE: &str =
    "UPDATE job SET claimed_by = NULL, claimed_at = NULL WHERE subject = ANY($1) AND claimed_by = $2";

/// Calls under way whose current attempt is of a run that is gone, whoever's they are. It counts, so that
/// the server looks at the few calls one by one and never reads all legs for them.
pub(super) const UNFINISHED: &str = "SELECT call.account_id, call.id FROM call WHERE call.state = 'active' \
     AND (SELECT count(*) FROM attempt JOIN leg \
        ON leg.call_id = attempt.call_id AND leg.attempt_id = attempt.id JOIN node ON node.id = leg.node \
        WHERE attempt.call_id = call.id AND attempt.number = call.attempts) = 0 \
     ORDER BY call.id";

/// Calls under way whose current attempt is past its deadline, whoever's they are.
pub(super) const OVERDUE: &str = "SELECT call.account_id, call.id FROM call WHERE call.state = 'active' \
     AND (SELECT deadline FROM attempt \
        WHERE attempt.call_id = call.id AND attempt.number = call.attempts) < $1 \
     ORDER BY call.id";

columns! {
    /// A job that is added.
    Added, AddedJobs {
        account_id: Uuid,
        subject: Uuid,
        priority: i64,
        due: i64,
    }
}

impl AddedJobs {
    pub(super) fn add(&mut self, subject: Subject, lane: Lane, due: Timestamp) {
        let (account_id, priority) = lane::columns(lane);
        self.push(Added {
            account_id,
            subject: subject.uuid(),
            priority,
            due: micros_up(due),
        });
    }
}

/// Somebody wants calls to dial, or messages to send.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) by: Timestamp,
    pub(super) run: String,
    pub(super) wanted: Wanted,
}

impl Claim {
    /// Takes what is due of each lane, oldest first. A call that cannot be read stays taken, so that it does
    /// not stand in the way of all others; the log names it.
    pub(super) async fn take(&self, connection: &mut PgConnection) -> Result<Claimed, Failure> {
        let (rows, share) = self.mark(connection, Work::Calls, CLAIM).await?;
        let mut calls = Vec::with_capacity(rows.len());
        for row in &rows {
            match call::with_flow(row) {
                Ok((call, flow)) => calls.push(ClaimedCall {
                    run: self.run.clone(),
                    call,
                    flow,
                }),
                Err(Failure::Store(error)) => tracing::error!(%error, "a call that is due cannot be dialled"),
                Err(error) => return Err(error),
            }
        }
        let lanes = calls.iter().map(|claimed| Lane::of(&claimed.call));
        let more = share.may_go_on(&self.wanted, lanes);
        Ok(Claimed { calls, more })
    }

    /// The same of messages.
    pub(super) async fn take_messages(&self, connection: &mut PgConnection) -> Result<ClaimedMessages, Failure> {
        let (rows, share) = self.mark(connection, Work::Messages, CLAIM_MESSAGES).await?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in &rows {
            match Message::try_from(MessageRow::from_row(row)?) {
                Ok(message) => messages.push(message),
                Err(error) => tracing::error!(%error, "a message that is due cannot be sent"),
            }
        }
        let more = share.may_go_on(&self.wanted, messages.iter().map(Lane::of_message));
        Ok(ClaimedMessages { messages, more })
    }

    /// Marks what is due of each lane as taken, and reads it.
    async fn mark(
        &self,
        connection: &mut PgConnection,
        work: Work,
        statement: &'static str,
    ) -> Result<(Vec<PgRow>, Share), Failure> {
        let mut due = lanes(connection, micros(self.by)).await?;
        due.retain(|(lane, _)| lane.work == work);
        let share = self.wanted.share(due);
        if share.lanes.is_empty() {
            return Ok((Vec::new(), share));
        }
        let (mut accounts, mut priorities, mut mosts) = (Vec::new(), Vec::new(), Vec::new());
        for (lane, most) in &share.lanes {
            let (account, priority) = lane::columns(*lane);
            accounts.push(account);
            priorities.push(priority);
            mosts.push(i64::try_from(*most).unwrap_or(i64::MAX));
        }
        let rows = sqlx::query(statement)
            .bind(accounts)
            .bind(priorities)
            .bind(mosts)
            .bind(micros(self.by))
            .bind(kept(&self.run))
            .fetch_all(connection)
            .await?;
        Ok((rows, share))
    }

    /// Gives these back, when nobody got them.
    pub(super) async fn give_back(&self, connection: &mut PgConnection, ids: Vec<Uuid>) -> Result<(), sqlx::Error> {
        sqlx::query(GIVE_BACK_THESE)
            .bind(ids)
            .bind(kept(&self.run))
            .execute(connection)
            .await
            .map(|_| ())
    }
}

pub(super) async fn recover(connection: &mut PgConnection) -> Result<Vec<CallDetails>, Failure> {
    let mut transaction = connection.begin().await?;
    sqlx::query(GIVE_BACK_OF_THE_DEAD)
        .bind(false)
        .execute(&mut *transaction)
        .await?;
    node::give_receivers_back(&mut transaction, false).await?;
    let unfinished = sqlx::query(UNFINISHED).fetch_all(&mut *transaction).await?;
    let calls = details_of(&mut transaction, unfinished).await?;
    transaction.commit().await?;
    Ok(calls)
}

pub(super) async fn overdue(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<CallDetails>, Failure> {
    let mut moment = connection.begin_with(MOMENT).await?;
    let overdue = sqlx::query(OVERDUE).bind(micros(now)).fetch_all(&mut *moment).await?;
    let calls = details_of(&mut moment, overdue).await?;
    moment.commit().await?;
    Ok(calls)
}

async fn details_of(connection: &mut PgConnection, found: Vec<PgRow>) -> Result<Vec<CallDetails>, Failure> {
    let mut calls = Vec::with_capacity(found.len());
    for row in found {
        let (account, id) = (
            AccountId::from_uuid(row.try_get(0)?),
            CallId::from_uuid(row.try_get(1)?),
        );
        calls.extend(call::details(connection, account, id).await?);
    }
    Ok(calls)
}
