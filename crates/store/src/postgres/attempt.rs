//! Attempts.

use outdial_domain::{AccountId, Attempt, CallId};
use outdial_engine::ports::Change;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, error::Failure, progress};
use crate::rows::{
    attempt::AttemptRow,
    column::{json, micros},
};

pub(super) const PUT: &str = "INSERT INTO attempt (account_id, call_id, number, id, deadline, state, journalled_at, \
     dialing_at, ringing_at, answered_at, ended_at, ending) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[], $6::text[], \
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[]) \
     ON CONFLICT (call_id, number) DO UPDATE SET state = excluded.state, dialing_at = excluded.dialing_at, \
        ringing_at = excluded.ringing_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at, \
        ending = excluded.ending, deadline = excluded.deadline";

/// The attempts of one call, in order.
pub(super) const OF_CALL: &str = "SELECT id, call_id, number, deadline, state, journalled_at, dialing_at, ringing_at, \
     answered_at, ended_at, ending FROM attempt WHERE call_id = $1 AND account_id = $2 ORDER BY number";

columns! {
    /// An attempt that is written.
    Written, Attempts {
        account_id: Uuid,
        call_id: Uuid,
        number: i64,
        id: Uuid,
        deadline: i64,
        state: &'static str,
        journalled_at: i64,
        dialing_at: Option<i64>,
        ringing_at: Option<i64>,
        answered_at: Option<i64>,
        ended_at: Option<i64>,
        ending: Option<String>,
    }
}

impl Attempts {
    pub(super) fn add(&mut self, change: &Change) {
        let Some(attempt) = &change.attempt else { return };
        let progress = &attempt.progress;
        self.push(Written {
            account_id: change.call.account.uuid(),
            call_id: attempt.call.uuid(),
            number: i64::from(attempt.number),
            id: attempt.id.uuid(),
            deadline: micros(attempt.deadline),
            state: progress.state.as_str(),
            journalled_at: micros(progress.journalled_at),
            dialing_at: progress.dialing_at.map(micros),
            ringing_at: progress.ringing_at.map(micros),
            answered_at: progress.answered_at.map(micros),
            ended_at: progress.ended_at.map(micros),
            ending: progress.ending.as_ref().map(json),
        });
    }
}

impl FromRow<'_, PgRow> for AttemptRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            call_id: row.try_get(1)?,
            number: row.try_get(2)?,
            deadline: row.try_get(3)?,
            progress: progress::read(row, 4)?,
        })
    }
}

pub(super) async fn of_call(
    connection: &mut PgConnection,
    account: AccountId,
    call: CallId,
) -> Result<Vec<Attempt>, Failure> {
    let rows: Vec<AttemptRow> = sqlx::query_as(OF_CALL)
        .bind(call.uuid())
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Attempt::try_from).collect::<Result<_, _>>()?)
}
