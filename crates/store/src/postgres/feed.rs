//! What is yet to be told to receivers.

use jiff::Timestamp;
use outdial_domain::ReceiverId;
use outdial_engine::ports::{Change, Feed, Settled};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, delivery, error::Failure};
use crate::rows::{
    column::micros,
    webhook::{FeedRow, key, noticed},
};

/// Adds feeds, or moves those on that are there; always in the order of their keys, so that transactions do
/// not wait for each other in a circle.
pub(super) const WAKE: &str = "INSERT INTO feed (kind, subject, webhook_id, replay_id, account_id, receiver, told, newest, \
     tries, due) SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], \
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]) AS new (kind, subject, webhook_id, replay_id, account_id, receiver, \
        told, newest, tries, due) ORDER BY subject, webhook_id, replay_id \
     ON CONFLICT (subject, webhook_id, replay_id) DO UPDATE SET \
     newest = greatest(feed.newest, excluded.newest)";
/// What a receiver is to be told by now.
pub(super) const DUE: &str = "SELECT kind, subject, webhook_id, replay_id, account_id, receiver, told, newest, tries \
     FROM feed WHERE receiver = $1 AND due <= $2 ORDER BY due LIMIT $3";
/// Writes how far a receiver was told.
pub(super) const SETTLE: &str = "UPDATE feed SET told = $4, tries = $5, due = $6 \
     WHERE subject = $1 AND webhook_id = $2 AND replay_id = $3";
pub(super) const REMOVE: &str =
    "DELETE FROM feed WHERE subject = $1 AND webhook_id = $2 AND replay_id = $3 AND newest <= $4";
pub(super) const DROP_ALL: &str = "DELETE FROM feed WHERE receiver = $1";

columns! {
    /// A feed that is added or moved on.
    Woken, WokenFeeds {
        kind: String,
        subject: Uuid,
        webhook_id: Uuid,
        replay_id: Uuid,
        account_id: Uuid,
        receiver: Uuid,
        told: i64,
        newest: i64,
        tries: i64,
        due: i64,
    }
}

impl WokenFeeds {
    pub(super) fn add(&mut self, row: &FeedRow, due: i64) {
        self.push(Woken {
            kind: row.kind.to_string(),
            subject: row.subject,
            webhook_id: row.webhook_id,
            replay_id: row.replay_id,
            account_id: row.account_id,
            receiver: row.receiver,
            told: row.told,
            newest: row.newest,
            tries: row.tries,
            due,
        });
    }

    /// Adds what the receiver that a call names is to be told of a change.
    pub(super) fn notice(&mut self, change: &Change) {
        if let Some((row, due)) = noticed(change) {
            self.add(&row, due);
        }
    }

    pub(super) async fn write(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.is_empty() {
            self.bind(WAKE).execute(connection).await?;
        }
        Ok(())
    }
}

impl FromRow<'_, PgRow> for FeedRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            kind: row.try_get::<String, _>(0)?.into(),
            subject: row.try_get(1)?,
            webhook_id: row.try_get(2)?,
            replay_id: row.try_get(3)?,
            account_id: row.try_get(4)?,
            receiver: row.try_get(5)?,
            told: row.try_get(6)?,
            newest: row.try_get(7)?,
            tries: row.try_get(8)?,
        })
    }
}

pub(super) async fn add(connection: &mut PgConnection, feeds: &[Feed], now: Timestamp) -> Result<(), Failure> {
    let mut woken = WokenFeeds::default();
    for feed in feeds {
        woken.add(&FeedRow::from(feed), micros(now));
    }
    Ok(woken.write(connection).await?)
}

pub(super) async fn due(
    connection: &mut PgConnection,
    receiver: ReceiverId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Feed>, Failure> {
    let rows: Vec<FeedRow> = sqlx::query_as(DUE)
        .bind(receiver.uuid())
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Feed::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn settle(
    connection: &mut PgConnection,
    mut settled: Vec<Settled>,
    now: Timestamp,
) -> Result<(), Failure> {
    // A stable sort: what became of one feed stays in its order.
    settled.sort_by_key(|one| one.key);
    let mut transaction = connection.begin().await?;
    for one in &settled {
        let (call, webhook, replay) = key(&one.key);
        let mut all = false;
        if one.due.is_none() {
            let removed = sqlx::query(REMOVE)
                .bind(call)
                .bind(webhook)
                .bind(replay)
                .bind(i64::from(one.told))
                .execute(&mut *transaction)
                .await?;
            all = removed.rows_affected() > 0;
        }
        if !all {
            // What came meanwhile is due at once.
            sqlx::query(SETTLE)
                .bind(call)
                .bind(webhook)
                .bind(replay)
                .bind(i64::from(one.told))
                .bind(i64::from(one.tries))
                .bind(micros(one.due.unwrap_or(now)))
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(entry) = &one.delivery {
            delivery::add(&mut transaction, entry).await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// Drops all that waits for a webhook.
pub(super) async fn drop_all(connection: &mut PgConnection, receiver: ReceiverId) -> Result<(), sqlx::Error> {
    sqlx::query(DROP_ALL)
        .bind(receiver.uuid())
        .execute(connection)
        .await
        .map(|_| ())
}
