//! The columns that attempts and legs share: how far they have come.

use outdial_domain::{AttemptState, attempt::Progress};
use outdial_engine::ports::StoreError;
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    column::{Place, json, micros},
    statement::Arguments,
};

/// What an upsert sets when the row is there already.
pub(super) const SET: &str = "state = excluded.state, dialing_at = excluded.dialing_at, \
     ringing_at = excluded.ringing_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at, \
     ending = excluded.ending";

pub(super) fn bind(arguments: &mut Arguments, progress: &Progress) {
    arguments.add(progress.state.as_str());
    arguments.add(micros(progress.journalled_at));
    arguments.add(progress.dialing_at.map(micros));
    arguments.add(progress.ringing_at.map(micros));
    arguments.add(progress.answered_at.map(micros));
    arguments.add(progress.ended_at.map(micros));
    arguments.add(progress.ending.as_ref().map(json));
}

/// How far something has come, as it is stored.
#[derive(Debug)]
pub(super) struct ProgressRow {
    state: String,
    journalled_at: i64,
    dialing_at: Option<i64>,
    ringing_at: Option<i64>,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    ending: Option<String>,
}

impl ProgressRow {
    /// Reads the seven columns that begin at this one.
    pub(super) fn read(row: &SqliteRow, first: usize) -> Result<Self, sqlx::Error> {
        Ok(Self {
            state: row.try_get(first)?,
            journalled_at: row.try_get(first + 1)?,
            dialing_at: row.try_get(first + 2)?,
            ringing_at: row.try_get(first + 3)?,
            answered_at: row.try_get(first + 4)?,
            ended_at: row.try_get(first + 5)?,
            ending: row.try_get(first + 6)?,
        })
    }

    pub(super) fn progress(&self, place: Place<'_>) -> Result<Progress, StoreError> {
        Ok(Progress {
            state: place.word("state", &self.state, AttemptState::from_word)?,
            journalled_at: place.time("journalled_at", self.journalled_at)?,
            dialing_at: place.maybe_time("dialing_at", self.dialing_at)?,
            ringing_at: place.maybe_time("ringing_at", self.ringing_at)?,
            answered_at: place.maybe_time("answered_at", self.answered_at)?,
            ended_at: place.maybe_time("ended_at", self.ended_at)?,
            ending: place.maybe_json("ending", self.ending.as_deref())?,
        })
    }
}
