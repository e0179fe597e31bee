//! Nodes that share the database: their leases, and what the dead leave behind.

use std::{collections::HashMap, time::Duration};

use outdial_engine::ports::{JoinError, Released, Run, StoreError};
use sqlx::{Connection, PgConnection, Row};

use super::{error::Failure, job, receiver, text::kept};

/// Declares gone an earlier run of a node whose lease has run out.
pub(super) const REPLACE: &str = "DELETE FROM node WHERE name = $1 AND id <> $2 AND lease_until < clock_timestamp()";

pub(super) const ENTER: &str = "INSERT INTO node (id, name, joined_at, held_since, lease_until) \
     VALUES ($1, $2, clock_timestamp(), clock_timestamp(), clock_timestamp() + $3 * interval '1 microsecond') \
     ON CONFLICT DO NOTHING";

/// The run that has a name, when its lease ends, and how long that is from now.
pub(super) const HOLDER: &str = "SELECT id, (extract(epoch FROM lease_until) * 1000000)::bigint, \
     (extract(epoch FROM lease_until - clock_timestamp()) * 1000000)::bigint FROM node WHERE name = $1";

/// Renews a lease, and says whether no run that is alive has been here longer. A renewal that a crash of
/// the server loses is made again a moment later, so it is not synced.
pub(super) const BEAT: &str = "WITH me AS (UPDATE node \
     SET held_since = CASE WHEN lease_until < clock_timestamp() THEN clock_timestamp() ELSE held_since END, \
        lease_until = clock_timestamp() + $2 * interval '1 microsecond' \
     WHERE id = $1 RETURNING joined_at, id) \
     SELECT NOT EXISTS (SELECT 1 FROM node WHERE node.lease_until > clock_timestamp() \
        AND (node.joined_at, node.id) < (me.joined_at, me.id)), \
        set_config('synchronous_commit', 'off', true) FROM me";

/// Takes a run away. It waits for the journals that are being written under it.
pub(super) const LEAVE: &str = "DELETE FROM node WHERE id = $1";

/// Whether a run has held its lease for its whole length.
pub(super) const IS_SURE: &str = "SELECT EXISTS (SELECT 1 FROM node \
     WHERE id = $1 AND lease_until > now() AND held_since <= now() - $2 * interval '1 microsecond')";

/// Declares gone those whose lease ran out so long ago.
pub(super) const BURY: &str = "DELETE FROM node WHERE lease_until < now() - $1 * interval '1 microsecond'";

/// The leases of runs, none of which can then be declared gone before this transaction ends.
pub(super) const LEASES: &str = "SELECT id, lease_until > clock_timestamp() FROM node WHERE id = ANY($1) FOR KEY SHARE";

fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

/// Enters a run, or gives who has its name.
pub(super) async fn join(
    connection: &mut PgConnection,
    run: &Run,
    lease: Duration,
) -> Result<Option<JoinError>, Failure> {
    let (id, name) = (kept(&run.id), kept(&run.name));
    let mut transaction = connection.begin().await?;
    sqlx::query(REPLACE)
        .bind(&name)
        .bind(&id)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(ENTER)
        .bind(&id)
        .bind(&name)
        .bind(micros(lease))
        .execute(&mut *transaction)
        .await?;
    let (holder, until, left): (String, i64, i64) =
        sqlx::query_as(HOLDER).bind(&name).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    if holder == id {
        beat(connection, &run.id, lease).await?;
        return Ok(None);
    }
    Ok(Some(JoinError::InUse {
        run: holder,
        left: Duration::from_micros(u64::try_from(left).unwrap_or(0)),
        until,
    }))
}

pub(super) async fn beat(connection: &mut PgConnection, run: &str, lease: Duration) -> Result<bool, Failure> {
    let row = sqlx::query(BEAT)
        .bind(kept(run))
        .bind(micros(lease))
        .fetch_optional(connection)
        .await?;
    match row {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(StoreError::Fenced(run.to_owned()).into()),
    }
}

pub(super) async fn give_back(connection: &mut PgConnection, run: &str) -> Result<(), Failure> {
    sqlx::query(job::GIVE_BACK).bind(kept(run)).execute(connection).await?;
    Ok(())
}

pub(super) async fn leave(connection: &mut PgConnection, run: &str) -> Result<(), Failure> {
    let run = kept(run);
    let mut transaction = connection.begin().await?;
    sqlx::query(LEAVE).bind(&run).execute(&mut *transaction).await?;
    sqlx::query(job::GIVE_BACK)
        .bind(&run)
        .execute(&mut *transaction)
        .await?;
    give_receivers_back(&mut transaction, false).await?;
    Ok(transaction.commit().await?)
}

/// Gives back the receivers of runs that are gone; and, for one that is sure, of those whose lease has run
/// out. Says whether there were any.
pub(super) async fn give_receivers_back(connection: &mut PgConnection, sure: bool) -> Result<bool, sqlx::Error> {
    let given = sqlx::query(receiver::GIVE_BACK_OF_THE_DEAD)
        .bind(sure)
        .execute(connection)
        .await?;
    Ok(given.rows_affected() > 0)
}

/// Gives back what the dead had claimed, and declares gone those that are dead for long enough.
pub(super) async fn release(
    connection: &mut PgConnection,
    by: &str,
    lease: Duration,
    patience: Duration,
) -> Result<Released, Failure> {
    let mut transaction = connection.begin().await?;
    let sure: bool = sqlx::query_scalar(IS_SURE)
        .bind(kept(by))
        .bind(micros(lease))
        .fetch_one(&mut *transaction)
        .await?;
    sqlx::query(job::GIVE_BACK_OF_THE_DEAD)
        .bind(sure)
        .execute(&mut *transaction)
        .await?;
    let receivers = give_receivers_back(&mut transaction, sure).await?;
    let gone = if sure {
        let buried = sqlx::query(BURY)
            .bind(micros(patience))
            .execute(&mut *transaction)
            .await?;
        buried.rows_affected() > 0
    } else {
        false
    };
    transaction.commit().await?;
    Ok(Released { gone, receivers })
}

/// Which of these runs may take nothing into the journal, because they have no lease. None of the others can be
/// declared gone before this transaction ends.
pub(super) async fn refused(
    connection: &mut PgConnection,
    mut runs: Vec<&str>,
) -> Result<HashMap<String, StoreError>, sqlx::Error> {
    runs.sort_unstable();
    runs.dedup();
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = runs.iter().map(|run| kept(run)).collect();
    let leases: HashMap<String, bool> = sqlx::query_as(LEASES)
        .bind(ids)
        .fetch_all(connection)
        .await?
        .into_iter()
        .collect();
    let refused = runs.into_iter().filter_map(|run| {
        let why = match leases.get(&kept(run)) {
            Some(true) => return None,
            Some(false) => run_out(),
            None => StoreError::Fenced(run.to_owned()),
        };
        Some((run.to_owned(), why))
    });
    Ok(refused.collect())
}

fn run_out() -> StoreError {
    StoreError::Unavailable {
        reason: "the lease of this node has run out, so it may not dial".to_owned(),
        remedy: "It is renewed by itself when the database answers in time".to_owned(),
    }
}
