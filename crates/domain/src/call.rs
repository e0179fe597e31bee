//! A call: one request to reach somebody. This is the rule book for what may happen to it.

mod live;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, CallId, EndedBy, Ending, Event, EventId, EventKind, FaceRecord, Leg, Outcome, Plan, Subject,
    outcome::words,
};
pub use live::{Happening, LiveCall, Way};

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
            Ok(None) => {
                let closed = self.plan.hours.is_some() && self.plan.expires.is_none_or(|expires| now < expires);
                let reason = match closed {
                    true => "the hours in which this call may be dialled do not open before it expires",
                    false => "the time in which this call might be dialled is over",
                };
                Ending::new(Outcome::Expired, EndedBy::System, reason)
            }
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
