//! Attempts: rows, and the statements that write them.

use outdial_domain::{AccountId, Attempt, AttemptId, CallId};
use outdial_engine::ports::StoreError;
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::Place,
    error::Failure,
    progress::{self, ProgressRow},
    statement::Arguments,
};

pub(super) const COLUMNS: &[&str] = &[
    "account_id",
    "call_id",
    "number",
    "id",
    "state",
    "journalled_at",
    "dialing_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "ending",
];

pub(super) const KEY: &str = "call_id, number";

pub(super) fn bind(arguments: &mut Arguments, account: AccountId, attempt: &Attempt) {
    arguments.id(account.uuid());
    arguments.id(attempt.call.uuid());
    arguments.add(i64::from(attempt.number));
    arguments.id(attempt.id.uuid());
    progress::bind(arguments, &attempt.progress);
}

/// The attempts of one call, in order.
pub(super) const OF_CALL: &str = "SELECT id, call_id, number, state, journalled_at, dialing_at, ringing_at, \
     answered_at, ended_at, ending FROM attempt WHERE call_id = ? AND account_id = ? ORDER BY number";

/// An attempt as it is stored.
#[derive(Debug)]
pub(super) struct AttemptRow {
    id: Uuid,
    call_id: Uuid,
    number: i64,
    progress: ProgressRow,
}

impl AttemptRow {
    pub(super) async fn of_call(
        connection: &mut SqliteConnection,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<Attempt>, Failure> {
        let rows: Vec<Self> = sqlx::query_as(OF_CALL)
            .bind(call.uuid())
            .bind(account.uuid())
            .fetch_all(connection)
            .await?;
        Ok(rows.into_iter().map(Attempt::try_from).collect::<Result<_, _>>()?)
    }
}

impl FromRow<'_, SqliteRow> for AttemptRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            call_id: row.try_get(1)?,
            number: row.try_get(2)?,
            progress: ProgressRow::read(row, 3)?,
        })
    }
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let id = AttemptId::from_uuid(row.id);
        let place = Place {
            table: "attempt",
            id: &id,
        };
        Ok(Self {
            id,
            call: CallId::from_uuid(row.call_id),
            number: place.number("number", row.number)?,
            progress: row.progress.progress(place)?,
        })
    }
}
