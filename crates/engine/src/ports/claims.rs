//! Taking work: which calls and messages a node may have, by lane.

use std::collections::HashMap;

use jiff::Timestamp;
use outdial_domain::{AccountId, Call, CallId, Message, Priority, Subject};

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// To dial calls.
    Calls,
    /// To send messages.
    Messages,
}

impl Work {
    /// What there is to do for this.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        match subject {
            Subject::Call(_) => Self::Calls,
            Subject::Message(_) => Self::Messages,
        }
    }
}

/// The calls of one account that are equally urgent, or its messages. They are claimed in the order in which they
/// are due, and a lane with many of them hides none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// Whose.
    pub account: AccountId,
    /// Calls or messages.
    pub work: Work,
    /// How urgent they are.
    pub priority: Priority,
}

impl Lane {
    /// The lane that a call waits in.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        Self {
            account: call.account,
            work: Work::Calls,
            priority: call.plan.priority,
        }
    }

    /// The lane that a message waits in.
    #[must_use]
    pub fn of_message(message: &Message) -> Self {
        Self {
            account: message.account,
            work: Work::Messages,
            priority: message.plan.priority,
        }
    }
}

/// How many calls, or messages, of each lane a node can take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many at once at most, of all lanes together.
    pub most: usize,
    /// How many of each lane that has no line in `of`.
    pub of_each: usize,
    /// How many of these lanes.
    pub of: HashMap<Lane, usize>,
}

impl Wanted {
    /// So many, of whichever lanes.
    #[must_use]
    pub fn any(most: usize) -> Self {
        Self {
            most,
            of_each: most,
            of: HashMap::new(),
        }
    }

    /// Whether nothing is wanted of any lane.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.most == 0 || (self.of_each == 0 && self.of.values().all(|calls| *calls == 0))
    }

    /// How many of this lane.
    #[must_use]
    pub fn of(&self, lane: Lane) -> usize {
        self.of.get(&lane).copied().unwrap_or(self.of_each)
    }

    /// Shares out among the lanes that have something due, given with the time of their first call: the most
    /// urgent lanes come first, and of these the one that waits longest. Every store asks this.
    #[must_use]
    pub fn share(&self, mut due: Vec<(Lane, Timestamp)>) -> Share {
        due.retain(|(lane, _)| self.of(*lane) > 0);
        due.sort_unstable_by_key(|(lane, first)| (lane.priority, *first, lane.account));
        let left_out = due.len() > self.most;
        due.truncate(self.most);
        let (each, rest) = (self.most / due.len().max(1), self.most % due.len().max(1));
        let lanes = due.into_iter().enumerate().map(|(place, (lane, _))| {
            let share = each + usize::from(place < rest);
            (lane, self.of(lane).min(share))
        });
        Share {
            lanes: lanes.collect(),
            left_out,
        }
    }
}

/// What a claim takes of each lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// How many of each, at least one.
    pub lanes: Vec<(Lane, usize)>,
    /// Whether there was no room for some lane.
    left_out: bool,
}

impl Share {
    /// Whether there may be more to take at once, when these were taken: a lane gave all that was asked of
    /// it, and more is wanted of it.
    #[must_use]
    pub fn may_go_on(&self, wanted: &Wanted, taken: impl Iterator<Item = Lane>) -> bool {
        let mut counts: HashMap<Lane, usize> = HashMap::new();
        for lane in taken {
            *counts.entry(lane).or_default() += 1;
        }
        let gave_all = |(lane, asked): &(Lane, usize)| {
            counts.get(lane).is_some_and(|count| count >= asked) && wanted.of(*lane) > *asked
        };
        self.left_out || self.lanes.iter().any(gave_all)
    }
}

/// What was taken.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The calls, in the order in which they are due.
    pub calls: Vec<super::ClaimedCall>,
    /// Whether there may be more that is wanted, so that it is worth asking again at once.
    pub more: bool,
}

/// Where places among the calls that are due are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placing {
    /// The lane whose calls are listed; of the others they are counted.
    pub lane: Lane,
    /// What is due by now counts.
    pub now: Timestamp,
    /// Counting ends about here, so that it costs the same however many wait.
    pub most: usize,
}

impl Placing {
    /// How far to count in each of so many lanes.
    #[must_use]
    pub fn most_of_each(&self, lanes: usize) -> usize {
        self.most.div_ceil(lanes.max(1))
    }
}

/// The calls that are due and not dialled yet, whichever node has taken them or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The calls of the lane that was asked for, and since when each is due, in their order.
    pub turns: Vec<(Timestamp, CallId)>,
    /// Whether there may be more of them, because listing ended there.
    pub or_more: bool,
    /// How many there are of each lane.
    pub lanes: HashMap<Lane, Tally>,
}

impl Backlog {
    /// How many calls of the lane that was asked for come before this one.
    #[must_use]
    pub fn before(&self, due: Timestamp, call: CallId) -> Tally {
        let calls = self.turns.partition_point(|turn| *turn < (due, call));
        Tally {
            calls,
            or_more: self.or_more && calls == self.turns.len(),
        }
    }
}

/// How many were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// So many.
    pub calls: usize,
    /// Whether there may be more, because counting ended here.
    pub or_more: bool,
}

impl Tally {
    /// What counting gives that ends at `most`.
    #[must_use]
    pub fn up_to(most: usize, calls: usize) -> Self {
        Self {
            calls: calls.min(most),
            or_more: calls >= most,
        }
    }
}
