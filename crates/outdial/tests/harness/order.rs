//! What is asked for: calls of many kinds, drawn by dice.

use std::{ops::Range, time::Duration};

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

/// How a phone meets its calls. Its number says which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phone {
    Answers,
    Busy,
    /// Busy at its first call, and answers the next.
    BusyOnce,
    Rings,
    Silent,
    Congested,
}

impl Phone {
    pub const ALL: [Self; 6] = [
        Self::Answers,
        Self::Busy,
        Self::BusyOnce,
        Self::Rings,
        Self::Silent,
        Self::Congested,
    ];

    /// What the numbers of such phones begin with.
    pub fn prefix(self) -> String {
        format!("+65900{}", self as u8)
    }
}

/// One call that somebody wants.
#[derive(Debug, Clone)]
pub struct Order {
    pub index: usize,
    pub phone: Phone,
    pub rules: Vec<Rule>,
    /// The most retries of all rules together.
    pub total: Option<u16>,
    after: Option<Duration>,
    talk: Duration,
    /// How long after it was created somebody ends it.
    pub canceled_after: Option<Duration>,
    /// Whether it is created once more although it was answered.
    pub repeated: bool,
}

/// When a call is tried again.
#[derive(Debug, Clone)]
pub struct Rule {
    pub on: &'static [&'static str],
    pub times: u16,
}

/// How long a phone rings before it is given up.
pub const RING: Duration = Duration::from_millis(1_500);

impl Order {
    pub fn draw(index: usize, dice: &mut StdRng) -> Self {
        let weights = [
            (Phone::Answers, 8),
            (Phone::Busy, 3),
            (Phone::BusyOnce, 3),
            (Phone::Rings, 3),
            (Phone::Silent, 1),
            (Phone::Congested, 2),
        ];
        let (phone, _) = *weights.choose_weighted(dice, |(_, weight)| *weight).unwrap();
        let usual = Rule {
            on: &["busy", "no_answer", "congestion", "failed"],
            times: dice.random_range(1..=3),
        };
        let unknown = Rule {
            on: &["unknown"],
            times: 1,
        };
        let rules = match dice.random_range(0..10) {
            0..4 => vec![],
            4..7 => vec![usual],
            7 => vec![unknown],
            _ => vec![usual, unknown],
        };
        let millis = |dice: &mut StdRng, range: Range<u64>| Duration::from_millis(dice.random_range(range));
        Self {
            index,
            phone,
            total: (!rules.is_empty() && dice.random_bool(0.2)).then_some(1),
            rules,
            after: dice.random_bool(0.4).then(|| millis(dice, 50..3_000)),
            talk: millis(dice, 50..1_000),
            canceled_after: dice.random_bool(0.2).then(|| millis(dice, 0..2_500)),
            repeated: dice.random_bool(0.1),
        }
    }

    pub fn number(&self) -> String {
        format!("{}{:06}", self.phone.prefix(), self.index)
    }

    /// What the call is found by.
    pub fn tag(&self) -> String {
        format!("order {}", self.index)
    }

    pub fn body(&self) -> Value {
        let millis = |length: Duration| format!("{}ms", length.as_millis());
        let mut body = json!({
            "to": self.number(), "tag": self.tag(), "ring": millis(RING),
            "flow": [{ "pause": millis(self.talk) }],
        });
        if let Some(after) = self.after {
            body["in"] = millis(after).into();
        }
        if !self.rules.is_empty() {
            let rule = |rule: &Rule| json!({ "on": rule.on, "times": rule.times, "delay": "200ms" });
            body["retry"] = json!({ "rules": self.rules.iter().map(rule).collect::<Vec<_>>() });
        }
        if let Some(total) = self.total {
            body["retry"]["total"] = total.into();
        }
        body
    }

    /// Whether another attempt may follow those that ended so.
    pub fn may_follow(&self, outcomes: &[&str]) -> bool {
        let of_rule = |rule: &Rule| outcomes.iter().filter(|outcome| rule.on.contains(outcome)).count();
        let in_total = self.total.is_none_or(|total| outcomes.len() <= usize::from(total));
        let each_is_named = outcomes
            .iter()
            .all(|outcome| self.rules.iter().any(|rule| rule.on.contains(outcome)));
        let within = self.rules.iter().all(|rule| of_rule(rule) <= usize::from(rule.times));
        in_total && each_is_named && within
    }
}
