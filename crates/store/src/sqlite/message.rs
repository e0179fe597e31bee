//! Messages: the statements that write, find and list them.

use jiff::Timestamp;
use outdial_domain::{AccountId, Message, MessageId, MessageState, message::Receipt};
use outdial_engine::ports::{Job, Lane, MessageBatch, MessageChange, MessageFilter, Page, SavedMessage};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{
    arrival,
    error::{Failure, all_of},
    event, feed, first_answer, job, page,
    transaction::Log,
};
use crate::rows::{
    column::{json, micros},
    event::count,
    message::{MessageRow, asks_for_peace, deadline, noticed, progress, receiver},
    webhook::FeedRow,
};

/// Adds a message, unless there is one of this id.
pub(super) const ADD: &str = "INSERT INTO message (account_id, id, direction, state, to_address, tag, reference, deadline, \
     node, events, created_at, ended_at, plan, progress) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT (account_id, id) DO NOTHING";

/// Writes what moves on, where the message still has as many events as the change expects. One that stays in the
/// journal stays with the run that has it there. A column that is not named keeps its indexes untouched, so there is
/// a statement for each kind of move.
macro_rules! move_on {
    ($more:literal) => {
        concat!(
            "UPDATE message SET state = ?4, deadline = ?5, node = CASE WHEN ?4 = 'sending' THEN coalesce(?6, node) END, \
             events = ?7, progress = ?8",
            $more,
            " WHERE account_id = ?1 AND id = ?2 AND events = ?3"
        )
    };
}

pub(super) const MOVE: &str = move_on!("");
/// The same where it waits again: then its plan has another time.
pub(super) const MOVE_BACK: &str = move_on!(", plan = ?9");
/// The same where it ends.
pub(super) const END: &str = move_on!(", ended_at = ?9");

/// Keeps the network's name of a submission.
pub(super) const NAME: &str = "INSERT INTO submission (trunk, id, account_id, message_id) VALUES (?, ?, ?, ?) \
     ON CONFLICT (trunk, id) DO UPDATE SET account_id = excluded.account_id, message_id = excluded.message_id";

const READ: &str = "message.account_id, message.id, message.direction, message.state, message.events, \
     message.created_at, message.ended_at, message.plan, message.progress";

/// In the journal, whoever's they are: the process that wrote it is gone, because this one has the file.
pub(super) const INTERRUPTED: &str = "SELECT account_id, id FROM message INDEXED BY message_sending \
     WHERE state = 'sending' AND node IS NOT NULL ORDER BY id";

pub(super) const OVERDUE: &str = "SELECT account_id, id FROM message INDEXED BY message_submitted \
     WHERE state = 'submitted' AND deadline <= ? ORDER BY deadline LIMIT ? + 0";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        account_id: row.get(0)?,
        id: row.get(1)?,
        direction: row.get(2)?,
        state: row.get(3)?,
        events: row.get(4)?,
        created_at: row.get(5)?,
        ended_at: row.get(6)?,
        plan: row.get(7)?,
        progress: row.get(8)?,
    })
}

/// Saves a batch within a transaction. `None` when the request that made it was answered before; then nothing was
/// written, and neither is it when a mark was there already.
pub(super) fn save(
    connection: &Connection,
    batch: &MessageBatch,
    log: &mut Log,
) -> rusqlite::Result<Option<Vec<SavedMessage>>> {
    if let Some(answer) = &batch.answer
        && first_answer::is_kept(connection, answer)?
    {
        return Ok(None);
    }
    let mut marked = Vec::new();
    for change in &batch.changes {
        let mark = change.mark.as_ref();
        marked.push(mark.map_or(Ok(false), |mark| first_answer::is_kept(connection, mark))?);
    }
    if marked.contains(&true) {
        let said = |marked| {
            if marked {
                SavedMessage::Repeated
            } else {
                SavedMessage::Stale
            }
        };
        return Ok(Some(marked.into_iter().map(said).collect()));
    }
    if let Some(answer) = &batch.answer {
        first_answer::put(connection, answer)?;
    }
    let saved = batch.changes.iter().map(|change| save_one(connection, change, log));
    saved.collect::<rusqlite::Result<_>>().map(Some)
}

fn save_one(connection: &Connection, change: &MessageChange, log: &mut Log) -> rusqlite::Result<SavedMessage> {
    let message = &change.message;
    if asks_for_peace(change)
        && let Some(because) = arrival::unwanted(connection, message.account, &receiver(message))?
    {
        return Ok(SavedMessage::Unwanted { because });
    }
    if !put(connection, change)? {
        return Ok(SavedMessage::Stale);
    }
    if let Some(mark) = &change.mark {
        first_answer::put(connection, mark)?;
    }
    let subject = message.id.into();
    // What is new has no job yet that could be removed.
    if change.since.is_some() || change.job != Job::Remove {
        let turn = (Lane::of_message(message), message.plan.due);
        job::put(connection, subject, turn, change.job)?;
    }
    log.position += count(&change.events);
    event::add(connection, message.account, subject, &change.events, log.position)?;
    if let Some((feed, due)) = noticed(change) {
        feed::wake(connection, &FeedRow::from(&feed), due)?;
    }
    if let Some(joined) = &change.joins {
        arrival::remove(connection, message.trunk.as_deref().unwrap_or_default(), joined)?;
    }
    let mut early: Vec<Receipt> = Vec::new();
    for name in &change.names {
        let trunk = message.trunk.as_deref().unwrap_or_default();
        let values = params![trunk, name, message.account.uuid(), message.id.uuid()];
        connection.prepare_cached(NAME)?.execute(values)?;
        early.append(&mut arrival::early(connection, trunk, name)?);
    }
    Ok(SavedMessage::Saved { early })
}

fn put(connection: &Connection, change: &MessageChange) -> rusqlite::Result<bool> {
    let message = &change.message;
    let written = match change.since {
        None => connection.prepare_cached(ADD)?.execute(params![
            message.account.uuid(),
            message.id.uuid(),
            message.direction.as_str(),
            message.state.as_str(),
            receiver(message),
            message.plan.tag,
            message.plan.reference,
            deadline(message),
            change.journalled_by,
            message.events,
            micros(message.created_at),
            message.ended_at.map(micros),
            json(&message.plan),
            progress(message),
        ])?,
        Some(since) => {
            let (statement, more) = match (message.state, message.ended_at) {
                (_, Some(ended_at)) => (END, Some(Value::Integer(micros(ended_at)))),
                (MessageState::Scheduled | MessageState::Queued, None) => {
                    (MOVE_BACK, Some(Value::Text(json(&message.plan))))
                }
                (_, None) => (MOVE, None),
            };
            let mut statement = connection.prepare_cached(statement)?;
            let written = params![
                message.account.uuid(),
                message.id.uuid(),
                since,
                message.state.as_str(),
                deadline(message),
                change.journalled_by,
                message.events,
                progress(message),
                more,
            ];
            let named = statement.parameter_count();
            statement.execute(&written[..named])?
        }
    };
    Ok(written == 1)
}

/// A message.
pub(super) fn one(connection: &Connection, account: AccountId, id: MessageId) -> Result<Option<Message>, Failure> {
    let found = connection
        .prepare_cached(&format!("SELECT {READ} FROM message WHERE account_id = ? AND id = ?"))?
        .query_row(params![account.uuid(), id.uuid()], read)
        .optional()?;
    Ok(found.map(Message::try_from).transpose()?)
}

/// The messages that a statement finds.
fn found(connection: &Connection, statement: &str, values: impl rusqlite::Params) -> Result<Vec<Message>, Failure> {
    let ids = all_of(connection, statement, values, |row| {
        Ok((AccountId::from_uuid(row.get(0)?), MessageId::from_uuid(row.get(1)?)))
    })?;
    let mut messages = Vec::with_capacity(ids.len());
    for (account, id) in ids {
        messages.extend(one(connection, account, id)?);
    }
    Ok(messages)
}

pub(super) fn interrupted(connection: &Connection) -> Result<Vec<Message>, Failure> {
    found(connection, INTERRUPTED, ())
}

pub(super) fn overdue(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<Message>, Failure> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    found(connection, OVERDUE, params![micros(now), most])
}

/// The statement for a filter. Its words stand in the text, where SQLite can match them to an index.
pub(super) fn list_query(account: AccountId, filter: &MessageFilter, most: i64) -> (String, Vec<Value>) {
    let id = |id: uuid::Uuid| Value::Blob(id.as_bytes().to_vec());
    let word = |word: &str| Value::Text(word.to_owned());
    let index = match filter {
        MessageFilter { reference: Some(_), .. } => "message_by_reference",
        MessageFilter { to: Some(_), .. } => "message_by_to",
        MessageFilter { tag: Some(_), .. } => "message_by_tag",
        MessageFilter { state: Some(state), .. } if !state.is_final() => "message_live",
        MessageFilter { state: Some(_), .. } => "message_by_state",
        MessageFilter {
            direction: Some(outdial_domain::Direction::Incoming),
            ..
        } => "message_by_state",
        _ => "sqlite_autoindex_message_1",
    };
    let mut text = format!("SELECT {READ} FROM message INDEXED BY {index} WHERE account_id = ?");
    // The words of the condition of the index, or SQLite does not use it.
    match index {
        "message_live" => text.push_str(" AND ended_at IS NULL"),
        "message_by_state" => text.push_str(" AND ended_at IS NOT NULL"),
        _ => {}
    }
    let mut values = vec![id(account.uuid())];
    let incoming = filter
        .direction
        .filter(|_| index == "message_by_state" && filter.state.is_none());
    let state = filter.state.or(incoming.map(|_| MessageState::Received));
    let conditions = [
        (
            " AND to_address = ?",
            filter.to.as_ref().map(|to| word(&to.to_string())),
        ),
        (" AND reference = ?", filter.reference.as_deref().map(word)),
        (" AND tag = ?", filter.tag.as_deref().map(word)),
        (" AND state = ?", state.map(|state| word(state.as_str()))),
        (
            " AND direction = ?",
            filter.direction.map(|direction| word(direction.as_str())),
        ),
        (" AND id < ?", filter.before.map(|before| id(before.uuid()))),
        (" ORDER BY id DESC LIMIT ? + 0", Some(Value::Integer(most))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            text.push_str(condition);
            values.push(value);
        }
    }
    (text, values)
}

/// Messages, newest first, and whether there are more.
pub(super) fn list(
    connection: &Connection,
    account: AccountId,
    filter: &MessageFilter,
) -> Result<Page<Message>, Failure> {
    let query = list_query(account, filter, page::one_more(filter.most));
    page::read(connection, query, filter.most, read)
}
