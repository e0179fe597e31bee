//! Calls: rows, filters, and the statements that write them.

use outdial_domain::{AccountId, Call, CallId, CallState, Direction, Ending, Plan};
use outdial_engine::ports::{CallDetails, CallFilter, Page, StoreError};
use outdial_flow::Flow;
use sqlx::{Connection, FromRow, QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    attempt::AttemptRow,
    column::{Place, json, micros},
    error::Failure,
    leg::LegRow,
    statement::Arguments,
};

/// What is written of a new call.
pub(super) const COLUMNS: &[&str] = &[
    "account_id",
    "id",
    "direction",
    "state",
    "outcome",
    "to_address",
    "tag",
    "due",
    "attempts",
    "events",
    "created_at",
    "answered_at",
    "ended_at",
    "ending",
    "digits",
    "plan",
    "flow",
];

/// What is written when a call moves on. The first three find its row.
pub(super) const PROGRESS_COLUMNS: &[&str] = &[
    "account_id",
    "id",
    "since",
    "state",
    "outcome",
    "attempts",
    "events",
    "answered_at",
    "ended_at",
    "ending",
    "digits",
];

/// What is written when the plan of a call that waits may have changed. The first two find its row.
pub(super) const PLAN_COLUMNS: &[&str] = &["account_id", "id", "to_address", "tag", "due", "plan"];

/// Sets what moves on, only where the call still has as many events as the change expects.
pub(super) const UPDATE_PROGRESS: &str = "UPDATE call SET state = new.column4, outcome = new.column5, \
     attempts = new.column6, events = new.column7, answered_at = new.column8, ended_at = new.column9, \
     ending = new.column10, digits = new.column11 FROM new \
     WHERE call.account_id = new.column1 AND call.id = new.column2 AND call.events = new.column3";

/// Sets the plan, which a call keeps from the moment it is dialled.
pub(super) const UPDATE_PLAN: &str = "UPDATE call SET to_address = new.column3, tag = new.column4, \
     due = new.column5, plan = new.column6 FROM new \
     WHERE call.account_id = new.column1 AND call.id = new.column2";

pub(super) fn bind_new(arguments: &mut Arguments, call: &Call, flow: String) {
    arguments.id(call.account.uuid());
    arguments.id(call.id.uuid());
    arguments.add(call.direction.as_str());
    arguments.add(call.state.as_str());
    arguments.add(outcome(call));
    arguments.add(call.plan.to.to_string());
    arguments.add(call.plan.tag.as_deref());
    arguments.add(micros(call.plan.due));
    arguments.add(i64::from(call.attempts));
    arguments.add(i64::from(call.events));
    arguments.add(micros(call.created_at));
    arguments.add(call.answered_at.map(micros));
    arguments.add(call.ended_at.map(micros));
    arguments.add(call.ending.as_ref().map(json));
    arguments.add(json(&call.digits));
    arguments.add(json(&call.plan));
    arguments.add(flow);
}

pub(super) fn bind_progress(arguments: &mut Arguments, call: &Call, since: u32) {
    arguments.id(call.account.uuid());
    arguments.id(call.id.uuid());
    arguments.add(i64::from(since));
    arguments.add(call.state.as_str());
    arguments.add(outcome(call));
    arguments.add(i64::from(call.attempts));
    arguments.add(i64::from(call.events));
    arguments.add(call.answered_at.map(micros));
    arguments.add(call.ended_at.map(micros));
    arguments.add(call.ending.as_ref().map(json));
    arguments.add(json(&call.digits));
}

pub(super) fn bind_plan(arguments: &mut Arguments, call: &Call) {
    arguments.id(call.account.uuid());
    arguments.id(call.id.uuid());
    arguments.add(call.plan.to.to_string());
    arguments.add(call.plan.tag.as_deref());
    arguments.add(micros(call.plan.due));
    arguments.add(json(&call.plan));
}

fn outcome(call: &Call) -> Option<&'static str> {
    call.ending.as_ref().map(|ending| ending.outcome.as_str())
}

/// What is read of a call. The flow is read apart, where it is wanted.
pub(super) const READ: &str = "call.account_id, call.id, call.direction, call.state, call.attempts, call.events, \
     call.created_at, call.answered_at, call.ended_at, call.ending, call.digits, call.plan";

/// A call as it is stored.
#[derive(Debug)]
pub(super) struct CallRow {
    account_id: Uuid,
    id: Uuid,
    direction: String,
    state: String,
    attempts: i64,
    events: i64,
    created_at: i64,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    ending: Option<String>,
    digits: String,
    plan: String,
}

impl FromRow<'_, SqliteRow> for CallRow {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
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
        })
    }
}

impl TryFrom<CallRow> for Call {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Self, StoreError> {
        let id = CallId::from_uuid(row.id);
        let place = Place { table: "call", id: &id };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            direction: place.word("direction", &row.direction, Direction::from_word)?,
            state: place.word("state", &row.state, CallState::from_word)?,
            plan: place.json::<Plan>("plan", &row.plan)?,
            attempts: place.number("attempts", row.attempts)?,
            events: place.number("events", row.events)?,
            created_at: place.time("created_at", row.created_at)?,
            answered_at: place.maybe_time("answered_at", row.answered_at)?,
            ended_at: place.maybe_time("ended_at", row.ended_at)?,
            ending: place.maybe_json::<Ending>("ending", row.ending.as_deref())?,
            digits: place.json("digits", &row.digits)?,
        })
    }
}

/// A call and its flow, from a row that has the flow behind the columns of [`READ`].
pub(super) fn with_flow(row: &SqliteRow) -> Result<(Call, Flow), Failure> {
    let call = Call::try_from(CallRow::from_row(row)?)?;
    let flow: &str = row.try_get(12)?;
    let flow = Place {
        table: "call",
        id: &call.id,
    }
    .json("flow", flow)?;
    Ok((call, flow))
}

/// Finds one call.
pub(super) const ONE: &str = "SELECT call.account_id, call.id, call.direction, call.state, call.attempts, \
     call.events, call.created_at, call.answered_at, call.ended_at, call.ending, call.digits, call.plan, call.flow \
     FROM call WHERE call.account_id = ? AND call.id = ?";

/// A call with its attempts and legs, all as they were at one moment.
pub(super) async fn details(
    connection: &mut SqliteConnection,
    account: AccountId,
    id: CallId,
) -> Result<Option<CallDetails>, Failure> {
    let mut moment = connection.begin().await?;
    let found = sqlx::query(ONE)
        .bind(account.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *moment)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let (call, flow) = with_flow(&row)?;
    let attempts = AttemptRow::of_call(&mut moment, account, id).await?;
    let legs = LegRow::of_call(&mut moment, account, id).await?;
    moment.commit().await?;
    Ok(Some(CallDetails {
        call,
        flow,
        attempts,
        legs,
    }))
}

/// The statement for a filter. Its words stand in the text, where SQLite can match them to an index.
pub(super) fn list_query(account: AccountId, filter: &CallFilter, most: i64) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(READ).push(" FROM call INDEXED BY ").push(list_index(filter));
    query.push(" WHERE call.account_id = ").push_bind(account.uuid());
    if let Some(to) = &filter.to {
        query.push(" AND call.to_address = ").push_bind(to.clone());
    }
    if let Some(tag) = &filter.tag {
        query.push(" AND call.tag = ").push_bind(tag.clone());
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
    query.push(" ORDER BY call.id DESC LIMIT ").push_bind(most).push(" + 0");
    query
}

/// The index that leaves the fewest rows to look at. SQLite has no statistics of a young database,
/// and its guess among indexes of the same shape is arbitrary.
fn list_index(filter: &CallFilter) -> &'static str {
    match filter {
        CallFilter { to: Some(_), .. } => "call_by_to",
        CallFilter { tag: Some(_), .. } => "call_by_tag",
        CallFilter { outcome: Some(_), .. } => "call_by_outcome",
        CallFilter { state: Some(_), .. } => "call_by_state",
        _ => "sqlite_autoindex_call_1",
    }
}

/// Calls, newest first, and whether there are more.
pub(super) async fn list(
    connection: &mut SqliteConnection,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_row_names_its_table_column_and_id() {
        let row = CallRow {
            account_id: Uuid::nil(),
            id: Uuid::nil(),
            direction: "outgoing".into(),
            state: "asleep".into(),
            attempts: 0,
            events: 1,
            created_at: 0,
            answered_at: None,
            ended_at: None,
            ending: None,
            digits: "[]".into(),
            plan: "{}".into(),
        };
        let error = Call::try_from(row).unwrap_err();
        let StoreError::BadRow { table, column, id, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((table, column), ("call", "state"));
        assert!(id.starts_with("call_"), "{id}");
    }
}
