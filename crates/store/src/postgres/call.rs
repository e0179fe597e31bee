//! Calls: the statements that write, find and list them.

use std::collections::HashSet;

use outdial_domain::{AccountId, Call, CallId};
use outdial_engine::ports::{CallDetails, CallFilter, Change, Page};
use outdial_flow::Flow;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    attempt,
    columns::columns,
    error::Failure,
    leg,
    text::{given, kept},
};
use crate::rows::{
    call::{CallRow, flow, outcome, waits},
    column::{json, micros},
};

/// Adds calls, unless there is one of this id, or one that its face calls so.
pub(super) const ADD: &str = "INSERT INTO call (account_id, id, direction, state, outcome, to_address, tag, reference, due, \
     attempts, events, created_at, answered_at, ended_at, ending, digits, plan, flow, face, face_reference, face_kept) \
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
        $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], \
        $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[]) \
     ON CONFLICT DO NOTHING RETURNING id";

/// Writes what moves on, where a call still has as many events as the change expects.
pub(super) const MOVE: &str = "UPDATE call SET state = new.state, outcome = new.outcome, attempts = new.attempts, \
     events = new.events, answered_at = new.answered_at, ended_at = new.ended_at, ending = new.ending, \
     digits = new.digits \
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], \
        $8::bigint[], $9::bigint[], $10::text[], $11::text[]) \
     AS new (account_id, id, since, state, outcome, attempts, events, answered_at, ended_at, ending, digits) \
     WHERE call.account_id = new.account_id AND call.id = new.id AND call.events = new.since \
     RETURNING call.id";

/// Writes the plan, and the flow where it changes. A call keeps both from the moment it is dialled.
pub(super) const PLAN: &str = "UPDATE call SET to_address = new.to_address, tag = new.tag, due = new.due, \
     plan = new.plan, flow = coalesce(new.flow, call.flow) \
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[]) \
     AS new (account_id, id, to_address, tag, due, plan, flow) \
     WHERE call.account_id = new.account_id AND call.id = new.id";

/// What is read of a call. The flow is read apart, where it is wanted.
macro_rules! read {
    () => {
        "call.account_id, call.id, call.direction, call.state, call.attempts, call.events, call.created_at, \
         call.answered_at, call.ended_at, call.ending, call.digits, call.plan, call.face, call.face_reference, call.face_kept"
    };
}
pub(super) use read;

/// Writes the note that a face keeps of a call.
pub(super) const KEEP_BY_FACE: &str =
    "UPDATE call SET face_kept = $3 WHERE account_id = $1 AND id = $2 AND face IS NOT NULL";

/// Takes away what a face keeps of a call.
pub(super) const FORGET_FACE: &str = "UPDATE call SET face = NULL, face_reference = NULL, face_kept = NULL \
     WHERE account_id = $1 AND id = $2 AND face IS NOT NULL";

/// Finds one call and its flow.
pub(super) const ONE: &str = concat!(
    "SELECT ",
    read!(),
    ", call.flow FROM call WHERE call.account_id = $1 AND call.id = $2"
);

columns! {
    /// A call that is new.
    New, NewCalls {
        account_id: Uuid,
        id: Uuid,
        direction: &'static str,
        state: &'static str,
        outcome: Option<&'static str>,
        to_address: String,
        tag: Option<String>,
        reference: Option<String>,
        due: i64,
        attempts: i64,
        events: i64,
        created_at: i64,
        answered_at: Option<i64>,
        ended_at: Option<i64>,
        ending: Option<String>,
        digits: String,
        plan: String,
        flow: String,
        face: Option<String>,
        face_reference: Option<String>,
        face_kept: Option<String>,
    }
}

columns! {
    /// A call that moves on.
    Moved, MovedCalls {
        account_id: Uuid,
        id: Uuid,
        since: i64,
        state: &'static str,
        outcome: Option<&'static str>,
        attempts: i64,
        events: i64,
        answered_at: Option<i64>,
        ended_at: Option<i64>,
        ending: Option<String>,
        digits: String,
    }
}

columns! {
    /// A call whose plan may have changed.
    Planned, PlannedCalls {
        account_id: Uuid,
        id: Uuid,
        to_address: String,
        tag: Option<String>,
        due: i64,
        plan: String,
        flow: Option<String>,
    }
}

impl NewCalls {
    pub(super) fn add(&mut self, call: &Call, flow: Option<&Flow>) {
        self.push(New {
            account_id: call.account.uuid(),
            id: call.id.uuid(),
            direction: call.direction.as_str(),
            state: call.state.as_str(),
            outcome: outcome(call),
            to_address: kept(&call.plan.to.to_string()),
            tag: call.plan.tag.as_deref().map(kept),
            reference: call.plan.reference.as_deref().map(kept),
            due: micros(call.plan.due),
            attempts: i64::from(call.attempts),
            events: i64::from(call.events),
            created_at: micros(call.created_at),
            answered_at: call.answered_at.map(micros),
            ended_at: call.ended_at.map(micros),
            ending: call.ending.as_ref().map(json),
            digits: json(&call.digits),
            plan: json(&call.plan),
            flow: flow.map_or_else(|| json(&Flow::default()), json),
            face: call.face.as_ref().map(|face| kept(&face.face)),
            face_reference: call.face.as_ref().map(|face| kept(&face.reference)),
            face_kept: call.face.as_ref().map(|face| kept(&face.kept)),
        });
    }
}

impl MovedCalls {
    pub(super) fn add(&mut self, call: &Call, since: u32) {
        self.push(Moved {
            account_id: call.account.uuid(),
            id: call.id.uuid(),
            since: i64::from(since),
            state: call.state.as_str(),
            outcome: outcome(call),
            attempts: i64::from(call.attempts),
            events: i64::from(call.events),
            answered_at: call.answered_at.map(micros),
            ended_at: call.ended_at.map(micros),
            ending: call.ending.as_ref().map(json),
            digits: json(&call.digits),
        });
    }
}

impl PlannedCalls {
    fn add(&mut self, call: &Call, flow: Option<&Flow>) {
        self.push(Planned {
            account_id: call.account.uuid(),
            id: call.id.uuid(),
            to_address: kept(&call.plan.to.to_string()),
            tag: call.plan.tag.as_deref().map(kept),
            due: micros(call.plan.due),
            plan: json(&call.plan),
            flow: flow.map(json),
        });
    }
}

/// Writes the rows of these changes' calls, no two of the same. Gives those that were as their change
/// expects; of the others nothing was written.
pub(super) async fn put(connection: &mut PgConnection, changes: &[&Change]) -> Result<HashSet<CallId>, sqlx::Error> {
    let (mut new, mut moved) = (NewCalls::default(), MovedCalls::default());
    for change in changes {
        match change.since {
            None => new.add(&change.call, change.flow.as_ref()),
            Some(since) => moved.add(&change.call, since),
        }
    }
    let mut written = HashSet::with_capacity(changes.len());
    let mut rows = Vec::new();
    if !new.is_empty() {
        rows.append(&mut new.bind(ADD).fetch_all(&mut *connection).await?);
    }
    if !moved.is_empty() {
        rows.append(&mut moved.bind(MOVE).fetch_all(&mut *connection).await?);
    }
    for row in rows {
        written.insert(CallId::from_uuid(row.try_get(0)?));
    }
    let mut planned = PlannedCalls::default();
    for change in changes {
        if change.since.is_some() && waits(&change.call) && written.contains(&change.call.id) {
            planned.add(&change.call, change.flow.as_ref());
        }
    }
    if !planned.is_empty() {
        planned.bind(PLAN).execute(connection).await?;
    }
    Ok(written)
}

impl FromRow<'_, PgRow> for CallRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            direction: row.try_get(2)?,
            state: row.try_get(3)?,
            attempts: row.try_get(4)?,
            events: row.try_get(5)?,
            created_at: row.try_get(6)?,
            answered_at: row.try_get(7)?,
            ended_at: row.try_get(8)?,
            ending: row.try_get(9)?,
            digits: row.try_get(10)?,
            plan: row.try_get(11)?,
            face: row.try_get::<Option<String>, _>(12)?.map(given),
            face_reference: row.try_get::<Option<String>, _>(13)?.map(given),
            face_kept: row.try_get::<Option<String>, _>(14)?.map(given),
        })
    }
}

/// A call and its flow, from a row that has the flow behind the columns of [`read!`].
pub(super) fn with_flow(row: &PgRow) -> Result<(Call, Flow), Failure> {
    let call = Call::try_from(CallRow::from_row(row)?)?;
    let text: &str = row.try_get(15)?;
    let flow = flow(call.id, text)?;
    Ok((call, flow))
}

/// A call with its attempts and legs, all as they were at one moment when it runs in a transaction that
/// sees one.
pub(super) async fn details(
    connection: &mut PgConnection,
    account: AccountId,
    id: CallId,
) -> Result<Option<CallDetails>, Failure> {
    let found = sqlx::query(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let (call, flow) = with_flow(&row)?;
    Ok(Some(CallDetails {
        call,
        flow,
        attempts: attempt::of_call(connection, account, id).await?,
        legs: leg::of_call(connection, account, id).await?,
    }))
}

/// Writes the note that a face keeps of a call. Says whether the face knows it.
pub(super) async fn keep_by_face(
    connection: &mut PgConnection,
    account: AccountId,
    id: CallId,
    note: String,
) -> Result<bool, Failure> {
    let written = sqlx::query(KEEP_BY_FACE)
        .bind(account.uuid())
        .bind(id.uuid())
        .bind(kept(&note))
        .execute(connection)
        .await?;
    Ok(written.rows_affected() == 1)
}

/// Takes away what a face keeps of a call. Says whether there was something.
pub(super) async fn forget_face(
    connection: &mut PgConnection,
    account: AccountId,
    id: CallId,
) -> Result<bool, Failure> {
    let written = sqlx::query(FORGET_FACE)
        .bind(account.uuid())
        .bind(id.uuid())
        .execute(connection)
        .await?;
    Ok(written.rows_affected() == 1)
}

/// The statement for a filter.
pub(super) fn list_query(account: AccountId, filter: &CallFilter, most: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(concat!("SELECT ", read!(), " FROM call WHERE call.account_id = "));
    query.push_bind(account.uuid());
    if let Some(to) = &filter.to {
        query.push(" AND call.to_address = ").push_bind(kept(to));
    }
    if let Some(reference) = &filter.face_reference {
        query.push(" AND call.face_reference = ").push_bind(kept(reference));
    }
    if let Some(face) = &filter.face {
        query.push(" AND call.face = ").push_bind(kept(face));
    }
    if let Some(reference) = &filter.reference {
        query.push(" AND call.reference = ").push_bind(kept(reference));
    }
    if let Some(tag) = &filter.tag {
        query.push(" AND call.tag = ").push_bind(kept(tag));
    }
    if let Some(outcome) = filter.outcome {
        query.push(" AND call.outcome = ").push_bind(outcome.as_str());
    }
    if let Some(state) = filter.state {
        query.push(" AND call.state = ").push_bind(state.as_str());
    }
    if let Some(before) = filter.before {
        query.push(" AND call.id < ").push_bind(before.uuid());
    }
    query.push(" ORDER BY call.id DESC LIMIT ").push_bind(most);
    query
}

/// Calls, newest first, and whether there are more.
pub(super) async fn list(
    connection: &mut PgConnection,
    account: AccountId,
    filter: &CallFilter,
) -> Result<Page<Call>, Failure> {
    let one_more = i64::try_from(filter.most).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<CallRow> = list_query(account, filter, one_more)
        .build_query_as()
        .fetch_all(connection)
        .await?;
    let more = rows.len() > filter.most;
    let items = rows
        .into_iter()
        .take(filter.most)
        .map(Call::try_from)
        .collect::<Result<_, _>>()?;
    Ok(Page { items, more })
}
