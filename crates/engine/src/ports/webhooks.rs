//! What is remembered of those who are told of events, and the port to who writes their notifications.
//!
//! What a receiver has yet to be told of one call is a *feed*: how far in the call's events it was told,
//! and how far there is something to tell. When it was told all, the feed is gone. The feed of a call that names its own receiver is moved on in
//! the transaction that saves the event. The feeds of an account's webhooks follow the event log, which
//! each webhook has a position in: moving it on and moving on the feeds is one transaction. So nothing
//! is ever lost between an event and its notification, and calls without webhooks cost nothing.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{
    AccountId, CallWebhook, DeliveryId, Event, EventId, Message, ReceiverId, Subject, Webhook, WebhookId,
};
use tokio::sync::watch;

use super::{CallDetails, FirstAnswer, Page, StoreError, StoredEvent};

/// Remembers webhooks, what is to be told to whom, and what was. Part of a [`Store`](super::Store).
pub trait WebhookStore: Send + Sync {
    /// Adds a webhook, together with the answer to the request for it where one is given.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not added.
    fn add_webhook(&self, webhook: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes the secrets of a webhook, whether it is on, and its position. When it is off, what waits for
    /// it is dropped.
    ///
    /// # Errors
    ///
    /// [`StoreError::Gone`] when there is no such webhook any more.
    fn change_webhook(&self, webhook: Webhook, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes a webhook away with all that waits for it. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn remove_webhook(&self, account: AccountId, id: WebhookId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The webhooks of an account, or of all, by the time they were made.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn webhooks(&self, account: Option<AccountId>) -> BoxFuture<'_, Result<Vec<Webhook>, StoreError>>;

    /// Moves the position of a webhook on, and its feeds. Says whether it was where `from` says; if not,
    /// another node was faster and nothing was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was written.
    fn fan_out(&self, step: FanOut) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Takes receivers that have something to be told, each for this node alone until its time is over.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was taken.
    fn claim_receivers(&self, claim: ReceiverClaim) -> BoxFuture<'_, Result<ClaimedReceivers, StoreError>>;

    /// Keeps a receiver for longer. Says whether it was this node's still.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    fn keep_receiver(
        &self,
        receiver: ReceiverId,
        node: &str,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Gives a receiver back, not to be tried before `due`, with how often in a row it has failed.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is given back when its time is over.
    fn give_receiver_back(
        &self,
        receiver: ReceiverId,
        node: &str,
        failed: u32,
        due: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What a receiver is to be told by now, longest waiting first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn feeds(&self, receiver: ReceiverId, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Feed>, StoreError>>;

    /// Adds feeds, or moves those on that are there already.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was added.
    fn add_feeds(&self, feeds: Vec<Feed>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes what became of deliveries, all in one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was written.
    fn settle(&self, settled: Vec<Settled>, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The log of deliveries, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn deliveries(
        &self,
        account: AccountId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Page<Delivery>, StoreError>>;

    /// Takes entries of the log away that are older than this, so many at most, and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn forget_deliveries(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Changes when something was saved on this node that a receiver of one call is to be told of.
    fn notices(&self) -> watch::Receiver<u64>;
}

/// Who is to be told of which call or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedKey {
    /// The call or message.
    pub subject: Subject,
    /// The webhook of the account; none for the receiver that the call names.
    pub webhook: Option<WebhookId>,
    /// Told once more, because of this request; none for what is told as it happens.
    pub replay: Option<DeliveryId>,
}

/// What a receiver has yet to be told of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Who and which call.
    pub key: FeedKey,
    /// Whose.
    pub account: AccountId,
    /// The receiver.
    pub receiver: ReceiverId,
    /// The sequence of the last event that it was told of, or that it is not to be told of.
    pub told: u32,
    /// The sequence of the last event that it is to be told of.
    pub newest: u32,
    /// How often the next event was tried in vain.
    pub tries: u32,
}

/// A step of a webhook along the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOut {
    /// Whose webhook.
    pub account: AccountId,
    /// The webhook.
    pub webhook: WebhookId,
    /// Where it was.
    pub from: i64,
    /// Where it is.
    pub to: i64,
    /// What it is to be told of.
    pub feeds: Vec<Feed>,
    /// When.
    pub now: Timestamp,
}

/// A wish to serve receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverClaim {
    /// Now.
    pub now: Timestamp,
    /// The run of the node, as [`Engine::run`](crate::Engine::run) gives it: when the run is gone, its
    /// receivers are given back.
    pub node: String,
    /// For how long they are its own at most.
    pub until: Timestamp,
    /// How many at most.
    pub most: usize,
}

/// The receivers that were taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimedReceivers {
    /// Each with how often in a row it has failed.
    pub receivers: Vec<(ReceiverId, u32)>,
    /// When the next one will have something to be told.
    pub next: Option<Timestamp>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whose feed.
    pub key: FeedKey,
    /// Up to which event there is nothing left to do.
    pub told: u32,
    /// How often the event after it was tried in vain.
    pub tries: u32,
    /// When to go on; none when that was all. The feed is gone then, unless something came meanwhile, which
    /// is due at once.
    pub due: Option<Timestamp>,
    /// What goes into the log.
    pub delivery: Option<Delivery>,
}

/// An entry of the log: one try to deliver a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names it; the newer the greater.
    pub id: DeliveryId,
    /// Whose.
    pub account: AccountId,
    /// The call or message.
    pub subject: Subject,
    /// The webhook of the account; none for the receiver that the call names.
    pub webhook: Option<WebhookId>,
    /// The event.
    pub event: EventId,
    /// Its sequence.
    pub sequence: u32,
    /// Its kind.
    pub kind: String,
    /// The address that it was sent to.
    pub url: String,
    /// The how-manieth try it was, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// How the response begins.
    pub response: String,
    /// What became of it.
    pub result: DeliveryResult,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver took it.
    Delivered,
    /// It will be tried again.
    Retried,
    /// It was tried for long enough.
    GivenUp,
    /// The receiver wants nothing more.
    Gone,
}

impl DeliveryResult {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Delivered, Self::Retried, Self::GivenUp, Self::Gone];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Gone => "gone",
        }
    }

    /// The result of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|result| result.as_str() == word)
    }
}

/// Which entries of the log to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only this one.
    pub id: Option<DeliveryId>,
    /// Only those of this call or message.
    pub subject: Option<Subject>,
    /// Only those to this webhook.
    pub webhook: Option<WebhookId>,
    /// Only those older than this one: the cursor.
    pub before: Option<DeliveryId>,
    /// How many at most.
    pub most: usize,
}

/// A call or a message as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of them is read for each notification, and then moved nowhere"
)]
pub enum Snapshot {
    /// A call.
    Call(CallDetails),
    /// A message.
    Message(Message),
}

impl Snapshot {
    /// Who is told of it by its own request.
    #[must_use]
    pub fn webhook(&self) -> Option<&CallWebhook> {
        match self {
            Self::Call(details) => details.call.plan.webhook.as_ref(),
            Self::Message(message) => message.plan.webhook.as_ref(),
        }
    }
}

/// What a notification is written of.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// The call or message as it is now.
    pub snapshot: &'a Snapshot,
    /// The event that is told of.
    pub stored: &'a StoredEvent,
    /// All events of the call or message so far, the oldest first.
    pub history: &'a [StoredEvent],
    /// The time.
    pub now: Timestamp,
}

impl<'a> Happened<'a> {
    /// The event that is told of.
    #[must_use]
    pub fn event(&self) -> &'a Event {
        &self.stored.event
    }
}

/// Writes notifications: a face does, in its own words, for the calls and messages that were made by it.
pub trait NoticeWriter: Send + Sync {
    /// The notification of an event; none when nothing is told of it.
    fn write(&self, happened: &Happened<'_>) -> Option<Notice>;

    /// How often a notification that was not taken is tried again.
    fn patience(&self) -> Patience {
        Patience::Usual
    }
}

/// How often a notification that was not taken is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// With growing pauses, for as long as the configuration says.
    Usual,
    /// After these pauses, and no more.
    Pauses(&'static [Duration]),
}

/// The text of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where to send it instead, where that is not the receiver's own address, or it has none.
    pub url: Option<String>,
    /// What kind of text it is, as `application/json`.
    pub content_type: String,
    /// What else its receiver wants to be told beside it: names and values of headers.
    pub headers: Vec<(&'static str, String)>,
    /// The text.
    pub body: String,
}
