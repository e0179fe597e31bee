//! The queue and the ledger together, against what both promise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Priority, Subject};
use proptest::prelude::*;

use super::{
    bucket::{Nanos, Rate},
    limits::{Key, Kind, Ledger, Limit, Until, Want},
    queue::{Queue, Waiting},
};

fn id(number: u64) -> Subject {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    CallId::new(Timestamp::UNIX_EPOCH, random).into()
}

fn account(number: u8) -> AccountId {
    AccountId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn want(kind: Kind, name: impl Into<String>, interval: Option<Nanos>, at_once: Option<u32>) -> Want {
    Want {
        key: Key::new(kind, name.into()),
        limit: Limit {
            rate: interval.map(|interval| Rate::every(interval, 1)),
            at_once,
        },
    }
}

/// A call over a trunk that takes one call in ten nanoseconds.
fn over_trunk(number: u64, whose: u8, priority: Priority) -> Waiting {
    Waiting {
        subject: id(number),
        account: account(whose),
        priority,
        due: 0,
        wants: [want(Kind::Trunk, "t", Some(10), None)].into(),
        number: None,
    }
}

/// Lets calls go in virtual time, each of which lasts so long.
struct Line {
    queue: Queue,
    ledger: Ledger,
    now: Nanos,
    lasts: Nanos,
    live: BTreeSet<(Nanos, Subject)>,
    counts: HashMap<Subject, Waiting>,
    went: Vec<(Nanos, Waiting)>,
}

impl Line {
    fn new(lasts: Nanos) -> Self {
        Self {
            queue: Queue::default(),
            ledger: Ledger::default(),
            now: 0,
            lasts,
            live: BTreeSet::new(),
            counts: HashMap::new(),
            went: Vec::new(),
        }
    }

    /// Lets all go that can at this moment. What is left then really cannot.
    fn look(&mut self) {
        loop {
            let tried = self.queue.candidates(7);
            if tried.is_empty() {
                break;
            }
            for waiting in tried {
                match self.ledger.admit(waiting.all_wants(), self.now) {
                    Ok(()) => {
                        self.queue.went(waiting.subject);
                        self.live.insert((self.now + self.lasts, waiting.subject));
                        self.counts.insert(waiting.subject, waiting.clone());
                        self.went.push((self.now, waiting));
                    }
                    Err(hold) => self.queue.held(waiting.subject, &hold),
                }
            }
        }
        let few = self.queue.len() < 60;
        for place in self.queue.places.values().filter(|_| few) {
            let tried = self.ledger.admit(place.waiting.all_wants(), self.now);
            assert!(tried.is_err(), "{:?} could go and was passed over", place.waiting);
        }
    }

    /// Goes on to the next moment at which something happens. Says whether there is one.
    fn go_on(&mut self) -> bool {
        let ends = self.live.first().map(|(end, _)| *end);
        let Some(next) = [ends, self.queue.next_time()].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some((end, call)) = self.live.first().copied()
            && end <= self.now
        {
            self.live.pop_first();
            let waiting = self.counts.remove(&call).unwrap();
            for want in waiting.all_wants() {
                if want.limit.at_once.is_some() {
                    self.ledger.release(&want.key);
                    self.queue.released(&want.key);
                }
            }
        }
        self.queue.advance(self.now);
        self.look();
        true
    }

    fn run(&mut self) {
        self.look();
        while self.go_on() {}
        assert!(self.queue.is_empty(), "every call goes: {:?}", self.queue);
    }
}

#[test]
fn an_alert_overtakes_a_broadcast() {
    let mut line = Line::new(1);
    for number in 0..10_000 {
        line.queue.enter(over_trunk(number, 1, Priority::Normal));
    }
    line.look();
    line.queue.enter(over_trunk(99_999, 1, Priority::High));
    while line.went.len() < 2 {
        assert!(line.go_on());
    }
    let last = line.went.last().unwrap();
    assert_eq!((last.1.subject, line.went.len()), (id(99_999), 2));
}

#[test]
fn low_calls_are_late_and_not_forgotten() {
    let mut line = Line::new(1);
    for number in 0..500 {
        line.queue.enter(over_trunk(number, 1, Priority::High));
    }
    line.queue.enter(over_trunk(1000, 1, Priority::Normal));
    line.queue.enter(over_trunk(2000, 2, Priority::Low));
    line.run();
    let place = |number| {
        line.went
            .iter()
            .position(|(_, call)| call.subject == id(number))
            .unwrap()
    };
    assert_eq!((place(1000), place(2000)), (20, 21));
}

#[test]
fn accounts_take_turns_where_they_wait() {
    let mut line = Line::new(1);
    let mut number = 0;
    // The first account has two trunks, and much to do at the one that nobody else wants.
    for (whose, calls) in [(1, 300), (2, 100), (3, 20)] {
        for _ in 0..calls {
            number += 1;
            line.queue.enter(over_trunk(number, whose, Priority::Normal));
        }
    }
    for _ in 0..1000 {
        number += 1;
        line.queue.enter(Waiting {
            wants: [want(Kind::Trunk, "other", Some(1), None)].into(),
            ..over_trunk(number, 1, Priority::Normal)
        });
    }
    line.run();
    let at_trunk: Vec<AccountId> = line
        .went
        .iter()
        .filter(|(_, call)| call.wants[0].key == Key::new(Kind::Trunk, "t"))
        .map(|(_, call)| call.account)
        .collect();
    for (index, turn) in at_trunk[..60].chunks(3).enumerate() {
        let all: BTreeSet<_> = turn.iter().collect();
        assert_eq!(all.len(), 3, "turn {index}: {turn:?}");
    }
    for turn in at_trunk[60..220].chunks(2) {
        assert_ne!(turn[0], turn[1], "the two that are left take turns");
    }
}

#[test]
fn a_call_that_must_wait_holds_up_none_that_could_go() {
    let mut line = Line::new(1000);
    for number in 0..10 {
        line.queue.enter(Waiting {
            wants: [want(Kind::Trunk, "small", None, Some(1))].into(),
            ..over_trunk(number, 1, Priority::Normal)
        });
    }
    line.queue.enter(over_trunk(77, 1, Priority::Low));
    line.look();
    let went: Vec<Subject> = line.went.iter().map(|(_, call)| call.subject).collect();
    assert_eq!(went, [id(0), id(77)]);
}

#[test]
fn the_most_urgent_call_to_a_number_is_the_next_one() {
    let mut line = Line::new(1);
    let to_bob = |number, priority| Waiting {
        number: Some(want(Kind::Number, "bob", Some(1000), None)),
        ..over_trunk(number, 1, priority)
    };
    for number in 0..5 {
        line.queue.enter(to_bob(number, Priority::Normal));
    }
    line.look();
    line.queue.enter(to_bob(7, Priority::High));
    line.queue.enter(over_trunk(8, 1, Priority::Low));
    line.run();
    let went: Vec<(Nanos, Subject)> = line.went.iter().map(|(at, call)| (*at, call.subject)).collect();
    assert_eq!(went[..4], [(0, id(0)), (10, id(8)), (1000, id(7)), (2000, id(1))]);
}

#[test]
fn who_leaves_makes_room_for_those_behind() {
    let mut line = Line::new(1);
    let to_bob = |number| Waiting {
        number: Some(want(Kind::Number, "bob", Some(1000), None)),
        ..over_trunk(number, 1, Priority::Normal)
    };
    for number in 0..4 {
        line.queue.enter(to_bob(number));
    }
    line.queue.leave(id(0));
    line.look();
    line.queue.leave(id(2));
    line.queue.leave(id(2));
    line.run();
    let went: Vec<Subject> = line.went.iter().map(|(_, call)| call.subject).collect();
    assert_eq!(went, [id(1), id(3)]);
}

#[derive(Debug, Clone)]
struct Arrival {
    pause: Nanos,
    whose: u8,
    priority: Priority,
    trunk: u8,
    caller: Option<u8>,
    number: Option<u8>,
    cancels: bool,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    let one = (
        0_i64..30,
        0_u8..3,
        priority,
        0_u8..3,
        prop::option::of(0_u8..2),
        prop::option::of(0_u8..3),
        prop::bool::weighted(0.1),
    );
    let one = one.prop_map(|(pause, whose, priority, trunk, caller, number, cancels)| Arrival {
        pause,
        whose,
        priority,
        trunk,
        caller,
        number,
        cancels,
    });
    prop::collection::vec(one, 1..120)
}

proptest! {
    /// Whatever comes, in whatever order: at no moment does a call wait that could go (`look` asserts it),
    /// every call goes in the end, and the calls of one line in the order they came.
    #[test]
    fn nothing_waits_in_vain_or_for_ever(arrivals in arrivals(), lasts in 1_i64..200) {
        let mut line = Line::new(lasts);
        let mut left = 0;
        for (number, arrival) in (0..).zip(&arrivals) {
            let until = line.now + arrival.pause;
            while line.live.first().is_some_and(|(end, _)| *end <= until)
                || line.queue.next_time().is_some_and(|next| next <= until)
            {
                line.go_on();
            }
            line.now = until;
            let mut wants = vec![
                want(Kind::Trunk, arrival.trunk.to_string(), Some(7), Some(2)),
                want(Kind::Account, arrival.whose.to_string(), (arrival.whose == 1).then_some(31), None),
            ];
            wants.extend(arrival.caller.map(|caller| want(Kind::CallerId, caller.to_string(), Some(13), None)));
            let waiting = Waiting {
                subject: id(number),
                account: account(arrival.whose),
                priority: arrival.priority,
                due: 0,
                wants: wants.into(),
                number: arrival.number.map(|number| want(Kind::Number, number.to_string(), Some(97), None)),
            };
            line.queue.enter(waiting);
            line.look();
            if arrival.cancels && line.queue.places.contains_key(&id(number)) {
                line.queue.leave(id(number));
                left += 1;
                line.look();
            }
        }
        line.run();
        prop_assert_eq!(line.went.len() + left, arrivals.len());
        let mut last: BTreeMap<_, Subject> = BTreeMap::new();
        for (_, call) in line.went.iter().filter(|(_, call)| call.number.is_none()) {
            let keys: Vec<_> = call.wants.iter().map(|want| want.key.clone()).collect();
            let before = last.insert((call.account, call.priority, keys), call.subject);
            prop_assert!(before.is_none_or(|before| before < call.subject));
        }
        prop_assert!(line.queue.lines.is_empty() && line.queue.places.is_empty());
    }

    /// However many accounts and calls there are, none that waits is ever two turns behind another.
    #[test]
    fn turns_are_fair_to_one(calls in prop::collection::vec(1_usize..40, 2..6)) {
        let mut line = Line::new(1);
        let mut number = 0;
        for (whose, calls) in (0..).zip(&calls) {
            for _ in 0..*calls {
                number += 1;
                line.queue.enter(over_trunk(number, whose, Priority::Normal));
            }
        }
        line.run();
        let mut had = vec![0_usize; calls.len()];
        for (_, call) in &line.went {
            let whose = (0..).position(|whose| account(whose) == call.account).unwrap();
            had[whose] += 1;
            for (other, had_it) in had.iter().enumerate() {
                let waits = *had_it < calls[other];
                prop_assert!(!waits || had[whose] <= had_it + 1, "{had:?} of {calls:?}");
            }
        }
    }

    /// Held limits are remembered until the very moment they are over, and no longer.
    #[test]
    fn the_next_time_is_never_missed(times in prop::collection::vec(1_i64..100, 1..20)) {
        let mut queue = Queue::default();
        for (number, time) in (0..).zip(&times) {
            let trunk = want(Kind::Trunk, number.to_string(), Some(1000), None);
            let hold = super::limits::Hold { key: trunk.key.clone(), until: Until::Time(*time) };
            queue.enter(Waiting { wants: [trunk].into(), ..over_trunk(number, 1, Priority::Normal) });
            queue.held(id(number), &hold);
        }
        let mut seen = 0;
        while let Some(next) = queue.next_time() {
            prop_assert!(queue.candidates(100).len() == seen);
            queue.advance(next);
            seen = times.iter().filter(|time| **time <= next).count();
        }
        prop_assert_eq!(queue.candidates(100).len(), times.len());
    }
}
