//! What may be limited, and the ledger of how far each limit is used up.
//!
//! A call counts against several limits at once: its account's, its trunk's, its number's and so on. It
//! goes when all of them allow it, and then counts against all of them; where one does not allow it,
//! nothing is counted anywhere.

use std::{collections::HashMap, fmt, sync::Arc};

use super::bucket::{Bucket, Nanos, Rate};

/// What kind of thing is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One node of ours, by its name.
    Node,
    /// The account, by its id.
    Account,
    /// The trunk, by its name.
    Trunk,
    /// The calls that come in over a trunk, by its name.
    Incoming,
    /// The caller id that is shown.
    CallerId,
    /// All destinations that begin so.
    Prefix,
    /// The one number that is rung.
    Number,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Node,
        Self::Account,
        Self::Trunk,
        Self::Incoming,
        Self::CallerId,
        Self::Prefix,
        Self::Number,
    ];

    /// The stable word for it, as in the log, in metrics and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Account => "account",
            Self::Trunk => "trunk",
            Self::Incoming => "incoming",
            Self::CallerId => "caller_id",
            Self::Prefix => "prefix",
            Self::Number => "number",
        }
    }
}

/// What is limited: one trunk, one number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    kind: Kind,
    name: Arc<str>,
}

impl Key {
    /// The thing of this kind and name.
    pub fn new(kind: Kind, name: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads a key as it is displayed, which is how stores keep it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (word, name) = text.split_once(':')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
        Some(Self::new(kind, name))
    }

    /// It, in a sentence for people. Accounts read only of their own calls, so theirs needs no name.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self.kind {
            Kind::Node => format!("node {}", self.name),
            Kind::Account => "this account".to_owned(),
            Kind::Trunk => format!("trunk {}", self.name),
            Kind::Incoming => format!("what comes in over trunk {}", self.name),
            Kind::CallerId => format!("caller id {}", self.name),
            Kind::Prefix => format!("the prefix {}", self.name),
            Kind::Number => format!("the number {}", self.name),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}

/// How much is allowed. Nothing given means that there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// How often a call may begin.
    pub rate: Option<Rate>,
    /// How many calls may be live at once.
    pub at_once: Option<u32>,
}

impl Limit {
    /// Whether it allows everything.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.rate.is_none() && self.at_once.is_none()
    }
}

/// One limit that a call counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// What is limited.
    pub key: Key,
    /// How much it allows.
    pub limit: Limit,
}

impl Want {
    /// What it allows, in a sentence for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mut allows = Vec::new();
        allows.extend(self.limit.rate.map(Rate::in_words));
        allows.extend(self.limit.at_once.map(|calls| format!("{calls} at once")));
        format!("{} allows {}", self.key.in_words(), allows.join(" and "))
    }
}

/// Until when a limit lets nobody through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Until this moment.
    Time(Nanos),
    /// Until a live call that counts against it has ended.
    Release,
}

/// Why a call does not go yet: of the limits that do not allow it, the one that lasts longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What is limited.
    pub key: Key,
    /// Until when it lets nobody through.
    pub until: Until,
}

/// How far one limit is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How far its rate is.
    pub bucket: Bucket,
    /// How many live calls count against it.
    pub in_use: u32,
}

impl Usage {
    fn hold(&mut self, limit: Limit, now: Nanos) -> Option<Until> {
        if limit.at_once.is_some_and(|most| self.in_use >= most) {
            return Some(Until::Release);
        }
        let rate = limit.rate?;
        self.bucket.settle(rate, now);
        let free_at = self.bucket.free_at(rate, now);
        (free_at > now).then_some(Until::Time(free_at))
    }

    fn count(&mut self, limit: Limit, now: Nanos) {
        if let Some(rate) = limit.rate {
            self.bucket.take(rate, now);
        }
        if limit.at_once.is_some() {
            self.in_use += 1;
        }
    }
}

/// How far the limits are used up.
#[derive(Debug, Default)]
pub struct Ledger {
    used: HashMap<Key, Usage>,
    /// How many may be remembered before those that are as good as new are looked for.
    tidy_at: usize,
}

impl Ledger {
    /// So many are remembered without a look at what could be forgotten.
    const FEW: usize = 1024;

    /// A ledger that begins with what is used already.
    #[must_use]
    pub fn with(used: impl IntoIterator<Item = (Key, Usage)>) -> Self {
        Self {
            used: used.into_iter().collect(),
            tidy_at: 0,
        }
    }

    /// Writes down how far a limit is used up, as somebody else has reckoned.
    pub fn set(&mut self, key: Key, usage: Usage) {
        self.used.insert(key, usage);
    }

    /// How far a limit is used up.
    #[must_use]
    pub fn usage(&self, key: &Key) -> Usage {
        self.used.get(key).copied().unwrap_or_default()
    }

    /// Counts a call against all its limits, if all of them allow it at this moment.
    ///
    /// # Errors
    ///
    /// [`Hold`] says which limit does not, and until when; nothing is counted then.
    pub fn admit<'w>(&mut self, wants: impl Iterator<Item = &'w Want> + Clone, now: Nanos) -> Result<(), Hold> {
        let used = &mut self.used;
        let held = wants.clone().filter_map(|want| {
            let until = match used.get_mut(&want.key) {
                Some(usage) => usage.hold(want.limit, now),
                None => Usage::default().hold(want.limit, now),
            };
            Some((until?, want))
        });
        if let Some((until, want)) = held.max_by_key(|(until, _)| *until) {
            return Err(Hold {
                key: want.key.clone(),
                until,
            });
        }
        for want in wants.filter(|want| !want.limit.is_none()) {
            match self.used.get_mut(&want.key) {
                Some(usage) => usage.count(want.limit, now),
                None => self.used.entry(want.key.clone()).or_default().count(want.limit, now),
            }
        }
        self.tidy(now);
        Ok(())
    }

    /// Takes back what a call counted against a limit of calls that are live at once: it has ended.
    pub fn release(&mut self, key: &Key) {
        if let Some(usage) = self.used.get_mut(key) {
            usage.in_use = usage.in_use.saturating_sub(1);
        }
    }

    /// Forgets what is as good as new, once so much has gathered that it is worth the look.
    fn tidy(&mut self, now: Nanos) {
        if self.used.len() > self.tidy_at.max(Self::FEW) {
            self.used
                .retain(|_, usage| usage.in_use > 0 || !usage.bucket.is_full(now));
            self.tidy_at = self.used.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn want(kind: Kind, name: &str, interval: Option<Nanos>, at_once: Option<u32>) -> Want {
        Want {
            key: Key::new(kind, name),
            limit: Limit {
                rate: interval.map(|interval| Rate::every(interval, 1)),
                at_once,
            },
        }
    }

    #[test]
    fn what_one_limit_refuses_counts_against_none() {
        let mut ledger = Ledger::default();
        let trunk = want(Kind::Trunk, "t", Some(10), None);
        let number = want(Kind::Number, "+1", Some(1000), None);
        ledger.admit([&trunk, &number].into_iter(), 0).unwrap();
        let hold = ledger.admit([&trunk, &number].into_iter(), 5).unwrap_err();
        assert_eq!((hold.key, hold.until), (number.key.clone(), Until::Time(1000)));
        ledger.admit([&trunk].into_iter(), 10).unwrap();
    }

    #[test]
    fn places_come_back_when_calls_end() {
        let mut ledger = Ledger::default();
        let one = want(Kind::Trunk, "t", None, Some(1));
        ledger.admit([&one].into_iter(), 0).unwrap();
        assert_eq!(ledger.admit([&one].into_iter(), 9).unwrap_err().until, Until::Release);
        ledger.release(&one.key);
        ledger.admit([&one].into_iter(), 9).unwrap();
    }

    #[test]
    fn a_rate_that_is_changed_holds_at_once() {
        let mut ledger = Ledger::default();
        let slow = want(Kind::Account, "a", Some(1_000_000), None);
        let quick = want(Kind::Account, "a", Some(10), None);
        ledger.admit([&slow].into_iter(), 0).unwrap();
        let hold = ledger.admit([&quick].into_iter(), 5).unwrap_err();
        assert_eq!(hold.until, Until::Time(15), "as if a call had just come");
        ledger.admit([&quick].into_iter(), 15).unwrap();
    }

    #[test]
    fn keys_read_back() {
        for kind in Kind::ALL {
            let key = Key::new(kind, "sip:bob@example.com:5060");
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        assert_eq!(Key::parse("moon:1"), None);
        assert_eq!(Key::parse("trunk"), None);
    }

    #[test]
    fn what_is_as_good_as_new_is_forgotten() {
        let mut ledger = Ledger::default();
        for number in 0..10_000 {
            let gap = want(Kind::Number, &number.to_string(), Some(1), None);
            ledger.admit([&gap].into_iter(), number * 2).unwrap();
        }
        assert!(ledger.used.len() <= Ledger::FEW + 1, "{}", ledger.used.len());
    }

    /// A call of the model: when it is offered, how long it lasts, and which of three trunks and accounts
    /// it counts against.
    type Offer = (Nanos, Nanos, usize, usize);

    proptest! {
        /// Against a model that remembers every call: no limit is ever passed, and no call is refused
        /// that all its limits allow.
        #[test]
        fn all_limits_hold_and_none_is_stricter_than_said(
            offers in prop::collection::vec((0_i64..8, 1_i64..60, 0_usize..3, 0_usize..3), 1..150),
        ) {
            const RATES: [Nanos; 3] = [5, 11, 23];
            const AT_ONCE: [u32; 3] = [1, 3, 7];
            let mut ledger = Ledger::default();
            let mut taken: Vec<Offer> = Vec::new();
            let mut live: Vec<(Nanos, Key)> = Vec::new();
            let mut now = 0;
            for (step, lasts, trunk, account) in offers {
                now += step;
                for (_, key) in live.extract_if(.., |(end, _)| *end <= now) {
                    ledger.release(&key);
                }
                let wants = [
                    want(Kind::Trunk, &trunk.to_string(), Some(RATES[trunk]), None),
                    want(Kind::Account, &account.to_string(), None, Some(AT_ONCE[account])),
                ];
                let last = taken.iter().filter(|call| call.2 == trunk).map(|call| call.0).max();
                let busy = taken.iter().filter(|call| call.3 == account && call.0 + call.1 > now).count();
                let allowed = last.is_none_or(|last| last + RATES[trunk] <= now) && busy < AT_ONCE[account] as usize;
                prop_assert_eq!(ledger.admit(wants.iter(), now).is_ok(), allowed);
                if allowed {
                    taken.push((now, lasts, trunk, account));
                    live.push((now + lasts, wants[1].key.clone()));
                }
            }
        }
    }
}
