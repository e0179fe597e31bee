//! Examines the whole database, as it is at one moment. Nodes may be using it meanwhile.

use outdial_domain::{AccountId, CallId};
use outdial_engine::ports::StoreError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{call, error::Failure, event, migrate, open, trace};
use crate::examine::{Dialect, Examination, rules};

const DIALECT: Dialect = Dialect {
    id: |column| format!("replace({column}::text, '-', '')"),
    length: |column| format!("json_array_length({column}::json)"),
};

/// How many calls are read before the next ones are looked for.
const PAGE: i64 = 1_000;

/// Every column of these is read, however the server has stored it.
const TABLES: &[&str] = &[
    "account", "key", "call", "attempt", "leg", "event", "log", "job", "trace", "audio", "blob", "node", "command",
];

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
    for rule in rules(DIALECT) {
        match texts(&mut moment, rule.statement.clone()).await {
            Ok(ids) => found.broken(&rule, ids),
            // A text that is no JSON, of which the reading below says more.
            Err(error) => found.untried(&rule, &error),
        }
    }
    read_calls(&mut moment, &mut found).await?;
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

/// Reads all that belongs to one call, and says how many events that is.
async fn read(connection: &mut PgConnection, account: AccountId, id: CallId) -> Result<u64, Failure> {
    call::details(connection, account, id).await?;
    trace::of_call(connection, account, id).await?;
    let events = event::of_call(connection, account, id).await?;
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}
