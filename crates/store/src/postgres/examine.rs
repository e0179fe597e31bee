//! Examines the whole database, as it is at one moment. Nodes may be using it meanwhile.

use futures_util::TryStreamExt;
use outdial_domain::{Account, AccountId, CallId, Key, Mask, Message, Webhook};
use outdial_engine::{
    pacing::limits,
    ports::{ArrivedText, AudioFile, Delivery, Feed, FirstAnswer, LeftAlone, StoreError, StoredEvent, StoredSchedule},
};
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection, postgres::PgRow};
use uuid::Uuid;

use super::{call, error::Failure, event, migrate, open, trace};
use crate::{
    examine::{Dialect, Examination, MOST, Rule, every, rules},
    rows::{
        account::AccountRow,
        audio::AudioRow,
        delivery::DeliveryRow,
        event::HappenedRow,
        first_answer::FirstAnswerRow,
        key::KeyRow,
        mask::MaskRow,
        message::{LeftAloneRow, MessageRow, PartRow},
        schedule::WholeScheduleRow,
        webhook::{FeedRow, WebhookRow},
    },
};

const DIALECT: Dialect = Dialect {
    id: |column| format!("replace({column}::text, '-', '')"),
    length: |column| format!("json_array_length({column}::json)"),
    no_id: "'00000000-0000-0000-0000-000000000000'::uuid",
};

/// How many calls are read before the next ones are looked for.
const PAGE: i64 = 1_000;

/// Every column of these is read, however the server has stored it.
const TABLES: &[&str] = &[
    "account",
    "key",
    "call",
    "attempt",
    "leg",
    "event",
    "log",
    "job",
    "trace",
    "audio",
    "blob",
    "node",
    "command",
    "first_answer",
    "limit_state",
    "limit_use",
    "schedule",
    "webhook",
    "feed",
    "receiver",
    "delivery",
    "mask",
    "message",
    "submission",
    "early_receipt",
    "arrived_part",
    "do_not_disturb",
    "recording",
    "recording_part",
    "server_secret",
    "probe",
];

/// The rules of uploads, which only a database keeps beside what names them.
fn rules_of_uploads() -> [Rule; 2] {
    [
        Rule {
            prefix: "",
            broken: "the bytes of an upload are not there: {}",
            statement: format!(
                "SELECT DISTINCT blob FROM audio WHERE NOT EXISTS (SELECT 1 FROM blob WHERE hash = audio.blob) LIMIT {MOST}"
            ),
        },
        Rule {
            prefix: "",
            broken: "the bytes of an upload are damaged: {}: restore it from a backup, or upload the file again",
            statement: format!("SELECT hash FROM blob WHERE encode(sha256(bytes), 'hex') <> hash LIMIT {MOST}"),
        },
    ]
}

pub(super) async fn examine(url: &str) -> Result<Examination, StoreError> {
    let mut connection = open::connect(&open::options(url)?).await?;
    let found = all(&mut connection).await?;
    connection.close().await.map_err(Failure::from)?;
    Ok(found)
}

async fn all(connection: &mut PgConnection) -> Result<Examination, Failure> {
    let mut moment = connection.begin_with(open::MOMENT).await?;
    migrate::is_current(&mut moment).await?;
    let mut found = Examination::default();
    for table in TABLES {
        let statement = format!("SELECT count(t.*::text) FROM \"{table}\" AS t");
        if let Err(error) = texts(&mut moment, format!("SELECT '' FROM ({statement}) AS read")).await {
            found.faults.push(format!("table {table} cannot be read: {error}"));
        }
    }
    for rule in rules(DIALECT).into_iter().chain(rules_of_uploads()) {
        match texts(&mut moment, rule.statement.clone()).await {
            Ok(ids) => found.broken(&rule, ids),
            // A text that is no JSON, of which the reading below says more.
            Err(error) => found.untried(&rule, &error),
        }
    }
    read_calls(&mut moment, &mut found).await?;
    read_others(&mut moment, &mut found).await?;
    moment.commit().await?;
    Ok(found)
}

/// Within a savepoint, because the server does nothing more in a transaction that had an error.
async fn texts(connection: &mut PgConnection, statement: String) -> Result<Vec<String>, sqlx::Error> {
    let mut attempt = connection.begin().await?;
    let texts = sqlx::query_scalar(AssertSqlSafe(statement))
        .fetch_all(&mut *attempt)
        .await?;
    attempt.commit().await?;
    Ok(texts)
}

async fn read_calls(connection: &mut PgConnection, found: &mut Examination) -> Result<(), Failure> {
    let mut last = (Uuid::nil(), Uuid::nil());
    loop {
        let page = "SELECT account_id, id FROM call WHERE (account_id, id) > ($1, $2) ORDER BY account_id, id LIMIT $3";
        let calls: Vec<(Uuid, Uuid)> = sqlx::query_as(page)
            .bind(last.0)
            .bind(last.1)
            .bind(PAGE)
            .fetch_all(&mut *connection)
            .await?;
        let Some(end) = calls.last() else { return Ok(()) };
        last = *end;
        for (account, call) in calls {
            found.calls += 1;
            match read(connection, AccountId::from_uuid(account), CallId::from_uuid(call)).await {
                Ok(events) => found.events += events,
                Err(Failure::Store(error)) => found.unreadable(&error),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads what does not belong to one call.
async fn read_others(connection: &mut PgConnection, found: &mut Examination) -> Result<(), Failure> {
    read_every::<AccountRow, Account>(connection, found, every::ACCOUNT).await?;
    read_every::<KeyRow, Key>(connection, found, every::KEY).await?;
    read_every::<FeedRow, Feed>(connection, found, every::FEED).await?;
    read_every::<FirstAnswerRow, FirstAnswer>(connection, found, every::FIRST_ANSWER).await?;
    read_every::<MaskRow, Mask>(connection, found, every::MASK).await?;
    read_every::<PartRow, ArrivedText>(connection, found, every::PART).await?;
    read_every::<LeftAloneRow, LeftAlone>(connection, found, every::LEFT_ALONE).await?;
    found.messages = read_every::<MessageRow, Message>(connection, found, every::MESSAGE).await?;
    let of_messages = "SELECT position, account_id, kind, subject, sequence, events FROM event WHERE kind = 'message'";
    let mut rows = sqlx::query_as::<_, HappenedRow>(of_messages).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        match Vec::<StoredEvent>::try_from(row) {
            Ok(events) => found.events += u64::try_from(events.len()).unwrap_or(u64::MAX),
            Err(error) => found.unreadable(&error),
        }
    }
    drop(rows);
    found.uploads = read_every::<AudioRow, AudioFile>(connection, found, every::AUDIO).await?;
    found.schedules = read_every::<WholeScheduleRow, StoredSchedule>(connection, found, every::SCHEDULE).await?;
    found.webhooks = read_every::<WebhookRow, Webhook>(connection, found, every::WEBHOOK).await?;
    found.deliveries = read_every::<DeliveryRow, Delivery>(connection, found, every::DELIVERY).await?;
    for table in ["limit_state", "limit_use"] {
        let keys = texts(connection, format!("SELECT DISTINCT key FROM {table}")).await?;
        let strange = keys.iter().filter(|key| limits::Key::parse(key).is_none());
        let faults = strange.map(|key| format!("table {table} has a row of no limit that there is: `{key}`"));
        found
            .faults
            .extend(faults.take(usize::try_from(MOST).unwrap_or(usize::MAX)));
    }
    Ok(())
}

/// Reads all rows of a table as what they stand for, and says how many there are.
async fn read_every<R, T>(
    connection: &mut PgConnection,
    found: &mut Examination,
    statement: &'static str,
) -> Result<u64, Failure>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    T: TryFrom<R, Error = StoreError>,
{
    let mut rows = sqlx::query_as::<_, R>(statement).fetch(connection);
    let mut many = 0;
    while let Some(row) = rows.try_next().await? {
        many += 1;
        if let Err(error) = T::try_from(row) {
            found.unreadable(&error);
        }
    }
    Ok(many)
}

/// Reads all that belongs to one call, and says how many events that is.
async fn read(connection: &mut PgConnection, account: AccountId, id: CallId) -> Result<u64, Failure> {
    call::details(connection, account, id).await?;
    trace::of_call(connection, account, id).await?;
    let events = event::of_subject(connection, account, id.into()).await?;
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}
