//! Jobs: what is to be dialled, who has taken it, and what a restart gives back.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId};
use outdial_engine::ports::{CallDetails, ClaimedCall};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::{
    call,
    column::{Place, micros, micros_up},
    error::Failure,
    statement::Arguments,
};

pub(super) const COLUMNS: &[&str] = &["account_id", "call_id", "due"];

pub(super) fn bind(arguments: &mut Arguments, account: AccountId, call: CallId, due: Timestamp) {
    arguments.id(account.uuid());
    arguments.id(call.uuid());
    arguments.add(micros_up(due));
}

/// Takes what is due, oldest first. The time of claiming is not asked of a clock: it is the `now`
/// that made the calls due.
pub(super) const CLAIM: &str = "UPDATE job SET claimed_by = ?1, claimed_at = ?2 WHERE call_id IN \
     (SELECT call_id FROM job WHERE claimed_by IS NULL AND due <= ?2 ORDER BY due, call_id LIMIT ?3) \
     RETURNING account_id, call_id, due";

/// Reads the calls whose ids come as one JSON list, each as the hexadecimal digits of its account
/// and its own. One statement for any number of them stays prepared.
pub(super) const CLAIMED: &str = "SELECT call.account_id, call.id, call.direction, call.state, call.attempts, \
     call.events, call.created_at, call.answered_at, call.ended_at, call.ending, call.digits, call.plan, call.flow, taken.key \
     FROM json_each(?) AS taken CROSS JOIN call \
     ON call.account_id = unhex(substr(taken.value, 1, 32)) AND call.id = unhex(substr(taken.value, 33))";

/// When the next call that nobody has taken is due.
pub(super) const NEXT_DUE: &str = "SELECT min(due) FROM job WHERE claimed_by IS NULL";

/// Gives back what a node has taken.
pub(super) const GIVE_BACK: &str = "UPDATE job SET claimed_by = NULL, claimed_at = NULL WHERE claimed_by = ?";

/// Calls under way whose current attempt is this node's.
pub(super) const UNFINISHED: &str = "SELECT call.account_id, call.id FROM call WHERE call.state = 'active' \
     AND EXISTS (SELECT 1 FROM attempt CROSS JOIN leg \
        ON leg.call_id = attempt.call_id AND leg.attempt_id = attempt.id \
        WHERE attempt.call_id = call.id AND attempt.number = call.attempts AND leg.node = ?) \
     ORDER BY call.id";

/// Claiming is not synced to the disk by itself: a claim that a power cut undoes is a job that nobody
/// has taken, which is what a restart makes of it anyway. The next change that is synced brings it along.
///
/// SQLite obeys these words when it reads them and not when it runs them, so they must never be kept
/// as prepared statements.
const WITHOUT_SYNC: &str = "PRAGMA synchronous = NORMAL";
const WITH_SYNC: &str = "PRAGMA synchronous = FULL";

/// Takes what is due. After an error the connection must not be used again, because what is written
/// by it might not be synced.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
    node: &str,
    most: usize,
) -> Result<Vec<ClaimedCall>, Failure> {
    sqlx::raw_sql(WITHOUT_SYNC).execute(&mut *connection).await?;
    let taken = sqlx::query(CLAIM)
        .bind(node)
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    sqlx::raw_sql(WITH_SYNC).execute(&mut *connection).await?;
    let mut taken = taken
        .into_iter()
        .map(|row| Ok((row.try_get(2)?, row.try_get(1)?, row.try_get(0)?)))
        .collect::<Result<Vec<(i64, Uuid, Uuid)>, sqlx::Error>>()?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    taken.sort_unstable();
    let ids: Vec<String> = taken
        .iter()
        .map(|(_, call, account)| format!("{}{}", account.simple(), call.simple()))
        .collect();
    let rows = sqlx::query(CLAIMED)
        .bind(super::column::json(&ids))
        .fetch_all(&mut *connection)
        .await?;
    if rows.len() != taken.len() {
        let place = Place {
            table: "job",
            id: &taken.len(),
        };
        return Err(place.bad("call_id", "it names a call that is not there").into());
    }
    let mut claimed = rows
        .iter()
        .map(|row| {
            let (call, flow) = call::with_flow(row)?;
            Ok((row.try_get::<i64, _>(13)?, ClaimedCall { call, flow }))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    claimed.sort_unstable_by_key(|(order, _)| *order);
    Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
}

pub(super) async fn next_due(connection: &mut SqliteConnection) -> Result<Option<Timestamp>, Failure> {
    let due: Option<i64> = sqlx::query_scalar(NEXT_DUE).fetch_one(connection).await?;
    Ok(Place {
        table: "job",
        id: &"next",
    }
    .maybe_time("due", due)?)
}

pub(super) async fn recover(connection: &mut SqliteConnection, node: &str) -> Result<Vec<CallDetails>, Failure> {
    sqlx::query(GIVE_BACK).bind(node).execute(&mut *connection).await?;
    let unfinished = sqlx::query(UNFINISHED).bind(node).fetch_all(&mut *connection).await?;
    let mut calls = Vec::with_capacity(unfinished.len());
    for row in unfinished {
        let (account, id) = (
            AccountId::from_uuid(row.try_get(0)?),
            CallId::from_uuid(row.try_get(1)?),
        );
        calls.extend(call::details(connection, account, id).await?);
    }
    Ok(calls)
}
