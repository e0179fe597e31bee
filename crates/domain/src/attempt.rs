//! One try at a call, and the states that it and its legs pass through.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AttemptId, CallId, Ending, Plan, outcome::words};

words! {
    /// How far an attempt or a leg has come. It only moves forward.
    AttemptState {
        /// On disk, and nothing sent yet.
        Journalled = "journalled",
        /// The first byte may have left.
        Dialing = "dialing",
        /// The far side says that it rings, or plays something before the answer.
        Ringing = "ringing",
        /// Answered.
        InProgress = "in_progress",
        /// Over.
        Ended = "ended",
    }
}

/// How far something has come, and when it got there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How far it has come.
    pub state: AttemptState,
    /// When it was written to the journal.
    pub journalled_at: Timestamp,
    /// When the carrier sent it.
    pub dialing_at: Option<Timestamp>,
    /// When it first rang.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
}

/// A step backwards, which a state machine refuses and its caller ignores: late and repeated
/// messages are normal on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot go from {from} to {to}")]
pub struct Backwards {
    /// Where it is.
    pub from: AttemptState,
    /// Where the event would have brought it.
    pub to: AttemptState,
}

impl Progress {
    /// The beginning: written to the journal.
    #[must_use]
    pub fn journalled(now: Timestamp) -> Self {
        Self {
            state: AttemptState::Journalled,
            journalled_at: now,
            dialing_at: None,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            ending: None,
        }
    }

    /// Moves forward to `dialing`, `ringing` or `in_progress`, possibly past states in between.
    ///
    /// # Errors
    ///
    /// [`Backwards`] when it is there already, or further. Use [`Progress::end`] to end it.
    pub fn advance(mut self, to: AttemptState, now: Timestamp) -> Result<Self, Backwards> {
        let from = self.state;
        let reached = match to {
            AttemptState::Dialing => &mut self.dialing_at,
            AttemptState::Ringing => &mut self.ringing_at,
            AttemptState::InProgress => &mut self.answered_at,
            AttemptState::Journalled | AttemptState::Ended => return Err(Backwards { from, to }),
        };
        if to <= from {
            return Err(Backwards { from, to });
        }
        *reached = Some(now);
        self.state = to;
        Ok(self)
    }

    /// Ends it, from any state but `ended`.
    ///
    /// # Errors
    ///
    /// [`Backwards`] when it has ended already: the first ending holds.
    pub fn end(mut self, ending: Ending, now: Timestamp) -> Result<Self, Backwards> {
        if self.state == AttemptState::Ended {
            return Err(Backwards {
                from: self.state,
                to: AttemptState::Ended,
            });
        }
        self.state = AttemptState::Ended;
        self.ended_at = Some(now);
        self.ending = Some(ending);
        Ok(self)
    }
}

/// How long an attempt may take beyond ringing and talking: carriers report late, and ending takes time.
const DEADLINE_MARGIN: Duration = Duration::from_secs(300);

/// When an attempt must be over that begins now.
pub(crate) fn deadline(plan: &Plan, now: Timestamp) -> Timestamp {
    deadline_after(plan.ring.saturating_add(plan.talk), now)
}

/// When an attempt must be over that may last so much longer.
pub(crate) fn deadline_after(length: Duration, now: Timestamp) -> Timestamp {
    // Beyond the calendar there is no deadline to miss.
    now.saturating_add(length.saturating_add(DEADLINE_MARGIN))
        .unwrap_or(Timestamp::MAX)
}

/// One try at a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Names it.
    pub id: AttemptId,
    /// The call it tries.
    pub call: CallId,
    /// 1 for the first try.
    pub number: u16,
    /// When it must be over. What is under way then is ended, because nobody seems to stay with it.
    pub deadline: Timestamp,
    /// How far it has come.
    pub progress: Progress,
}

impl Attempt {
    /// How long it may still ring and talk by its plan.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Duration {
        let until_deadline = Duration::try_from(self.deadline.duration_since(now)).unwrap_or_default();
        until_deadline.saturating_sub(DEADLINE_MARGIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{EndedBy, Outcome};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn over() -> Ending {
        Ending::new(Outcome::Completed, EndedBy::Flow, "")
    }

    #[test]
    fn it_passes_through_every_state_and_remembers_when() {
        let progress = Progress::journalled(at(1))
            .advance(AttemptState::Dialing, at(2))
            .unwrap()
            .advance(AttemptState::Ringing, at(3))
            .unwrap()
            .advance(AttemptState::InProgress, at(4))
            .unwrap()
            .end(over(), at(5))
            .unwrap();
        assert_eq!(progress.ringing_at, Some(at(3)));
        assert_eq!(progress.ended_at, Some(at(5)));
    }

    #[test]
    fn the_first_ending_holds() {
        let ended = Progress::journalled(at(1)).end(over(), at(2)).unwrap();
        assert!(
            ended
                .clone()
                .end(Ending::new(Outcome::Failed, EndedBy::System, ""), at(3))
                .is_err()
        );
        assert!(ended.advance(AttemptState::Ringing, at(3)).is_err());
    }

    proptest! {
        #[test]
        fn it_only_moves_forward(steps in proptest::collection::vec(0usize..5, 0..20)) {
            let mut progress = Progress::journalled(at(0));
            for step in steps {
                let to = AttemptState::ALL[step];
                let before = progress.state;
                let next = if to == AttemptState::Ended {
                    progress.clone().end(over(), at(1))
                } else {
                    progress.clone().advance(to, at(1))
                };
                match next {
                    Ok(next) => { prop_assert!(next.state > before); progress = next; }
                    Err(_) => prop_assert!(to <= before),
                }
            }
        }
    }
}
