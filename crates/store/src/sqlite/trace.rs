//! The messages of legs.

use outdial_domain::{AccountId, CallId, LegId};
use outdial_engine::ports::{StoreError, Trace, WireMessage};
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, json},
    error::Failure,
    statement::Arguments,
};

pub(super) const COLUMNS: &[&str] = &["account_id", "call_id", "leg_id", "messages"];

pub(super) const KEY: &str = "call_id, leg_id";

pub(super) fn bind(arguments: &mut Arguments, account: AccountId, call: CallId, leg: LegId, messages: &[WireMessage]) {
    arguments.id(account.uuid());
    arguments.id(call.uuid());
    arguments.id(leg.uuid());
    arguments.add(json(&messages));
}

/// The traces of one call.
pub(super) const OF_CALL: &str =
    "SELECT leg_id, messages FROM trace WHERE call_id = ? AND account_id = ? ORDER BY leg_id";

/// A trace as it is stored.
#[derive(Debug)]
struct TraceRow {
    leg_id: Uuid,
    messages: String,
}

impl FromRow<'_, SqliteRow> for TraceRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            leg_id: row.try_get(0)?,
            messages: row.try_get(1)?,
        })
    }
}

impl TryFrom<TraceRow> for Trace {
    type Error = StoreError;

    fn try_from(row: TraceRow) -> Result<Self, StoreError> {
        let leg = LegId::from_uuid(row.leg_id);
        let messages = Place {
            table: "trace",
            id: &leg,
        }
        .json("messages", &row.messages)?;
        Ok(Self { leg, messages })
    }
}

pub(super) async fn of_call(
    connection: &mut SqliteConnection,
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
