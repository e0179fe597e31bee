//! The log of deliveries.

use std::borrow::Cow;

use outdial_domain::{AccountId, DeliveryId, EventId, WebhookId};
use outdial_engine::ports::{Delivery, DeliveryResult, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    column::{Place, json, micros},
    subject,
};

#[derive(Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) subject: Uuid,
    pub(crate) webhook_id: Option<Uuid>,
    pub(crate) at: i64,
    pub(crate) entry: String,
}

/// What is only read whole.
#[derive(Serialize, Deserialize)]
struct Entry<'d> {
    event: EventId,
    sequence: u32,
    kind: Cow<'d, str>,
    url: Cow<'d, str>,
    attempt: u32,
    millis: u64,
    status: Option<u16>,
    error: Option<Cow<'d, str>>,
    response: Cow<'d, str>,
    result: Cow<'d, str>,
}

impl From<&Delivery> for DeliveryRow {
    fn from(delivery: &Delivery) -> Self {
        let entry = Entry {
            event: delivery.event,
            sequence: delivery.sequence,
            kind: Cow::Borrowed(&delivery.kind),
            url: Cow::Borrowed(&delivery.url),
            attempt: delivery.attempt,
            millis: delivery.millis,
            status: delivery.status,
            error: delivery.error.as_deref().map(Cow::Borrowed),
            response: Cow::Borrowed(&delivery.response),
            result: Cow::Borrowed(delivery.result.as_str()),
        };
        Self {
            account_id: delivery.account.uuid(),
            id: delivery.id.uuid(),
            kind: subject::kind(delivery.subject).into(),
            subject: delivery.subject.uuid(),
            webhook_id: delivery.webhook.map(|id| id.uuid()),
            at: micros(delivery.at),
            entry: json(&entry),
        }
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let id = DeliveryId::from_uuid(row.id);
        let place = Place {
            table: "delivery",
            id: &id,
        };
        let entry: Entry<'_> = place.json("entry", &row.entry)?;
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            subject: subject::read(place, &row.kind, row.subject)?,
            webhook: row.webhook_id.map(WebhookId::from_uuid),
            event: entry.event,
            sequence: entry.sequence,
            kind: entry.kind.into_owned(),
            url: entry.url.into_owned(),
            attempt: entry.attempt,
            at: place.time("at", row.at)?,
            millis: entry.millis,
            status: entry.status,
            error: entry.error.map(Cow::into_owned),
            response: entry.response.into_owned(),
            result: place.word("entry", &entry.result, DeliveryResult::from_word)?,
        })
    }
}
