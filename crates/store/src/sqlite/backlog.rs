//! What waits, by lane: which lanes there are, when they are due, and how many calls of each.
//!
//! Lanes are found by going from one to the next in an index that begins with them, so it costs as much as
//! there are lanes, however many calls wait in each.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outdial_engine::ports::{Backlog, Lane, Placing, Tally, Work};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::error::Failure;
use crate::rows::{
    column::micros,
    lane::{self, LaneRow},
};

/// The lane after this one with calls that nobody has taken, and when the first of them is due.
///
/// It asks for what comes after the last moment of this lane. Asked for what comes after the lane, SQLite would go
/// to the lane's beginning and read all of it.
pub(super) const NEXT_LANE: &str = "SELECT account_id, priority, due FROM job INDEXED BY job_due \
     WHERE claimed_by IS NULL AND (account_id, priority, due) > (?1, ?2, 9223372036854775807) \
     ORDER BY account_id, priority, due LIMIT 1";

/// The same of calls that somebody has taken.
pub(super) const NEXT_TAKEN_LANE: &str = "SELECT account_id, priority, due FROM job INDEXED BY job_claimed \
     WHERE claimed_by IS NOT NULL AND (account_id, priority, due) > (?1, ?2, 9223372036854775807) \
     ORDER BY account_id, priority, due LIMIT 1";

/// How many calls of a lane are due by a time, up to a bound.
pub(super) const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_due \
     WHERE claimed_by IS NULL AND account_id = ?1 AND priority = ?2 AND due <= ?3 LIMIT ?4 + 0)";

/// The same of calls that somebody has taken.
pub(super) const COUNT_TAKEN: &str = "SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_claimed \
     WHERE claimed_by IS NOT NULL AND account_id = ?1 AND priority = ?2 AND due <= ?3 LIMIT ?4 + 0)";

/// The calls of a lane that are due by a time, in their order, up to a bound.
pub(super) const TURNS: &str = "SELECT due, subject FROM job INDEXED BY job_due \
     WHERE claimed_by IS NULL AND account_id = ?1 AND priority = ?2 AND due <= ?3 ORDER BY due, subject LIMIT ?4 + 0";

/// The same of calls that somebody has taken.
pub(super) const TAKEN_TURNS: &str = "SELECT due, subject FROM job INDEXED BY job_claimed \
     WHERE claimed_by IS NOT NULL AND account_id = ?1 AND priority = ?2 AND due <= ?3 \
     ORDER BY due, subject LIMIT ?4 + 0";

/// The lanes with calls that nobody has taken and that are due by a time, and when the first of each is.
pub(super) fn lanes(connection: &Connection, by: i64) -> rusqlite::Result<Vec<(Lane, Timestamp)>> {
    walk(connection, NEXT_LANE, by)
}

fn walk(connection: &Connection, next: &str, by: i64) -> rusqlite::Result<Vec<(Lane, Timestamp)>> {
    let mut step = connection.prepare_cached(next)?;
    // No account is shorter, so this is before all of them.
    let (mut account, mut priority) = (Vec::new(), 0);
    let mut lanes = Vec::new();
    loop {
        let found = step.query_map(params![account, priority], |row| {
            Ok(LaneRow {
                account_id: row.get::<_, Uuid>(0)?,
                priority: row.get(1)?,
                due: row.get(2)?,
            })
        })?;
        let Some(row) = found.last().transpose()? else {
            return Ok(lanes);
        };
        account = row.account_id.as_bytes().to_vec();
        priority = row.priority;
        if row.due <= by {
            lanes.extend(row.read());
        }
    }
}

pub(super) fn next_due(connection: &Connection, work: Work, except: &[Lane]) -> Result<Option<Timestamp>, Failure> {
    let lanes = lanes(connection, i64::MAX)?.into_iter();
    Ok(lanes
        .filter(|(lane, _)| lane.work == work && !except.contains(lane))
        .map(|(_, due)| due)
        .min())
}

pub(super) fn backlog(connection: &Connection, placing: &Placing) -> Result<Backlog, Failure> {
    let now = micros(placing.now);
    let bound = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
    let count = |lane: Lane, most: usize| {
        let (account, priority) = lane::columns(lane);
        let mut calls = 0;
        for statement in [COUNT, COUNT_TAKEN] {
            let counted: i64 = connection
                .prepare_cached(statement)?
                .query_row(params![account, priority, now, bound(most)], |row| row.get(0))?;
            calls += usize::try_from(counted).unwrap_or(0);
        }
        Ok::<_, Failure>(Tally::up_to(most, calls))
    };
    let mut lanes: BTreeSet<Lane> = BTreeSet::new();
    for statement in [NEXT_LANE, NEXT_TAKEN_LANE] {
        lanes.extend(walk(connection, statement, now)?.into_iter().map(|(lane, _)| lane));
    }
    lanes.retain(|lane| lane.work == placing.lane.work);
    let each = placing.most_of_each(lanes.len());
    let (account, priority) = lane::columns(placing.lane);
    let mut turns = Vec::new();
    for statement in [TURNS, TAKEN_TURNS] {
        let mut read = connection.prepare_cached(statement)?;
        let mut rows = read.query(params![account, priority, now, bound(placing.most)])?;
        while let Some(row) = rows.next()? {
            turns.push(lane::turn(row.get(0)?, row.get(1)?)?);
        }
    }
    turns.sort_unstable();
    turns.truncate(placing.most);
    Ok(Backlog {
        or_more: turns.len() >= placing.most,
        turns,
        lanes: lanes
            .into_iter()
            .map(|lane| Ok((lane, count(lane, each)?)))
            .collect::<Result<_, Failure>>()?,
    })
}
