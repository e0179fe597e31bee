//! What waits, by lane: which lanes there are, when they are due, and how many calls of each.
//!
//! Lanes are found by going from one to the next in an index that begins with them, so it costs as much as
//! there are lanes, however many calls wait in each.

use jiff::Timestamp;
use outdial_domain::CallId;
use outdial_engine::ports::{Backlog, Lane, Placing, Tally, Work};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::error::Failure;
use crate::rows::{
    column::micros,
    lane::{self, LaneRow},
};

/// All lanes with calls that nobody has taken, or that somebody has, and when the first of each is due.
macro_rules! lanes {
    ($taken:literal) => {
        concat!(
            "WITH RECURSIVE lane AS ((SELECT account_id, priority, due FROM job WHERE claimed_by IS ",
            $taken,
            " ORDER BY account_id, priority, due, subject LIMIT 1) \
             UNION ALL SELECT later.account_id, later.priority, later.due FROM lane CROSS JOIN LATERAL \
             (SELECT job.account_id, job.priority, job.due FROM job WHERE job.claimed_by IS ",
            $taken,
            " AND (job.account_id, job.priority) > (lane.account_id, lane.priority) \
             ORDER BY job.account_id, job.priority, job.due, job.subject LIMIT 1) AS later) \
             SELECT account_id, priority, due FROM lane"
        )
    };
}

pub(super) const LANES: &str = lanes!("NULL");
pub(super) const TAKEN_LANES: &str = lanes!("NOT NULL");

/// How many calls of each lane are due by a time, up to a bound.
pub(super) const COUNT: &str = "SELECT \
     (SELECT count(*) FROM (SELECT 1 FROM job WHERE claimed_by IS NULL AND job.account_id = lane.account_id \
        AND job.priority = lane.priority AND job.due <= $4 LIMIT $3) AS free) \
     + (SELECT count(*) FROM (SELECT 1 FROM job WHERE claimed_by IS NOT NULL AND job.account_id = lane.account_id \
        AND job.priority = lane.priority AND job.due <= $4 LIMIT $3) AS taken) \
     FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS lane (account_id, priority, place) ORDER BY lane.place";

/// The calls of a lane that are due by a time, in their order, up to a bound.
macro_rules! turns {
    ($taken:literal) => {
        concat!(
            "SELECT due, subject FROM job WHERE claimed_by IS ",
            $taken,
            " AND account_id = $1 AND priority = $2 AND due <= $3 ORDER BY due, subject LIMIT $4"
        )
    };
}

pub(super) const TURNS: &str = turns!("NULL");
pub(super) const TAKEN_TURNS: &str = turns!("NOT NULL");

/// The lanes with calls that nobody has taken and that are due by a time, and when the first of each is.
pub(super) async fn lanes(connection: &mut PgConnection, by: i64) -> Result<Vec<(Lane, Timestamp)>, sqlx::Error> {
    listed(connection, LANES, by).await
}

async fn listed(
    connection: &mut PgConnection,
    statement: &'static str,
    by: i64,
) -> Result<Vec<(Lane, Timestamp)>, sqlx::Error> {
    let read = |row: &PgRow| {
        Ok::<_, sqlx::Error>(LaneRow {
            account_id: row.try_get(0)?,
            priority: row.try_get(1)?,
            due: row.try_get(2)?,
        })
    };
    let mut lanes = Vec::new();
    for row in &sqlx::query(statement).fetch_all(connection).await? {
        let row = read(row)?;
        if row.due <= by {
            lanes.extend(row.read());
        }
    }
    Ok(lanes)
}

pub(super) async fn next_due(
    connection: &mut PgConnection,
    work: Work,
    except: &[Lane],
) -> Result<Option<Timestamp>, Failure> {
    let lanes = lanes(connection, i64::MAX).await?.into_iter();
    Ok(lanes
        .filter(|(lane, _)| lane.work == work && !except.contains(lane))
        .map(|(_, due)| due)
        .min())
}

pub(super) async fn backlog(connection: &mut PgConnection, placing: &Placing) -> Result<Backlog, Failure> {
    let now = micros(placing.now);
    let mut lanes: Vec<Lane> = Vec::new();
    for statement in [LANES, TAKEN_LANES] {
        let listed = listed(connection, statement, now).await?;
        lanes.extend(listed.into_iter().map(|(lane, _)| lane));
    }
    lanes.sort_unstable();
    lanes.dedup();
    lanes.retain(|lane| lane.work == placing.lane.work);
    let each = placing.most_of_each(lanes.len());
    let counts = count(connection, &lanes, now, each).await?;
    let turns = turns(connection, placing, now).await?;
    Ok(Backlog {
        or_more: turns.len() >= placing.most,
        turns,
        lanes: lanes.into_iter().zip(counts).collect(),
    })
}

async fn turns(
    connection: &mut PgConnection,
    placing: &Placing,
    now: i64,
) -> Result<Vec<(Timestamp, CallId)>, Failure> {
    let (account, priority) = lane::columns(placing.lane);
    let mut turns = Vec::new();
    for statement in [TURNS, TAKEN_TURNS] {
        let listed: Vec<(i64, Uuid)> = sqlx::query_as(statement)
            .bind(account)
            .bind(priority)
            .bind(now)
            .bind(bound(placing.most))
            .fetch_all(&mut *connection)
            .await?;
        for (due, subject) in listed {
            turns.push(lane::turn(due, subject)?);
        }
    }
    turns.sort_unstable();
    turns.truncate(placing.most);
    Ok(turns)
}

async fn count(connection: &mut PgConnection, lanes: &[Lane], now: i64, most: usize) -> Result<Vec<Tally>, Failure> {
    let of = |lane: &Lane| lane::columns(*lane);
    let counted: Vec<i64> = sqlx::query_scalar(COUNT)
        .bind(lanes.iter().map(|lane| of(lane).0).collect::<Vec<_>>())
        .bind(lanes.iter().map(|lane| of(lane).1).collect::<Vec<_>>())
        .bind(bound(most))
        .bind(now)
        .fetch_all(connection)
        .await?;
    let tally = |count| Tally::up_to(most, usize::try_from(count).unwrap_or(0));
    Ok(counted.into_iter().map(tally).collect())
}

fn bound(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
