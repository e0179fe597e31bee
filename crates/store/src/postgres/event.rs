//! Events.

use outdial_domain::{AccountId, Event, Subject};
use outdial_engine::ports::StoredEvent;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, error::Failure};
use crate::rows::{
    event::{self, HappenedRow},
    subject::kind,
};

/// Adds what happened, at places behind a position.
pub(super) const ADD: &str = "INSERT INTO event (account_id, kind, subject, sequence, events, position) \
     SELECT account_id, kind, subject, sequence, events, $7 + place \
     FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[]) \
     AS new (account_id, kind, subject, sequence, events, place)";

/// The events of one call or message, in order.
pub(super) const OF_SUBJECT: &str = "SELECT position, account_id, kind, subject, sequence, events FROM event \
     WHERE subject = $1 AND account_id = $2 ORDER BY sequence";

/// The events of one account after a position, in the order they were saved. Every row has one at least.
pub(super) const AFTER: &str = "SELECT position, account_id, kind, subject, sequence, events FROM event \
     WHERE account_id = $1 AND position > $2 ORDER BY position LIMIT $3";

/// What one change made happen.
pub(super) const ONE: &str =
    "SELECT position, account_id, kind, subject, sequence, events FROM event WHERE subject = $1 AND sequence = $2";

/// The position of the newest event.
pub(super) const NEWEST: &str = "SELECT position FROM log WHERE id = 1";

/// Takes so many positions and tells the other nodes of the last, both when the transaction commits. The
/// row stays locked until then: see the schema.
pub(super) const TAKE: &str = "WITH taken AS \
     (UPDATE log SET position = position + $1 WHERE id = 1 RETURNING position) \
     SELECT position, pg_notify('outdial_events', position::text)::text FROM taken";

/// Waits until every transaction that has taken positions has ended.
pub(super) const WAIT_FOR_OTHERS: &str = "SELECT position FROM log WHERE id = 1 FOR UPDATE";

/// Where other nodes tell of new events.
pub(super) const CHANNEL: &str = "outdial_events";

columns! {
    /// What one change made happen, as it is written.
    Written, Happened {
        account_id: Uuid,
        kind: &'static str,
        subject: Uuid,
        sequence: i64,
        events: String,
        place: i64,
    }
}

impl Happened {
    /// Adds the events of a change, so that its last event has this place in the transaction.
    pub(super) fn add(&mut self, events: &[Event], place: i64) {
        let Some(first) = events.first() else { return };
        self.push(Written {
            account_id: first.account.uuid(),
            kind: kind(first.subject),
            subject: first.subject.uuid(),
            sequence: i64::from(first.sequence),
            events: event::text(events),
            place,
        });
    }
}

impl FromRow<'_, PgRow> for HappenedRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            account_id: row.try_get(1)?,
            kind: row.try_get(2)?,
            subject: row.try_get(3)?,
            sequence: row.try_get(4)?,
            events: row.try_get(5)?,
        })
    }
}

pub(super) async fn of_subject(
    connection: &mut PgConnection,
    account: AccountId,
    subject: Subject,
) -> Result<Vec<StoredEvent>, Failure> {
    let rows = sqlx::query_as(OF_SUBJECT)
        .bind(subject.uuid())
        .bind(account.uuid())
        .fetch_all(connection)
        .await?;
    Ok(event::all(rows)?)
}

pub(super) async fn after(
    connection: &mut PgConnection,
    account: AccountId,
    position: i64,
    most: usize,
) -> Result<Vec<StoredEvent>, Failure> {
    let rows = sqlx::query_as(AFTER)
        .bind(account.uuid())
        .bind(position)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(event::page(rows, position, most)?)
}

/// Whether this very change is there.
pub(super) async fn is_there(connection: &mut PgConnection, events: &[Event]) -> Result<bool, sqlx::Error> {
    let Some(first) = events.first() else { return Ok(false) };
    let row: Option<HappenedRow> = sqlx::query_as(ONE)
        .bind(first.subject.uuid())
        .bind(i64::from(first.sequence))
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some_and(|row| row.events == event::text(events)))
}

/// Takes positions for so many events, and gives the last of them.
pub(super) async fn take(connection: &mut PgConnection, events: i64) -> Result<i64, sqlx::Error> {
    sqlx::query(TAKE).bind(events).fetch_one(connection).await?.try_get(0)
}

pub(super) async fn newest(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(NEWEST).fetch_one(connection).await
}
