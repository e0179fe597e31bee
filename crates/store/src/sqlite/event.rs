//! Events: rows, and the statements that write and follow them.

use outdial_domain::{AccountId, CallId, Event, EventId, EventKind, Subject};
use outdial_engine::ports::{StoreError, StoredEvent};
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    column::{Place, json, micros},
    error::Failure,
    statement::Arguments,
};

pub(super) const COLUMNS: &[&str] = &["account_id", "subject", "sequence", "id", "at", "kind", "payload"];

pub(super) fn bind(arguments: &mut Arguments, event: &Event) {
    let Subject::Call(subject) = event.subject;
    arguments.id(event.account.uuid());
    arguments.id(subject.uuid());
    arguments.add(i64::from(event.sequence));
    arguments.id(event.id.uuid());
    arguments.add(micros(event.at));
    arguments.add(event.kind.word());
    arguments.add(json(&event.kind));
}

/// The events of one call, in order.
pub(super) const OF_CALL: &str = "SELECT position, account_id, subject, sequence, id, at, payload FROM event \
     WHERE subject = ? AND account_id = ? ORDER BY sequence";

/// The events of one account after a position, in the order they were saved.
pub(super) const AFTER: &str = "SELECT position, account_id, subject, sequence, id, at, payload FROM event \
     WHERE account_id = ? AND position > ? ORDER BY position LIMIT ? + 0";

/// The position of the newest event. The sequence remembers it even when its row is gone.
pub(super) const NEWEST: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)";

/// An event as it is stored.
#[derive(Debug)]
pub(super) struct EventRow {
    position: i64,
    account_id: Uuid,
    subject: Uuid,
    sequence: i64,
    id: Uuid,
    at: i64,
    payload: String,
}

impl FromRow<'_, SqliteRow> for EventRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            account_id: row.try_get(1)?,
            subject: row.try_get(2)?,
            sequence: row.try_get(3)?,
            id: row.try_get(4)?,
            at: row.try_get(5)?,
            payload: row.try_get(6)?,
        })
    }
}

impl TryFrom<EventRow> for StoredEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = EventId::from_uuid(row.id);
        let place = Place {
            table: "event",
            id: &id,
        };
        Ok(Self {
            position: row.position,
            event: Event {
                id,
                account: AccountId::from_uuid(row.account_id),
                subject: Subject::Call(CallId::from_uuid(row.subject)),
                sequence: place.number("sequence", row.sequence)?,
                at: place.time("at", row.at)?,
                kind: place.json::<EventKind>("payload", &row.payload)?,
            },
        })
    }
}

pub(super) async fn of_call(
    connection: &mut SqliteConnection,
    account: AccountId,
    call: CallId,
) -> Result<Vec<StoredEvent>, Failure> {
    let rows: Vec<EventRow> = sqlx::query_as(OF_CALL)
        .bind(call.uuid())
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(StoredEvent::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn after(
    connection: &mut SqliteConnection,
    account: AccountId,
    position: i64,
    most: usize,
) -> Result<Vec<StoredEvent>, Failure> {
    let rows: Vec<EventRow> = sqlx::query_as(AFTER)
        .bind(account.uuid())
        .bind(position)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(StoredEvent::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn newest(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar(NEWEST).fetch_one(connection).await?)
}
