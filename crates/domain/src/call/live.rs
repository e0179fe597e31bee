//! A call with the attempt that is under way and its legs: what may happen to it, and what follows.

use std::time::Duration;

use jiff::Timestamp;

use super::{Call, CallState};
use crate::{
    Attempt, AttemptId, AttemptState, EndedBy, Ending, EventKind, Leg, LegId, Outcome, Quality,
    attempt::{Backwards, Progress, deadline, deadline_after},
};

/// What can happen to the live leg of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The carrier sent it.
    Sent,
    /// The far side rings, or plays something before the answer.
    Ringing {
        /// The SIP status.
        sip_code: Option<u16>,
        /// Whether sound may come before the answer.
        early_media: bool,
    },
    /// The far side answered.
    Answered {
        /// The codec agreed on.
        codec: String,
    },
    /// It is over.
    Ended {
        /// How.
        ending: Ending,
        /// How good its sound was.
        quality: Option<Quality>,
    },
}

/// A call with the attempt that is under way and its legs.
///
/// The first leg is that of whom the call is with: the attempt goes as it goes. Its flow may ring others, each
/// with a leg of its own. The attempt is over when the last of its legs is, so none is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// The call.
    pub call: Call,
    /// Its current attempt.
    pub attempt: Attempt,
    /// That attempt's first leg.
    pub leg: Leg,
    /// The legs that were rung for the first one, in the order of their journal.
    pub others: Vec<Leg>,
    /// How the attempt ended, where that is not how its first leg does: as when the other party was busy.
    pub verdict: Option<Ending>,
    /// Whether somebody asked to end the call: however the leg ends, the call is not tried again.
    pub stopped: bool,
}

impl LiveCall {
    /// Opens the next attempt, as it will be written to the journal before anything is sent.
    #[must_use]
    pub fn journal(mut call: Call, attempt: AttemptId, leg: LegId, way: Way, now: Timestamp) -> Self {
        call.attempts += 1;
        call.state = CallState::Active;
        let attempt = Attempt {
            id: attempt,
            call: call.id,
            number: call.attempts,
            deadline: deadline(&call.plan, now),
            progress: Progress::journalled(now),
        };
        let leg = way.journal(leg, &attempt, now);
        Self {
            call,
            attempt,
            leg,
            others: Vec::new(),
            verdict: None,
            stopped: false,
        }
    }

    /// The same from what a store has of it; `None` when the call has no leg that is under way.
    #[must_use]
    pub fn read(call: Call, attempts: Vec<Attempt>, legs: Vec<Leg>) -> Option<Self> {
        let under_way = legs.iter().rev().find(|leg| leg.progress.ending.is_none())?.attempt;
        let attempt = attempts.into_iter().find(|attempt| attempt.id == under_way)?;
        let mut legs = legs.into_iter().filter(|leg| leg.attempt == under_way);
        Some(Self {
            call,
            attempt,
            leg: legs.next()?,
            others: legs.collect(),
            verdict: None,
            stopped: false,
        })
    }

    /// Opens another leg of the attempt, as it will be written to the journal before anything is sent.
    /// Gives what to write into the event log.
    pub fn open(&mut self, leg: LegId, way: Way, now: Timestamp) -> EventKind {
        let leg = way.journal(leg, &self.attempt, now);
        let journalled = self.journalled(&leg);
        self.others.push(leg);
        journalled
    }

    /// What the event log says of a leg of this attempt in the journal.
    #[must_use]
    pub fn journalled(&self, leg: &Leg) -> EventKind {
        EventKind::Journalled {
            attempt: self.attempt.id,
            number: self.attempt.number,
            leg: leg.id,
            node: leg.node.clone(),
        }
    }

    /// Every leg of the attempt, the first one first.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        std::iter::once(&self.leg).chain(&self.others)
    }

    /// The attempt may last so much longer from now on.
    pub fn may_last(&mut self, length: Duration, now: Timestamp) {
        self.attempt.deadline = deadline_after(length, now);
    }

    /// The only way from one state of a live call to the next: gives the new state, and what to
    /// write into the event log.
    ///
    /// # Errors
    ///
    /// [`Backwards`] for what comes late or twice; the state is then unchanged and nothing is written.
    pub fn step(&self, happening: Happening, now: Timestamp) -> Result<(Self, Vec<EventKind>), Backwards> {
        self.step_of(self.leg.id, happening, now)
    }

    /// The same for what happens to one of its legs.
    ///
    /// # Errors
    ///
    /// [`Backwards`] for what comes late or twice, and for a leg that is not of this attempt.
    pub fn step_of(
        &self,
        leg: LegId,
        happening: Happening,
        now: Timestamp,
    ) -> Result<(Self, Vec<EventKind>), Backwards> {
        let mut next = self.clone();
        let events = match happening {
            Happening::Sent => {
                next.advance(leg, AttemptState::Dialing, now)?;
                vec![EventKind::Dialing { leg }]
            }
            Happening::Ringing { sip_code, early_media } => {
                // A 180 after a 183, or the other way round, is news to a reader but no step.
                if next.leg_mut(leg)?.progress.state != AttemptState::Ringing {
                    next.advance(leg, AttemptState::Ringing, now)?;
                }
                vec![EventKind::Ringing {
                    leg,
                    sip_code,
                    early_media,
                }]
            }
            Happening::Answered { codec } => {
                next.advance(leg, AttemptState::InProgress, now)?;
                if leg == self.leg.id {
                    next.call.answered_at = Some(now);
                }
                vec![EventKind::Answered { leg, codec }]
            }
            Happening::Ended { ending, quality } => {
                let ended = next.leg_mut(leg)?;
                ended.progress = ended.progress.clone().end(ending.clone(), now)?;
                ended.quality = quality;
                let mut events = vec![EventKind::LegEnded { leg, ending, quality }];
                events.extend(next.conclude(now)?);
                events
            }
        };
        Ok((next, events))
    }

    /// Takes back an attempt whose leg was never sent, and is known not to have been: the call waits as before, and
    /// no retry of its plan is used up. Where somebody asked to end it meanwhile, it ends. Gives what to write
    /// into the event log.
    ///
    /// # Errors
    ///
    /// [`Backwards`] when the leg has ended already.
    pub fn take_back(&self, reason: &str, now: Timestamp) -> Result<(Self, Vec<EventKind>), Backwards> {
        let ending = Ending::new(Outcome::Failed, EndedBy::System, format!("not sent: {reason}"));
        let mut next = self.clone();
        next.leg.progress = next.leg.progress.end(ending.clone(), now)?;
        next.attempt.progress = next.attempt.progress.end(ending.clone(), now)?;
        let leg_ended = EventKind::LegEnded {
            leg: self.leg.id,
            ending: ending.clone(),
            quality: None,
        };
        let concluded = if self.stopped {
            next.call.end(ending.clone(), now);
            EventKind::Ended { ending }
        } else {
            next.call.state = CallState::Queued;
            EventKind::Queued { because: ending.reason }
        };
        Ok((next, vec![leg_ended, concluded]))
    }

    /// Ends the attempt when its last leg has ended.
    fn conclude(&mut self, now: Timestamp) -> Result<Option<EventKind>, Backwards> {
        if self.legs().any(|leg| leg.progress.ending.is_none()) {
            return Ok(None);
        }
        let Some(ending) = self.verdict.clone().or_else(|| self.leg.progress.ending.clone()) else {
            return Ok(None);
        };
        self.attempt.progress = self.attempt.progress.clone().end(ending.clone(), now)?;
        if self.stopped {
            self.call.end(ending.clone(), now);
            return Ok(Some(EventKind::Ended { ending }));
        }
        let last = self.others.last().unwrap_or(&self.leg).clone();
        Ok(Some(self.call.conclude(ending, Some(&last), now)))
    }

    fn advance(&mut self, leg: LegId, to: AttemptState, now: Timestamp) -> Result<(), Backwards> {
        let moved = self.leg_mut(leg)?;
        moved.progress = moved.progress.clone().advance(to, now)?;
        if leg == self.leg.id {
            self.attempt.progress = self.attempt.progress.clone().advance(to, now)?;
        }
        Ok(())
    }

    fn leg_mut(&mut self, id: LegId) -> Result<&mut Leg, Backwards> {
        let legs = std::iter::once(&mut self.leg).chain(&mut self.others);
        legs.into_iter().find(|leg| leg.id == id).ok_or(Backwards {
            from: AttemptState::Ended,
            to: AttemptState::Ended,
        })
    }
}

/// By which way a leg goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The trunk.
    pub trunk: String,
    /// What is dialled there.
    pub target: String,
    /// The caller id that is shown; see [`Leg::shows`].
    pub shows: Option<String>,
    /// The node that rings it.
    pub node: String,
}

impl Way {
    /// The leg that goes this way, as it stands in the journal.
    fn journal(self, id: LegId, attempt: &Attempt, now: Timestamp) -> Leg {
        Leg {
            id,
            attempt: attempt.id,
            call: attempt.call,
            trunk: self.trunk,
            target: self.target,
            shows: self.shows,
            node: self.node,
            progress: Progress::journalled(now),
            quality: None,
        }
    }
}

#[cfg(test)]
mod tests;
