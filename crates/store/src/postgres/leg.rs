//! Legs.

use outdial_domain::{AccountId, CallId, Leg};
use outdial_engine::ports::Change;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    columns::columns,
    error::Failure,
    progress,
    text::{given, kept},
};
use crate::rows::{
    column::{json, micros},
    leg::{LegRow, in_order},
};

pub(super) const PUT: &str = "INSERT INTO leg (account_id, call_id, id, attempt_id, trunk, target, shows, node, state, \
     journalled_at, dialing_at, ringing_at, answered_at, ended_at, ending, quality) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], \
        $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], \
        $15::text[], $16::text[]) \
     ON CONFLICT (call_id, id) DO UPDATE SET state = excluded.state, dialing_at = excluded.dialing_at, \
        ringing_at = excluded.ringing_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at, \
        ending = excluded.ending, quality = excluded.quality";

/// The legs of one call, by the time their ids were made.
pub(super) const OF_CALL: &str = "SELECT id, call_id, attempt_id, trunk, target, shows, node, quality, state, \
     journalled_at, dialing_at, ringing_at, answered_at, ended_at, ending \
     FROM leg WHERE call_id = $1 AND account_id = $2 ORDER BY id";

columns! {
    /// A leg that is written.
    Written, Legs {
        account_id: Uuid,
        call_id: Uuid,
        id: Uuid,
        attempt_id: Uuid,
        trunk: String,
        target: String,
        shows: Option<String>,
        node: String,
        state: &'static str,
        journalled_at: i64,
        dialing_at: Option<i64>,
        ringing_at: Option<i64>,
        answered_at: Option<i64>,
        ended_at: Option<i64>,
        ending: Option<String>,
        quality: Option<String>,
    }
}

impl Legs {
    pub(super) fn add(&mut self, change: &Change) {
        for leg in &change.legs {
            let progress = &leg.progress;
            self.push(Written {
                account_id: change.call.account.uuid(),
                call_id: leg.call.uuid(),
                id: leg.id.uuid(),
                attempt_id: leg.attempt.uuid(),
                trunk: kept(&leg.trunk),
                target: kept(&leg.target),
                shows: leg.shows.as_deref().map(kept),
                node: kept(&leg.node),
                state: progress.state.as_str(),
                journalled_at: micros(progress.journalled_at),
                dialing_at: progress.dialing_at.map(micros),
                ringing_at: progress.ringing_at.map(micros),
                answered_at: progress.answered_at.map(micros),
                ended_at: progress.ended_at.map(micros),
                ending: progress.ending.as_ref().map(json),
                quality: leg.quality.as_ref().map(json),
            });
        }
    }
}

impl FromRow<'_, PgRow> for LegRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            call_id: row.try_get(1)?,
            attempt_id: row.try_get(2)?,
            trunk: given(row.try_get(3)?),
            target: given(row.try_get(4)?),
            shows: row.try_get::<Option<String>, _>(5)?.map(given),
            node: given(row.try_get(6)?),
            quality: row.try_get(7)?,
            progress: progress::read(row, 8)?,
        })
    }
}

pub(super) async fn of_call(
    connection: &mut PgConnection,
    account: AccountId,
    call: CallId,
) -> Result<Vec<Leg>, Failure> {
    let rows: Vec<LegRow> = sqlx::query_as(OF_CALL)
        .bind(call.uuid())
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(in_order(rows)?)
}
