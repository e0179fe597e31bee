//! The only task that writes.
//!
//! Changes queue up in the order they were asked for. The writer takes all that wait, saves them in one
//! transaction, and answers them after its COMMIT returned: changes that come together share one sync
//! of the disk, and one that comes alone waits for nobody.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{Change, ClaimedCall, StoreError};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    time::Instant,
};

use super::{
    batch::{Batch, Texts, flaw},
    error::{Failure, is_of_the_disk, unavailable},
    job::{Claim, Taken},
    open,
    transaction::{one_by_one, roll_back, transact},
};

/// The most operations that wait. A change is a few kilobytes, so a full queue is some 50 MB; a disk
/// that stands still for so long is told to the callers instead of filling the memory.
const QUEUE: usize = 16_384;

/// The most changes of one transaction. A sync costs as much as some thirty changes, so larger batches
/// gain little, and each size is one more text to keep prepared.
const BATCH: usize = 128;

/// How close batches may begin one after the other while changes come together. A batch costs as much
/// as many changes, so a busy store lets them gather for a moment; the disk alone often takes longer.
const PACE: Duration = Duration::from_millis(2);

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something else to write. It says whether the connection is still good.
type Task = Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StoreError>) -> BoxFuture<'c, bool> + Send>;

enum Work {
    Change(Box<Change>, Answer<()>),
    /// It may run after changes that were asked for later, and then shares their transaction.
    Claim(Claim, Answer<Vec<ClaimedCall>>),
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
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Change(Box::new(change), answer), answered)
    }

    /// Runs something else in its turn.
    pub(super) fn run<T, W>(&self, work: W) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Task(task(work, answer)), answered)
    }

    pub(super) fn claim(&self, claim: Claim) -> BoxFuture<'static, Result<Vec<ClaimedCall>, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Claim(claim, answer), answered)
    }

    fn enqueue<T: Send + 'static>(
        &self,
        work: Work,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        match self.queue.try_send(work) {
            Ok(()) => answered.map(|answer| answer.unwrap_or_else(|_| Err(closed()))).boxed(),
            Err(TrySendError::Full(_)) => std::future::ready(Err(overrun())).boxed(),
            Err(TrySendError::Closed(_)) => std::future::ready(Err(closed())).boxed(),
        }
    }
}

fn task<T, W>(work: W, answer: Answer<T>) -> Task
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
{
    Box::new(move |connection| {
        async move {
            let result = match connection {
                Ok(connection) => work(connection).await,
                Err(error) => Err(error.into()),
            };
            let good = !matches!(result, Err(Failure::Database(_)));
            // Whoever asked may have stopped waiting.
            let _ = answer.send(result.map_err(StoreError::from));
            good
        }
        .boxed()
    })
}

fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "the store was closed".to_owned(),
        remedy: "Start the program again".to_owned(),
    }
}

fn overrun() -> StoreError {
    StoreError::Unavailable {
        reason: format!("{QUEUE} changes wait to be saved already"),
        remedy: "The disk is too slow or stands still: look at it, and try again".to_owned(),
    }
}

/// Starts the task. It owns the connection from now on.
pub(super) fn start(
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    newest: watch::Sender<i64>,
) -> (Writer, tokio::task::JoinHandle<()>) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let writing = Writing {
        connection: Some(connection),
        options,
        queue,
        newest,
        texts: Texts::default(),
    };
    (Writer { queue: sender }, tokio::spawn(writing.run()))
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
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    queue: mpsc::Receiver<Work>,
    newest: watch::Sender<i64>,
    texts: Texts,
}

/// What is written in one go.
#[derive(Default)]
struct Batched {
    changes: Vec<Waiting>,
    claims: Vec<(Claim, Answer<Vec<ClaimedCall>>)>,
    task: Option<Task>,
}

impl Batched {
    fn push(&mut self, work: Work) {
        match work {
            Work::Change(change, answer) => self.changes.push((change, answer)),
            Work::Claim(claim, answer) => self.claims.push((claim, answer)),
            Work::Task(task) => self.task = Some(task),
        }
    }

    fn is_full(&self) -> bool {
        self.changes.len() == BATCH || self.task.is_some()
    }
}

type Waiting = (Box<Change>, Answer<()>);

impl Writing {
    async fn run(mut self) {
        let mut last = Last::default();
        while let Some(first) = self.queue.recv().await {
            if let Some(until) = last.gather_until(Instant::now(), self.queue.len()) {
                tokio::time::sleep_until(until).await;
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
                changes: work.changes.len(),
            };
            self.write(work).await;
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::connect(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn write(&mut self, work: Batched) {
        let mut claims = work.claims.into_iter();
        if !work.changes.is_empty() {
            let claim = claims.next();
            let taken = self.save(work.changes, claim.as_ref().map(|(claim, _)| claim)).await;
            if let Some((claim, answer)) = claim {
                self.claim(&claim, taken, answer).await;
            }
        }
        for (claim, answer) in claims {
            self.claim(&claim, None, answer).await;
        }
        if let Some(task) = work.task {
            let good = match self.connection().await {
                Ok(connection) => task(Ok(connection)).await,
                Err(error) => task(Err(error)).await,
            };
            if !good {
                self.connection = None;
            }
        }
    }

    /// Saves changes and answers them. Gives what the claim has taken, if it was part of it.
    async fn save(&mut self, changes: Vec<Waiting>, claim: Option<&Claim>) -> Option<Taken> {
        let (results, taken) = match self.save_together(&changes, claim).await {
            Some(Ok(taken)) => (None, taken),
            Some(Err(error)) => (Some(vec![Err(error); changes.len()]), None),
            None => (Some(self.save_one_by_one(&changes).await), None),
        };
        let mut results = results.map(Vec::into_iter);
        for (_, answer) in changes {
            let result = results.as_mut().and_then(Iterator::next).unwrap_or(Ok(()));
            // Whoever asked may have stopped waiting; what is saved stays saved.
            let _ = answer.send(result);
        }
        taken
    }

    /// Saves all changes as one text of SQL, or gives `None` when one of them is at fault, so that they
    /// must be looked at one by one.
    async fn save_together(
        &mut self,
        changes: &[Waiting],
        claim: Option<&Claim>,
    ) -> Option<Result<Option<Taken>, StoreError>> {
        let batch = Batch::fold(changes.iter().map(|(change, _)| &**change))?;
        let sizes = batch.sizes().with_claim(claim.is_some());
        let text = self.texts.transaction(sizes);
        let arguments = batch.transaction(&sizes, claim).into_inner();
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error)),
        };
        match transact(connection, text, arguments).await {
            Ok((position, rows)) => {
                self.newest.send_replace(position);
                let taken = claim.and_then(|_| Taken::from_rows(&rows).ok());
                Some(Ok(taken))
            }
            Err(error) if is_of_the_disk(&error) => Some(Err(self.give_up(&error, changes.len()))),
            Err(error) => match roll_back(connection).await {
                Ok(()) => None,
                Err(_) => Some(Err(self.give_up(&error, changes.len()))),
            },
        }
    }

    /// Takes what is due, unless it was taken along with changes already, and hands it over.
    async fn claim(&mut self, claim: &Claim, taken: Option<Taken>, answer: Answer<Vec<ClaimedCall>>) {
        let result = match self.take(claim, taken).await {
            Ok((taken, calls)) => answer.send(Ok(calls)).map_err(|_| taken),
            Err(error) => {
                let _ = answer.send(Err(error));
                Ok(())
            }
        };
        // Nobody waits for the calls any more: somebody else may take them.
        if let Err(taken) = result {
            self.give_back(&taken).await;
        }
    }

    async fn take(&mut self, claim: &Claim, taken: Option<Taken>) -> Result<(Taken, Vec<ClaimedCall>), StoreError> {
        let connection = self.connection().await?;
        let taken = match taken {
            Some(taken) => taken,
            None => match claim.take(connection).await {
                Ok(taken) => taken,
                Err(error) => {
                    self.connection = None;
                    return Err(unavailable(&error));
                }
            },
        };
        match taken.calls(connection).await {
            Ok(calls) => Ok((taken, calls)),
            Err(failure) => {
                self.give_back(&taken).await;
                Err(failure.into())
            }
        }
    }

    /// What cannot be given back now is given back by the next start of this node.
    async fn give_back(&mut self, taken: &Taken) {
        let given = match self.connection().await {
            Ok(connection) => taken.give_back(connection).await.map_err(|error| unavailable(&error)),
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            self.connection = None;
            tracing::error!(%error, "calls that were taken and not handed over wait for the next start");
        }
    }

    /// Nothing was saved. The connection may be in the middle of anything: closing it undoes that.
    fn give_up(&mut self, error: &sqlx::Error, changes: usize) -> StoreError {
        self.connection = None;
        let error = unavailable(error);
        tracing::error!(%error, changes, "changes were not saved");
        error
    }

    async fn save_one_by_one(&mut self, changes: &[Waiting]) -> Vec<Result<(), StoreError>> {
        let saved = match self.connection().await {
            Ok(connection) => one_by_one(connection, changes.iter().map(|(change, _)| &**change)).await,
            Err(error) => return vec![Err(error); changes.len()],
        };
        match saved {
            Ok((results, position)) => {
                if let Some(position) = position {
                    self.newest.send_replace(position);
                }
                results
            }
            Err(error) => vec![Err(self.give_up(&error, changes.len())); changes.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_comes_together_gathers() {
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
