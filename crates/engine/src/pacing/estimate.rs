//! How long a call will wait, as far as can be said from what waits before it.
//!
//! At each limit that the call counts against, so many calls are before it: those of a higher priority,
//! those of its own account that came earlier, of each other account about as many as of its own, and those
//! of a lower priority that are let in between. A limit of calls a second lets them go one by one; one of
//! calls at once lets one go for each that ends, so it takes the mean length of the calls. The limit that
//! takes longest decides.

use std::collections::{BTreeMap, HashMap};

use outdial_domain::{AccountId, CallId, Priority};

use super::{
    bucket::Nanos,
    limits::{Key, Ledger, Usage, Want},
    queue::Queue,
};

/// Where a call stands, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Its place among those that wait for the same: 1 is next.
    pub place: usize,
    /// How long it will wait; `None` where no call has ended yet to learn from.
    pub wait: Option<Nanos>,
    /// The limit that decides; `None` when nothing holds it up.
    pub because: Option<Want>,
}

/// A call whose wait is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The call; it may wait here or not.
    pub call: CallId,
    /// Since when it is due, in the unit of those that wait.
    pub due: i64,
    /// Whose it is.
    pub account: AccountId,
    /// How urgent it is.
    pub priority: Priority,
    /// All that it counts against.
    pub wants: &'a [&'a Want],
}

/// How many calls that are due are not here yet, but behind these in the store, by account and priority.
pub type Behind = HashMap<(AccountId, Priority), usize>;

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

/// How long a call will wait.
///
/// For a call that does not wait here, `before` counts those of its account and priority that are due before
/// it and not dialled yet, here or elsewhere.
#[must_use]
pub fn estimate(
    queue: &Queue,
    ledger: &Ledger,
    lengths: &Lengths,
    asked: Asked<'_>,
    before: usize,
    behind: &Behind,
    now: Nanos,
) -> Estimate {
    let mut worst = Estimate {
        place: 1,
        wait: Some(0),
        because: None,
    };
    for want in asked.wants {
        let ahead = ahead(queue, asked, before, behind, &want.key);
        let usage = ledger.usage(&want.key);
        let wait = wait(want, usage, ahead, lengths, now);
        // What cannot be said yet is taken to be longest: it is when every place is taken.
        let longer = match (wait, worst.wait) {
            (Some(wait), Some(longest)) => wait > longest,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        worst.place = worst.place.max(ahead + 1);
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

/// How many calls go before this one at one limit.
fn ahead(queue: &Queue, asked: Asked<'_>, before: usize, behind: &Behind, key: &Key) -> usize {
    let turn = (asked.due, asked.call);
    let (mut higher, mut own, mut lower) = (0, 0, 0);
    let mut others: BTreeMap<AccountId, usize> = BTreeMap::new();
    for line in queue.lines.values().filter(|line| line.wants(key)) {
        let waiting = line.calls.len();
        let (account, priority) = line.whose();
        if priority < asked.priority {
            higher += waiting;
        } else if priority > asked.priority {
            lower += waiting;
        } else if account == asked.account {
            own += line.calls.range(..turn).count();
        } else {
            *others.entry(account).or_default() += waiting;
        }
    }
    if !queue.places.contains_key(&asked.call) {
        own = own.max(before);
    }
    for ((account, priority), calls) in behind {
        if *priority < asked.priority {
            higher += calls;
        } else if *priority == asked.priority
            && *account != asked.account
            && let Some(waiting) = others.get_mut(account)
        {
            *waiting += calls;
        }
    }
    let turns: usize = others.into_values().map(|waiting| waiting.min(own + 1)).sum();
    let before_lower = higher + own + turns;
    before_lower + (before_lower / Queue::PASSED_OVER as usize).min(lower)
}
