//! Jobs: what is to be dialled, who has taken it, and what a restart gives back.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId};
use outdial_engine::ports::{CallDetails, ClaimedCall};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
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
///
/// A limit that is a bare `?` makes SQLite look at its value while it plans, and so plan again for
/// every value it is given; the sum keeps it from looking. That is so in all our limits.
pub(super) const CLAIM: &str = "UPDATE job SET claimed_by = ?, claimed_at = ? WHERE call_id IN \
     (SELECT call_id FROM job WHERE claimed_by IS NULL AND due <= ? ORDER BY due, call_id LIMIT ? + 0) \
     RETURNING account_id, call_id, due";

/// How many columns a row of [`CLAIM`] has.
pub(super) const CLAIM_COLUMNS: usize = 3;

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

/// Gives back these calls, named as for [`CLAIMED`].
pub(super) const GIVE_BACK_THESE: &str = "UPDATE job SET claimed_by = NULL, claimed_at = NULL WHERE call_id IN \
     (SELECT unhex(substr(value, 33)) FROM json_each(?) AS taken)";

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

/// Somebody wants calls to dial.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) now: Timestamp,
    pub(super) node: String,
    pub(super) most: usize,
}

impl Claim {
    /// Binds the values of [`CLAIM`].
    pub(super) fn bind(&self, arguments: &mut Arguments) {
        arguments.add(self.node.as_str());
        arguments.add(micros(self.now));
        arguments.add(micros(self.now));
        arguments.add(i64::try_from(self.most).unwrap_or(i64::MAX));
    }

    /// Takes what is due, in a transaction of its own. After an error the connection must not be used
    /// again, because what is written by it might not be synced.
    pub(super) async fn take(&self, connection: &mut SqliteConnection) -> Result<Taken, sqlx::Error> {
        let mut arguments = Arguments::default();
        self.bind(&mut arguments);
        sqlx::raw_sql(WITHOUT_SYNC).execute(&mut *connection).await?;
        let rows = sqlx::query_with(CLAIM, arguments.into_inner())
            .fetch_all(&mut *connection)
            .await?;
        sqlx::raw_sql(WITH_SYNC).execute(&mut *connection).await?;
        Taken::from_rows(&rows)
    }
}

/// What a claim has taken: when each call was due, and the hexadecimal digits of its account and id.
#[derive(Debug)]
pub(super) struct Taken(Vec<(i64, String)>);

impl Taken {
    /// Reads the rows of [`CLAIM`], which come in any order.
    pub(super) fn from_rows(rows: &[SqliteRow]) -> Result<Self, sqlx::Error> {
        let mut taken = rows
            .iter()
            .map(|row| {
                let (account, call): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
                Ok((row.try_get(2)?, format!("{}{}", account.simple(), call.simple())))
            })
            .collect::<Result<Vec<_>, sqlx::Error>>()?;
        taken.sort_unstable();
        Ok(Self(taken))
    }

    fn ids(&self) -> String {
        let ids: Vec<&str> = self.0.iter().map(|(_, id)| id.as_str()).collect();
        super::column::json(&ids)
    }

    /// Reads the calls, oldest due first. One that cannot be read stays taken, so that it does not
    /// stand in the way of all others; the log names it.
    pub(super) async fn calls(&self, connection: &mut SqliteConnection) -> Result<Vec<ClaimedCall>, Failure> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(CLAIMED).bind(self.ids()).fetch_all(connection).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            match call::with_flow(row) {
                Ok((call, flow)) => claimed.push((row.try_get::<i64, _>(13)?, ClaimedCall { call, flow })),
                Err(Failure::Store(error)) => tracing::error!(%error, "a call that is due cannot be dialled"),
                Err(error) => return Err(error),
            }
        }
        claimed.sort_unstable_by_key(|(order, _)| *order);
        Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
    }

    /// Gives all back, when nobody got them.
    pub(super) async fn give_back(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if !self.0.is_empty() {
            sqlx::query(GIVE_BACK_THESE)
                .bind(self.ids())
                .execute(connection)
                .await?;
        }
        Ok(())
    }
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
