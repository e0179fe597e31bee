//! Batches of messages as one transaction, in which each table is written by one statement.

use std::collections::HashSet;

use outdial_domain::{Event, Subject};
use outdial_engine::ports::{FirstAnswer, Job, Lane, MessageBatch, MessageChange, SavedMessage, StoreError};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    arrival::{self, Named, Names},
    batch::{Broken, Group, Saved},
    event::{self, Happened},
    feed::WokenFeeds,
    first_answer,
    job::{self, AddedJobs},
    message, node,
    text::kept,
};
use crate::rows::{
    event::count,
    message::{asks_for_peace, noticed, receiver},
    webhook::FeedRow,
};

/// Batches of different messages. One that has an answer or a mark is alone.
pub(super) struct Batches<'b>(pub(super) Vec<&'b MessageBatch>);

/// Whether a batch needs a transaction of its own, because it may be refused as a whole.
pub(super) fn is_alone(batch: &MessageBatch) -> bool {
    batch.answer.is_some() || batch.changes.iter().any(|change| change.mark.is_some())
}

impl Group for Batches<'_> {
    type Item = Vec<SavedMessage>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn subject(&self, index: usize) -> Option<Subject> {
        Some(self.0.get(index)?.changes.first()?.message.id.into())
    }

    async fn save(&self, connection: &mut PgConnection) -> Result<Saved<Self::Item>, Broken> {
        let mut transaction = connection.begin().await.map_err(Broken::Before)?;
        let saved = match &*self.0 {
            [batch] if is_alone(batch) => alone(&mut transaction, batch).await,
            batches => write(&mut transaction, batches).await,
        };
        let saved = saved.map_err(Broken::Before)?;
        match saved.position {
            Some(_) => transaction.commit().await.map_err(Broken::Committing)?,
            None => transaction.rollback().await.map_err(Broken::Before)?,
        }
        Ok(saved)
    }

    fn events(&self, index: usize) -> &[Event] {
        let change = self.0.get(index).and_then(|batch| batch.changes.first());
        change.map(|change| change.events.as_slice()).unwrap_or_default()
    }

    fn was_saved(&self, index: usize) -> Self::Item {
        let changes = self.0.get(index).map_or(0, |batch| batch.changes.len());
        vec![SavedMessage::Saved { early: Vec::new() }; changes]
    }
}

/// A batch that is saved as a whole or not at all.
async fn alone(connection: &mut PgConnection, batch: &MessageBatch) -> Result<Saved<Vec<SavedMessage>>, sqlx::Error> {
    let marks = batch.changes.iter().map(|change| change.mark.as_ref());
    let all: Vec<&FirstAnswer> = batch.answer.iter().chain(marks.clone().flatten()).collect();
    let mut kept = first_answer::put_these(connection, all).await?;
    let nothing = |result| Saved {
        results: vec![result],
        position: None,
    };
    if batch.answer.as_ref().is_some_and(|answer| !kept.has(answer)) {
        return Ok(nothing(Err(StoreError::Repeated)));
    }
    let repeated: Vec<bool> = marks.map(|mark| mark.is_some_and(|mark| !kept.has(mark))).collect();
    if repeated.contains(&true) {
        let said = |repeated| {
            if repeated {
                SavedMessage::Repeated
            } else {
                SavedMessage::Stale
            }
        };
        return Ok(nothing(Ok(repeated.into_iter().map(said).collect())));
    }
    write(connection, &[batch]).await
}

async fn write(
    connection: &mut PgConnection,
    batches: &[&MessageBatch],
) -> Result<Saved<Vec<SavedMessage>>, sqlx::Error> {
    let runs = batches.iter().flat_map(|batch| &batch.changes);
    let runs: Vec<&str> = runs.filter_map(|change| change.journalled_by.as_deref()).collect();
    let leases = node::refused(connection, runs).await?;
    let refusal = |batch: &MessageBatch| {
        let runs = batch.changes.iter().filter_map(|change| change.journalled_by.as_ref());
        runs.filter_map(|run| leases.get(run)).next().cloned()
    };
    let let_in = batches.iter().filter(|batch| refusal(batch).is_none());
    let mut changes: Vec<&MessageChange> = let_in.flat_map(|batch| &batch.changes).collect();
    let asking = changes.iter().filter(|change| asks_for_peace(change));
    let unwanted = arrival::unwanted(connection, asking.map(|change| to(change)).collect()).await?;
    let because = |change: &MessageChange| match unwanted.is_empty() || !asks_for_peace(change) {
        true => None,
        false => unwanted.get(&to(change)).cloned(),
    };
    changes.retain(|change| because(change).is_none());
    let written = message::put(connection, &changes).await?;
    let mut rest = Rest::default();
    for change in changes.iter().filter(|change| written.contains(&change.message.id)) {
        rest.add(change);
    }
    let (position, early) = rest.write(connection).await?;
    let saved = |change: &MessageChange| {
        if let Some(because) = because(change) {
            return SavedMessage::Unwanted { because };
        }
        if !written.contains(&change.message.id) {
            return SavedMessage::Stale;
        }
        let trunk = change.message.trunk.as_deref().unwrap_or_default();
        let mine = early
            .iter()
            .filter(|(of, receipt)| of == trunk && change.names.contains(&receipt.id));
        SavedMessage::Saved {
            early: mine.map(|(_, receipt)| receipt.clone()).collect(),
        }
    };
    let results = batches.iter().map(|batch| match refusal(batch) {
        Some(refusal) => Err(refusal),
        None => Ok(batch.changes.iter().map(saved).collect()),
    });
    Ok(Saved {
        results: results.collect(),
        position,
    })
}

/// Whose the message is and whom it is for, as both are kept.
fn to(change: &MessageChange) -> (Uuid, String) {
    (change.message.account.uuid(), kept(&receiver(&change.message)))
}

/// All that follows the rows of the messages.
#[derive(Default)]
struct Rest<'c> {
    removed_jobs: Vec<Uuid>,
    added_jobs: AddedJobs,
    feeds: WokenFeeds,
    happened: Happened,
    names: Vec<(String, String)>,
    named: Names,
    joined: Vec<&'c MessageChange>,
    events: i64,
}

type Early = Vec<(String, outdial_domain::message::Receipt)>;

impl<'c> Rest<'c> {
    fn add(&mut self, change: &'c MessageChange) {
        let message = &change.message;
        match change.job {
            Job::Keep => {}
            Job::Add => self
                .added_jobs
                .add(message.id.into(), Lane::of_message(message), message.plan.due),
            Job::Remove => self.removed_jobs.push(message.id.uuid()),
        }
        if let Some((feed, due)) = noticed(change) {
            self.feeds.add(&FeedRow::from(&feed), due);
        }
        for name in &change.names {
            let trunk = message.trunk.clone().unwrap_or_default();
            self.named.push(Named {
                trunk: kept(&trunk),
                id: kept(name),
                account_id: message.account.uuid(),
                message_id: message.id.uuid(),
            });
            self.names.push((trunk, name.clone()));
        }
        if change.joins.is_some() {
            self.joined.push(change);
        }
        self.events += count(&change.events);
        self.happened.add(&change.events, self.events);
    }

    async fn write(self, connection: &mut PgConnection) -> Result<(Option<i64>, Early), sqlx::Error> {
        if self.happened.is_empty() {
            return Ok((None, Vec::new()));
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
        for change in self.joined {
            let trunk = change.message.trunk.as_deref().unwrap_or_default();
            if let Some(part) = &change.joins {
                arrival::remove(connection, trunk, part).await?;
            }
        }
        if !self.named.is_empty() {
            self.named.bind(arrival::NAME).execute(&mut *connection).await?;
        }
        // Last, because all nodes wait for each other from here to the commit.
        let newest = event::take(connection, self.events).await?;
        let early = match self.names.is_empty() {
            true => Vec::new(),
            false => arrival::early(connection, &self.names).await?,
        };
        self.happened
            .bind(event::ADD)
            .bind(newest - self.events)
            .execute(connection)
            .await?;
        Ok((Some(newest), early))
    }
}

/// Whether a batch has a message that is among these already.
pub(super) fn overlaps(known: &mut HashSet<Uuid>, batch: &MessageBatch) -> bool {
    let ids = batch.changes.iter().map(|change| change.message.id.uuid());
    ids.clone().any(|id| known.contains(&id)) || {
        known.extend(ids);
        false
    }
}
