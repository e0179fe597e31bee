//! A schedule: a plan that runs again and again.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, CallId, Plan, ScheduleId, recurrence::Recurrence};

/// A plan that runs again and again. Each occurrence becomes a call of its own, once.
///
/// An occurrence is first decided and then made: deciding it moves the schedule on, and the call that is made
/// of it has an id that follows from the schedule and the time. So whoever finds a decided occurrence may
/// make it, after a crash and on any node, and none is made twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Names it.
    pub id: ScheduleId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: Option<String>,
    /// What each call does; its times are those of the occurrence.
    pub plan: Plan,
    /// When it occurs.
    pub recurrence: Recurrence,
    /// Not before this time.
    pub start: Timestamp,
    /// Not at this time or later.
    pub until: Option<Timestamp>,
    /// How long after its occurrence a call may still be dialled.
    pub lasts: Option<Duration>,
    /// How late an occurrence may be made, after the server was down.
    pub grace: Duration,
    /// Whether it rests.
    pub paused: bool,
    /// Its next occurrence.
    pub next: Option<Timestamp>,
    /// An occurrence that was decided, and whose call may not have been made yet.
    pub decided: Option<Timestamp>,
    /// The last occurrence that was made.
    pub last: Option<Timestamp>,
    /// The last occurrence that came too late to be made, because nothing was running at its time.
    pub missed: Option<Timestamp>,
    /// Grows with every change.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Schedule {
    /// The longest that an occurrence may be late.
    pub const LONGEST_GRACE: Duration = Duration::from_secs(24 * 3600);
    /// How late an occurrence may be when the request does not say.
    pub const GRACE: Duration = Duration::from_secs(300);
    /// How many openings of its hours are looked at for one that it occurs in.
    const MOST_OPENINGS: usize = 1_000;
    /// The most bytes of a name.
    pub const LONGEST_NAME: usize = 100;

    /// Reckons the next occurrence anew, after what it follows from has changed.
    pub fn reckon(&mut self, now: Timestamp) {
        let just_before_start = self.start - jiff::SignedDuration::from_nanos(1);
        let after = self
            .last
            .or(self.decided)
            .unwrap_or(now)
            .max(now)
            .max(just_before_start);
        self.next = self.following(after);
    }

    fn following(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self.recurrence.after(after)?;
        self.until.is_none_or(|until| next < until).then_some(next)
    }

    /// Whether the hours of its calls are open at any of its next occurrences, while the call of it lasts.
    #[must_use]
    pub fn is_ever_dialled(&self) -> bool {
        let (Some(hours), Some(lasts)) = (&self.plan.hours, self.lasts) else {
            return true;
        };
        let mut occurrence = self.next;
        // From one opening to the next.
        for _ in 0..Self::MOST_OPENINGS {
            let Some(due) = occurrence else { return false };
            let end = due.saturating_add(lasts).unwrap_or(Timestamp::MAX);
            // What cannot be reckoned is told elsewhere.
            let Ok(None) = hours.opening(&self.plan.to, due, Some(end)) else {
                return true;
            };
            let Ok(Some(opening)) = hours.opening(&self.plan.to, due, None) else {
                return false;
            };
            let too_early = opening.saturating_sub(lasts).unwrap_or(Timestamp::MIN);
            occurrence = self.following(due.max(too_early));
        }
        false
    }

    /// When it wants to be looked at.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        self.decided.or(self.next.filter(|_| !self.paused))
    }

    /// Decides the occurrences whose time has come: the latest is to be made unless it is too late, and those
    /// before it are missed. Says whether there were any.
    pub fn decide(&mut self, now: Timestamp) -> bool {
        let Some(mut due) = self
            .next
            .filter(|next| *next <= now && !self.paused && self.decided.is_none())
        else {
            return false;
        };
        // Over a long time down only the last of the grace is looked at one by one.
        let earliest = now.saturating_sub(self.grace).unwrap_or(Timestamp::MIN);
        if due < earliest {
            self.missed = Some(due);
            let just_before = earliest - jiff::SignedDuration::from_nanos(1);
            match self.following(just_before).filter(|next| *next <= now) {
                Some(next) => due = next,
                None => {
                    self.next = self.following(now);
                    return true;
                }
            }
        }
        while let Some(next) = self.following(due).filter(|next| *next <= now) {
            self.missed = Some(due);
            due = next;
        }
        self.decided = Some(due);
        self.next = self.following(due);
        true
    }

    /// The decided occurrence is made.
    pub fn made(&mut self) {
        if let Some(decided) = self.decided.take() {
            self.last = Some(decided);
        }
    }

    /// The id of the call of an occurrence: always the same.
    #[must_use]
    pub fn call_id(&self, occurrence: Timestamp) -> CallId {
        let mut random = [0; 10];
        random.copy_from_slice(&self.id.uuid().as_bytes()[6..]);
        CallId::new(occurrence, random)
    }

    /// The plan of the call of an occurrence.
    #[must_use]
    pub fn plan_of(&self, occurrence: Timestamp) -> Plan {
        let mut plan = self.plan.clone();
        plan.due = occurrence;
        plan.expires = self
            .lasts
            .map(|lasts| occurrence.saturating_add(lasts).unwrap_or(Timestamp::MAX));
        plan.reference = Some(format!("{} {occurrence}", self.id));
        plan
    }
}
