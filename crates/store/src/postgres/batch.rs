//! Changes of many calls as one transaction, in which each table is written by one statement.

use outdial_domain::{Event, Subject};
use outdial_engine::ports::{Change, Job, Lane, StoreError};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    attempt::{self, Attempts},
    call,
    event::{self, Happened},
    feed::WokenFeeds,
    first_answer,
    job::{self, AddedJobs},
    leg::{self, Legs},
    node,
    trace::{self, Traces},
};
use crate::rows::event::count;

/// What is saved in one transaction.
pub(super) trait Group: Sync {
    /// What becomes of one of it.
    type Item: Send;

    /// How many there are.
    fn len(&self) -> usize;

    /// Whose change it is, for errors.
    fn subject(&self, index: usize) -> Option<Subject>;

    /// Saves all in a transaction of its own.
    fn save(&self, connection: &mut PgConnection) -> impl Future<Output = Result<Saved<Self::Item>, Broken>> + Send;

    /// What happened by one, which is there when it was saved.
    fn events(&self, index: usize) -> &[Event];

    /// What one comes to that was saved, although the server did not say so.
    fn was_saved(&self, index: usize) -> Self::Item;
}

/// Changes of different calls.
pub(super) struct Changes<'c>(pub(super) Vec<&'c Change>);

impl Group for Changes<'_> {
    type Item = ();

    fn len(&self) -> usize {
        self.0.len()
    }

    fn subject(&self, index: usize) -> Option<Subject> {
        Some(self.0.get(index)?.call.id.into())
    }

    async fn save(&self, connection: &mut PgConnection) -> Result<Saved<()>, Broken> {
        let mut transaction = connection.begin().await.map_err(Broken::Before)?;
        let saved = write(&mut transaction, &self.0).await.map_err(Broken::Before)?;
        transaction.commit().await.map_err(Broken::Committing)?;
        Ok(saved)
    }

    fn events(&self, index: usize) -> &[Event] {
        self.0
            .get(index)
            .map(|change| change.events.as_slice())
            .unwrap_or_default()
    }

    fn was_saved(&self, _index: usize) {}
}

/// What became of a group.
pub(super) struct Saved<T> {
    /// Of each, in their order.
    pub(super) results: Vec<Result<T, StoreError>>,
    /// The position of the newest event, if there are new ones.
    pub(super) position: Option<i64>,
}

/// Where a transaction broke.
#[derive(Debug)]
pub(super) enum Broken {
    /// Before the server was asked to commit it: nothing was saved.
    Before(sqlx::Error),
    /// When the server had been asked, and did not say that it was done.
    Committing(sqlx::Error),
}

async fn write(connection: &mut PgConnection, changes: &[&Change]) -> Result<Saved<()>, sqlx::Error> {
    let runs = changes.iter().filter_map(|change| change.journalled_by());
    let leases = node::refused(connection, runs.collect()).await?;
    let mut answered = first_answer::put(connection, changes).await?;
    let refused: Vec<Option<StoreError>> = changes
        .iter()
        .map(|change| match change.journalled_by().and_then(|run| leases.get(run)) {
            Some(refusal) => Some(refusal.clone()),
            None if answered.lets_in(change) => None,
            None => Some(StoreError::Repeated),
        })
        .collect();
    let let_in = changes.iter().zip(&refused).filter(|(_, refusal)| refusal.is_none());
    let written = call::put(connection, &let_in.map(|(change, _)| *change).collect::<Vec<_>>()).await?;
    let mut rest = Rest::default();
    let mut results = Vec::with_capacity(changes.len());
    for (change, refusal) in changes.iter().zip(refused) {
        if let Some(refusal) = refusal {
            results.push(Err(refusal));
        } else if written.contains(&change.call.id) {
            rest.add(change);
            results.push(Ok(()));
        } else {
            if let Some(answer) = &change.answer {
                first_answer::remove(connection, answer).await?;
            }
            // Nothing of it was written, so the others need not mind it.
            results.push(Err(StoreError::Stale(change.call.id.into())));
        }
    }
    let position = rest.write(connection).await?;
    Ok(Saved { results, position })
}

/// All that follows the rows of the calls.
#[derive(Default)]
struct Rest {
    attempts: Attempts,
    legs: Legs,
    traces: Traces,
    removed_jobs: Vec<Uuid>,
    added_jobs: AddedJobs,
    feeds: WokenFeeds,
    happened: Happened,
    events: i64,
}

impl Rest {
    fn add(&mut self, change: &Change) {
        self.attempts.add(change);
        self.legs.add(change);
        self.traces.add(change);
        match change.job {
            Job::Keep => {}
            Job::Add => {
                let call = &change.call;
                self.added_jobs.add(call.id.into(), Lane::of(call), call.plan.due);
            }
            Job::Remove => self.removed_jobs.push(change.call.id.uuid()),
        }
        self.feeds.notice(change);
        self.events += count(&change.events);
        self.happened.add(&change.events, self.events);
    }

    async fn write(self, connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
        if self.happened.is_empty() {
            return Ok(None);
        }
        if !self.attempts.is_empty() {
            self.attempts.bind(attempt::PUT).execute(&mut *connection).await?;
        }
        if !self.legs.is_empty() {
            self.legs.bind(leg::PUT).execute(&mut *connection).await?;
        }
        if !self.traces.is_empty() {
            self.traces.bind(trace::PUT).execute(&mut *connection).await?;
        }
        if !self.removed_jobs.is_empty() {
            sqlx::query(job::REMOVE)
                .bind(self.removed_jobs)
                .execute(&mut *connection)
                .await?;
        }
        if !self.added_jobs.is_empty() {
            self.added_jobs.bind(job::ADD).execute(&mut *connection).await?;
        }
        self.feeds.write(&mut *connection).await?;
        // Last, because all nodes wait for each other from here to the commit.
        let newest = event::take(connection, self.events).await?;
        self.happened
            .bind(event::ADD)
            .bind(newest - self.events)
            .execute(connection)
            .await?;
        Ok(Some(newest))
    }
}
