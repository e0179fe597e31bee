//! The messages of legs.

use outdial_domain::{AccountId, CallId};
use outdial_engine::ports::{Change, Trace};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, error::Failure};
use crate::rows::trace::{self, TraceRow};

pub(super) const PUT: &str = "INSERT INTO trace (account_id, call_id, leg_id, messages) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) \
     ON CONFLICT (call_id, leg_id) DO UPDATE SET messages = excluded.messages";

/// The traces of one call.
pub(super) const OF_CALL: &str =
    "SELECT leg_id, messages FROM trace WHERE call_id = $1 AND account_id = $2 ORDER BY leg_id";

columns! {
    /// A trace that is written.
    Written, Traces {
        account_id: Uuid,
        call_id: Uuid,
        leg_id: Uuid,
        messages: String,
    }
}

impl Traces {
    pub(super) fn add(&mut self, change: &Change) {
        for trace in &change.traces {
            self.push(Written {
                account_id: change.call.account.uuid(),
                call_id: change.call.id.uuid(),
                leg_id: trace.leg.uuid(),
                messages: trace::text(&trace.messages),
            });
        }
    }
}

impl FromRow<'_, PgRow> for TraceRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            leg_id: row.try_get(0)?,
            messages: row.try_get(1)?,
        })
    }
}

pub(super) async fn of_call(
    connection: &mut PgConnection,
    account: AccountId,
    call: CallId,
) -> Result<Vec<Trace>, Failure> {
    let rows: Vec<TraceRow> = sqlx::query_as(OF_CALL)
        .bind(call.uuid())
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Trace::try_from).collect::<Result<_, _>>()?)
}
