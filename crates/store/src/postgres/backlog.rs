//! What waits, by lane: which lanes there are, when they are due, and how many calls of each.
//!
//! Lanes are found by going from one to the next in an index that begins with them, so it costs as much as
//! there are lanes, however many calls wait in each.

use jiff::Timestamp;
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

/// How many calls of each lane come before a turn, up to a bound.
pub(super) const COUNT: &str = "SELECT \
     (SELECT count(*) FROM (SELECT 1 FROM job WHERE claimed_by IS NULL AND job.account_id = lane.account_id \
        AND job.priority = lane.priority AND (job.due, job.subject) < (lane.due, lane.subject) \
        LIMIT lane.most) AS free) \
     + (SELECT count(*) FROM (SELECT 1 FROM job WHERE claimed_by IS NOT NULL AND job.account_id = lane.account_id \
        AND job.priority = lane.priority AND (job.due, job.subject) < (lane.due, lane.subject) \
        LIMIT lane.most) AS taken) \
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[]) \
        WITH ORDINALITY AS lane (account_id, priority, due, subject, most, place) ORDER BY lane.place";

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
    let end = (now + 1, Uuid::nil());
    let mut asked: Vec<(Lane, (i64, Uuid), usize)> = lanes.iter().map(|lane| (*lane, end, each)).collect();
    asked.push((placing.lane, lane::turn(placing.due, placing.call), placing.most));
    let mut counts = count(connection, &asked).await?;
    let before = counts.pop().unwrap_or_default();
    Ok(Backlog {
        before,
        lanes: lanes.into_iter().zip(counts).collect(),
    })
}

async fn count(connection: &mut PgConnection, asked: &[(Lane, (i64, Uuid), usize)]) -> Result<Vec<Tally>, Failure> {
    let of = |lane: &Lane| lane::columns(*lane);
    let mosts = asked
        .iter()
        .map(|(_, _, most)| i64::try_from(*most).unwrap_or(i64::MAX));
    let counted: Vec<i64> = sqlx::query_scalar(COUNT)
        .bind(asked.iter().map(|(lane, ..)| of(lane).0).collect::<Vec<_>>())
        .bind(asked.iter().map(|(lane, ..)| of(lane).1).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, turn, _)| turn.0).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, turn, _)| turn.1).collect::<Vec<_>>())
        .bind(mosts.collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let counts = counted.into_iter().zip(asked);
    Ok(counts
        .map(|(count, (_, _, most))| Tally::up_to(*most, usize::try_from(count).unwrap_or(0)))
        .collect())
}
