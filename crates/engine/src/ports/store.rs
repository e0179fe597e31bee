//! The port to whatever remembers. All state, events and jobs go through it.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, Allowance, Attempt, AudioId, Call, CallId, CallState, Event, EventKind, Key, KeyId, Leg, LegId,
    Mask, MaskId, Outcome, ScheduleId, Subject,
};
use outdial_flow::Flow;
use tokio::sync::watch;

use super::{
    Backlog, Claimed, FirstAnswer, Lane, Nodes, Placing, SharedLimits, StoredSchedule, Wanted, WireMessage, Work,
};

/// Remembers. It decides nothing: what is legal is said in `domain`, and repeated as constraints.
pub trait Store: super::WebhookStore + super::RecordingStore + super::MessageStore {
    /// Saves a change of one call: its state, its events and its job in one transaction that is on
    /// disk when the future resolves.
    ///
    /// The change takes its place in the order of saving when this is called, not when the future is
    /// first polled, so a caller may have several under way. Changes of many calls share a disk sync.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing of the change was saved. A new call whose face has another call of this
    /// reference is [`StoreError::Stale`], too.
    fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Takes calls that are due by a time, the oldest of each lane first, and marks them as taken by this
    /// run of a node. It sees what was given to [`Store::commit`] on this node before. What it costs depends on
    /// how many lanes there are and how much is taken, and not on how many calls wait.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was taken.
    fn claim_due(&self, by: Timestamp, run: &str, wanted: Wanted) -> BoxFuture<'_, Result<Claimed, StoreError>>;

    /// When the next call, or message, that nobody has taken is due, but for those of these lanes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn next_due(&self, work: Work, except: &[Lane]) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// What is due and not dialled yet, counted by an index and up to a bound.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn backlog(&self, placing: Placing) -> BoxFuture<'_, Result<Backlog, StoreError>>;

    /// Gives back what runs that are gone had taken and not journalled, and lists what they had
    /// journalled and not finished. A store that one process uses takes all runs as gone, so this is
    /// asked before anything is taken; one with [`Store::nodes`] knows which are.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was given back.
    fn recover(&self) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>>;

    /// Calls under way whose current attempt should have been over by now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn overdue(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>>;

    /// What several nodes need to share this store; `None` when one process alone can use it.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// The limits that all nodes of this store keep together; `None` when one process alone can use it, which
    /// then keeps them in memory.
    fn shared_limits(&self) -> Option<&dyn SharedLimits> {
        None
    }

    /// A call of this account, with its attempts and legs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn call(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<Option<CallDetails>, StoreError>>;

    /// Calls of this account, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn calls(&self, account: AccountId, filter: CallFilter) -> BoxFuture<'_, Result<Page<Call>, StoreError>>;

    /// Writes the note that a face keeps of a call of its own, in place of the one before; its name stays. Says
    /// whether the face knows the call. A call that is under way can be meant, because no change of a call writes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then the one before is still there.
    fn keep_by_face(&self, account: AccountId, call: CallId, kept: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Takes away what a face keeps of a call of its own; the call itself stays as it is. Says whether there
    /// was something. A call that is under way can be meant, because no change of a call writes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn forget_face(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The events of a call or a message, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn events_of(&self, account: AccountId, subject: Subject) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

    /// Events of this account after a position, in the order they were saved.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn events_after(
        &self,
        account: AccountId,
        position: i64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

    /// The position of the newest event on disk; changes wake whoever follows the events.
    fn newest(&self) -> watch::Receiver<i64>;

    /// The messages of a call's legs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn traces(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<Trace>, StoreError>>;

    /// Adds an account, together with the answer to the request for it where one is given.
    ///
    /// # Errors
    ///
    /// [`StoreError::Taken`] when the name is in use, [`StoreError::Repeated`] when the request was
    /// answered before.
    fn add_account(&self, account: Account, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// All accounts, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<Account>, StoreError>>;

    /// Writes how many calls an account is allowed. Says whether there is such an account.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was written.
    fn allow_account(&self, account: AccountId, allowance: Allowance) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Changes when an account may be allowed something else, on whichever node that was said. What it holds
    /// means nothing.
    fn accounts_changed(&self) -> watch::Receiver<u64>;

    /// Adds a key, together with the answer to the request for it where one is given. Only the SHA-256
    /// of its secret is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not added. It is [`StoreError::Repeated`] when the request was
    /// answered before.
    fn add_key(
        &self,
        key: Key,
        secret_hash: [u8; 32],
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The key whose secret has this SHA-256.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn key_by_hash(&self, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Key>, StoreError>>;

    /// All keys of an account, by the time they were made.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn keys(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Key>, StoreError>>;

    /// Takes a key away. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn remove_key(&self, account: AccountId, key: KeyId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Adds an uploaded audio file, whose bytes are among the blobs already, together with the answer to
    /// the request where one is given.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not added. It is [`StoreError::Repeated`] when the request was
    /// answered before.
    fn add_audio(&self, audio: AudioFile, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// An uploaded audio file of this account.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn audio(&self, account: AccountId, id: AudioId) -> BoxFuture<'_, Result<Option<AudioFile>, StoreError>>;

    /// The answer that is kept for this idempotency key of the account, unless its time is over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn first_answer(
        &self,
        account: AccountId,
        key: [u8; 32],
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<FirstAnswer>, StoreError>>;

    /// Takes away answers whose time is over, this many at most, and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn forget_answers(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Adds a schedule.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not added.
    fn add_schedule(
        &self,
        schedule: StoredSchedule,
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes a schedule as it is now. Says whether it had the version before: if not, somebody else was
    /// faster and nothing was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was written.
    fn change_schedule(&self, schedule: StoredSchedule) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Takes a schedule away. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn remove_schedule(&self, account: AccountId, id: ScheduleId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// A schedule of this account.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn schedule(&self, account: AccountId, id: ScheduleId)
    -> BoxFuture<'_, Result<Option<StoredSchedule>, StoreError>>;

    /// All schedules of this account, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn schedules(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>>;

    /// Schedules of all accounts that want to be looked at ([`outdial_domain::Schedule::wake`]), the longest
    /// waiting first. They are not taken: the version decides who moves one on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn due_schedules(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>>;

    /// When the next schedule wants to be looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn next_schedule(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// Adds a masked pair, together with the answer to the request for it where one is given. Of two that come at once
    /// and [would be mistaken for each other](Mask::is_mistaken_for), one is added.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not added. It is [`StoreError::Taken`] when it would be mistaken for another one of
    /// the account that holds when it is made, and [`StoreError::Repeated`] when the request was answered before.
    fn add_mask(&self, mask: Mask, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes a masked pair away. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still there.
    fn remove_mask(&self, account: AccountId, id: MaskId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// All masked pairs of this account, newest first, those whose time is over too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn masks(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>>;

    /// Those of them with this number, in its normalised form.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    fn masks_of(&self, account: AccountId, number: &str) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>>;

    /// Takes away masked pairs whose time was over at this moment, this many at most, and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then all are still there.
    fn forget_masks(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Whether the store can be read and written; used by `/readyz` and `doctor`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] says what is wrong.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// One change of one call.
#[derive(Debug, Clone)]
pub struct Change {
    /// The call as it is after the change.
    pub call: Call,
    /// How many events the call had before the change; `None` when the call is new. The change is
    /// refused as [`StoreError::Stale`] when the store has another number, because then somebody
    /// else changed the call in between.
    pub since: Option<u32>,
    /// The call's flow, given when the call is new or waits and its flow changes.
    pub flow: Option<Flow>,
    /// The attempt as it is after the change, where it changed.
    pub attempt: Option<Attempt>,
    /// The legs that changed, as they are after the change.
    pub legs: Vec<Leg>,
    /// What happened. Never empty.
    pub events: Vec<Event>,
    /// The messages of legs that ended.
    pub traces: Vec<Trace>,
    /// What becomes of the call's job.
    pub job: Job,
    /// The answer to the request that made the call, where it has an idempotency key. The change is
    /// refused as [`StoreError::Repeated`] when a request with this key was answered before.
    pub answer: Option<FirstAnswer>,
}

impl Change {
    /// The run of a node that takes a leg into the journal by this change, if it is such a change. A store
    /// with [`Store::nodes`] saves it only while the lease of that run lasts, and checks that in the same
    /// transaction.
    #[must_use]
    pub fn journalled_by(&self) -> Option<&str> {
        let journalled = |event: &Event| match event.kind {
            EventKind::Journalled { leg, .. } => Some(leg),
            _ => None,
        };
        let leg = self.events.iter().find_map(journalled)?;
        let leg = self.legs.iter().find(|changed| changed.id == leg)?;
        Some(leg.node.as_str())
    }
}

/// What becomes of a call's job, which is to dial it, or a message's, which is to send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// It stays as it is.
    Keep,
    /// There is something to do at `plan.due`.
    Add,
    /// There is nothing left to do: the leg is in the journal, or the call has ended.
    Remove,
}

impl Job {
    /// What is left to do for a call whose attempt is over: its next attempt, or nothing.
    #[must_use]
    pub fn after_attempt(call: &Call) -> Self {
        match call.state {
            CallState::Scheduled | CallState::Queued => Self::Add,
            CallState::Active | CallState::Ended => Self::Remove,
        }
    }
}

/// A call that this node has taken to dial.
#[derive(Debug, Clone)]
pub struct ClaimedCall {
    /// The run that took it. Only under its lease may the call be dialled.
    pub run: String,
    /// The call.
    pub call: Call,
    /// What it does after the answer.
    pub flow: Flow,
}

/// A call with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDetails {
    /// The call.
    pub call: Call,
    /// What it does after the answer.
    pub flow: Flow,
    /// Its attempts, in order.
    pub attempts: Vec<Attempt>,
    /// Its legs, in the order they were journalled.
    pub legs: Vec<Leg>,
}

/// Which calls to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only calls in this state.
    pub state: Option<CallState>,
    /// Only calls that ended so.
    pub outcome: Option<Outcome>,
    /// Only calls with this tag.
    pub tag: Option<String>,
    /// Only calls to this address, in its normalised form.
    pub to: Option<String>,
    /// Only calls that their maker named so.
    pub reference: Option<String>,
    /// Only calls that were made by this face, and that it still knows.
    pub face: Option<String>,
    /// Only calls that their face calls so.
    pub face_reference: Option<String>,
    /// Only calls made before this one: the cursor.
    pub before: Option<CallId>,
    /// How many at most.
    pub most: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// An event with its place among all events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place: greater for later ones, never used twice.
    pub position: i64,
    /// The event.
    pub event: Event,
}

/// The messages of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The leg.
    pub leg: LegId,
    /// The messages, in order.
    pub messages: Vec<WireMessage>,
}

/// An uploaded audio file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFile {
    /// Names it.
    pub id: AudioId,
    /// Whose it is.
    pub account: AccountId,
    /// What the uploader called it; never used as a path.
    pub name: String,
    /// The hash its bytes are kept under.
    pub blob: String,
    /// What it is, in words.
    pub format: String,
    /// How long it plays, in milliseconds.
    pub millis: u64,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, the file or the server behind the store fails.
    #[error("the store cannot be used: {reason}. {remedy}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// Somebody else changed the call or message in between.
    #[error("{0} was changed by somebody else in between")]
    Stale(Subject),
    /// The run of this node was declared gone, and others have taken over what it had.
    #[error("the run {0} of this node was declared gone: it may not dial any more")]
    Fenced(String),
    /// The name is in use.
    #[error("the name `{0}` is in use")]
    Taken(String),
    /// A request with the same idempotency key was answered before; its answer can be looked up.
    #[error("a request with this idempotency key was answered already")]
    Repeated,
    /// What was to be changed was taken away in between.
    #[error("it was taken away in between")]
    Gone,
    /// A row cannot be understood.
    #[error("table {table}, row {id}, column {column} cannot be read: {reason}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}
