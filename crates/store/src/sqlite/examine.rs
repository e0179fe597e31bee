//! Examines the whole file, as it is at one moment. Somebody may be using it meanwhile.

use std::path::Path;

use outdial_domain::{Account, AccountId, CallId, Key, Mask, Message, Webhook};
use outdial_engine::ports::{
    ArrivedText, AudioFile, Delivery, Feed, FirstAnswer, LeftAlone, StoreError, StoredEvent, StoredSchedule,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::{
    account, arrival, audio, call, delivery,
    error::{Failure, unavailable},
    event, feed, first_answer, key, mask, message, migrate, open, recording, schedule, trace, webhook,
};
use crate::{
    blobs::FileBlobs,
    examine::{Dialect, Examination, every, rules},
};

const DIALECT: Dialect = Dialect {
    id: |column| format!("hex({column})"),
    length: |column| format!("json_array_length({column})"),
    no_id: "zeroblob(16)",
};

/// How many calls are read before the next ones are looked for.
const PAGE: i64 = 1_000;

pub(super) fn examine(path: &Path, blobs: &FileBlobs, recordings: &Path) -> Result<Examination, StoreError> {
    let connection = open::reader(path).map_err(|error| unavailable(&error))?;
    let mut found = all(&connection)?;
    // After the file, because uploads are written before what names them, and none is ever taken away.
    found.look_at(blobs, names(&connection).map_err(Failure::from)?);
    let finished = recording::finished(&connection).map_err(Failure::from)?;
    found.listen_to(recordings, finished);
    Ok(found)
}

/// The names of the blobs that uploads consist of.
fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    texts(connection, "SELECT DISTINCT blob FROM audio")
}

fn all(connection: &Connection) -> Result<Examination, Failure> {
    connection.execute_batch("BEGIN")?;
    migrate::is_current(connection)?;
    let mut found = Examination::default();
    // The constraints, the indexes and the pages themselves.
    for text in texts(connection, "PRAGMA integrity_check(20)")? {
        if text != "ok" {
            found.faults.push(format!("the file is damaged: {text}"));
        }
    }
    for table in texts(connection, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check")? {
        found
            .faults
            .push(format!("table {table} has a row that points to nothing"));
    }
    for rule in rules(DIALECT) {
        match texts(connection, &rule.statement) {
            Ok(ids) => found.broken(&rule, ids),
            // A text that is no JSON, of which the reading below says more.
            Err(error) => found.untried(&rule, &error),
        }
    }
    read_calls(connection, &mut found)?;
    read_others(connection, &mut found)?;
    Ok(found)
}

/// Reads what does not belong to one call.
fn read_others(connection: &Connection, found: &mut Examination) -> Result<(), Failure> {
    read_every::<_, Account>(connection, found, every::ACCOUNT, account::read)?;
    read_every::<_, Key>(connection, found, every::KEY, key::read)?;
    read_every::<_, Feed>(connection, found, every::FEED, feed::read)?;
    read_every::<_, FirstAnswer>(connection, found, every::FIRST_ANSWER, first_answer::read)?;
    read_every::<_, Mask>(connection, found, every::MASK, mask::read)?;
    read_every::<_, ArrivedText>(connection, found, every::PART, arrival::read_part)?;
    read_every::<_, LeftAlone>(connection, found, every::LEFT_ALONE, arrival::read_left_alone)?;
    found.messages = read_every::<_, Message>(connection, found, every::MESSAGE, message::read)?;
    let of_messages = "SELECT position, account_id, kind, subject, sequence, events FROM event WHERE kind = 'message'";
    let mut statement = connection.prepare(of_messages)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        match Vec::<StoredEvent>::try_from(event::read(row)?) {
            Ok(events) => found.events += u64::try_from(events.len()).unwrap_or(u64::MAX),
            Err(error) => found.unreadable(&error),
        }
    }
    found.uploads = read_every::<_, AudioFile>(connection, found, every::AUDIO, audio::read)?;
    found.schedules = read_every::<_, StoredSchedule>(connection, found, every::SCHEDULE, schedule::read_whole)?;
    found.webhooks = read_every::<_, Webhook>(connection, found, every::WEBHOOK, webhook::read)?;
    found.deliveries = read_every::<_, Delivery>(connection, found, every::DELIVERY, delivery::read)?;
    Ok(())
}

/// Reads all rows of a table as what they stand for, and says how many there are.
fn read_every<R, T: TryFrom<R, Error = StoreError>>(
    connection: &Connection,
    found: &mut Examination,
    statement: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<R>,
) -> Result<u64, Failure> {
    let mut statement = connection.prepare(statement)?;
    let mut rows = statement.query(())?;
    let mut many = 0;
    while let Some(row) = rows.next()? {
        many += 1;
        if let Err(error) = T::try_from(read(row)?) {
            found.unreadable(&error);
        }
    }
    Ok(many)
}

fn texts(connection: &Connection, statement: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(statement)?
        .query_map((), |row| row.get(0))?
        .collect()
}

fn read_calls(connection: &Connection, found: &mut Examination) -> Result<(), Failure> {
    let mut page = connection.prepare(
        "SELECT account_id, id FROM call WHERE (account_id, id) > (?, ?) ORDER BY account_id, id LIMIT ? + 0",
    )?;
    let mut last = (Uuid::nil(), Uuid::nil());
    loop {
        let calls: Vec<(Uuid, Uuid)> = page
            .query_map((last.0, last.1, PAGE), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let Some(end) = calls.last() else { return Ok(()) };
        last = *end;
        for (account, call) in calls {
            found.calls += 1;
            match read(connection, AccountId::from_uuid(account), CallId::from_uuid(call)) {
                Ok(events) => found.events += events,
                Err(Failure::Store(error)) => found.unreadable(&error),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads all that belongs to one call, and says how many events that is.
fn read(connection: &Connection, account: AccountId, id: CallId) -> Result<u64, Failure> {
    call::details(connection, account, id)?;
    trace::of_call(connection, account, id)?;
    let events = event::of_subject(connection, account, id.into())?;
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}
