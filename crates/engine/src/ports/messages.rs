//! What is remembered of messages. Part of a [`Store`](super::Store).
//!
//! A message is one row with its plan and how far it is; the network's names for what was submitted are an index
//! of their own, because receipts name nothing else. A receipt may come before the answer that gives the name:
//! it is kept then, and handed to whoever saves that answer, in the same transaction. It is forgotten when what it
//! says is on disk, so that a crash in between loses nothing.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{AccountId, Address, Direction, Event, Message, MessageId, MessageState, message::Receipt};

use super::{ArrivedText, FirstAnswer, Job, Page, StoreError, Wanted};

/// Remembers messages, receipts that came early, parts of texts that come in, and who wants no texts.
pub trait MessageStore: Send + Sync {
    /// Saves changes of messages in one transaction that is on disk when the future resolves: all but those that
    /// are said to be stale. When the mark of one was there already, nothing of the batch is saved.
    ///
    /// The batch takes its place in the order of saving when this is called. Batches of many callers share a sync
    /// of the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was saved. It is [`StoreError::Repeated`] when the request was answered before.
    fn commit_messages(&self, batch: MessageBatch) -> BoxFuture<'static, Result<Vec<SavedMessage>, StoreError>>;

    /// Takes messages that are due by a time, the oldest of each lane first, as
    /// [`claim_due`](super::Store::claim_due) takes calls.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was taken.
    fn claim_messages(
        &self,
        by: Timestamp,
        run: &str,
        wanted: Wanted,
    ) -> BoxFuture<'_, Result<ClaimedMessages, StoreError>>;

    /// Messages that are in the journal of runs that are gone, and have no answer. What such runs had claimed and
    /// not journalled is given back by [`recover`](super::Store::recover).
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn interrupted_messages(&self) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// Messages that the network has and of which nothing more is to be expected, the oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn overdue_messages(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// A message of this account.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn message(&self, account: AccountId, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>>;

    /// Messages of this account, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn messages(&self, account: AccountId, filter: MessageFilter) -> BoxFuture<'_, Result<Page<Message>, StoreError>>;

    /// Finds the messages that receipts are for, in their order. A receipt for nothing that is known is kept, for
    /// the answer that may follow.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was kept.
    fn take_receipts(
        &self,
        receipts: Vec<TrunkReceipt>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Option<Message>>, StoreError>>;

    /// Receipts that are kept although their names are known by now: what they say may not be on disk yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn known_receipts(&self, most: usize) -> BoxFuture<'_, Result<Vec<TrunkReceipt>, StoreError>>;

    /// Takes away the receipts that are kept under these names, because what they say is on disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn forget_receipts(&self, names: Vec<ReceiptName>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps a part of a text that comes in, and gives all that are there of that text, by their numbers. They are
    /// taken away with the change that [joins](MessageChange::joins) them.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not kept.
    fn keep_part(
        &self,
        trunk: String,
        part: ArrivedText,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<ArrivedText>, StoreError>>;

    /// Takes away receipts and parts that came before this moment and that nobody took, so many of each at most,
    /// and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn forget_arrivals(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Writes that these want no texts of the account. Says how many were not on the list before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was written.
    fn leave_alone(&self, account: AccountId, entries: Vec<LeftAlone>) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Takes these off the list. Says how many were on it.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn allow_again(&self, account: AccountId, numbers: Vec<String>) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Those of these numbers that are on the account's list, or the list behind a number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn left_alone(&self, account: AccountId, which: Which) -> BoxFuture<'_, Result<Vec<LeftAlone>, StoreError>>;
}

/// Which entries of the list of those who want no texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those of these numbers, in their normalised form.
    Of(Vec<String>),
    /// Those behind this number, by number, and so many at most.
    After(Option<String>, usize),
}

/// Somebody who wants no texts of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// Their number, in its normalised form.
    pub number: String,
    /// Since when.
    pub since: Timestamp,
    /// How it came to be known, in words.
    pub because: String,
}

/// Changes of messages that are saved together.
#[derive(Debug, Clone)]
pub struct MessageBatch {
    /// The changes, of a message each.
    pub changes: Vec<MessageChange>,
    /// The answer to the request that made the messages, where it has an idempotency key.
    pub answer: Option<FirstAnswer>,
}

impl From<MessageChange> for MessageBatch {
    fn from(change: MessageChange) -> Self {
        Self {
            changes: vec![change],
            answer: None,
        }
    }
}

/// One change of one message.
#[derive(Debug, Clone)]
pub struct MessageChange {
    /// The message as it is after the change. Whoever saves it may have to try again, so it is shared.
    pub message: Arc<Message>,
    /// How many events it had before; `None` when it is new. The change is stale when the store has another number.
    pub since: Option<u32>,
    /// What happened. Never empty.
    pub events: Vec<Event>,
    /// What becomes of its job, which is to send it.
    pub job: Job,
    /// The run of a node that takes it into the journal by this change. It is saved only where its receiver is not on
    /// the list of those who want no texts, unless it answers a word of theirs, and by a store with [`nodes`](super::Store::nodes) only while the lease of
    /// that run lasts.
    pub journalled_by: Option<String>,
    /// What must not be there yet: the mark of the same text to the same receiver. Then the change is repeated.
    pub mark: Option<FirstAnswer>,
    /// The names that the network gave to submissions by this change, under which receipts come over its trunk.
    pub names: Vec<String>,
    /// A part of the text that came in: all parts of it are joined now.
    pub joins: Option<ArrivedText>,
}

impl MessageChange {
    /// A change that saves these events with the message as they made it. The job follows from where it stands.
    #[must_use]
    pub fn new(message: Message, events: Vec<Event>) -> Self {
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let since = message.events.saturating_sub(count);
        Self {
            job: match message.state {
                MessageState::Scheduled | MessageState::Queued => Job::Add,
                MessageState::Sending
                | MessageState::Failed
                | MessageState::Unknown
                | MessageState::Expired
                | MessageState::Refused
                | MessageState::Canceled
                | MessageState::Received => Job::Remove,
                // The journal took it away.
                MessageState::Submitted
                | MessageState::Sent
                | MessageState::Delivered
                | MessageState::Undelivered
                | MessageState::Rejected => Job::Keep,
            },
            since: (since > 0).then_some(since),
            message: Arc::new(message),
            events,
            journalled_by: None,
            mark: None,
            names: Vec::new(),
            joins: None,
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedMessage {
    /// It is on disk.
    Saved {
        /// Receipts for its submissions that came before the change. They are kept until they are
        /// [forgotten](MessageStore::forget_receipts).
        early: Vec<Receipt>,
    },
    /// Somebody else changed the message in between, or another of the batch is repeated; nothing was written.
    Stale,
    /// Its mark was there already; nothing was written.
    Repeated,
    /// It was to be taken into the journal, and its receiver wants no texts; nothing was written.
    Unwanted {
        /// How that came to be known, in words.
        because: String,
    },
}

/// The messages that were taken.
#[derive(Debug, Clone, Default)]
pub struct ClaimedMessages {
    /// The messages, in the order in which they are due.
    pub messages: Vec<Message>,
    /// Whether there may be more that is wanted, so that it is worth asking again at once.
    pub more: bool,
}

/// What a network says of a part, and over which trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkReceipt {
    /// The trunk.
    pub trunk: String,
    /// What it says.
    pub receipt: Receipt,
}

/// A network's name for a submission, and the trunk that leads to that network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptName {
    /// The trunk.
    pub trunk: String,
    /// The name.
    pub id: String,
}

/// Which messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only messages in this state.
    pub state: Option<MessageState>,
    /// Only those that we send, or that came in.
    pub direction: Option<Direction>,
    /// Only messages to this receiver, in its normalised form.
    pub to: Option<Address>,
    /// Only messages with this tag.
    pub tag: Option<String>,
    /// Only messages that their sender named so.
    pub reference: Option<String>,
    /// Only messages made before this one: the cursor.
    pub before: Option<MessageId>,
    /// How many at most.
    pub most: usize,
}
