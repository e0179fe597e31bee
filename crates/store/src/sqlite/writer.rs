//! The only thread that writes.
//!
//! Changes queue up in the order they were asked for. The writer takes all that wait, saves them in one
//! transaction, and answers them after its COMMIT returned: changes that come together share one sync
//! of the disk, and one that comes alone waits for nobody. It is a thread of its own and no task,
//! because all it does is to work and to wait for the disk.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_domain::Subject;
use outdial_engine::ports::{Change, Claimed, ClaimedMessages, MessageBatch, SavedMessage, StoreError};
use rusqlite::Connection;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use super::{
    checkpoints::Checkpoints,
    error::{Failure, closed, is_of_the_disk, unavailable},
    job::{self, Claim},
    open,
    recent::Recent,
    transaction::{Saved, one_by_one, roll_back, together},
};
use crate::rows::{change::flaw, message};

/// The most operations that wait. A change is a few kilobytes, so a full queue is some 50 MB; a disk
/// that stands still for so long is told to the callers instead of filling the memory.
const QUEUE: usize = 16_384;

/// The most changes of one transaction, so that the first of them need not wait long for the last.
const BATCH: usize = 512;

/// How close batches may begin one after the other while changes come together. A batch costs as much
/// as many changes, so a busy store lets them gather for a moment; the disk alone often takes longer.
const PACE: Duration = Duration::from_millis(5);

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What became of a change, and the change.
type Saving = (Result<(), StoreError>, Box<Change>);

/// What became of a batch of messages, and the batch.
type SavingMessages = (Result<Vec<SavedMessage>, StoreError>, Box<MessageBatch>);

/// Something else to write. It says whether the connection is still good.
type Task = Box<dyn FnOnce(Result<&Connection, StoreError>) -> bool + Send>;

enum Work {
    /// The change is given back, to be freed by the thread that made it.
    Change(Box<Change>, oneshot::Sender<Saving>),
    /// The same for messages.
    Messages(Box<MessageBatch>, oneshot::Sender<SavingMessages>),
    /// Messages are taken after all changes that were asked for before.
    ClaimMessages(Claim, Answer<ClaimedMessages>),
    /// It may run after changes that were asked for later, and then shares their transaction.
    Claim(Claim, Answer<Claimed>),
    /// It runs exactly in its turn.
    Task(Task),
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
        let (answer, answered) = oneshot::channel::<Saving>();
        match self.enqueue(Work::Change(Box::new(change), answer)) {
            Ok(()) => answered
                .map(|answer| answer.map_or_else(|_| Err(closed()), |(result, _)| result))
                .boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    pub(super) fn commit_messages(
        &self,
        batch: MessageBatch,
    ) -> BoxFuture<'static, Result<Vec<SavedMessage>, StoreError>> {
        if let Some(flaw) = batch.changes.iter().find_map(message::flaw) {
            return std::future::ready(Err(flaw)).boxed();
        }
        let (answer, answered) = oneshot::channel::<SavingMessages>();
        match self.enqueue(Work::Messages(Box::new(batch), answer)) {
            Ok(()) => answered
                .map(|answer| answer.map_or_else(|_| Err(closed()), |(result, _)| result))
                .boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    pub(super) fn claim_messages(&self, claim: Claim) -> BoxFuture<'static, Result<ClaimedMessages, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.ask(Work::ClaimMessages(claim, answer), answered)
    }

    /// Runs something else in its turn.
    pub(super) fn run<T, W>(&self, work: W) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.ask(Work::Task(task(work, answer)), answered)
    }

    pub(super) fn claim(&self, claim: Claim) -> BoxFuture<'static, Result<Claimed, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.ask(Work::Claim(claim, answer), answered)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: Work,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        match self.enqueue(work) {
            Ok(()) => answered.map(|answer| answer.unwrap_or_else(|_| Err(closed()))).boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn enqueue(&self, work: Work) -> Result<(), StoreError> {
        self.queue.try_send(work).map_err(|refused| match refused {
            TrySendError::Full(_) => overrun(),
            TrySendError::Closed(_) => closed(),
        })
    }
}

fn task<T, W>(work: W, answer: Answer<T>) -> Task
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
{
    Box::new(move |connection| {
        let result = match connection {
            Ok(connection) => work(connection),
            Err(error) => Err(error.into()),
        };
        let good = !matches!(result, Err(Failure::Database(_)));
        // Whoever asked may have stopped waiting.
        let _ = answer.send(result.map_err(StoreError::from));
        good
    })
}

fn overrun() -> StoreError {
    StoreError::Unavailable {
        reason: format!("{QUEUE} changes wait to be saved already"),
        remedy: "The disk is too slow or stands still: look at it, and try again".to_owned(),
    }
}

/// Who hears of what was saved.
pub(super) struct News {
    /// The position of the newest event.
    pub(super) newest: watch::Sender<i64>,
    /// The newest events themselves.
    pub(super) recent: Arc<Recent>,
    /// Changes when a receiver of one call is to be told of something.
    pub(super) noticed: watch::Sender<u64>,
}

/// Starts the thread. It owns the connection from now on.
///
/// # Errors
///
/// When the system gives no thread.
pub(super) fn start(connection: Connection, path: PathBuf, news: News) -> std::io::Result<(Writer, JoinHandle<()>)> {
    let (sender, queue) = mpsc::channel(QUEUE);
    let writing = Writing {
        connection: Some(connection),
        checkpoints: Checkpoints::start(path.clone())?,
        path,
        queue,
        news,
    };
    let thread = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(|| writing.run())?;
    Ok((Writer { queue: sender }, thread))
}

/// The batch before.
#[derive(Default)]
struct Last {
    began: Option<Instant>,
    changes: usize,
}

impl Last {
    /// Until when the next batch gathers, given how many changes wait behind the first. Only changes
    /// that come together wait for each other: one that comes alone, or after a pause, is saved at
    /// once, and so are those of a caller who waits for each before the next.
    fn gather_until(&self, now: Instant, waiting: usize) -> Option<Instant> {
        let together = self.changes.max(waiting + 1) > 1;
        let until = self.began? + PACE;
        (together && waiting < BATCH && now < until).then_some(until)
    }
}

struct Writing {
    /// None after an error: the next batch opens it again.
    connection: Option<Connection>,
    checkpoints: Checkpoints,
    path: PathBuf,
    queue: mpsc::Receiver<Work>,
    news: News,
}

/// What is written in one go.
#[derive(Default)]
struct Batched {
    changes: Vec<Waiting>,
    batches: Vec<WaitingMessages>,
    claims: Vec<(Claim, Answer<Claimed>)>,
    message_claims: Vec<(Claim, Answer<ClaimedMessages>)>,
    task: Option<Task>,
}

impl Batched {
    fn push(&mut self, work: Work) {
        match work {
            Work::Change(change, answer) => self.changes.push((change, answer)),
            Work::Messages(batch, answer) => self.batches.push((batch, answer)),
            Work::ClaimMessages(claim, answer) => self.message_claims.push((claim, answer)),
            Work::Claim(claim, answer) => self.claims.push((claim, answer)),
            Work::Task(task) => self.task = Some(task),
        }
    }

    /// How many changes it has.
    fn written(&self) -> usize {
        let of_batches = self.batches.iter().map(|(batch, _)| batch.changes.len());
        self.changes.len() + of_batches.sum::<usize>()
    }

    fn is_full(&self) -> bool {
        self.written() >= BATCH || self.task.is_some()
    }
}

type Waiting = (Box<Change>, oneshot::Sender<Saving>);
type WaitingMessages = (Box<MessageBatch>, oneshot::Sender<SavingMessages>);

impl Writing {
    fn run(mut self) {
        let mut last = Last::default();
        while let Some(first) = self.queue.blocking_recv() {
            let now = Instant::now();
            if let Some(until) = last.gather_until(now, self.queue.len()) {
                std::thread::sleep(until - now);
            }
            let began = Instant::now();
            let mut work = Batched::default();
            let mut next = Some(first);
            while let Some(one) = next {
                work.push(one);
                next = if work.is_full() {
                    None
                } else {
                    self.queue.try_recv().ok()
                };
            }
            last = Last {
                began: Some(began),
                changes: work.changes.len() + work.batches.len(),
            };
            self.write(work);
            self.checkpoints.saved();
        }
        self.checkpoints.end();
        if let Some(connection) = self.connection.take()
            && let Err((_, error)) = connection.close()
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    fn connection(&mut self) -> Result<&Connection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writer(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }

    fn write(&mut self, work: Batched) {
        let mut claims = work.claims.into_iter();
        if !work.changes.is_empty() || !work.batches.is_empty() {
            let claim = claims.next();
            let taken = self.save(work.changes, work.batches, claim.as_ref().map(|(claim, _)| claim));
            if let Some((claim, answer)) = claim {
                self.claim(&claim, taken, answer);
            }
        }
        for (claim, answer) in claims {
            self.claim(&claim, None, answer);
        }
        for (claim, answer) in work.message_claims {
            self.claim_messages(&claim, answer);
        }
        if let Some(task) = work.task
            && !task(self.connection())
        {
            self.connection = None;
        }
    }

    /// Saves changes and answers them. Gives what the claim has taken, if it was part of it.
    fn save(
        &mut self,
        mut changes: Vec<Waiting>,
        mut batches: Vec<WaitingMessages>,
        claim: Option<&Claim>,
    ) -> Option<Claimed> {
        let (results, batched, taken) = match self.save_all(&changes, &batches, claim) {
            Ok(saved) => {
                let saved_changes = changes.iter_mut().zip(&saved.results);
                let mut events: Vec<_> = saved_changes
                    .filter(|(_, result)| result.is_ok())
                    .flat_map(|((change, _), _)| std::mem::take(&mut change.events))
                    .collect();
                let mut noticed = changes.iter().any(|(change, _)| change.call.plan.webhook.is_some());
                for ((batch, _), saved) in batches.iter_mut().zip(&saved.batches) {
                    let saved = saved.iter().flatten();
                    for (change, saved) in batch.changes.iter_mut().zip(saved) {
                        if matches!(saved, SavedMessage::Saved { .. }) {
                            events.append(&mut change.events);
                            noticed |= change.message.plan.webhook.is_some();
                        }
                    }
                }
                if !events.is_empty() {
                    self.news.recent.add(saved.position, events);
                    self.news.newest.send_replace(saved.position);
                }
                if noticed {
                    self.news.noticed.send_modify(|notices| *notices += 1);
                }
                (saved.results, saved.batches, saved.taken)
            }
            Err(error) => {
                let failed = vec![Err(error.clone()); batches.len()];
                (vec![Err(error); changes.len()], failed, None)
            }
        };
        for ((change, answer), result) in changes.into_iter().zip(results) {
            // Whoever asked may have stopped waiting; what is saved stays saved.
            let _ = answer.send((result, change));
        }
        for ((batch, answer), result) in batches.into_iter().zip(batched) {
            let _ = answer.send((result, batch));
        }
        taken
    }

    fn save_all(
        &mut self,
        changes: &[Waiting],
        batches: &[WaitingMessages],
        claim: Option<&Claim>,
    ) -> Result<Saved, StoreError> {
        let all = || changes.iter().map(|(change, _)| &**change);
        let messages = || batches.iter().map(|(batch, _)| &**batch);
        let connection = self.connection()?;
        let saved = match together(connection, all(), messages(), claim) {
            // One change breaks a rule: they must be looked at one by one.
            Err(error) if !is_of_the_disk(&error) => {
                roll_back(connection).and_then(|()| one_by_one(connection, all(), messages()))
            }
            saved => saved,
        };
        saved.map_err(|error| self.give_up(&error, changes.len() + batches.len()))
    }

    /// Takes what is due, unless it was taken along with changes already, and hands it over.
    fn claim(&mut self, claim: &Claim, taken: Option<Claimed>, answer: Answer<Claimed>) {
        let taken = taken.map_or_else(|| self.take(claim), Ok);
        // Nobody waits for the calls any more: somebody else may take them.
        if let Err(Ok(claimed)) = answer.send(taken) {
            self.give_back(claimed.calls.iter().map(|claimed| claimed.call.id.into()));
        }
    }

    /// The same of messages.
    fn claim_messages(&mut self, claim: &Claim, answer: Answer<ClaimedMessages>) {
        let taken = self.connection().and_then(|connection| {
            claim
                .take_messages_alone(connection)
                .map_err(|error| unavailable(&error))
        });
        if taken.is_err() {
            self.connection = None;
        }
        if let Err(Ok(claimed)) = answer.send(taken) {
            self.give_back(claimed.messages.iter().map(|message| message.id.into()));
        }
    }

    fn take(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        let taken = claim.take_alone(self.connection()?);
        taken.map_err(|error| {
            self.connection = None;
            unavailable(&error)
        })
    }

    /// What cannot be given back now is given back by the next start of this node.
    fn give_back(&mut self, subjects: impl Iterator<Item = Subject>) {
        let given = self
            .connection()
            .and_then(|connection| job::give_back(connection, subjects).map_err(|error| unavailable(&error)));
        if let Err(error) = given {
            self.connection = None;
            tracing::error!(%error, "what was taken and not handed over waits for the next start");
        }
    }

    /// Nothing was saved. The connection may be in the middle of anything: closing it undoes that.
    fn give_up(&mut self, error: &rusqlite::Error, changes: usize) -> StoreError {
        self.connection = None;
        let error = unavailable(error);
        tracing::error!(%error, changes, "changes were not saved");
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_together_gathers() {
        let began = Instant::now();
        let soon = began + PACE / 2;
        let after = |changes| Last {
            began: Some(began),
            changes,
        };
        assert_eq!(Last::default().gather_until(soon, 9), None, "the first batch of all");
        assert_eq!(
            after(1).gather_until(soon, 0),
            None,
            "a caller who waits for each change"
        );
        assert_eq!(
            after(5).gather_until(soon, 0),
            Some(began + PACE),
            "the others come soon"
        );
        assert_eq!(
            after(1).gather_until(soon, 1),
            Some(began + PACE),
            "two are here already"
        );
        assert_eq!(after(5).gather_until(began + PACE, 3), None, "enough time has passed");
        assert_eq!(after(5).gather_until(soon, BATCH), None, "the batch is full");
    }
}
