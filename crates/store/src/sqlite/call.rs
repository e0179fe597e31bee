//! Calls: the statements that write, find and list them.

use outdial_domain::{AccountId, Call, CallId, CallState};
use outdial_engine::ports::{CallDetails, CallFilter, Change, Job, Page};
use outdial_flow::Flow;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{attempt, error::Failure, leg, page};
use crate::rows::{
    call::{CallRow, flow, outcome, waits},
    column::{json, micros},
};

/// Adds a call, unless there is one of this id, or one that its face calls so.
pub(super) const ADD: &str = "INSERT INTO call (account_id, id, direction, state, outcome, to_address, tag, reference, due, \
     attempts, events, created_at, answered_at, ended_at, ending, digits, plan, flow, face, face_reference, face_kept) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

/// Writes what moves on, where the call still has as many events as the change expects.
pub(super) const MOVE: &str = "UPDATE call SET state = ?4, outcome = ?5, attempts = ?6, events = ?7, \
     answered_at = ?8, ended_at = ?9, ending = ?10, digits = ?11 \
     WHERE account_id = ?1 AND id = ?2 AND events = ?3";

/// The same for a call that was under way and is: SQLite writes every index that has a column which
/// is set, whether or not its value changes, so this one sets none of them.
pub(super) const RUN: &str = "UPDATE call SET attempts = ?4, events = ?5, answered_at = ?6, digits = ?7 \
     WHERE account_id = ?1 AND id = ?2 AND events = ?3 AND state = 'active'";

/// Writes the plan, and the flow where it changes. A call keeps both from the moment it is dialled.
pub(super) const PLAN: &str = "UPDATE call SET to_address = ?3, tag = ?4, due = ?5, plan = ?6, \
     flow = coalesce(?7, flow) \
     WHERE account_id = ?1 AND id = ?2";

/// Finds one call and its flow.
pub(super) const ONE: &str = "SELECT call.account_id, call.id, call.direction, call.state, call.attempts, \
     call.events, call.created_at, call.answered_at, call.ended_at, call.ending, call.digits, call.plan, call.face, \
     call.face_reference, call.face_kept, call.flow FROM call WHERE call.account_id = ? AND call.id = ?";

/// What is read of a call in a list.
const READ: &str = "call.account_id, call.id, call.direction, call.state, call.attempts, call.events, \
     call.created_at, call.answered_at, call.ended_at, call.ending, call.digits, call.plan, call.face, \
     call.face_reference, call.face_kept";

/// Writes the note that a face keeps of a call.
pub(super) const KEEP_BY_FACE: &str =
    "UPDATE call SET face_kept = ?3 WHERE account_id = ?1 AND id = ?2 AND face IS NOT NULL";

/// Takes away what a face keeps of a call.
pub(super) const FORGET_FACE: &str = "UPDATE call SET face = NULL, face_reference = NULL, face_kept = NULL \
     WHERE account_id = ? AND id = ? AND face IS NOT NULL";

fn read(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        direction: row.get(2)?,
        state: row.get(3)?,
        attempts: row.get(4)?,
        events: row.get(5)?,
        created_at: row.get(6)?,
        answered_at: row.get(7)?,
        ended_at: row.get(8)?,
        ending: row.get(9)?,
        digits: row.get(10)?,
        plan: row.get(11)?,
        face: row.get(12)?,
        face_reference: row.get(13)?,
        face_kept: row.get(14)?,
    })
}

/// Writes the row of a change's call. Says whether it was as the change expects; if not, nothing was
/// written.
pub(super) fn put(connection: &Connection, change: &Change) -> rusqlite::Result<bool> {
    match change.since {
        None => add(connection, &change.call, change.flow.as_ref()),
        Some(since) => advance(connection, change, since),
    }
}

fn add(connection: &Connection, call: &Call, flow: Option<&Flow>) -> rusqlite::Result<bool> {
    let added = connection.prepare_cached(ADD)?.execute(params![
        call.account.uuid(),
        call.id.uuid(),
        call.direction.as_str(),
        call.state.as_str(),
        outcome(call),
        call.plan.to.to_string(),
        call.plan.tag,
        call.plan.reference,
        micros(call.plan.due),
        call.attempts,
        call.events,
        micros(call.created_at),
        call.answered_at.map(micros),
        call.ended_at.map(micros),
        call.ending.as_ref().map(json),
        json(&call.digits),
        json(&call.plan),
        flow.map_or_else(|| json(&Flow::default()), json),
        call.face.as_ref().map(|face| &face.face),
        call.face.as_ref().map(|face| &face.reference),
        call.face.as_ref().map(|face| &face.kept),
    ])?;
    Ok(added == 1)
}

/// Writes the note that a face keeps of a call. Says whether the face knows it.
pub(super) fn keep_by_face(
    connection: &Connection,
    account: AccountId,
    id: CallId,
    kept: &str,
) -> rusqlite::Result<bool> {
    let values = params![account.uuid(), id.uuid(), kept];
    Ok(connection.prepare_cached(KEEP_BY_FACE)?.execute(values)? == 1)
}

/// Takes away what a face keeps of a call. Says whether there was something.
pub(super) fn forget_face(connection: &Connection, account: AccountId, id: CallId) -> rusqlite::Result<bool> {
    let values = params![account.uuid(), id.uuid()];
    Ok(connection.prepare_cached(FORGET_FACE)?.execute(values)? == 1)
}

fn advance(connection: &Connection, change: &Change, since: u32) -> rusqlite::Result<bool> {
    let call = &change.call;
    let digits = json(&call.digits);
    let ran = call.state == CallState::Active
        && change.job == Job::Keep
        && connection.prepare_cached(RUN)?.execute(params![
            call.account.uuid(),
            call.id.uuid(),
            since,
            call.attempts,
            call.events,
            call.answered_at.map(micros),
            digits,
        ])? == 1;
    if ran {
        return Ok(true);
    }
    let moved = connection.prepare_cached(MOVE)?.execute(params![
        call.account.uuid(),
        call.id.uuid(),
        since,
        call.state.as_str(),
        outcome(call),
        call.attempts,
        call.events,
        call.answered_at.map(micros),
        call.ended_at.map(micros),
        call.ending.as_ref().map(json),
        digits,
    ])? == 1;
    if moved && waits(call) {
        connection.prepare_cached(PLAN)?.execute(params![
            call.account.uuid(),
            call.id.uuid(),
            call.plan.to.to_string(),
            call.plan.tag,
            micros(call.plan.due),
            json(&call.plan),
            change.flow.as_ref().map(json),
        ])?;
    }
    Ok(moved)
}

/// A call and its flow.
pub(super) fn one(connection: &Connection, account: AccountId, id: CallId) -> Result<Option<(Call, Flow)>, Failure> {
    let found = connection
        .prepare_cached(ONE)?
        .query_row(params![account.uuid(), id.uuid()], |row| {
            Ok((read(row)?, row.get::<_, String>(15)?))
        })
        .optional()?;
    let Some((row, text)) = found else { return Ok(None) };
    Ok(Some((row.try_into()?, flow(id, &text)?)))
}

/// A call with its attempts and legs, all as they were at one moment when it runs in a transaction.
pub(super) fn details(connection: &Connection, account: AccountId, id: CallId) -> Result<Option<CallDetails>, Failure> {
    let Some((call, flow)) = one(connection, account, id)? else {
        return Ok(None);
    };
    Ok(Some(CallDetails {
        call,
        flow,
        attempts: attempt::of_call(connection, account, id)?,
        legs: leg::of_call(connection, account, id)?,
    }))
}

/// The statement for a filter. Its words stand in the text, where SQLite can match them to an index.
pub(super) fn list_query(account: AccountId, filter: &CallFilter, most: i64) -> (String, Vec<Value>) {
    let id = |id: uuid::Uuid| Value::Blob(id.as_bytes().to_vec());
    let word = |word: &str| Value::Text(word.to_owned());
    let index = list_index(filter);
    let mut text = format!("SELECT {READ} FROM call INDEXED BY {index} WHERE call.account_id = ?");
    let mut values = vec![id(account.uuid())];
    let conditions = [
        (" AND call.to_address = ?", filter.to.as_deref().map(word)),
        (
            " AND call.face_reference = ?",
            filter.face_reference.as_deref().map(word),
        ),
        (" AND call.face = ?", filter.face.as_deref().map(word)),
        (" AND call.reference = ?", filter.reference.as_deref().map(word)),
        (" AND call.tag = ?", filter.tag.as_deref().map(word)),
        (
            " AND call.outcome = ?",
            filter.outcome.map(|outcome| word(outcome.as_str())),
        ),
        (" AND call.state = ?", filter.state.map(|state| word(state.as_str()))),
        (" AND call.id < ?", filter.before.map(|before| id(before.uuid()))),
        (" ORDER BY call.id DESC LIMIT ? + 0", Some(Value::Integer(most))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            text.push_str(condition);
            values.push(value);
        }
    }
    (text, values)
}

/// The index that leaves the fewest rows to look at. SQLite has no statistics of a young database,
/// and its guess among indexes of the same shape is arbitrary.
fn list_index(filter: &CallFilter) -> &'static str {
    match filter {
        CallFilter {
            face_reference: Some(_),
            ..
        } => "call_by_face_reference",
        CallFilter { reference: Some(_), .. } => "call_by_reference",
        CallFilter { to: Some(_), .. } => "call_by_to",
        CallFilter { tag: Some(_), .. } => "call_by_tag",
        CallFilter { face: Some(_), .. } => "call_by_face",
        CallFilter { outcome: Some(_), .. } => "call_by_outcome",
        CallFilter { state: Some(_), .. } => "call_by_state",
        _ => "sqlite_autoindex_call_1",
    }
}

/// Calls, newest first, and whether there are more.
pub(super) fn list(connection: &Connection, account: AccountId, filter: &CallFilter) -> Result<Page<Call>, Failure> {
    let query = list_query(account, filter, page::one_more(filter.most));
    page::read(connection, query, filter.most, read)
}
