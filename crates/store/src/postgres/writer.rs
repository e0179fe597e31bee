//! The task that saves changes.
//!
//! Changes queue up in the order they were asked for. The writer takes those that wait, saves them in one
//! transaction, and answers them after its COMMIT returned: changes that come together share one
//! commit. A claim takes its turn among them, so that it sees what was saved before it.

use std::{collections::HashSet, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_domain::CallId;
use outdial_engine::ports::{CallDetails, Change, Claimed, ClaimedMessages, MessageBatch, SavedMessage, StoreError};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    batch::{Broken, Changes, Group, Saved},
    error::{Failure, closed, is_forbidden, is_in_the_way, message as message_of, too_slow, unavailable, unknown},
    event,
    follow::advance,
    job::{self, Claim},
    message_batch::{Batches, is_alone, overlaps},
    open,
};
use crate::rows::{
    change::{flaw, forbidden},
    message,
};
use uuid::Uuid;

/// The most operations that wait. A change is a few kilobytes, so a full queue is some 50 MB; a server
/// that stands still for so long is told to the callers instead of filling the memory.
const QUEUE: usize = 16_384;

/// The most changes of one transaction, so that the first of them need not wait long for the last.
const BATCH: usize = 256;

/// A server that takes longer than this for one transaction is given up, and asked anew.
const SAVES_WITHIN: Duration = Duration::from_secs(10);

/// How long the writer tries to learn from a server that went away whether it had committed.
const ASKS_FOR: Duration = Duration::from_secs(5);

/// How long it waits between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// How often changes are tried again that other transactions were in the way of.
const TRIES: usize = 5;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Work {
    Change(Box<Change>, Answer<()>),
    Messages(Box<MessageBatch>, Answer<Vec<SavedMessage>>),
    Claim(Claim, Answer<Claimed>),
    ClaimMessages(Claim, Answer<ClaimedMessages>),
    Recover(Answer<Vec<CallDetails>>),
}

/// Hands work to the task that writes. When the last handle is gone, it finishes what is queued.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
}

impl Writer {
    pub(super) fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>> {
        if let Some(flaw) = flaw(&change) {
            return std::future::ready(Err(flaw)).boxed();
        }
        self.ask(|answer| Work::Change(Box::new(change), answer))
    }

    pub(super) fn commit_messages(
        &self,
        batch: MessageBatch,
    ) -> BoxFuture<'static, Result<Vec<SavedMessage>, StoreError>> {
        if let Some(flaw) = batch.changes.iter().find_map(message::flaw) {
            return std::future::ready(Err(flaw)).boxed();
        }
        self.ask(|answer| Work::Messages(Box::new(batch), answer))
    }

    pub(super) fn claim_messages(&self, claim: Claim) -> BoxFuture<'static, Result<ClaimedMessages, StoreError>> {
        self.ask(|answer| Work::ClaimMessages(claim, answer))
    }

    pub(super) fn claim(&self, claim: Claim) -> BoxFuture<'static, Result<Claimed, StoreError>> {
        self.ask(|answer| Work::Claim(claim, answer))
    }

    pub(super) fn recover(&self) -> BoxFuture<'static, Result<Vec<CallDetails>, StoreError>> {
        self.ask(Work::Recover)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(Answer<T>) -> Work,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(work(answer)) {
            Ok(()) => answered.map(|answer| answer.unwrap_or_else(|_| Err(closed()))).boxed(),
            Err(TrySendError::Full(_)) => std::future::ready(Err(overrun())).boxed(),
            Err(TrySendError::Closed(_)) => std::future::ready(Err(closed())).boxed(),
        }
    }
}

fn overrun() -> StoreError {
    StoreError::Unavailable {
        reason: format!("{QUEUE} changes wait to be saved already"),
        remedy: "The database server is too slow or stands still: look at it, and try again".to_owned(),
    }
}

/// Starts the task. It owns the connection from now on.
pub(super) fn start(
    connection: PgConnection,
    options: PgConnectOptions,
    newest: watch::Sender<i64>,
    noticed: watch::Sender<u64>,
) -> (Writer, JoinHandle<()>) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let writing = Writing {
        connection: Some(connection),
        options,
        queue,
        newest,
        noticed,
    };
    (Writer { queue: sender }, tokio::spawn(writing.run()))
}

type Waiting = (Box<Change>, Answer<()>);
type WaitingMessages = (Box<MessageBatch>, Answer<Vec<SavedMessage>>);

struct Writing {
    /// None after an error: the next work connects again.
    connection: Option<PgConnection>,
    options: PgConnectOptions,
    queue: mpsc::Receiver<Work>,
    newest: watch::Sender<i64>,
    noticed: watch::Sender<u64>,
}

impl Writing {
    async fn run(mut self) {
        let mut next = None;
        loop {
            let work = match next.take() {
                Some(work) => work,
                None => match self.queue.recv().await {
                    Some(work) => work,
                    None => break,
                },
            };
            match work {
                Work::Change(change, answer) => {
                    let (changes, behind) = self.gather((change, answer));
                    next = behind;
                    self.save(changes).await;
                }
                Work::Messages(batch, answer) => {
                    let (batches, behind) = self.gather_messages((batch, answer));
                    next = behind;
                    self.save_messages(batches).await;
                }
                Work::Claim(claim, answer) => self.claim(&claim, answer).await,
                Work::ClaimMessages(claim, answer) => self.claim_messages(&claim, answer).await,
                Work::Recover(answer) => {
                    let recovered = self.recover().await;
                    let _ = answer.send(recovered);
                }
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the connection to the database was not closed cleanly");
        }
    }

    /// Takes the changes that wait, up to one of a call that is among them already, or to other work,
    /// which comes next.
    fn gather(&mut self, first: Waiting) -> (Vec<Waiting>, Option<Work>) {
        let mut calls: HashSet<CallId> = HashSet::from([first.0.call.id]);
        let mut changes = vec![first];
        while changes.len() < BATCH {
            match self.queue.try_recv() {
                Ok(Work::Change(change, answer)) if calls.insert(change.call.id) => changes.push((change, answer)),
                Ok(other) => return (changes, Some(other)),
                Err(_) => break,
            }
        }
        (changes, None)
    }

    /// The same of messages.
    fn gather_messages(&mut self, first: WaitingMessages) -> (Vec<WaitingMessages>, Option<Work>) {
        let mut known: HashSet<Uuid> = HashSet::new();
        let mut batches = vec![first];
        if batches
            .iter()
            .any(|(batch, _)| overlaps(&mut known, batch) || is_alone(batch))
        {
            return (batches, None);
        }
        while known.len() < BATCH {
            match self.queue.try_recv() {
                Ok(Work::Messages(batch, answer)) if !is_alone(&batch) && !overlaps(&mut known, &batch) => {
                    batches.push((batch, answer));
                }
                Ok(other) => return (batches, Some(other)),
                Err(_) => break,
            }
        }
        (batches, None)
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::connect(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Saves changes and answers them.
    async fn save(&mut self, changes: Vec<Waiting>) {
        let all = Changes(changes.iter().map(|(change, _)| &**change).collect());
        let results = match self.save_all(&all).await {
            Some(results) => results,
            None => {
                let mut results = Vec::with_capacity(changes.len());
                for (change, _) in &changes {
                    results.push(self.save_one(&Changes(vec![change])).await);
                }
                results
            }
        };
        if changes.iter().any(|(change, _)| change.call.plan.webhook.is_some()) {
            self.noticed.send_modify(|notices| *notices += 1);
        }
        for ((_, answer), result) in changes.into_iter().zip(results) {
            // Whoever asked may have stopped waiting; what is saved stays saved.
            let _ = answer.send(result);
        }
    }

    /// Saves batches of messages and answers them.
    async fn save_messages(&mut self, batches: Vec<WaitingMessages>) {
        let all = Batches(batches.iter().map(|(batch, _)| &**batch).collect());
        let results = match self.save_all(&all).await {
            Some(results) => results,
            None => {
                let mut results = Vec::with_capacity(batches.len());
                for (batch, _) in &batches {
                    results.push(self.save_one(&Batches(vec![batch])).await);
                }
                results
            }
        };
        let mut changes = batches.iter().flat_map(|(batch, _)| &batch.changes);
        if changes.any(|change| change.message.plan.webhook.is_some()) {
            self.noticed.send_modify(|notices| *notices += 1);
        }
        for ((_, answer), result) in batches.into_iter().zip(results) {
            let _ = answer.send(result);
        }
    }

    /// Saves changes together, or gives `None` when one of them is at fault, so that they must be looked
    /// at one by one.
    async fn save_all<G: Group>(&mut self, group: &G) -> Option<Vec<Result<G::Item, StoreError>>> {
        match self.transact(group).await {
            Ok(results) => Some(results),
            Err(Failure::Database(error)) if group.len() > 1 && is_forbidden(&error) => None,
            Err(Failure::Database(error)) if is_forbidden(&error) => {
                Some(vec![Err(forbidden(group.subject(0)?, message_of(&error)))])
            }
            Err(failure) => {
                let error = StoreError::from(failure);
                tracing::error!(%error, changes = group.len(), "changes were not saved");
                Some((0..group.len()).map(|_| Err(error.clone())).collect())
            }
        }
    }

    async fn save_one<G: Group>(&mut self, group: &G) -> Result<G::Item, StoreError> {
        let results = self.save_all(group).await;
        results
            .and_then(|results| results.into_iter().next())
            .unwrap_or_else(|| Err(closed()))
    }

    /// Runs one transaction, again when others were in its way. After an error nothing was saved, unless
    /// the error says that it is not known.
    async fn transact<G: Group>(&mut self, group: &G) -> Result<Vec<Result<G::Item, StoreError>>, Failure> {
        for _ in 0..TRIES {
            let connection = self.connection().await?;
            let broken = match timeout(SAVES_WITHIN, group.save(connection)).await {
                Ok(Ok(Saved { results, position })) => {
                    if let Some(position) = position {
                        advance(&self.newest, position);
                    }
                    return Ok(results);
                }
                Ok(Err(broken)) => broken,
                Err(_) => Broken::Committing(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            };
            match broken {
                Broken::Before(error) if is_in_the_way(&error) => {}
                Broken::Before(error) if is_forbidden(&error) => return Err(error.into()),
                Broken::Before(error) => {
                    self.connection = None;
                    return Err(error.into());
                }
                // The server said that it did not commit.
                Broken::Committing(error) if error.as_database_error().is_some() && !is_going(&error) => {
                    self.connection = None;
                    return Err(error.into());
                }
                Broken::Committing(error) => {
                    self.connection = None;
                    return self.ask_whether(group, &unavailable(&error)).await;
                }
            }
        }
        Err(too_slow().into())
    }

    /// Asks the server, when it is back, whether it had committed. All changes of a transaction were
    /// committed or none, but one that was stale in it is not there either way.
    async fn ask_whether<G: Group>(
        &mut self,
        group: &G,
        lost: &StoreError,
    ) -> Result<Vec<Result<G::Item, StoreError>>, Failure> {
        let until = Instant::now() + ASKS_FOR;
        loop {
            match self.which_are_there(group).await {
                Ok(there) if there.contains(&true) => {
                    let become_of = |(index, there)| match (there, group.subject(index)) {
                        (true, _) => Ok(group.was_saved(index)),
                        (false, Some(subject)) => Err(StoreError::Stale(subject)),
                        (false, None) => Err(lost.clone()),
                    };
                    return Ok(there.into_iter().enumerate().map(become_of).collect());
                }
                Ok(_) => return Err(lost.clone().into()),
                Err(_) if Instant::now() < until => sleep(BETWEEN_TRIES).await,
                Err(_) => return Err(unknown(lost).into()),
            }
        }
    }

    async fn which_are_there<G: Group>(&mut self, group: &G) -> Result<Vec<bool>, StoreError> {
        let connection = self.connection().await?;
        let asking = async {
            // What the lost connection was doing may still be under way: it holds this row to its end.
            let mut transaction = connection.begin().await?;
            sqlx::query(event::WAIT_FOR_OTHERS).execute(&mut *transaction).await?;
            let mut there = Vec::with_capacity(group.len());
            for index in 0..group.len() {
                there.push(event::is_there(&mut transaction, group.events(index)).await?);
            }
            transaction.commit().await?;
            Ok(there)
        };
        let asked: Result<_, sqlx::Error> = match timeout(SAVES_WITHIN, asking).await {
            Ok(asked) => asked,
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        };
        asked.map_err(|error| {
            self.connection = None;
            unavailable(&error)
        })
    }

    /// Takes what is due and hands it over.
    async fn claim(&mut self, claim: &Claim, answer: Answer<Claimed>) {
        if answer.is_closed() {
            return;
        }
        let taken = match self.connection().await {
            Ok(connection) => match timeout(SAVES_WITHIN, claim.take(connection)).await {
                Ok(taken) => taken,
                Err(_) => Err(too_slow().into()),
            },
            Err(error) => Err(error.into()),
        };
        if taken.is_err() {
            self.connection = None;
        }
        // Nobody waits for the calls any more: somebody else may take them.
        if let Err(Ok(claimed)) = answer.send(taken.map_err(StoreError::from)) {
            let ids = claimed.calls.iter().map(|claimed| claimed.call.id.uuid());
            self.give_back(claim, ids.collect()).await;
        }
    }

    /// The same of messages.
    async fn claim_messages(&mut self, claim: &Claim, answer: Answer<ClaimedMessages>) {
        if answer.is_closed() {
            return;
        }
        let taken = match self.connection().await {
            Ok(connection) => match timeout(SAVES_WITHIN, claim.take_messages(connection)).await {
                Ok(taken) => taken,
                Err(_) => Err(too_slow().into()),
            },
            Err(error) => Err(error.into()),
        };
        if taken.is_err() {
            self.connection = None;
        }
        if let Err(Ok(claimed)) = answer.send(taken.map_err(StoreError::from)) {
            let ids = claimed.messages.iter().map(|message| message.id.uuid());
            self.give_back(claim, ids.collect()).await;
        }
    }

    /// What cannot be given back now is given back when this run of the node is gone.
    async fn give_back(&mut self, claim: &Claim, ids: Vec<Uuid>) {
        let given = match self.connection().await {
            Ok(connection) => claim
                .give_back(connection, ids)
                .await
                .map_err(|error| unavailable(&error)),
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            self.connection = None;
            tracing::error!(%error, "what was taken and not handed over waits for the next start");
        }
    }

    async fn recover(&mut self) -> Result<Vec<CallDetails>, StoreError> {
        let recovered = job::recover(self.connection().await?).await;
        if matches!(recovered, Err(Failure::Database(_))) {
            self.connection = None;
        }
        Ok(recovered?)
    }
}

/// Whether the server ended the connection with this, so that nothing is known of the commit.
fn is_going(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code.starts_with("57P"))
}
