//! The columns that attempts and legs share: how far they have come.

use outdial_domain::{AttemptState, attempt::Progress};
use outdial_engine::ports::StoreError;

use super::column::Place;

/// How far something has come, as it is stored.
#[derive(Debug)]
pub(crate) struct ProgressRow {
    pub(crate) state: String,
    pub(crate) journalled_at: i64,
    pub(crate) dialing_at: Option<i64>,
    pub(crate) ringing_at: Option<i64>,
    pub(crate) answered_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) ending: Option<String>,
}

impl ProgressRow {
    pub(crate) fn progress(&self, place: Place<'_>) -> Result<Progress, StoreError> {
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
