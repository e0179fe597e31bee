//! Events. What one change made happen is one row: it is written and read together.

use std::borrow::Cow;

use outdial_domain::{AccountId, Event, EventId, EventKind};
use outdial_engine::ports::{StoreError, StoredEvent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    column::{Place, json_of_about, micros},
    subject,
};

/// What one change made happen, as it is stored.
#[derive(Debug)]
pub(crate) struct HappenedRow {
    /// The position of its last event.
    pub(crate) position: i64,
    pub(crate) account_id: Uuid,
    pub(crate) kind: String,
    pub(crate) subject: Uuid,
    /// The sequence of its first event.
    pub(crate) sequence: i64,
    pub(crate) events: String,
}

/// One of its events: its id, its time and what happened.
#[derive(Debug, Serialize, Deserialize)]
struct Happened<'e>(EventId, i64, Cow<'e, EventKind>);

/// The events of a change as one text.
pub(crate) fn text(events: &[Event]) -> String {
    let happened: Vec<Happened<'_>> = events
        .iter()
        .map(|event| Happened(event.id, micros(event.at), Cow::Borrowed(&event.kind)))
        .collect();
    json_of_about(256 * happened.len(), &happened)
}

/// How many positions the events of a change take.
pub(crate) fn count(events: &[Event]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}

impl TryFrom<HappenedRow> for Vec<StoredEvent> {
    type Error = StoreError;

    fn try_from(row: HappenedRow) -> Result<Self, StoreError> {
        let id = (row.subject, row.sequence);
        let place = Place {
            table: "event",
            id: &id,
        };
        let subject = subject::read(place, &row.kind, row.subject)?;
        let id = (subject, row.sequence);
        let place = Place { id: &id, ..place };
        let happened: Vec<Happened<'_>> = place.json("events", &row.events)?;
        let first = row.position - i64::try_from(happened.len()).unwrap_or(i64::MAX) + 1;
        (0..)
            .zip(happened)
            .map(|(index, Happened(id, at, kind))| {
                Ok(StoredEvent {
                    position: first + index,
                    event: Event {
                        id,
                        account: AccountId::from_uuid(row.account_id),
                        subject,
                        sequence: place.number("sequence", row.sequence + index)?,
                        at: place.time("events", at)?,
                        kind: kind.into_owned(),
                    },
                })
            })
            .collect()
    }
}

/// The events of these rows, in their order.
pub(crate) fn all(rows: Vec<HappenedRow>) -> Result<Vec<StoredEvent>, StoreError> {
    let mut events = Vec::with_capacity(2 * rows.len());
    for row in rows {
        events.append(&mut row.try_into()?);
    }
    Ok(events)
}

/// The same, only those after a position and only so many: a reader may stop within a row.
pub(crate) fn page(rows: Vec<HappenedRow>, position: i64, most: usize) -> Result<Vec<StoredEvent>, StoreError> {
    let mut events = all(rows)?;
    events.retain(|stored| stored.position > position);
    events.truncate(most);
    Ok(events)
}
