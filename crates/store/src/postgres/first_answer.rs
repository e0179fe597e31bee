//! Answers to requests that have an idempotency key.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::AccountId;
use outdial_engine::ports::{Change, FirstAnswer, StoreError};
use sqlx::{Connection, FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, error::Failure};
use crate::rows::{column::micros, first_answer::FirstAnswerRow};

/// Keeps answers, unless there is one for the key whose time is not over. One that another node is
/// saving at this moment is waited for.
pub(super) const PUT: &str = "INSERT INTO first_answer (account_id, key, request, answer, made_at, kept_until) \
     SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[]) \
     ON CONFLICT (account_id, key) DO UPDATE SET request = excluded.request, \
     answer = excluded.answer, made_at = excluded.made_at, kept_until = excluded.kept_until \
     WHERE first_answer.kept_until <= excluded.made_at RETURNING account_id, key";
pub(super) const REMOVE: &str = "DELETE FROM first_answer WHERE account_id = $1 AND key = $2";
pub(super) const ONE: &str = "SELECT account_id, key, request, answer, made_at, kept_until FROM first_answer \
     WHERE account_id = $1 AND key = $2 AND kept_until > $3";
pub(super) const FORGET: &str = "DELETE FROM first_answer USING \
     (SELECT account_id, key FROM first_answer WHERE kept_until <= $1 ORDER BY kept_until LIMIT $2 \
        FOR UPDATE SKIP LOCKED) AS old \
     WHERE first_answer.account_id = old.account_id AND first_answer.key = old.key";

columns! {
    /// An answer as it is written.
    Kept, KeptAnswers {
        account_id: Uuid,
        key: Vec<u8>,
        request: Vec<u8>,
        answer: Vec<u8>,
        made_at: i64,
        kept_until: i64,
    }
}

impl KeptAnswers {
    fn add(&mut self, answer: &FirstAnswer) {
        self.push(Kept {
            account_id: answer.account.uuid(),
            key: answer.key.to_vec(),
            request: answer.request.to_vec(),
            answer: answer.answer.clone(),
            made_at: micros(answer.made_at),
            kept_until: micros(answer.kept_until),
        });
    }
}

impl FromRow<'_, PgRow> for FirstAnswerRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            key: row.try_get(1)?,
            request: row.try_get(2)?,
            answer: row.try_get(3)?,
            made_at: row.try_get(4)?,
            kept_until: row.try_get(5)?,
        })
    }
}

/// The keys that a batch has, so that each change can be told whether it may be saved.
#[derive(Debug, Default)]
pub(super) struct Answered {
    kept: HashSet<(Uuid, Vec<u8>)>,
}

impl Answered {
    /// Whether the change has no answer, or its answer is the one that is kept. Of two changes with one
    /// key the first is.
    pub(super) fn lets_in(&mut self, change: &Change) -> bool {
        match &change.answer {
            Some(answer) => self.has(answer),
            None => true,
        }
    }

    /// Whether this answer is kept; once, so that of two with one key only the first is.
    pub(super) fn has(&mut self, answer: &FirstAnswer) -> bool {
        self.kept.remove(&(answer.account.uuid(), answer.key.to_vec()))
    }
}

/// Keeps the answers of these changes. They are written in the order of their keys, so that nodes do not
/// wait for each other in a circle.
pub(super) async fn put(connection: &mut PgConnection, changes: &[&Change]) -> Result<Answered, sqlx::Error> {
    let answers = changes.iter().filter_map(|change| change.answer.as_ref());
    put_these(connection, answers.collect()).await
}

/// Keeps these answers, of two with one key the first. What was kept says whether it [has](Answered::has) each.
pub(super) async fn put_these(
    connection: &mut PgConnection,
    mut answers: Vec<&FirstAnswer>,
) -> Result<Answered, sqlx::Error> {
    // A stable sort: of two with one key the first stays.
    answers.sort_by_key(|answer| (answer.account, answer.key));
    answers.dedup_by_key(|answer| (answer.account, answer.key));
    let mut columns = KeptAnswers::default();
    for answer in answers {
        columns.add(answer);
    }
    let mut answered = Answered::default();
    if !columns.is_empty() {
        for row in columns.bind(PUT).fetch_all(connection).await? {
            answered.kept.insert((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(answered)
}

/// Takes back what was put, when what it belongs to is not saved.
pub(super) async fn remove(connection: &mut PgConnection, answer: &FirstAnswer) -> Result<(), sqlx::Error> {
    sqlx::query(REMOVE)
        .bind(answer.account.uuid())
        .bind(answer.key.to_vec())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Adds something together with the answer to the request for it.
pub(super) async fn with<T, W>(connection: &mut PgConnection, answer: Option<FirstAnswer>, add: W) -> Result<T, Failure>
where
    W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Failure>>,
{
    let Some(answer) = answer else {
        return add(connection).await;
    };
    let mut transaction = connection.begin().await?;
    let mut columns = KeptAnswers::default();
    columns.add(&answer);
    if columns.bind(PUT).fetch_optional(&mut *transaction).await?.is_none() {
        return Err(StoreError::Repeated.into());
    }
    let added = add(&mut transaction).await?;
    transaction.commit().await?;
    Ok(added)
}

pub(super) async fn one(
    connection: &mut PgConnection,
    account: AccountId,
    key: [u8; 32],
    now: Timestamp,
) -> Result<Option<FirstAnswer>, Failure> {
    let row: Option<FirstAnswerRow> = sqlx::query_as(ONE)
        .bind(account.uuid())
        .bind(key.to_vec())
        .bind(micros(now))
        .fetch_optional(connection)
        .await?;
    Ok(row.map(FirstAnswer::try_from).transpose()?)
}

pub(super) async fn forget(connection: &mut PgConnection, now: Timestamp, most: usize) -> Result<usize, Failure> {
    let done = sqlx::query(FORGET)
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}
