//! The limits that all nodes keep together.
//!
//! A node locks the rows of the limits that its calls want, in the order of their keys, asks the clock of the
//! database, applies the engine's rule, and writes what came of it. Nothing of that is worth a sync to the
//! disk: a crash of the server forgets the last moments of it, and nodes say again how many live calls they
//! have.

use std::collections::BTreeMap;

use outdial_engine::{
    pacing::{
        bucket::{Bucket, Nanos},
        limits::{Key, Ledger, Usage},
    },
    ports::{Count, Counted, StoreError},
};
use sqlx::{Connection, PgConnection, Row};

use super::{
    error::{Failure, is_forbidden},
    text::kept,
};

const ADD: &str = "INSERT INTO limit_state (key, arrival) SELECT unnest($1::text[]), $2 ON CONFLICT (key) DO NOTHING";

const LOCK: &str = "SELECT key, arrival FROM limit_state WHERE key = ANY($1) ORDER BY key FOR UPDATE";

/// Asked after the locks are held, in a statement of its own, so that it sees what others wrote under them.
const OTHERS: &str = "SELECT key, sum(calls)::bigint FROM limit_use WHERE key = ANY($1) AND run <> $2 GROUP BY key";

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000";

const MOVE: &str = "UPDATE limit_state SET arrival = moved.arrival \
     FROM unnest($1::text[], $2::bigint[]) AS moved (key, arrival) WHERE limit_state.key = moved.key";

const USE: &str = "INSERT INTO limit_use (run, key, calls) \
     SELECT $1, said.key, said.calls FROM unnest($2::text[], $3::bigint[]) AS said (key, calls) \
     ON CONFLICT (run, key) DO UPDATE SET calls = excluded.calls WHERE limit_use.calls <> excluded.calls";

/// All that a run said before, but for these.
const FORGET_OTHERS: &str = "DELETE FROM limit_use WHERE run = $1 AND key <> ALL($2)";

const FORGET_FREE: &str = "DELETE FROM limit_use WHERE run = $1 AND calls = 0";

/// Forgets what is as good as new, without waiting for anybody.
const FORGET_STATE: &str = "DELETE FROM limit_state WHERE key IN (SELECT key FROM limit_state \
     WHERE arrival <= $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// How often a row is looked for that another node forgot in between.
const TRIES: usize = 5;

type Others = BTreeMap<String, u32>;

pub(super) async fn count(connection: &mut PgConnection, count: &Count) -> Result<Counted, Failure> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SET LOCAL synchronous_commit = off")
        .execute(&mut *transaction)
        .await?;
    let run = kept(&count.run);
    let mut keys: BTreeMap<String, Key> = BTreeMap::new();
    let wanted = count.calls.iter().flatten().map(|want| &want.key);
    for key in wanted.chain(count.live.iter().map(|(key, _)| key)) {
        keys.entry(kept(&key.to_string())).or_insert_with(|| key.clone());
    }
    let names: Vec<&str> = keys.keys().map(String::as_str).collect();
    let arrivals = lock(&mut transaction, &names).await?;
    if count.whole {
        sqlx::query(FORGET_OTHERS)
            .bind(&run)
            .bind(&names)
            .execute(&mut *transaction)
            .await?;
    }
    let now: Nanos = sqlx::query_scalar(NOW).fetch_one(&mut *transaction).await?;
    let others = others(&mut transaction, &names, &run).await?;

    let mut live: BTreeMap<&Key, u32> = count.live.iter().map(|(key, calls)| (key, *calls)).collect();
    let mut ledger = Ledger::with(keys.iter().map(|(name, key)| {
        let usage = Usage {
            bucket: Bucket::from_arrival(arrivals.get(name).copied().unwrap_or(Nanos::MIN)),
            in_use: others.get(name).copied().unwrap_or(0) + live.get(key).copied().unwrap_or(0),
        };
        (key.clone(), usage)
    }));
    let mut verdicts = Vec::with_capacity(count.calls.len());
    for wants in &count.calls {
        let verdict = ledger.admit(wants.iter(), now);
        if verdict.is_ok() {
            for want in wants.iter().filter(|want| want.limit.at_once.is_some()) {
                *live.entry(&want.key).or_default() += 1;
            }
        }
        verdicts.push(verdict);
    }
    let used: Vec<(Key, Usage)> = keys.values().map(|key| (key.clone(), ledger.usage(key))).collect();
    write(&mut transaction, &run, &used, &arrivals, &live)
        .await
        .map_err(|error| match error {
            // It is not among the nodes any more.
            Failure::Database(error) if is_forbidden(&error) => StoreError::Fenced(count.run.clone()).into(),
            other => other,
        })?;
    if count.calls.is_empty() {
        // A node that only says what it has has time to tidy up.
        sqlx::query(FORGET_FREE).bind(&run).execute(&mut *transaction).await?;
        sqlx::query(FORGET_STATE).bind(now).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(Counted { now, verdicts, used })
}

/// Locks the rows, making those that are not there.
async fn lock(connection: &mut PgConnection, names: &[&str]) -> Result<BTreeMap<String, Nanos>, Failure> {
    for _ in 0..TRIES {
        sqlx::query(ADD)
            .bind(names)
            .bind(Nanos::MIN)
            .execute(&mut *connection)
            .await?;
        let rows = sqlx::query(LOCK).bind(names).fetch_all(&mut *connection).await?;
        if rows.len() == names.len() {
            let read = |row: &sqlx::postgres::PgRow| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?));
            return Ok(rows.iter().map(read).collect::<Result<_, _>>()?);
        }
    }
    Err(super::error::too_slow().into())
}

async fn others(connection: &mut PgConnection, names: &[&str], run: &str) -> Result<Others, Failure> {
    let rows = sqlx::query(OTHERS).bind(names).bind(run).fetch_all(connection).await?;
    let mut others = Others::new();
    for row in rows {
        let calls: i64 = row.try_get(1)?;
        others.insert(row.try_get(0)?, u32::try_from(calls).unwrap_or(u32::MAX));
    }
    Ok(others)
}

async fn write(
    connection: &mut PgConnection,
    run: &str,
    used: &[(Key, Usage)],
    before: &BTreeMap<String, Nanos>,
    live: &BTreeMap<&Key, u32>,
) -> Result<(), Failure> {
    let (mut names, mut arrivals) = (Vec::new(), Vec::new());
    for (key, usage) in used {
        let name = kept(&key.to_string());
        if before.get(&name) != Some(&usage.bucket.arrival()) {
            names.push(name);
            arrivals.push(usage.bucket.arrival());
        }
    }
    if !names.is_empty() {
        sqlx::query(MOVE)
            .bind(names)
            .bind(arrivals)
            .execute(&mut *connection)
            .await?;
    }
    let names: Vec<String> = live.keys().map(|key| kept(&key.to_string())).collect();
    let calls: Vec<i64> = live.values().map(|calls| i64::from(*calls)).collect();
    sqlx::query(USE)
        .bind(run)
        .bind(names)
        .bind(calls)
        .execute(connection)
        .await?;
    Ok(())
}
