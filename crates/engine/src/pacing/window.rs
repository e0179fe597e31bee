//! How many calls a node takes from the store before they can go: a window of each lane.
//!
//! What is due and cannot go yet waits in the store, where it costs nothing; as much of each lane is in memory as
//! keeps its limits busy. A lane has room of its own, whatever the others have: many calls of one account hide none
//! of another, nor its own alerts.

use std::collections::{HashMap, HashSet};

use crate::ports::{Lane, Wanted};

/// How many calls of one lane wait in memory at most. As many as a limit lets through while the next are read.
const OF_LANE: usize = 1_024;
/// How many of all lanes, unless there are very many lanes.
const OF_ALL: usize = 8_192;
/// How many of a lane may always come, however many others there are.
const ALWAYS: usize = 32;

/// The calls that were claimed and may not go yet.
#[derive(Debug, Default)]
pub(super) struct Window {
    lanes: HashMap<Lane, usize>,
    all: usize,
    /// The lanes of which no more might come when that was asked the last time.
    full: HashSet<Lane>,
    /// Whether nothing was wanted at all.
    closed: bool,
}

impl Window {
    pub(super) fn enter(&mut self, lane: Lane) {
        *self.lanes.entry(lane).or_default() += 1;
        self.all += 1;
    }

    pub(super) fn leave(&mut self, lane: Lane) {
        if let Some(calls) = self.lanes.get_mut(&lane) {
            *calls -= 1;
            self.all -= 1;
            if *calls == 0 {
                self.lanes.remove(&lane);
            }
        }
    }

    /// How many more calls of each lane may come, `most` at once, when so many could go here before long.
    pub(super) fn wanted(&mut self, most: usize, can_go: usize) -> Wanted {
        let of = self.lanes.keys().map(|lane| (*lane, self.room(*lane, can_go)));
        let of: HashMap<Lane, usize> = of.collect();
        let of_each = self.allowed(0, can_go);
        self.closed = of_each == 0;
        Wanted { most, of_each, of }
    }

    /// The lanes of which no more may come now.
    pub(super) fn full(&mut self, can_go: usize) -> Vec<Lane> {
        let lanes = self.lanes.keys().copied();
        let full: Vec<Lane> = lanes.filter(|lane| self.room(*lane, can_go) == 0).collect();
        self.full = full.iter().copied().collect();
        full
    }

    /// Whether a lane of which no more were wanted has room again, for as many that it is worth asking the store.
    /// It says so once.
    pub(super) fn has_room_again(&mut self, can_go: usize) -> bool {
        let is_half_empty = |lane: &Lane| {
            let calls = self.lanes.get(lane).copied().unwrap_or(0);
            let allowed = self.allowed(calls, can_go);
            allowed > 0 && calls <= allowed / 2
        };
        let again = self.full.iter().any(is_half_empty) || (self.closed && self.allowed(0, can_go) > 0);
        if again {
            self.full.clear();
            self.closed = false;
        }
        again
    }

    fn room(&self, lane: Lane, can_go: usize) -> usize {
        let calls = self.lanes.get(&lane).copied().unwrap_or(0);
        self.allowed(calls, can_go).saturating_sub(calls)
    }

    /// How many calls a lane may have that has so many.
    fn allowed(&self, calls: usize, can_go: usize) -> usize {
        let left = OF_ALL.min(can_go).saturating_sub(self.all);
        OF_LANE.min(calls.saturating_add(left)).max(ALWAYS.min(can_go))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_domain::{AccountId, Priority};

    use super::*;

    fn lane(account: u8, priority: Priority) -> Lane {
        Lane {
            account: AccountId::new(Timestamp::UNIX_EPOCH, [account; 10]),
            work: crate::ports::Work::Calls,
            priority,
        }
    }

    #[test]
    fn a_full_lane_leaves_room_for_all_others() {
        let (broadcast, alert) = (lane(1, Priority::Low), lane(1, Priority::High));
        let mut window = Window::default();
        while window.wanted(1, usize::MAX).of(broadcast) > 0 {
            window.enter(broadcast);
        }
        assert_eq!(window.full(usize::MAX), [broadcast]);
        let wanted = window.wanted(256, usize::MAX);
        assert_eq!((wanted.of(broadcast), wanted.of(alert)), (0, OF_LANE));
        assert!(!window.has_room_again(usize::MAX));
        for _ in 0..OF_LANE / 2 {
            assert!(!window.has_room_again(usize::MAX));
            window.leave(broadcast);
        }
        assert!(window.has_room_again(usize::MAX));
        assert!(!window.has_room_again(usize::MAX), "it says so once");
    }

    #[test]
    fn many_lanes_do_not_shut_out_one_more() {
        let mut window = Window::default();
        for account in 0..100 {
            for _ in 0..window.wanted(1, usize::MAX).of(lane(account, Priority::Normal)) {
                window.enter(lane(account, Priority::Normal));
            }
        }
        assert!(window.all <= OF_ALL + 100 * ALWAYS, "{}", window.all);
        assert_eq!(window.wanted(1, usize::MAX).of(lane(200, Priority::Normal)), ALWAYS);
    }

    #[test]
    fn a_node_takes_no_more_than_could_go_there() {
        let (one, other) = (lane(1, Priority::Normal), lane(2, Priority::Normal));
        let mut window = Window::default();
        assert_eq!(
            window.wanted(9, 3),
            Wanted {
                most: 9,
                of_each: 3,
                of: HashMap::new()
            }
        );
        for _ in 0..3 {
            window.enter(one);
        }
        assert_eq!(window.full(3), [one]);
        let wanted = window.wanted(9, 3);
        assert_eq!((wanted.of(one), wanted.of(other)), (0, 3), "one that might overtake");
        assert_eq!(window.wanted(9, 0).of(other), 0);
        assert!(!window.has_room_again(0));
        assert!(window.has_room_again(1), "a call has ended");
    }
}
