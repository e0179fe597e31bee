//! A call: one request to reach somebody. This is the rule book for what may happen to it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Attempt, AttemptId, AttemptState, CallId, EndedBy, Ending, Event, EventId, EventKind, FaceRecord, Leg,
    LegId, Outcome, Plan, Quality, Subject,
    attempt::{Backwards, Progress, deadline, deadline_after},
    outcome::words,
};

words! {
    /// Where a call stands.
    CallState {
        /// It waits for its time.
        Scheduled = "scheduled",
        /// Its time has come, and it waits to be dialled.
        Queued = "queued",
        /// An attempt is under way; its state says more.
        Active = "active",
        /// Over.
        Ended = "ended",
    }
}

words! {
    /// Who called whom.
    Direction {
        /// We call.
        Outgoing = "outgoing",
        /// Somebody calls us.
        Incoming = "incoming",
    }
}

/// One request to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Names it.
    pub id: CallId,
    /// Whose it is.
    pub account: AccountId,
    /// Who called whom.
    pub direction: Direction,
    /// Where it stands.
    pub state: CallState,
    /// Whom to ring, when, how long.
    pub plan: Plan,
    /// How many attempts were made.
    pub attempts: u16,
    /// How many events it has; the next one's sequence is one more.
    pub events: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// What its gathers collected, in order.
    pub digits: Vec<Gathered>,
    /// What the interface that it was made by keeps of it, where that has names of its own for calls.
    pub face: Option<FaceRecord>,
}

/// What one `gather` of a flow collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// The name the flow gave it.
    pub name: String,
    /// What was pressed, possibly nothing.
    pub digits: String,
}

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

impl Call {
    /// A new call that waits for its time.
    #[must_use]
    pub fn new(id: CallId, account: AccountId, plan: Plan, now: Timestamp) -> Self {
        let state = if plan.due > now {
            CallState::Scheduled
        } else {
            CallState::Queued
        };
        Self {
            id,
            account,
            direction: Direction::Outgoing,
            state,
            plan,
            attempts: 0,
            events: 0,
            created_at: now,
            answered_at: None,
            ended_at: None,
            ending: None,
            digits: Vec::new(),
            face: None,
        }
    }

    /// Writes down that something happened to this call.
    pub fn record(&mut self, id: EventId, kind: EventKind, now: Timestamp) -> Event {
        self.events += 1;
        Event {
            id,
            account: self.account,
            subject: Subject::Call(self.id),
            sequence: self.events,
            at: now,
            kind,
        }
    }

    /// Decides whether it may be dialled now. When it may not, it waits for the next opening of its hours, or
    /// it ends; gives the event then.
    pub fn not_now(&mut self, now: Timestamp) -> Option<EventKind> {
        let ending = match self.plan.opening(now) {
            Ok(Some(opening)) if opening <= now => return None,
            Ok(Some(opening)) => {
                self.plan.due = opening;
                self.state = CallState::Scheduled;
                let because = format!("outside the calling hours of {}", self.plan.to);
                return Some(EventKind::Postponed {
                    until: opening,
                    because,
                });
            }
            Ok(None) => Ending::new(
                Outcome::Expired,
                EndedBy::System,
                "the time in which this call might be dialled is over",
            ),
            Err(error) => Ending::new(Outcome::Failed, EndedBy::System, error.to_string()),
        };
        self.end(ending.clone(), now);
        Some(EventKind::Ended { ending })
    }

    /// Decides what follows an attempt that ended so, or one that could not even begin: the call waits for
    /// its next attempt, or it ends. Give the leg when one was in the journal. Gives the event.
    pub fn conclude(&mut self, ending: Ending, leg: Option<&Leg>, now: Timestamp) -> EventKind {
        let Some(plan) = self.plan.again(ending.outcome, leg, now) else {
            self.end(ending.clone(), now);
            return EventKind::Ended { ending };
        };
        self.plan = plan;
        self.state = CallState::Scheduled;
        self.answered_at = None;
        self.digits.clear();
        EventKind::RetryScheduled {
            attempt: self.attempts + 1,
            at: self.plan.due,
            because: ending.outcome,
            to: self.plan.to.to_string(),
            via: self.plan.via.clone(),
        }
    }

    /// Ends a call that has no attempt under way. Says whether it did: the first ending holds.
    pub fn end(&mut self, ending: Ending, now: Timestamp) -> bool {
        if self.state == CallState::Ended {
            return false;
        }
        self.state = CallState::Ended;
        self.ended_at = Some(now);
        self.ending = Some(ending);
        true
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Address, Retry};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn live() -> LiveCall {
        let plan = Plan {
            to: Address::parse("sip:bob@127.0.0.1").unwrap(),
            from: None,
            via: None,
            due: at(0),
            priority: Default::default(),
            expires: None,
            hours: None,
            retry: Retry::default(),
            ring: Duration::from_secs(45),
            talk: Duration::from_secs(60),
            tag: None,
            reference: None,
            webhook: None,
        };
        let call = Call::new(CallId::new(at(1), [1; 10]), AccountId::new(at(1), [2; 10]), plan, at(1));
        let way = Way {
            trunk: "sip".into(),
            target: "sip:bob@127.0.0.1".into(),
            shows: None,
            node: "n1".into(),
        };
        LiveCall::journal(
            call,
            AttemptId::new(at(1), [3; 10]),
            LegId::new(at(1), [4; 10]),
            way,
            at(1),
        )
    }

    fn ended() -> Happening {
        Happening::Ended {
            ending: Ending::new(Outcome::Completed, EndedBy::Flow, ""),
            quality: None,
        }
    }

    #[test]
    fn a_call_goes_from_journal_to_end() {
        let mut live = live();
        for (happening, state) in [
            (Happening::Sent, AttemptState::Dialing),
            (
                Happening::Ringing {
                    sip_code: Some(180),
                    early_media: false,
                },
                AttemptState::Ringing,
            ),
            (
                Happening::Ringing {
                    sip_code: Some(183),
                    early_media: true,
                },
                AttemptState::Ringing,
            ),
            (Happening::Answered { codec: "PCMU".into() }, AttemptState::InProgress),
        ] {
            (live, _) = live.step(happening, at(2)).unwrap();
            assert_eq!(live.leg.progress.state, state);
            assert_eq!(live.attempt.progress.state, state);
        }
        let (live, events) = live.step(ended(), at(9)).unwrap();
        assert_eq!(live.call.state, CallState::Ended);
        assert_eq!(live.call.answered_at, Some(at(2)));
        assert_eq!(
            events.iter().map(EventKind::word).collect::<Vec<_>>(),
            ["leg_ended", "ended"]
        );
    }

    #[test]
    fn what_was_not_sent_waits_again_without_a_retry() {
        let (live, events) = live().take_back("the lease was over", at(3)).unwrap();
        assert_eq!((live.call.state, live.call.ending), (CallState::Queued, None));
        assert_eq!(live.leg.progress.state, AttemptState::Ended);
        assert_eq!(
            live.attempt.progress.ending.unwrap().reason,
            "not sent: the lease was over"
        );
        assert_eq!(live.call.plan.retry, Retry::default());
        let words: Vec<_> = events.iter().map(EventKind::word).collect();
        assert_eq!(words, ["leg_ended", "queued"]);
    }

    #[test]
    fn what_was_not_sent_and_is_not_wanted_any_more_ends() {
        let mut stopped = live();
        stopped.stopped = true;
        let (live, events) = stopped.take_back("the lease was over", at(3)).unwrap();
        assert_eq!(live.call.state, CallState::Ended);
        assert_eq!(events.last().map(EventKind::word), Some("ended"));
        assert!(live.take_back("again", at(4)).is_err());
    }

    #[test]
    fn what_comes_late_changes_nothing() {
        let (live, _) = live()
            .step(Happening::Answered { codec: "PCMU".into() }, at(2))
            .unwrap();
        assert!(
            live.step(
                Happening::Ringing {
                    sip_code: Some(180),
                    early_media: false
                },
                at(3)
            )
            .is_err()
        );
        let (live, _) = live.step(ended(), at(4)).unwrap();
        assert!(live.step(ended(), at(5)).is_err());
    }

    fn other() -> (LegId, Way) {
        let way = Way {
            trunk: "sip".into(),
            target: "sip:eve@127.0.0.1".into(),
            shows: Some(Leg::PRIVATE.into()),
            node: "n1".into(),
        };
        (LegId::new(at(2), [9; 10]), way)
    }

    #[test]
    fn an_attempt_is_over_with_its_last_leg() {
        let answered = Happening::Answered { codec: "PCMU".into() };
        let (mut live, _) = live().step(answered.clone(), at(2)).unwrap();
        let (leg, way) = other();
        assert!(matches!(live.open(leg, way, at(3)), EventKind::Journalled { leg: opened, .. } if opened == leg));
        let (live, events) = live.step_of(leg, answered, at(4)).unwrap();
        assert!(matches!(events[..], [EventKind::Answered { leg: of, .. }] if of == leg));
        assert_eq!(live.call.answered_at, Some(at(2)));
        for first in [live.leg.id, leg] {
            let last = live.legs().map(|leg| leg.id).find(|id| *id != first).unwrap();
            let (live, events) = live.step_of(first, ended(), at(5)).unwrap();
            assert_eq!((events.len(), live.call.state), (1, CallState::Active));
            assert!(live.attempt.progress.ending.is_none());
            assert!(live.step_of(first, ended(), at(6)).is_err());
            let (live, events) = live.step_of(last, ended(), at(6)).unwrap();
            assert_eq!((events.len(), live.call.state), (2, CallState::Ended));
        }
    }

    #[test]
    fn the_other_party_may_decide_how_it_ended() {
        let (mut live, _) = live()
            .step(Happening::Answered { codec: "PCMU".into() }, at(2))
            .unwrap();
        let (leg, way) = other();
        live.open(leg, way, at(3));
        let busy = Ending::from_sip(486, None, "Busy Here").because_of(leg);
        live.verdict = Some(busy.clone());
        let happening = Happening::Ended {
            ending: busy.clone(),
            quality: None,
        };
        let (live, _) = live.step_of(leg, happening, at(4)).unwrap();
        let (live, _) = live.step(ended(), at(5)).unwrap();
        assert_eq!(live.call.ending, Some(busy));
        assert_eq!(live.leg.progress.ending.unwrap().outcome, Outcome::Completed);
    }

    proptest! {
        #[test]
        fn sequences_have_no_gaps(count in 1usize..20) {
            let mut call = live().call;
            for index in 1..=count {
                let event = call.record(EventId::new(at(1), [0; 10]), EventKind::HangUpRequested { by: "x".into() }, at(1));
                prop_assert_eq!(event.sequence as usize, index);
            }
        }
    }
}
