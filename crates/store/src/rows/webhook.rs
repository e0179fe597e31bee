//! Webhooks, and what is yet to be told to receivers.

use std::borrow::Cow;

use outdial_domain::{AccountId, DeliveryId, EventFilter, LiveSecret, ReceiverId, Webhook, WebhookId};
use outdial_engine::ports::{Change, Feed, FeedKey, StoreError};
use uuid::Uuid;

use super::{
    column::{Place, micros},
    subject,
};

#[derive(Debug)]
pub(crate) struct WebhookRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) url: String,
    pub(crate) events: String,
    pub(crate) secrets: String,
    pub(crate) disabled: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) position: i64,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = StoreError;

    fn try_from(row: WebhookRow) -> Result<Self, StoreError> {
        let id = WebhookId::from_uuid(row.id);
        let place = Place {
            table: "webhook",
            id: &id,
        };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            url: row.url,
            events: place.json::<EventFilter>("events", &row.events)?,
            secrets: place.json::<Vec<LiveSecret>>("secrets", &row.secrets)?,
            disabled: row.disabled,
            created_at: place.time("created_at", row.created_at)?,
            position: row.position,
        })
    }
}

/// A feed as it is stored. Where there is no webhook or no replay its id is all zeros, because the three
/// ids together are the key.
#[derive(Debug)]
pub(crate) struct FeedRow {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) subject: Uuid,
    pub(crate) webhook_id: Uuid,
    pub(crate) replay_id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) receiver: Uuid,
    pub(crate) told: i64,
    pub(crate) newest: i64,
    pub(crate) tries: i64,
}

impl From<&Feed> for FeedRow {
    fn from(feed: &Feed) -> Self {
        let (subject, webhook_id, replay_id) = key(&feed.key);
        Self {
            kind: subject::kind(feed.key.subject).into(),
            subject,
            webhook_id,
            replay_id,
            account_id: feed.account.uuid(),
            receiver: feed.receiver.uuid(),
            told: feed.told.into(),
            newest: feed.newest.into(),
            tries: feed.tries.into(),
        }
    }
}

/// The ids of a feed as they are stored.
pub(crate) fn key(key: &FeedKey) -> (Uuid, Uuid, Uuid) {
    (
        key.subject.uuid(),
        key.webhook.map_or(Uuid::nil(), |id| id.uuid()),
        key.replay.map_or(Uuid::nil(), |id| id.uuid()),
    )
}

impl TryFrom<FeedRow> for Feed {
    type Error = StoreError;

    fn try_from(row: FeedRow) -> Result<Self, StoreError> {
        let place = Place {
            table: "feed",
            id: &row.subject,
        };
        let subject = subject::read(place, &row.kind, row.subject)?;
        let place = Place { id: &subject, ..place };
        let given = |id: Uuid| (!id.is_nil()).then_some(id);
        Ok(Self {
            key: FeedKey {
                subject,
                webhook: given(row.webhook_id).map(WebhookId::from_uuid),
                replay: given(row.replay_id).map(DeliveryId::from_uuid),
            },
            account: AccountId::from_uuid(row.account_id),
            receiver: ReceiverId::from_uuid(row.receiver),
            told: place.number("told", row.told)?,
            newest: place.number("newest", row.newest)?,
            tries: place.number("tries", row.tries)?,
        })
    }
}

/// What the receiver that a call names is to be told of a change, and since when.
pub(crate) fn noticed(change: &Change) -> Option<(FeedRow, i64)> {
    let webhook = change.call.plan.webhook.as_ref()?;
    let mut wanted = change.events.iter().filter(|event| webhook.events.wants(&event.kind));
    let first = wanted.next()?;
    let last = wanted.next_back().unwrap_or(first);
    let row = FeedRow {
        kind: subject::kind(change.call.id.into()).into(),
        subject: change.call.id.uuid(),
        webhook_id: Uuid::nil(),
        replay_id: Uuid::nil(),
        account_id: change.call.account.uuid(),
        receiver: webhook.receiver.uuid(),
        told: i64::from(first.sequence) - 1,
        newest: last.sequence.into(),
        tries: 0,
    };
    Some((row, micros(first.at)))
}
