//! How long a call will wait, as far as can be said from what waits before it.
//!
//! At each limit that the call counts against, so many calls are before it: those of a higher priority,
//! those of its own account that came earlier, of each other account about as many as of its own, and those
//! of a lower priority that are let in between. A limit of calls a second lets them go one by one; one of
//! calls at once lets one go for each that ends, so it takes the mean length of the calls. The limit that
//! takes longest decides.

use std::collections::{BTreeMap, HashMap};

use outdial_domain::{AccountId, Subject};

use super::{
    bucket::Nanos,
    limits::{Key, Kind, Ledger, Usage, Want},
    queue::Queue,
};
use crate::ports::{Lane, Tally};

/// Where a call stands, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Its place among those that wait for the same: 1 is next.
    pub place: usize,
    /// Whether there may be more before it, because so many wait that not all were counted.
    pub or_more: bool,
    /// How long it will wait; `None` where no call has ended yet to learn from.
    pub wait: Option<Nanos>,
    /// The limit that decides; `None` when nothing holds it up.
    pub because: Option<Want>,
}

/// A call whose wait is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The call; it may wait here or not.
    pub subject: Subject,
    /// Since when it is due, in the unit of those that wait.
    pub due: i64,
    /// Whose it is, and how urgent it is.
    pub lane: Lane,
    /// How many of its lane are due before it and not dialled yet, here or elsewhere.
    pub before: Tally,
    /// All that it counts against.
    pub wants: &'a [&'a Want],
}

/// How long calls last on average, by the limit that they count against.
#[derive(Debug, Default)]
pub struct Lengths(HashMap<Key, Nanos>);

impl Lengths {
    /// A call that counted against this limit has ended after so long. A few calls tell more than many old ones.
    pub fn learn(&mut self, key: &Key, length: Nanos) {
        match self.0.get_mut(key) {
            Some(mean) => *mean += (length - *mean) / 8,
            None => drop(self.0.insert(key.clone(), length)),
        }
    }

    fn of(&self, key: &Key) -> Option<Nanos> {
        self.0.get(key).copied()
    }
}

/// How long a call will wait, when so many are due in each lane and not dialled yet, here or elsewhere.
#[must_use]
pub fn estimate(
    queue: &Queue,
    ledger: &Ledger,
    lengths: &Lengths,
    asked: Asked<'_>,
    due: &HashMap<Lane, Tally>,
    now: Nanos,
) -> Estimate {
    let mut worst = Estimate {
        place: 1,
        or_more: false,
        wait: Some(0),
        because: None,
    };
    let elsewhere = Elsewhere::of(queue, asked, due);
    for want in asked.wants {
        let ahead = elsewhere.ahead(queue, asked, &want.key);
        let usage = ledger.usage(&want.key);
        let wait = wait(want, usage, ahead.calls, lengths, now);
        // What cannot be said yet is taken to be longest: it is when every place is taken.
        let longer = match (wait, worst.wait) {
            (Some(wait), Some(longest)) => wait > longest,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        worst.place = worst.place.max(ahead.calls + 1);
        worst.or_more |= ahead.or_more;
        if longer {
            worst.wait = wait;
            worst.because = Some((*want).clone());
        }
    }
    worst
}

/// How long the call waits for one limit when so many are before it.
fn wait(want: &Want, usage: Usage, ahead: usize, lengths: &Lengths, now: Nanos) -> Option<Nanos> {
    let count = |calls: usize| Nanos::try_from(calls).unwrap_or(Nanos::MAX);
    let by_rate = want.limit.rate.map_or(0, |rate| {
        let burst = Nanos::from(rate.burst()) - 1;
        let oldest = now.saturating_sub(rate.interval().saturating_mul(burst));
        let first = usage.bucket.free_at(rate, now).max(oldest);
        first.saturating_add(rate.interval().saturating_mul(count(ahead))) - now
    });
    let by_place = match want.limit.at_once {
        None => 0,
        Some(most) => {
            let free = most.saturating_sub(usage.in_use) as usize;
            if ahead < free {
                0
            } else {
                let mean = lengths.of(&want.key)?;
                mean.saturating_mul(count(ahead - free + 1)) / Nanos::from(most.max(1))
            }
        }
    };
    Some(by_rate.max(by_place).max(0))
}

/// The calls that are due and do not wait here, but in the store or on other nodes.
struct Elsewhere {
    /// Those of its own lane that come before it.
    before: Tally,
    /// Those of the other lanes.
    lanes: BTreeMap<Lane, Tally>,
}

impl Elsewhere {
    fn of(queue: &Queue, asked: Asked<'_>, due: &HashMap<Lane, Tally>) -> Self {
        let without = |tally: Tally, here: usize| Tally {
            calls: tally.calls.saturating_sub(here),
            ..tally
        };
        let others = due.iter().filter(|(lane, _)| **lane != asked.lane);
        Self {
            before: without(
                asked.before,
                queue.waiting_before(asked.lane, (asked.due, asked.subject)),
            ),
            lanes: others
                .map(|(lane, tally)| (*lane, without(*tally, queue.waiting_in(*lane))))
                .collect(),
        }
    }

    /// How many calls go before this one at one limit.
    ///
    /// Of the calls that are not here it is not known what they count against. They are taken to be like those
    /// of their lane that are; where there are none, they count at every limit that they may share.
    fn ahead(&self, queue: &Queue, asked: Asked<'_>, key: &Key) -> Tally {
        let turn = (asked.due, asked.subject);
        let (mut higher, mut own, mut lower) = (Tally::default(), Tally::default(), 0);
        let mut others: BTreeMap<AccountId, Tally> = BTreeMap::new();
        let mut count = |lane: Lane, tally: Tally| {
            if lane.priority < asked.lane.priority {
                higher = sum(higher, tally);
            } else if lane.priority > asked.lane.priority {
                lower += tally.calls;
            } else if lane.account == asked.lane.account {
                own = sum(own, tally);
            } else {
                let other = others.entry(lane.account).or_default();
                *other = sum(*other, tally);
            }
        };
        for line in queue.lines.values().filter(|line| line.wants(key)) {
            let calls = if line.lane() == asked.lane {
                line.calls.range(..turn).count()
            } else {
                line.calls.len()
            };
            count(line.lane(), Tally { calls, or_more: false });
        }
        if key.kind() != Kind::Number {
            count(asked.lane, of_these(queue, asked, asked.lane, self.before, key));
            for (lane, tally) in &self.lanes {
                count(*lane, of_these(queue, asked, *lane, *tally, key));
            }
        }
        // Of each other account as many go as of this one, so it does not matter how many more there are.
        let turns = others.into_values().fold(Tally::default(), |turns, other| {
            sum(
                turns,
                Tally {
                    calls: other.calls.min(own.calls + 1),
                    or_more: other.or_more && other.calls <= own.calls,
                },
            )
        });
        let before_lower = sum(sum(higher, own), turns);
        Tally {
            calls: before_lower.calls + (before_lower.calls / Queue::PASSED_OVER as usize).min(lower),
            ..before_lower
        }
    }
}

/// How many of the calls of a lane that are not here count against a limit: in proportion as many as of those
/// that are.
fn of_these(queue: &Queue, asked: Asked<'_>, lane: Lane, tally: Tally, key: &Key) -> Tally {
    let is_own = matches!(key.kind(), Kind::Account | Kind::CallerId);
    if is_own && lane.account != asked.lane.account {
        return Tally::default();
    }
    let (mut all, mut wanting) = (0, 0);
    for line in queue.lines.values().filter(|line| line.lane() == lane) {
        all += line.waiting;
        wanting += if line.wants(key) { line.waiting } else { 0 };
    }
    if lane == asked.lane && queue.places.contains_key(&asked.subject) {
        // It says nothing of the others.
        (all, wanting) = (all.saturating_sub(1), wanting.saturating_sub(1));
    }
    match all {
        0 => tally,
        all => Tally {
            calls: tally.calls * wanting / all,
            or_more: tally.or_more && wanting > 0,
        },
    }
}

fn sum(one: Tally, other: Tally) -> Tally {
    Tally {
        calls: one.calls + other.calls,
        or_more: one.or_more || other.or_more,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_domain::Priority;

    use super::*;
    use crate::pacing::{
        bucket::{Rate, SECOND},
        limits::Limit,
        queue::Waiting,
    };

    fn lane(account: u8, priority: Priority) -> Lane {
        Lane {
            account: AccountId::new(Timestamp::UNIX_EPOCH, [account; 10]),
            work: crate::ports::Work::Calls,
            priority,
        }
    }

    fn call(number: u8) -> Subject {
        outdial_domain::CallId::new(Timestamp::UNIX_EPOCH, [number; 10]).into()
    }

    fn trunk(name: &str) -> Want {
        Want {
            key: Key::new(Kind::Trunk, name),
            limit: Limit {
                rate: Some(Rate::every(SECOND, 1)),
                at_once: None,
            },
        }
    }

    fn waiting(number: u8, lane: Lane, trunk: &Want) -> Waiting {
        Waiting {
            subject: call(number),
            account: lane.account,
            priority: lane.priority,
            due: i64::from(number),
            wants: [trunk.clone()].into(),
            number: None,
        }
    }

    fn place(queue: &Queue, asked: Asked<'_>, due: &HashMap<Lane, Tally>) -> (usize, bool, Option<Nanos>) {
        let estimate = estimate(queue, &Ledger::default(), &Lengths::default(), asked, due, 0);
        (estimate.place, estimate.or_more, estimate.wait)
    }

    fn tally(calls: usize) -> Tally {
        Tally { calls, or_more: false }
    }

    #[test]
    fn what_waits_elsewhere_is_before_it_too() {
        let (mine, alerts, others) = (
            lane(1, Priority::Normal),
            lane(2, Priority::High),
            lane(3, Priority::Normal),
        );
        let slow = trunk("slow");
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.enter(waiting(number, mine, &slow));
        }
        let asked = Asked {
            subject: call(9),
            due: 9,
            lane: mine,
            before: tally(10),
            wants: &[&slow],
        };
        // Four of ten are here; of another account as many go as of this one; alerts go first.
        let due = [(mine, tally(40)), (alerts, tally(5)), (others, tally(500))].into();
        assert_eq!(place(&queue, asked, &due), (10 + 5 + 11 + 1, false, Some(26 * SECOND)));
        let cut = Asked {
            before: Tally {
                calls: 10,
                or_more: true,
            },
            ..asked
        };
        assert_eq!(place(&queue, cut, &HashMap::new()), (11, true, Some(10 * SECOND)));
    }

    #[test]
    fn what_waits_in_the_store_is_like_what_waits_here() {
        let broadcast = lane(1, Priority::Normal);
        let (slow, idle) = (trunk("slow"), trunk("idle"));
        let mut queue = Queue::default();
        for number in 0..8 {
            queue.enter(waiting(number, broadcast, &slow));
        }
        queue.enter(waiting(9, broadcast, &idle));
        let asked = Asked {
            subject: call(9),
            due: 9,
            lane: broadcast,
            before: tally(1_000),
            wants: &[&idle],
        };
        let due = [(broadcast, tally(2_000))].into();
        assert_eq!(place(&queue, asked, &due), (1, false, Some(0)));
    }
}
