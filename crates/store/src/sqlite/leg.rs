//! Legs: rows, and the statements that write them.

use outdial_domain::{AccountId, AttemptId, CallId, Leg, LegId};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, json},
    error::Failure,
    progress::{self, ProgressRow},
    statement::Arguments,
};

pub(super) const COLUMNS: &[&str] = &[
    "account_id",
    "call_id",
    "id",
    "attempt_id",
    "trunk",
    "target",
    "node",
    "state",
    "journalled_at",
    "dialing_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "ending",
    "quality",
];

pub(super) const KEY: &str = "call_id, id";

pub(super) fn bind(arguments: &mut Arguments, account: AccountId, leg: &Leg) {
    arguments.id(account.uuid());
    arguments.id(leg.call.uuid());
    arguments.id(leg.id.uuid());
    arguments.id(leg.attempt.uuid());
    arguments.add(leg.trunk.as_str());
    arguments.add(leg.target.as_str());
    arguments.add(leg.node.as_str());
    progress::bind(arguments, &leg.progress);
    arguments.add(leg.quality.as_ref().map(json));
}

/// The legs of one call, by the time their ids were made.
pub(super) const OF_CALL: &str = "SELECT id, call_id, attempt_id, trunk, target, node, quality, state, \
     journalled_at, dialing_at, ringing_at, answered_at, ended_at, ending \
     FROM leg WHERE call_id = ? AND account_id = ? ORDER BY id";

/// A leg as it is stored.
#[derive(Debug)]
pub(super) struct LegRow {
    id: Uuid,
    call_id: Uuid,
    attempt_id: Uuid,
    trunk: String,
    target: String,
    node: String,
    quality: Option<String>,
    progress: ProgressRow,
}

impl LegRow {
    pub(super) async fn of_call(
        connection: &mut SqliteConnection,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<Leg>, Failure> {
        let rows: Vec<Self> = sqlx::query_as(OF_CALL)
            .bind(call.uuid())
            .bind(account.uuid())
            .fetch_all(connection)
            .await?;
        let mut legs = rows.into_iter().map(Leg::try_from).collect::<Result<Vec<_>, _>>()?;
        legs.sort_by_key(|leg| leg.progress.journalled_at);
        Ok(legs)
    }
}

impl FromRow<'_, SqliteRow> for LegRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            call_id: row.try_get(1)?,
            attempt_id: row.try_get(2)?,
            trunk: row.try_get(3)?,
            target: row.try_get(4)?,
            node: row.try_get(5)?,
            quality: row.try_get(6)?,
            progress: ProgressRow::read(row, 7)?,
        })
    }
}

impl TryFrom<LegRow> for Leg {
    type Error = StoreError;

    fn try_from(row: LegRow) -> Result<Self, StoreError> {
        let id = LegId::from_uuid(row.id);
        let place = Place { table: "leg", id: &id };
        Ok(Self {
            id,
            attempt: AttemptId::from_uuid(row.attempt_id),
            call: CallId::from_uuid(row.call_id),
            progress: row.progress.progress(place)?,
            quality: place.maybe_json("quality", row.quality.as_deref())?,
            trunk: row.trunk,
            target: row.target,
            node: row.node,
        })
    }
}
