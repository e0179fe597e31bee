//! Webhooks, and what became of notifications.

use outdial_domain::{self as domain, EventKind};
use outdial_engine::{ports, verbs};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Call, Event, Message, Time};

/// A kind of event.
pub(in crate::native) struct EventWord;

impl PartialSchema for EventWord {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(EventKind::WORDS.iter().copied()))
            .into()
    }
}

impl ToSchema for EventWord {}

/// Who is told of all calls of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Webhook {
    /// Names it.
    #[schema(example = "hook_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// Where notifications are sent.
    url: String,
    /// The kinds of events it is told of; an empty list means all.
    #[schema(value_type = Vec<EventWord>)]
    events: Vec<String>,
    /// Why nothing is sent to it any more; `null` while it is on.
    #[schema(required = true)]
    disabled: Option<String>,
    created_at: Time,
    /// When each of its live secrets stops to sign, the newest first; `null` for never.
    secrets_until: Vec<Option<Time>>,
}

/// A webhook with its new secret.
#[derive(Serialize, ToSchema)]
pub(in crate::native) struct NewWebhook {
    #[serde(flatten)]
    webhook: Webhook,
    /// What notifications are signed with, by Standard Webhooks. It is shown now and never again.
    #[schema(example = "whsec_…", format = Password)]
    secret: String,
}

/// The webhooks of an account, by the time they were made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct WebhookList {
    pub(in crate::native) webhooks: Vec<Webhook>,
}

impl From<domain::Webhook> for Webhook {
    fn from(webhook: domain::Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            secrets_until: webhook.secrets.iter().map(|live| live.until.map(Time)).collect(),
            events: webhook.events.words().to_vec(),
            url: webhook.url,
            disabled: webhook.disabled,
            created_at: Time(webhook.created_at),
        }
    }
}

impl From<domain::Webhook> for NewWebhook {
    fn from(webhook: domain::Webhook) -> Self {
        let newest = webhook.secrets.first();
        Self {
            secret: newest.map(|live| live.secret.expose().to_owned()).unwrap_or_default(),
            webhook: webhook.into(),
        }
    }
}

/// Who is told of one call. Its secret is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct CallWebhook {
    /// Where notifications are sent.
    url: String,
    /// The kinds of events it is told of; an empty list means all.
    #[schema(value_type = Vec<EventWord>)]
    events: Vec<String>,
    /// Whether notifications are signed.
    signed: bool,
}

impl CallWebhook {
    /// None of a call whose interface names receivers as it goes on.
    pub(in crate::native) fn of(webhook: domain::CallWebhook) -> Option<Self> {
        Some(Self {
            events: webhook.events.words().to_vec(),
            signed: webhook.secret.is_some(),
            url: webhook.url?,
        })
    }
}

/// One try to deliver a notification.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Delivery {
    /// Names it.
    #[schema(example = "dlv_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// The call that it told of, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    /// The message that it told of, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The webhook of the account; `null` for the receiver that the call or message names.
    #[schema(required = true)]
    webhook: Option<String>,
    /// The event, whose id is that of the notification.
    event: String,
    /// Its place among the events of the call or message.
    sequence: u32,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(value_type = EventWord)]
    kind: String,
    /// Where it was sent, without what follows a question mark.
    url: String,
    /// 1 for the first try.
    attempt: u32,
    at: Time,
    /// How long it took.
    millis: u64,
    /// The HTTP status, where there was an answer.
    #[schema(required = true)]
    status: Option<u16>,
    /// What went wrong.
    #[schema(required = true)]
    error: Option<String>,
    /// How the answer begins.
    response: String,
    /// `delivered`, `retried`: it will be tried again, `given_up`: it was tried for long enough, or `gone`:
    /// the receiver wants nothing more.
    result: &'static str,
}

/// Some deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct DeliveryList {
    pub(in crate::native) deliveries: Vec<Delivery>,
    /// Give it as `cursor` for those after them; `null` at the end.
    #[schema(required = true)]
    pub(in crate::native) next: Option<String>,
}

impl From<ports::Delivery> for Delivery {
    fn from(delivery: ports::Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            call: delivery.subject.call().map(|id| id.to_string()),
            message: delivery.subject.message().map(|id| id.to_string()),
            webhook: delivery.webhook.map(|id| id.to_string()),
            event: delivery.event.to_string(),
            sequence: delivery.sequence,
            kind: delivery.kind,
            url: delivery.url,
            attempt: delivery.attempt,
            at: Time(delivery.at),
            millis: delivery.millis,
            status: delivery.status,
            error: delivery.error,
            response: delivery.response,
            result: delivery.result.as_str(),
        }
    }
}

/// What is told again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Replayed {
    /// How many events.
    events: usize,
    /// The position after which to go on, where that was not all.
    #[schema(required = true)]
    more_after: Option<i64>,
}

impl From<verbs::Replayed> for Replayed {
    fn from(replayed: verbs::Replayed) -> Self {
        Self {
            events: replayed.events,
            more_after: replayed.more_after,
        }
    }
}

/// The body of a notification, as receivers get it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Notification {
    /// `call.` or `message.`, and what happened.
    #[serde(rename = "type")]
    #[schema(example = "call.ended")]
    pub(in crate::native) kind: String,
    /// When it happened.
    pub(in crate::native) timestamp: Time,
    pub(in crate::native) data: NotificationData,
}

/// What happened, and the call or message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct NotificationData {
    /// What happened; its id is that of the notification, its sequence tells the order.
    pub(in crate::native) event: Event,
    /// Of a recording that is complete: opens its sound for a while, without a key; the rest of the URL behind that of
    /// this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::native) recording_url: Option<String>,
    /// How many events of the call are in the snapshot. More than the event's sequence when the call had
    /// moved on before the notification was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::native) call_events: Option<u32>,
    /// The whole call when the notification was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::native) call: Option<Call>,
    /// The whole message when the notification was sent; its `version` is how many events are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::native) message: Option<Message>,
}
