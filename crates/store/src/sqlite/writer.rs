//! The only task that writes.
//!
//! Changes queue up in the order they were asked for. The writer takes all that wait, saves them in one
//! transaction, and answers them after its COMMIT returned: changes that come together share one sync
//! of the disk, and one that comes alone waits for nobody.

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::{Change, StoreError};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use super::{
    batch::{Batch, Texts, flaw},
    error::{Failure, forbidden, is_forbidden, is_of_the_disk, is_taken, unavailable},
    open,
};

/// The most operations that wait. A change is a few kilobytes, so a full queue is some 50 MB; a disk
/// that stands still for so long is told to the callers instead of filling the memory.
const QUEUE: usize = 16_384;

/// The most changes of one transaction. A sync costs as much as some thirty changes, so larger batches
/// gain little, and each size is one more text to keep prepared.
const BATCH: usize = 128;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something else to write. It says whether the connection is still good.
type Task = Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, StoreError>) -> BoxFuture<'c, bool> + Send>;

enum Work {
    Change(Box<Change>, Answer<()>),
    /// It may run after changes that were asked for later.
    Late(Task),
    /// It runs exactly in its turn.
    InTurn(Task),
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
        self.enqueue(Work::InTurn(task(work, answer)), answered)
    }

    /// Runs something that may as well run after changes that are asked for later, which lets those
    /// share a transaction with the changes before it.
    pub(super) fn run_late<T, W>(&self, work: W) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Late(task(work, answer)), answered)
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

struct Writing {
    /// None after an error: the next batch opens it again.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    queue: mpsc::Receiver<Work>,
    newest: watch::Sender<i64>,
    texts: Texts,
}

type Waiting = (Box<Change>, Answer<()>);

impl Writing {
    async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            let mut changes = Vec::new();
            let mut tasks = Vec::new();
            let mut next = Some(first);
            while let Some(work) = next {
                match work {
                    Work::Change(change, answer) => changes.push((change, answer)),
                    Work::Late(task) => tasks.push(task),
                    Work::InTurn(task) => {
                        tasks.push(task);
                        break;
                    }
                }
                if changes.len() == BATCH {
                    break;
                }
                next = self.queue.try_recv().ok();
            }
            if !changes.is_empty() {
                self.save(changes).await;
            }
            for task in tasks {
                let good = match self.connection().await {
                    Ok(connection) => task(Ok(connection)).await,
                    Err(error) => task(Err(error)).await,
                };
                if !good {
                    self.connection = None;
                }
            }
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

    /// Saves changes and answers them.
    async fn save(&mut self, changes: Vec<Waiting>) {
        let results = match self.save_together(&changes).await {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(vec![Err(error); changes.len()]),
            None => Some(self.save_one_by_one(&changes).await),
        };
        let mut results = results.map(Vec::into_iter);
        for (_, answer) in changes {
            let result = results.as_mut().and_then(Iterator::next).unwrap_or(Ok(()));
            // Whoever asked may have stopped waiting; what is saved stays saved.
            let _ = answer.send(result);
        }
    }

    /// Saves all changes as one text of SQL, or gives `None` when one of them is at fault, so that they
    /// must be looked at one by one.
    async fn save_together(&mut self, changes: &[Waiting]) -> Option<Result<(), StoreError>> {
        let batch = Batch::fold(changes.iter().map(|(change, _)| &**change))?;
        let sizes = batch.sizes();
        let text = self.texts.transaction(sizes);
        let arguments = batch.transaction(&sizes).into_inner();
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error)),
        };
        match sqlx::query_with(AssertSqlSafe(text), arguments)
            .execute(&mut *connection)
            .await
        {
            Ok(done) => {
                self.newest.send_replace(done.last_insert_rowid());
                Some(Ok(()))
            }
            Err(error) if is_of_the_disk(&error) => Some(Err(self.give_up(&error, changes.len()))),
            Err(error) => match roll_back(connection).await {
                Ok(()) => None,
                Err(_) => Some(Err(self.give_up(&error, changes.len()))),
            },
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
            Ok(connection) => one_by_one(connection, changes).await,
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

async fn roll_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await.map(|_| ())
}

/// Saves each change within a savepoint, so that one at fault does not spoil the others. Gives what
/// became of each, and the position of the newest event.
async fn one_by_one(
    connection: &mut SqliteConnection,
    changes: &[Waiting],
) -> Result<(Vec<Result<(), StoreError>>, Option<i64>), sqlx::Error> {
    let mut results = Vec::with_capacity(changes.len());
    let mut newest = None;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for (change, _) in changes {
        sqlx::raw_sql("SAVEPOINT change").execute(&mut *connection).await?;
        let result = match one(connection, change).await {
            Ok(position) => {
                newest = Some(position);
                Ok(())
            }
            Err(Failure::Database(error)) if is_forbidden(&error) => {
                Err(forbidden(change.call.id, unavailable_reason(&error)))
            }
            Err(Failure::Database(error)) => return Err(error),
            Err(Failure::Store(error)) => Err(error),
        };
        if result.is_err() {
            sqlx::raw_sql("ROLLBACK TO change").execute(&mut *connection).await?;
        }
        sqlx::raw_sql("RELEASE change").execute(&mut *connection).await?;
        results.push(result);
    }
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok((results, newest))
}

fn unavailable_reason(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

async fn one(connection: &mut SqliteConnection, change: &Change) -> Result<i64, Failure> {
    let stale = || Failure::Store(StoreError::Stale(change.call.id));
    let batch = Batch::fold(std::iter::once(change)).ok_or_else(stale)?;
    let sizes = batch.sizes();
    let calls = sqlx::query_with(AssertSqlSafe(sizes.calls()), batch.calls(&sizes).into_inner())
        .execute(&mut *connection)
        .await;
    match calls {
        Ok(done) if done.rows_affected() == 1 => {}
        Ok(_) => return Err(stale()),
        Err(error) if is_taken(&error) => return Err(stale()),
        Err(error) => return Err(error.into()),
    }
    let rest = sqlx::query_with(AssertSqlSafe(sizes.rest()), batch.rest(&sizes).into_inner())
        .execute(&mut *connection)
        .await?;
    Ok(rest.last_insert_rowid())
}
