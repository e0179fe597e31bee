//! Messages: the statements that write, find and list them.

use std::collections::HashSet;

use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId};
use outdial_engine::ports::{MessageChange, MessageFilter, Page};
use sqlx::{FromRow, PgConnection, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{columns::columns, error::Failure, text::kept};
use crate::rows::{
    column::{json, micros},
    message::{MessageRow, deadline, progress, receiver},
};

/// Adds messages, unless there is one of this id.
pub(super) const ADD: &str = "INSERT INTO message (account_id, id, direction, state, to_address, tag, reference, deadline, \
     node, events, created_at, ended_at, plan, progress) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
        $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[]) \
     ON CONFLICT (account_id, id) DO NOTHING RETURNING id";

/// Writes what moves on, where a message still has as many events as the change expects. One that stays in the
/// journal stays with the run that has it there.
pub(super) const MOVE: &str = "UPDATE message SET state = new.state, deadline = new.deadline, \
     node = CASE WHEN new.state = 'sending' THEN coalesce(new.node, message.node) END, events = new.events, \
     ended_at = new.ended_at, plan = new.plan, progress = new.progress \
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], \
        $8::bigint[], $9::text[], $10::text[]) \
     AS new (account_id, id, since, state, deadline, node, events, ended_at, plan, progress) \
     WHERE message.account_id = new.account_id AND message.id = new.id AND message.events = new.since \
     RETURNING message.id";

/// What is read of a message.
macro_rules! read {
    () => {
        "message.account_id, message.id, message.direction, message.state, message.events, message.created_at, \
         message.ended_at, message.plan, message.progress"
    };
}
pub(super) use read;

pub(super) const ONE: &str = concat!("SELECT ", read!(), " FROM message WHERE account_id = $1 AND id = $2");

/// In the journal of runs that are gone, whoever's they are.
pub(super) const INTERRUPTED: &str = concat!(
    "SELECT ",
    read!(),
    " FROM message WHERE state = 'sending' AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = message.node) ORDER BY id"
);

pub(super) const OVERDUE: &str = concat!(
    "SELECT ",
    read!(),
    " FROM message WHERE state = 'submitted' AND deadline <= $1 ORDER BY deadline LIMIT $2"
);

columns! {
    /// A message that is new.
    New, NewMessages {
        account_id: Uuid,
        id: Uuid,
        direction: &'static str,
        state: &'static str,
        to_address: String,
        tag: Option<String>,
        reference: Option<String>,
        deadline: Option<i64>,
        node: Option<String>,
        events: i64,
        created_at: i64,
        ended_at: Option<i64>,
        plan: String,
        progress: String,
    }
}

columns! {
    /// A message that moves on.
    Moved, MovedMessages {
        account_id: Uuid,
        id: Uuid,
        since: i64,
        state: &'static str,
        deadline: Option<i64>,
        node: Option<String>,
        events: i64,
        ended_at: Option<i64>,
        plan: String,
        progress: String,
    }
}

/// Writes the rows of these changes' messages, no two of the same. Gives those that were as their change expects;
/// of the others nothing was written.
pub(super) async fn put(
    connection: &mut PgConnection,
    changes: &[&MessageChange],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let (mut new, mut moved) = (NewMessages::default(), MovedMessages::default());
    for change in changes {
        let message = &change.message;
        let node = change.journalled_by.as_deref().map(kept);
        match change.since {
            None => new.push(New {
                account_id: message.account.uuid(),
                id: message.id.uuid(),
                direction: message.direction.as_str(),
                state: message.state.as_str(),
                to_address: kept(&receiver(message)),
                tag: message.plan.tag.as_deref().map(kept),
                reference: message.plan.reference.as_deref().map(kept),
                deadline: deadline(message),
                node,
                events: i64::from(message.events),
                created_at: micros(message.created_at),
                ended_at: message.ended_at.map(micros),
                plan: json(&message.plan),
                progress: progress(message),
            }),
            Some(since) => moved.push(Moved {
                account_id: message.account.uuid(),
                id: message.id.uuid(),
                since: i64::from(since),
                state: message.state.as_str(),
                deadline: deadline(message),
                node,
                events: i64::from(message.events),
                ended_at: message.ended_at.map(micros),
                plan: json(&message.plan),
                progress: progress(message),
            }),
        }
    }
    let mut rows = Vec::new();
    if !new.is_empty() {
        rows.append(&mut new.bind(ADD).fetch_all(&mut *connection).await?);
    }
    if !moved.is_empty() {
        rows.append(&mut moved.bind(MOVE).fetch_all(&mut *connection).await?);
    }
    rows.iter()
        .map(|row| Ok(MessageId::from_uuid(row.try_get(0)?)))
        .collect()
}

impl FromRow<'_, PgRow> for MessageRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            direction: row.try_get(2)?,
            state: row.try_get(3)?,
            events: row.try_get(4)?,
            created_at: row.try_get(5)?,
            ended_at: row.try_get(6)?,
            plan: row.try_get(7)?,
            progress: row.try_get(8)?,
        })
    }
}

fn all(rows: Vec<MessageRow>) -> Result<Vec<Message>, Failure> {
    Ok(rows.into_iter().map(Message::try_from).collect::<Result<_, _>>()?)
}

pub(super) async fn one(
    connection: &mut PgConnection,
    account: AccountId,
    id: MessageId,
) -> Result<Option<Message>, Failure> {
    let row: Option<MessageRow> = sqlx::query_as(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(Message::try_from).transpose()?)
}

pub(super) async fn interrupted(connection: &mut PgConnection) -> Result<Vec<Message>, Failure> {
    all(sqlx::query_as(INTERRUPTED).fetch_all(connection).await?)
}

pub(super) async fn overdue(
    connection: &mut PgConnection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Message>, Failure> {
    all(sqlx::query_as(OVERDUE)
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?)
}

/// Messages, newest first, and whether there are more.
pub(super) async fn list(
    connection: &mut PgConnection,
    account: AccountId,
    filter: &MessageFilter,
) -> Result<Page<Message>, Failure> {
    let mut query =
        QueryBuilder::<sqlx::Postgres>::new(concat!("SELECT ", read!(), " FROM message WHERE account_id = "));
    query.push_bind(account.uuid());
    if let Some(to) = &filter.to {
        query.push(" AND to_address = ").push_bind(kept(&to.to_string()));
    }
    if let Some(reference) = &filter.reference {
        query.push(" AND reference = ").push_bind(kept(reference));
    }
    if let Some(tag) = &filter.tag {
        query.push(" AND tag = ").push_bind(kept(tag));
    }
    if let Some(state) = filter.state {
        // Each of the two is the condition of an index.
        query.push(if state.is_final() {
            " AND ended_at IS NOT NULL AND state = "
        } else {
            " AND ended_at IS NULL AND state = "
        });
        query.push_bind(state.as_str());
    }
    if let Some(direction) = filter.direction {
        query.push(" AND direction = ").push_bind(direction.as_str());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.uuid());
    }
    let one_more = i64::try_from(filter.most).unwrap_or(i64::MAX).saturating_add(1);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more);
    let rows: Vec<MessageRow> = query.build_query_as().fetch_all(connection).await?;
    let more = rows.len() > filter.most;
    Ok(Page {
        items: all(rows.into_iter().take(filter.most).collect())?,
        more,
    })
}
