//! The order in which waiting calls are tried against their limits.
//!
//! Calls that count against the same limits, of one account and priority, stand in one line: when its
//! first call must wait for one of them, so must all others, and lines that need it are not looked at until
//! it lets somebody through again. So what is blocked holds up nobody who could go, and a look costs as
//! much as there are lines, however many calls stand in them.
//!
//! - Higher priorities go first. A lower one that waits for the same limit goes after every
//!   [`Queue::PASSED_OVER`] calls that overtook it there, so none waits for ever.
//! - Accounts take turns at the limit that they wait for: the one whose last turn there is longest ago is next.
//! - The calls of an account in one priority go in the order they came, but for those that wait for
//!   something else.
//! - Of the calls of one line to the same number, the first stands in it and the others behind that one.
//!   While the number may not be rung again, none does, so they hold up no others.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::Arc,
};

use outdial_domain::{AccountId, Priority, Subject};

use super::{
    bucket::Nanos,
    limits::{Hold, Key, Kind, Until, Want},
};
use crate::ports::{Lane, Work};

/// A call, or a message, that wants to go.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The call or message.
    pub subject: Subject,
    /// Whose it is.
    pub account: AccountId,
    /// How urgent it is.
    pub priority: Priority,
    /// Since when it is due, in any unit: calls of one line go in this order.
    pub due: i64,
    /// What it counts against, except its number. The first one is where accounts take turns until the
    /// call is known to wait for another.
    pub wants: Arc<[Want]>,
    /// What it counts against by the number it rings, where that is limited.
    pub number: Option<Want>,
}

impl Waiting {
    pub(super) fn turn(&self) -> Turn {
        (self.due, self.subject)
    }

    fn lane(&self) -> Lane {
        Lane {
            account: self.account,
            work: Work::of(self.subject),
            priority: self.priority,
        }
    }

    /// All that it counts against.
    pub fn all_wants(&self) -> impl Iterator<Item = &Want> + Clone {
        self.wants.iter().chain(&self.number)
    }
}

/// What calls of one line have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kin {
    account: AccountId,
    work: Work,
    priority: Priority,
    keys: Vec<Key>,
}

pub(super) type LineId = u64;

/// The place of a call in the order in which calls are due.
pub(super) type Turn = (i64, Subject);

#[derive(Debug)]
pub(super) struct Line {
    kin: Kin,
    /// The calls that may be tried, in the order they came.
    pub(super) calls: BTreeSet<Turn>,
    /// Those and the ones that wait for their number.
    pub(super) waiting: usize,
    /// The limit that it waited for the last time.
    bottleneck: Key,
}

impl Line {
    /// Whether its calls count against this limit.
    pub(super) fn wants(&self, key: &Key) -> bool {
        self.kin.keys.contains(key)
    }

    /// The lane of its calls.
    pub(super) fn lane(&self) -> Lane {
        Lane {
            account: self.kin.account,
            work: self.kin.work,
            priority: self.kin.priority,
        }
    }
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) waiting: Waiting,
    pub(super) line: LineId,
    /// What it waited for when it was tried the last time.
    hold: Option<Key>,
}

/// The calls of one line to one number.
#[derive(Debug, Default)]
struct SameNumber {
    waiting: BTreeSet<Turn>,
    /// The one that stands in the line.
    in_line: Option<Turn>,
}

/// What is known of one limit.
#[derive(Debug, Default)]
struct Contention {
    /// How many calls of each priority want it.
    waiting: [usize; Priority::ALL.len()],
    /// How many calls of a higher priority went since one of this priority did.
    passed_over: [u32; Priority::ALL.len()],
    /// When each account had its last turn, counted in calls that went.
    turns: BTreeMap<AccountId, u64>,
}

/// The calls that wait, in the order they are to be tried.
#[derive(Debug, Default)]
pub struct Queue {
    next_line: LineId,
    went: u64,
    pub(super) places: HashMap<Subject, Place>,
    pub(super) lines: BTreeMap<LineId, Line>,
    kin: HashMap<Kin, LineId>,
    numbers: HashMap<Key, BTreeMap<LineId, SameNumber>>,
    contentions: HashMap<Key, Contention>,
    /// The limits that let nobody through now.
    held: HashMap<Key, Until>,
    times: BTreeSet<(Nanos, Key)>,
}

impl Queue {
    /// So many calls may overtake one of a lower priority that waits for the same limit.
    pub const PASSED_OVER: u32 = 20;

    /// How many calls wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The limit that a call waits for: of those that let nobody through now, the one that lasts longest,
    /// or else the one that it waited for the last time.
    #[must_use]
    pub fn reason(&self, call: Subject) -> Option<&Want> {
        let place = self.places.get(&call)?;
        let held = place.waiting.all_wants().filter_map(|want| {
            let until = self.held.get(&want.key)?;
            Some((until, want))
        });
        let longest = held.max_by_key(|(until, _)| **until).map(|(_, want)| want);
        longest.or_else(|| {
            let hold = place.hold.as_ref()?;
            place.waiting.all_wants().find(|want| want.key == *hold)
        })
    }

    /// How many calls of a lane wait.
    pub(super) fn waiting_in(&self, lane: Lane) -> usize {
        let lines = self.lines.values().filter(|line| line.lane() == lane);
        lines.map(|line| line.waiting).sum()
    }

    /// How many calls of a lane wait that came before.
    pub(super) fn waiting_before(&self, lane: Lane, turn: Turn) -> usize {
        let waiting = self.places.values().map(|place| &place.waiting);
        waiting
            .filter(|waiting| waiting.lane() == lane && waiting.turn() < turn)
            .count()
    }

    /// How many calls, or messages, wait for a limit of each kind, and how many for none that is known.
    #[must_use]
    pub fn waiting_by_kind(&self, work: Work) -> BTreeMap<Option<Kind>, usize> {
        let mut counts = BTreeMap::new();
        for line in self.lines.values().filter(|line| line.kin.work == work) {
            let held = line.kin.keys.iter().find(|key| self.held.contains_key(key));
            let standing = line.calls.len();
            *counts.entry(held.map(Key::kind)).or_default() += standing;
            // The others wait for their number.
            *counts.entry(Some(Kind::Number)).or_default() += line.waiting - standing;
        }
        counts
    }

    /// A call comes. One that waits already keeps its place.
    pub fn enter(&mut self, waiting: Waiting) {
        if self.places.contains_key(&waiting.subject) {
            return;
        }
        let turn = waiting.turn();
        let line = self.line_of(&waiting);
        if let Some(line) = self.lines.get_mut(&line) {
            line.waiting += 1;
        }
        for want in waiting.all_wants() {
            let contention = contention(&mut self.contentions, &want.key);
            contention.waiting[waiting.priority as usize] += 1;
        }
        let call = waiting.subject;
        let number = waiting.number.as_ref().map(|want| want.key.clone());
        self.places.insert(
            call,
            Place {
                waiting,
                line,
                hold: None,
            },
        );
        match number {
            None => drop(self.lines.get_mut(&line).map(|line| line.calls.insert(turn))),
            Some(number) => {
                let same = self.numbers.entry(number.clone()).or_default().entry(line).or_default();
                same.waiting.insert(turn);
                self.settle(&number);
            }
        }
    }

    /// A call has gone.
    pub fn went(&mut self, call: Subject) {
        let Some(Place { waiting, .. }) = self.remove(call) else {
            return;
        };
        self.went += 1;
        let priority = waiting.priority as usize;
        for want in waiting.all_wants() {
            let Some(contention) = self.contentions.get_mut(&want.key) else {
                continue;
            };
            contention.turns.insert(waiting.account, self.went);
            contention.passed_over[priority] = 0;
            for lower in priority + 1..Priority::ALL.len() {
                if contention.waiting[lower] > 0 {
                    contention.passed_over[lower] += 1;
                }
            }
        }
    }

    /// A call does not wait any more: it was cancelled.
    pub fn leave(&mut self, call: Subject) {
        self.remove(call);
    }

    /// A call was tried and must wait: so must all that want the same.
    pub fn held(&mut self, call: Subject, hold: &Hold) {
        let Some(place) = self.places.get_mut(&call) else {
            return;
        };
        let is_number = place.waiting.number.as_ref().is_some_and(|want| want.key == hold.key);
        if !is_number && let Some(line) = self.lines.get_mut(&place.line) {
            line.bottleneck = hold.key.clone();
        }
        place.hold = Some(hold.key.clone());
        self.unhold(&hold.key);
        if let Until::Time(until) = hold.until {
            self.times.insert((until, hold.key.clone()));
        }
        self.held.insert(hold.key.clone(), hold.until);
        if is_number {
            self.settle(&hold.key);
        }
    }

    /// A live call that counted against this limit has ended.
    pub fn released(&mut self, key: &Key) {
        if self.held.get(key) == Some(&Until::Release) {
            self.let_through(key);
        }
    }

    /// A limit may let somebody through again, for a reason that is not known here.
    pub fn retry(&mut self, key: &Key) {
        if self.held.contains_key(key) {
            self.let_through(key);
        }
    }

    /// Time has passed: limits whose moment has come let calls through again.
    pub fn advance(&mut self, now: Nanos) {
        while let Some((until, key)) = self.times.first()
            && *until <= now
        {
            let key = key.clone();
            self.let_through(&key);
        }
    }

    /// When a limit lets somebody through the next time that is known.
    #[must_use]
    pub fn next_time(&self) -> Option<Nanos> {
        self.times.first().map(|(until, _)| *until)
    }

    /// The line that a call stands in, while it waits.
    pub(super) fn line(&self, call: Subject) -> Option<LineId> {
        self.places.get(&call).map(|place| place.line)
    }

    /// The calls to try now, in this order. Each must then be told of: [`Queue::went`] or [`Queue::held`], unless one
    /// before it in the same line was held by more than its number. None means that nothing can go before the next time or release.
    #[must_use]
    pub fn candidates(&self, most: usize) -> Vec<Waiting> {
        let mut groups: BTreeMap<Group<'_>, Vec<&Line>> = BTreeMap::new();
        let mut owed = Vec::new();
        for line in self.lines.values().filter(|line| self.may_go(line)) {
            let first = line.calls.first();
            if self.is_owed(line) {
                owed.extend(first);
            }
            let contention = self.contentions.get(&line.bottleneck);
            let group = Group {
                priority: line.kin.priority,
                last_turn: contention.and_then(|at| at.turns.get(&line.kin.account)).copied(),
                bottleneck: &line.bottleneck,
                account: line.kin.account,
            };
            groups.entry(group).or_default().push(line);
        }
        owed.sort_unstable();
        let mut calls: Vec<Subject> = owed.into_iter().map(|(_, call)| call).collect();
        calls.truncate(most);
        for priority in Priority::ALL {
            let turns = groups.iter().filter(|(group, _)| group.priority == *priority);
            take_turns(turns.map(|(_, lines)| lines.as_slice()), most, &mut calls);
        }
        calls
            .iter()
            .filter_map(|call| Some(self.places.get(call)?.waiting.clone()))
            .collect()
    }

    fn may_go(&self, line: &Line) -> bool {
        !line.calls.is_empty() && !line.kin.keys.iter().any(|key| self.held.contains_key(key))
    }

    /// Whether enough others have overtaken a line of low priority.
    fn is_owed(&self, line: &Line) -> bool {
        let priority = line.kin.priority as usize;
        line.kin.keys.iter().any(|key| {
            let contention = self.contentions.get(key);
            contention.is_some_and(|at| at.passed_over[priority] >= Self::PASSED_OVER)
        })
    }

    fn line_of(&mut self, waiting: &Waiting) -> LineId {
        let keys = waiting.wants.iter().map(|want| want.key.clone()).collect();
        let kin = Kin {
            account: waiting.account,
            work: Work::of(waiting.subject),
            priority: waiting.priority,
            keys,
        };
        if let Some(line) = self.kin.get(&kin) {
            return *line;
        }
        let id = self.next_line;
        self.next_line += 1;
        let first = waiting.wants.first().or(waiting.number.as_ref());
        // A call that nothing limits waits for nothing, so where its account takes turns does not matter.
        let bottleneck = first.map_or_else(|| Key::new(Kind::Account, ""), |want| want.key.clone());
        self.kin.insert(kin.clone(), id);
        self.lines.insert(
            id,
            Line {
                kin,
                calls: BTreeSet::new(),
                waiting: 0,
                bottleneck,
            },
        );
        id
    }

    fn remove(&mut self, call: Subject) -> Option<Place> {
        let place = self.places.remove(&call)?;
        if let Some(line) = self.lines.get_mut(&place.line) {
            line.calls.remove(&place.waiting.turn());
            line.waiting -= 1;
            if line.waiting == 0
                && let Some(line) = self.lines.remove(&place.line)
            {
                self.kin.remove(&line.kin);
            }
        }
        let priority = place.waiting.priority;
        for want in place.waiting.all_wants() {
            if let Some(contention) = self.contentions.get_mut(&want.key) {
                contention.waiting[priority as usize] -= 1;
                if contention.waiting == [0; Priority::ALL.len()] {
                    self.contentions.remove(&want.key);
                }
            }
        }
        if let Some(number) = place.waiting.number.as_ref().map(|want| &want.key) {
            let lines = self.numbers.get_mut(number);
            if let Some(same) = lines.and_then(|lines| lines.get_mut(&place.line)) {
                let turn = place.waiting.turn();
                same.waiting.remove(&turn);
                same.in_line.take_if(|in_line| *in_line == turn);
            }
            self.settle(number);
        }
        Some(place)
    }

    /// Brings the first of each line's calls to a number into the line, or all of them out of it while the
    /// number may not be rung.
    fn settle(&mut self, number: &Key) {
        let Some(lines) = self.numbers.get_mut(number) else {
            return;
        };
        let held = self.held.contains_key(number);
        lines.retain(|id, same| {
            let first = same.waiting.first().filter(|_| !held).copied();
            let before = std::mem::replace(&mut same.in_line, first);
            if let Some(line) = self.lines.get_mut(id)
                && before != same.in_line
            {
                before.map(|turn| line.calls.remove(&turn));
                line.calls.extend(first);
            }
            !same.waiting.is_empty()
        });
        if lines.is_empty() {
            self.numbers.remove(number);
        }
    }

    fn let_through(&mut self, key: &Key) {
        self.unhold(key);
        self.settle(key);
    }

    fn unhold(&mut self, key: &Key) {
        if let Some(Until::Time(until)) = self.held.remove(key) {
            self.times.remove(&(until, key.clone()));
        }
    }
}

fn contention<'c>(all: &'c mut HashMap<Key, Contention>, key: &Key) -> &'c mut Contention {
    // Looked for first, because the entry would need a key of its own each time.
    if !all.contains_key(key) {
        all.insert(key.clone(), Contention::default());
    }
    all.get_mut(key).expect("it was put there just now")
}

/// The lines of one account that wait for the same limit, in the order in which such groups have turns.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'k> {
    priority: Priority,
    last_turn: Option<u64>,
    bottleneck: &'k Key,
    account: AccountId,
}

/// Lets the groups take turns, each with its calls in the order they came, until there are so many.
fn take_turns<'l>(groups: impl Iterator<Item = &'l [&'l Line]>, most: usize, calls: &mut Vec<Subject>) {
    let mut groups: Vec<_> = groups.map(in_order).collect();
    while calls.len() < most && !groups.is_empty() {
        groups.retain_mut(|group| match group.next() {
            Some(call) => {
                if calls.len() < most && !calls.contains(&call) {
                    calls.push(call);
                }
                true
            }
            None => false,
        });
    }
}

/// The calls of several lines in the order they came.
fn in_order<'l>(lines: &'l [&'l Line]) -> impl Iterator<Item = Subject> + 'l {
    let mut rests: Vec<_> = lines.iter().map(|line| line.calls.iter()).collect();
    let mut heads = BinaryHeap::new();
    for (index, rest) in rests.iter_mut().enumerate() {
        heads.extend(rest.next().map(|turn| Reverse((*turn, index))));
    }
    std::iter::from_fn(move || {
        let Reverse(((_, call), index)) = heads.pop()?;
        heads.extend(rests[index].next().map(|turn| Reverse((*turn, index))));
        Some(call)
    })
}
