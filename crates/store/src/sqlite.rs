//! The store in one SQLite file.

mod account;
mod attempt;
mod audio;
mod batch;
mod call;
mod check;
mod column;
mod error;
mod event;
mod job;
mod key;
mod leg;
mod migrate;
pub(crate) mod open;
#[cfg(test)]
mod plans;
mod progress;
mod statement;
mod trace;
mod transaction;
mod writer;

use std::path::{Path, PathBuf};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{Account, AccountId, AudioId, Call, CallId, Key, KeyId};
use outdial_engine::ports::{
    AudioFile, CallDetails, CallFilter, Change, ClaimedCall, Page, Store, StoreError, StoredEvent, Trace,
};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::{sync::watch, task::JoinHandle};

use self::{error::Failure, job::Claim, writer::Writer};

/// State in one SQLite file: one writer that saves many changes with one sync of the disk, and readers
/// that never wait for it.
///
/// Times are kept to the microsecond. A plan is written when a call is made and while it waits; from
/// the moment it is dialled its plan is what it was.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    writing: JoinHandle<()>,
    readers: SqlitePool,
    newest: watch::Receiver<i64>,
}

impl SqliteStore {
    /// Opens the file, makes it (readable by its owner only) when it is not there, and brings it to
    /// the schema of this program. Call it within a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be used: no permission, not a database, or the
    /// database of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::create(path)?;
        let options = open::for_writing(path);
        let mut connection = open::connect(&options).await?;
        let position = async {
            migrate::migrate(&mut connection).await?;
            event::newest(&mut connection).await
        }
        .await
        .map_err(|failure| named(path, failure.into()))?;
        let (sender, newest) = watch::channel(position);
        let (writer, writing) = writer::start(connection, options, sender);
        Ok(Self {
            path: path.to_owned(),
            writer,
            writing,
            readers: open::readers(path),
            newest,
        })
    }

    /// Saves what is queued and closes the file. A store that is dropped does the same, as long as the
    /// runtime runs.
    pub async fn close(self) {
        let Self {
            writer,
            writing,
            readers,
            ..
        } = self;
        readers.close().await;
        drop(writer);
        if let Err(error) = writing.await {
            tracing::error!(%error, "the writer of the store failed");
        }
    }

    fn read<'s, T, R>(&'s self, read: R) -> BoxFuture<'s, Result<T, StoreError>>
    where
        T: Send + 's,
        R: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 's,
    {
        async move {
            let mut connection = self.readers.acquire().await.map_err(Failure::from)?;
            Ok(read(&mut connection).await?)
        }
        .boxed()
    }
}

/// Adds the name of the file to what is wrong with it.
fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason, remedy } => StoreError::Unavailable {
            reason: format!("{}: {reason}", path.display()),
            remedy,
        },
        other @ (StoreError::Stale(_) | StoreError::Taken(_) | StoreError::BadRow { .. }) => other,
    }
}

impl Store for SqliteStore {
    fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>> {
        self.writer.commit(change)
    }

    fn claim_due(
        &self,
        now: Timestamp,
        node: &str,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<ClaimedCall>, StoreError>> {
        self.writer.claim(Claim {
            now,
            node: node.to_owned(),
            most,
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.read(|connection| job::next_due(connection).boxed())
    }

    fn recover(&self, node: &str) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        let node = node.to_owned();
        self.writer
            .run(move |connection| async move { job::recover(connection, &node).await }.boxed())
    }

    fn call(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<Option<CallDetails>, StoreError>> {
        self.read(move |connection| call::details(connection, account, id).boxed())
    }

    fn calls(&self, account: AccountId, filter: CallFilter) -> BoxFuture<'_, Result<Page<Call>, StoreError>> {
        self.read(move |connection| async move { call::list(connection, account, &filter).await }.boxed())
    }

    fn events_of(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.read(move |connection| event::of_call(connection, account, call).boxed())
    }

    fn events_after(
        &self,
        account: AccountId,
        position: i64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.read(move |connection| event::after(connection, account, position, most).boxed())
    }

    fn newest(&self) -> watch::Receiver<i64> {
        self.newest.clone()
    }

    fn traces(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<Trace>, StoreError>> {
        self.read(move |connection| trace::of_call(connection, account, call).boxed())
    }

    fn add_account(&self, account: Account) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer
            .run(move |connection| async move { account::add(connection, &account).await }.boxed())
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        self.read(|connection| account::all(connection).boxed())
    }

    fn add_key(&self, key: Key, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer
            .run(move |connection| async move { key::add(connection, &key, secret_hash).await }.boxed())
    }

    fn key_by_hash(&self, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Key>, StoreError>> {
        self.read(move |connection| key::by_hash(connection, secret_hash).boxed())
    }

    fn keys(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Key>, StoreError>> {
        self.read(move |connection| key::of_account(connection, account).boxed())
    }

    fn remove_key(&self, account: AccountId, key: KeyId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| key::remove(connection, account, key).boxed())
    }

    fn add_audio(&self, audio: AudioFile) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer
            .run(move |connection| async move { audio::add(connection, &audio).await }.boxed())
    }

    fn audio(&self, account: AccountId, id: AudioId) -> BoxFuture<'_, Result<Option<AudioFile>, StoreError>> {
        self.read(move |connection| audio::one(connection, account, id).boxed())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let path = self.path.clone();
        self.writer
            .run(move |connection| async move { check::check(connection, &path).await }.boxed())
    }
}
