//! The store in a PostgreSQL database.

mod account;
mod arrival;
mod attempt;
mod audio;
mod backlog;
mod batch;
mod blobs;
mod call;
mod check;
mod columns;
mod command;
mod delivery;
mod error;
mod event;
mod examine;
mod feed;
mod first_answer;
mod follow;
mod job;
mod key;
mod leg;
mod limits;
mod mask;
mod message;
mod message_batch;
mod migrate;
mod node;
mod nodes;
mod open;
#[cfg(test)]
mod plans;
mod progress;
mod receiver;
mod recording;
mod recordings;
mod room;
mod schedule;
mod telling;
mod text;
mod texting;
mod trace;
mod webhook;
mod writer;

pub use self::{blobs::PostgresBlobs, recordings::PostgresRecordings};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, Allowance, AudioId, Call, CallId, Key, KeyId, Mask, MaskId, ScheduleId, Subject, Webhook,
};
use outdial_engine::ports::{
    AudioFile, Backlog, CallDetails, CallFilter, Change, Claimed, Count, Counted, FirstAnswer, Lane, Nodes, Page,
    Placing, SharedLimits, Store, StoreError, StoredEvent, StoredSchedule, Trace, Wanted, Work,
};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{error::Failure, job::Claim, nodes::PostgresNodes, writer::Writer};
use crate::Examination;

/// A server that takes longer than this to count calls is asked anew.
const COUNTS_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// State in a PostgreSQL database, version 15 or later: one connection that saves many changes with one
/// commit, a few that read, and one that hears what other nodes have saved.
///
/// Times are kept to the microsecond, and a plan as it was when its call was dialled.
///
/// When the server goes away, operations fail with what to do about it, and work again by themselves
/// when it is back. A commit whose answer was lost is looked up when the server is back soon; if it is
/// not, the error says that it may have been saved. Such a change that is given again is stale if it was.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    writer: Writer,
    writing: JoinHandle<()>,
    nodes: PostgresNodes,
    newest: watch::Receiver<i64>,
    notices: watch::Receiver<u64>,
    accounts: watch::Receiver<u64>,
    following: JoinHandle<()>,
}

impl PostgresStore {
    /// Connects to the database that this URL names, and brings it to the schema of this program. Call
    /// it within a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database cannot be used: no server, no such database, a wrong
    /// password, a server that is too old, somebody else's tables, or those of a newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = open::options(url)?;
        let mut connection = open::connect(&options).await?;
        migrate::migrate(&mut connection).await.map_err(StoreError::from)?;
        let position = event::newest(&mut connection).await.map_err(Failure::from)?;
        let pool = open::pool(&options);
        let (sender, newest) = watch::channel(position);
        let (noticed, notices) = watch::channel(0);
        let (writer, writing) = writer::start(connection, options.clone(), sender.clone(), noticed);
        let (told, commanded) = watch::channel(0);
        let nodes = PostgresNodes::new(open::single(&options), commanded);
        let (changed, accounts) = watch::channel(0);
        let ears = follow::Ears {
            newest: sender,
            commanded: told,
            accounts: changed,
        };
        let following = tokio::spawn(follow::follow(pool.clone(), ears));
        Ok(Self {
            pool,
            writer,
            writing,
            nodes,
            newest,
            notices,
            accounts,
            following,
        })
    }

    /// Examines the whole database that this URL names. Nodes may be using it meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be read, or has not the schema of this program.
    pub async fn examine(url: &str) -> Result<Examination, StoreError> {
        examine::examine(url).await
    }

    /// The webhooks of all accounts in the database that this URL names. Nodes may be using it meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be read, or has not the schema of this program.
    pub async fn webhooks_at(url: &str) -> Result<Vec<Webhook>, StoreError> {
        let mut connection = open::connect(&open::options(url)?).await?;
        migrate::is_current(&mut connection).await?;
        let webhooks = webhook::list(&mut connection, None).await?;
        connection.close().await.map_err(Failure::from)?;
        Ok(webhooks)
    }

    /// Keeps large byte strings in the same database.
    #[must_use]
    pub fn blobs(&self) -> PostgresBlobs {
        PostgresBlobs::new(self.pool.clone())
    }

    /// Saves what is queued and closes all connections. A store that is dropped does the same, as long
    /// as the runtime runs.
    pub async fn close(self) {
        let Self {
            pool,
            writer,
            writing,
            nodes,
            following,
            ..
        } = self;
        following.abort();
        drop(writer);
        if let Err(error) = writing.await {
            tracing::error!(%error, "the writer of the store failed");
        }
        nodes.close().await;
        pool.close().await;
    }

    /// Does something with one of the connections.
    fn with<'s, T, W>(&'s self, work: W) -> BoxFuture<'s, Result<T, StoreError>>
    where
        T: Send + 's,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 's,
    {
        async move {
            let mut connection = self.pool.acquire().await.map_err(Failure::from)?;
            Ok(work(&mut connection).await?)
        }
        .boxed()
    }
}

impl SharedLimits for PostgresStore {
    fn count(&self, count: Count) -> BoxFuture<'_, Result<Counted, StoreError>> {
        self.with(move |connection| {
            async move {
                match timeout(COUNTS_WITHIN, limits::count(connection, &count)).await {
                    Ok(counted) => counted,
                    Err(_) => Err(error::too_slow().into()),
                }
            }
            .boxed()
        })
    }
}

impl Store for PostgresStore {
    fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>> {
        self.writer.commit(change)
    }

    fn claim_due(&self, by: Timestamp, run: &str, wanted: Wanted) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        let run = run.to_owned();
        let claim = Claim { by, run, wanted };
        // Only when it is polled, so that a claim that nobody waits for takes nothing.
        async move { self.writer.claim(claim).await }.boxed()
    }

    fn shared_limits(&self) -> Option<&dyn SharedLimits> {
        Some(self)
    }

    fn next_due(&self, work: Work, except: &[Lane]) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        let except = except.to_vec();
        self.with(move |connection| async move { backlog::next_due(connection, work, &except).await }.boxed())
    }

    fn backlog(&self, placing: Placing) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.with(move |connection| async move { backlog::backlog(connection, &placing).await }.boxed())
    }

    fn recover(&self) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        self.writer.recover()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(&self.nodes)
    }

    fn overdue(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        self.with(move |connection| job::overdue(connection, now).boxed())
    }

    fn call(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<Option<CallDetails>, StoreError>> {
        self.with(move |connection| {
            async move {
                let mut moment = connection.begin_with(open::MOMENT).await?;
                let found = call::details(&mut moment, account, id).await?;
                moment.commit().await?;
                Ok(found)
            }
            .boxed()
        })
    }

    fn calls(&self, account: AccountId, filter: CallFilter) -> BoxFuture<'_, Result<Page<Call>, StoreError>> {
        self.with(move |connection| async move { call::list(connection, account, &filter).await }.boxed())
    }

    fn keep_by_face(&self, account: AccountId, id: CallId, kept: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| call::keep_by_face(connection, account, id, kept).boxed())
    }

    fn forget_face(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| call::forget_face(connection, account, id).boxed())
    }

    fn events_of(&self, account: AccountId, subject: Subject) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.with(move |connection| event::of_subject(connection, account, subject).boxed())
    }

    fn events_after(
        &self,
        account: AccountId,
        position: i64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.with(move |connection| event::after(connection, account, position, most).boxed())
    }

    fn newest(&self) -> watch::Receiver<i64> {
        self.newest.clone()
    }

    fn traces(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<Trace>, StoreError>> {
        self.with(move |connection| trace::of_call(connection, account, call).boxed())
    }

    fn add_account(&self, account: Account, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { account::add(connection, &account).await }.boxed()
            })
            .boxed()
        })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        self.with(|connection| account::all(connection).boxed())
    }

    fn allow_account(&self, account: AccountId, allowance: Allowance) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| async move { account::allow(connection, account, &allowance).await }.boxed())
    }

    fn accounts_changed(&self) -> watch::Receiver<u64> {
        self.accounts.clone()
    }

    fn add_key(
        &self,
        key: Key,
        secret_hash: [u8; 32],
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { key::add(connection, &key, secret_hash).await }.boxed()
            })
            .boxed()
        })
    }

    fn key_by_hash(&self, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Key>, StoreError>> {
        self.with(move |connection| key::by_hash(connection, secret_hash).boxed())
    }

    fn keys(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Key>, StoreError>> {
        self.with(move |connection| key::of_account(connection, account).boxed())
    }

    fn remove_key(&self, account: AccountId, key: KeyId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| key::remove(connection, account, key).boxed())
    }

    fn add_audio(&self, audio: AudioFile, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { audio::add(connection, &audio).await }.boxed()
            })
            .boxed()
        })
    }

    fn audio(&self, account: AccountId, id: AudioId) -> BoxFuture<'_, Result<Option<AudioFile>, StoreError>> {
        self.with(move |connection| audio::one(connection, account, id).boxed())
    }

    fn first_answer(
        &self,
        account: AccountId,
        key: [u8; 32],
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<FirstAnswer>, StoreError>> {
        self.with(move |connection| first_answer::one(connection, account, key, now).boxed())
    }

    fn forget_answers(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| first_answer::forget(connection, now, most).boxed())
    }

    fn add_schedule(
        &self,
        schedule: StoredSchedule,
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { schedule::add(connection, &schedule).await }.boxed()
            })
            .boxed()
        })
    }

    fn change_schedule(&self, schedule: StoredSchedule) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| async move { schedule::change(connection, &schedule).await }.boxed())
    }

    fn remove_schedule(&self, account: AccountId, id: ScheduleId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| schedule::remove(connection, account, id).boxed())
    }

    fn schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
    ) -> BoxFuture<'_, Result<Option<StoredSchedule>, StoreError>> {
        self.with(move |connection| schedule::one(connection, account, id).boxed())
    }

    fn schedules(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.with(move |connection| schedule::of_account(connection, account).boxed())
    }

    fn due_schedules(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.with(move |connection| schedule::due(connection, now, most).boxed())
    }

    fn next_schedule(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.with(|connection| schedule::next(connection).boxed())
    }

    fn add_mask(&self, mask: Mask, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(move |connection| {
            first_answer::with(connection, answer, move |connection| {
                async move { mask::add(connection, &mask).await }.boxed()
            })
            .boxed()
        })
    }

    fn remove_mask(&self, account: AccountId, id: MaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(move |connection| mask::remove(connection, account, id).boxed())
    }

    fn masks(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        self.with(move |connection| mask::of_account(connection, account).boxed())
    }

    fn masks_of(&self, account: AccountId, number: &str) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        let number = number.to_owned();
        self.with(move |connection| mask::of_number(connection, account, number).boxed())
    }

    fn forget_masks(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(move |connection| mask::forget(connection, before, most).boxed())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|connection| check::check(connection).boxed())
    }
}
