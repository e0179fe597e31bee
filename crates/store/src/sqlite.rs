//! The store in one SQLite file.

mod account;
mod arrival;
mod attempt;
mod audio;
mod backlog;
mod backup;
mod call;
mod check;
mod checkpoints;
mod delivery;
mod error;
mod event;
mod examine;
mod feed;
mod first_answer;
mod job;
mod key;
mod leg;
mod mask;
mod message;
mod migrate;
pub(crate) mod open;
mod page;
#[cfg(test)]
mod plans;
mod progress;
mod readers;
mod receiver;
mod recent;
mod recording;
mod schedule;
mod telling;
mod texting;
mod trace;
mod transaction;
mod webhook;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, Allowance, AudioId, Call, CallId, Key, KeyId, Mask, MaskId, ScheduleId, Subject, Webhook,
};
use outdial_engine::ports::{
    AudioFile, Backlog, CallDetails, CallFilter, Change, Claimed, FirstAnswer, Lane, Page, Placing, Store, StoreError,
    StoredEvent, StoredSchedule, Trace, Wanted, Work,
};
use rusqlite::Connection;
use tokio::sync::watch;

use self::{
    error::Failure,
    job::Claim,
    readers::Readers,
    recent::Recent,
    writer::{News, Writer},
};
use crate::{Examination, FileBlobs};

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
    readers: Readers,
    recent: Arc<Recent>,
    newest: watch::Receiver<i64>,
    notices: watch::Receiver<u64>,
    accounts: watch::Sender<u64>,
}

impl SqliteStore {
    /// Opens the file, makes it (readable by its owner only) when it is not there, and brings it to
    /// the schema of this program. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be used: no permission, not a database, or the
    /// database of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        off_the_runtime(|| Self::open_here(path)).await
    }

    fn open_here(path: PathBuf) -> Result<Self, StoreError> {
        open::create(&path)?;
        let connection = open::writer(&path)?;
        let position = migrate::migrate(&connection)
            .and_then(|()| Ok(event::newest(&connection)?))
            .map_err(|failure| named(&path, failure.into()))?;
        let (sender, newest) = watch::channel(position);
        let (noticed, notices) = watch::channel(0);
        let recent = Arc::new(Recent::new(position));
        let (writer, writing) = writer::start(
            connection,
            path.clone(),
            News {
                newest: sender,
                recent: Arc::clone(&recent),
                noticed,
            },
        )
        .map_err(|error| StoreError::Unavailable {
            reason: format!("the thread that writes cannot be started: {error}"),
            remedy: "Raise the limit of threads for this program".to_owned(),
        })?;
        Ok(Self {
            readers: Readers::new(&path),
            path,
            writer,
            writing,
            recent,
            newest,
            notices,
            accounts: watch::Sender::new(0),
        })
    }

    /// Saves what is queued and closes the file. A store that is dropped does the same, as long as the
    /// program runs.
    pub async fn close(self) {
        let Self {
            writer,
            writing,
            readers,
            ..
        } = self;
        readers.close().await;
        drop(writer);
        let ended = tokio::task::spawn_blocking(|| writing.join()).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::error!("the writer of the store failed");
        }
    }

    /// Examines the whole file, all blobs under one directory, and whether the recordings are in the other. Somebody
    /// may be using them meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be read, or has not the schema of this program.
    pub async fn examine(path: &Path, blobs: &Path, recordings: &Path) -> Result<Examination, StoreError> {
        let (path, blobs, recordings) = (path.to_owned(), FileBlobs::found_at(blobs), recordings.to_owned());
        off_the_runtime(move || examine::examine(&path, &blobs, &recordings)).await
    }

    /// The webhooks of all accounts in this file. Somebody may be using it meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be read, or has not the schema of this program.
    pub async fn webhooks_in(path: &Path) -> Result<Vec<Webhook>, StoreError> {
        let path = path.to_owned();
        off_the_runtime(move || webhook::read_beside(&path)).await
    }

    /// Writes the state of this file and these blobs into a new file. Somebody may be using them meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it cannot be read or written; then there is no new file.
    pub async fn back_up(path: &Path, blobs: &FileBlobs, target: &Path) -> Result<(), StoreError> {
        let (path, blobs, target) = (path.to_owned(), blobs.clone(), target.to_owned());
        off_the_runtime(move || backup::back_up(&path, &blobs, &target)).await
    }

    /// Makes this file, which must not be there, and these blobs of a backup.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the backup is damaged or of another version, or the disk fails.
    pub async fn restore(backup: &Path, path: &Path, blobs: &FileBlobs) -> Result<(), StoreError> {
        let (backup, path, blobs) = (backup.to_owned(), path.to_owned(), blobs.clone());
        off_the_runtime(move || backup::restore(&backup, &path, &blobs)).await
    }

    fn read<T, R>(&self, read: R) -> BoxFuture<'_, Result<T, StoreError>>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.readers.read(read).boxed()
    }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(error::closed()))
}

/// Adds the name of the file to what is wrong with it.
fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason, remedy } => StoreError::Unavailable {
            reason: format!("{}: {reason}", path.display()),
            remedy,
        },
        other @ (StoreError::Stale(_)
        | StoreError::Fenced(_)
        | StoreError::Taken(_)
        | StoreError::Repeated
        | StoreError::Gone
        | StoreError::BadRow { .. }) => other,
    }
}

impl Store for SqliteStore {
    fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>> {
        self.writer.commit(change)
    }

    fn claim_due(&self, by: Timestamp, run: &str, wanted: Wanted) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        let run = run.to_owned();
        let claim = Claim { by, run, wanted };
        // Only when it is polled, so that a claim that nobody waits for takes nothing.
        async move { self.writer.claim(claim).await }.boxed()
    }

    fn next_due(&self, work: Work, except: &[Lane]) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        let except = except.to_vec();
        self.read(move |connection| backlog::next_due(connection, work, &except))
    }

    fn backlog(&self, placing: Placing) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.read(move |connection| backlog::backlog(connection, &placing))
    }

    fn recover(&self) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        self.writer.run(job::recover)
    }

    fn overdue(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        self.read(move |connection| job::overdue(connection, now))
    }

    fn call(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<Option<CallDetails>, StoreError>> {
        self.read(move |connection| call::details(connection, account, id))
    }

    fn calls(&self, account: AccountId, filter: CallFilter) -> BoxFuture<'_, Result<Page<Call>, StoreError>> {
        self.read(move |connection| call::list(connection, account, &filter))
    }

    fn keep_by_face(&self, account: AccountId, id: CallId, kept: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| Ok(call::keep_by_face(connection, account, id, &kept)?))
    }

    fn forget_face(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| Ok(call::forget_face(connection, account, id)?))
    }

    fn events_of(&self, account: AccountId, subject: Subject) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.read(move |connection| event::of_subject(connection, account, subject))
    }

    fn events_after(
        &self,
        account: AccountId,
        position: i64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        match self.recent.after(account, position, most) {
            Some(events) => std::future::ready(Ok(events)).boxed(),
            None => self.read(move |connection| event::after(connection, account, position, most)),
        }
    }

    fn newest(&self) -> watch::Receiver<i64> {
        self.newest.clone()
    }

    fn traces(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<Trace>, StoreError>> {
        self.read(move |connection| trace::of_call(connection, account, call))
    }

    fn add_account(&self, account: Account, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| {
                account::add(connection, &account)
            })
        })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        self.read(account::all)
    }

    fn allow_account(&self, account: AccountId, allowance: Allowance) -> BoxFuture<'_, Result<bool, StoreError>> {
        let written = self
            .writer
            .run(move |connection| account::allow(connection, account, &allowance));
        async move {
            let written = written.await?;
            self.accounts.send_modify(|changes| *changes += 1);
            Ok(written)
        }
        .boxed()
    }

    fn accounts_changed(&self) -> watch::Receiver<u64> {
        self.accounts.subscribe()
    }

    fn add_key(
        &self,
        key: Key,
        secret_hash: [u8; 32],
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| {
                key::add(connection, &key, secret_hash)
            })
        })
    }

    fn key_by_hash(&self, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Key>, StoreError>> {
        self.read(move |connection| key::by_hash(connection, secret_hash))
    }

    fn keys(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Key>, StoreError>> {
        self.read(move |connection| key::of_account(connection, account))
    }

    fn remove_key(&self, account: AccountId, key: KeyId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.run(move |connection| key::remove(connection, account, key))
    }

    fn add_audio(&self, audio: AudioFile, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| audio::add(connection, &audio))
        })
    }

    fn audio(&self, account: AccountId, id: AudioId) -> BoxFuture<'_, Result<Option<AudioFile>, StoreError>> {
        self.read(move |connection| audio::one(connection, account, id))
    }

    fn first_answer(
        &self,
        account: AccountId,
        key: [u8; 32],
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<FirstAnswer>, StoreError>> {
        self.read(move |connection| first_answer::one(connection, account, key, now))
    }

    fn forget_answers(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| first_answer::forget(connection, now, most))
    }

    fn add_schedule(
        &self,
        schedule: StoredSchedule,
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| {
                schedule::add(connection, &schedule)
            })
        })
    }

    fn change_schedule(&self, schedule: StoredSchedule) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| schedule::change(connection, &schedule))
    }

    fn remove_schedule(&self, account: AccountId, id: ScheduleId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer
            .run(move |connection| schedule::remove(connection, account, id))
    }

    fn schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
    ) -> BoxFuture<'_, Result<Option<StoredSchedule>, StoreError>> {
        self.read(move |connection| schedule::one(connection, account, id))
    }

    fn schedules(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.read(move |connection| schedule::of_account(connection, account))
    }

    fn due_schedules(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.read(move |connection| schedule::due(connection, now, most))
    }

    fn next_schedule(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.read(schedule::next)
    }

    fn add_mask(&self, mask: Mask, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.run(move |connection| {
            first_answer::with(connection, answer.as_ref(), |connection| mask::add(connection, &mask))
        })
    }

    fn remove_mask(&self, account: AccountId, id: MaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.run(move |connection| mask::remove(connection, account, id))
    }

    fn masks(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        self.read(move |connection| mask::of_account(connection, account))
    }

    fn masks_of(&self, account: AccountId, number: &str) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        let number = number.to_owned();
        self.read(move |connection| mask::of_number(connection, account, &number))
    }

    fn forget_masks(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.writer
            .run(move |connection| mask::forget(connection, before, most))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let path = self.path.clone();
        self.writer.run(move |connection| check::check(connection, &path))
    }
}
