//! A call: one request to reach somebody. This is the rule book for what may happen to it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, Attempt, AttemptId, AttemptState, CallId, EndedBy, Ending, Event, EventId, EventKind, Leg, LegId,
    Outcome, Plan, Quality, Subject,
    attempt::{Backwards, Progress, deadline},
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

/// A call with the attempt and the leg that are under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// The call.
    pub call: Call,
    /// Its current attempt.
    pub attempt: Attempt,
    /// That attempt's leg.
    pub leg: Leg,
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
        let leg = Leg {
            id: leg,
            attempt: attempt.id,
            call: call.id,
            trunk: way.trunk,
            target: way.target,
            node: way.node,
            progress: Progress::journalled(now),
            quality: None,
        };
        Self {
            call,
            attempt,
            leg,
            stopped: false,
        }
    }

    /// The only way from one state of a live call to the next: gives the new state, and what to
    /// write into the event log.
    ///
    /// # Errors
    ///
    /// [`Backwards`] for what comes late or twice; the state is then unchanged and nothing is written.
    pub fn step(&self, happening: Happening, now: Timestamp) -> Result<(Self, Vec<EventKind>), Backwards> {
        let mut next = self.clone();
        let leg = self.leg.id;
        let events = match happening {
            Happening::Sent => {
                next.advance(AttemptState::Dialing, now)?;
                vec![EventKind::Dialing { leg }]
            }
            Happening::Ringing { sip_code, early_media } => {
                // A 180 after a 183, or the other way round, is news to a reader but no step.
                if self.leg.progress.state != AttemptState::Ringing {
                    next.advance(AttemptState::Ringing, now)?;
                }
                vec![EventKind::Ringing {
                    leg,
                    sip_code,
                    early_media,
                }]
            }
            Happening::Answered { codec } => {
                next.advance(AttemptState::InProgress, now)?;
                next.call.answered_at = Some(now);
                vec![EventKind::Answered { leg, codec }]
            }
            Happening::Ended { ending, quality } => {
                next.leg.progress = next.leg.progress.end(ending.clone(), now)?;
                next.attempt.progress = next.attempt.progress.end(ending.clone(), now)?;
                next.leg.quality = quality;
                let concluded = if self.stopped {
                    next.call.end(ending.clone(), now);
                    EventKind::Ended { ending: ending.clone() }
                } else {
                    next.call.conclude(ending.clone(), Some(&self.leg), now)
                };
                vec![EventKind::LegEnded { leg, ending, quality }, concluded]
            }
        };
        Ok((next, events))
    }

    fn advance(&mut self, to: AttemptState, now: Timestamp) -> Result<(), Backwards> {
        self.leg.progress = self.leg.progress.clone().advance(to, now)?;
        self.attempt.progress = self.attempt.progress.clone().advance(to, now)?;
        Ok(())
    }
}

/// By which way a leg goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The trunk.
    pub trunk: String,
    /// What is dialled there.
    pub target: String,
    /// The node that rings it.
    pub node: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
