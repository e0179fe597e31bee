//! One life of an engine: what is asked of it, how the phones behave, and when it crashes.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{Factor, Outcome, Retry, RetryRule};
use outdial_engine::verbs::{Action, PlaceCall};
use outdial_flow::{Flow, Instruction};
use outdial_testkit::fakes::Script;
use proptest::{collection::vec, option, prelude::*};

use crate::bench::{BOB, request};

/// One life of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// What is done, each so many milliseconds after the one before.
    pub(crate) deeds: Vec<(u64, Deed)>,
    /// What the phones do, in the order in which they are rung; then they answer.
    pub(crate) phones: Vec<Phone>,
    /// How long the store takes to answer.
    pub(crate) disk: Duration,
    /// It crashes when this was done or when that time is over, whichever comes first, and then…
    pub(crate) deed: usize,
    pub(crate) time: Duration,
    /// …so much later, and so many turns of its tasks later.
    pub(crate) later: Duration,
    pub(crate) turns: u8,
}

/// Something that is done.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Place(Plan),
    /// Ends the call that was placed so many calls ago.
    HangUp(usize),
    /// Sets the clock forward by so many seconds, or back.
    SetClock(i64),
    /// So many changes are saved, and said not to be.
    LoseAnswers(u64),
}

/// A plan, in the words of the model.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rules: Vec<(Vec<Outcome>, u16)>,
    pub(crate) total: Option<u16>,
    after: Option<u64>,
    talk: u64,
    delay: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phone {
    Answers,
    HangsUp,
    Busy,
    Congested,
    Rings,
}

impl Phone {
    pub(crate) fn script(self) -> Script {
        match self {
            Self::Answers => Script::answers(),
            Self::HangsUp => Script::hangs_up(),
            Self::Busy => Script::busy(),
            Self::Congested => Script::rejects(503, "Service Unavailable"),
            Self::Rings => Script::rings(),
        }
    }
}

/// How long a phone rings.
pub(crate) const RING: Duration = Duration::from_secs(3);

impl Plan {
    /// The request for it, with a tag that it is found by.
    pub(crate) fn request(&self, now: Timestamp, tag: usize) -> PlaceCall {
        let rule = |(on, times): &(Vec<Outcome>, u16)| RetryRule {
            on: on.clone(),
            times: *times,
            delay: Duration::from_millis(self.delay),
            factor: Factor::ONE,
            longest: Duration::from_millis(self.delay),
            to: Vec::new(),
            via: Vec::new(),
        };
        let steps = vec![Instruction::Pause(Duration::from_millis(self.talk))];
        PlaceCall {
            action: Action::Flow(Flow { steps }),
            due: self.after.map(|after| now + Duration::from_millis(after)),
            tag: Some(tag.to_string()),
            ring: Some(RING),
            retry: Retry {
                rules: self.rules.iter().map(rule).collect(),
                total: self.total,
                ..Retry::default()
            },
            ..request(BOB)
        }
    }

    /// Whether another attempt may follow those that ended so.
    pub(crate) fn allows_one_after(&self, outcomes: &[Outcome]) -> bool {
        let counted = |on: &[Outcome]| outcomes.iter().filter(|outcome| on.contains(outcome)).count();
        let named = |outcome: &Outcome| self.rules.iter().any(|(on, _)| on.contains(outcome));
        outcomes.iter().all(named)
            && self.rules.iter().all(|(on, times)| counted(on) <= usize::from(*times))
            && self.total.is_none_or(|total| outcomes.len() <= usize::from(total))
    }
}

/// Some lives, of which all but the last are short.
pub(crate) fn lives() -> impl Strategy<Value = Vec<Life>> {
    vec(life(), 1..5)
}

fn life() -> impl Strategy<Value = Life> {
    let phone = prop_oneof![
        3 => Just(Phone::Answers),
        1 => Just(Phone::HangsUp),
        2 => Just(Phone::Busy),
        1 => Just(Phone::Congested),
        1 => Just(Phone::Rings),
    ];
    let deeds = vec((0..400u64, deed()), 1..8);
    let time = prop_oneof![0..200u64, 200..3_000u64, 3_000..200_000u64];
    let crash = (0..16usize, time, 0..60u64, 0..12u8);
    let life = (deeds, vec(phone, 0..16), 0..30u64, crash);
    life.prop_map(|(deeds, phones, disk, (deed, time, later, turns))| Life {
        deeds,
        phones,
        disk: Duration::from_millis(disk),
        deed,
        time: Duration::from_millis(time),
        later: Duration::from_millis(later),
        turns,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => plan().prop_map(Deed::Place),
        3 => (0..4usize).prop_map(Deed::HangUp),
        1 => (-5_000..5_000i64).prop_map(Deed::SetClock),
        1 => (1..4u64).prop_map(Deed::LoseAnswers),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let usual = (1..4u16).prop_map(|times| (vec![Outcome::Busy, Outcome::NoAnswer, Outcome::Congestion], times));
    let unknown = (1..3u16).prop_map(|times| (vec![Outcome::Unknown], times));
    let rules = (option::of(usual), option::of(unknown))
        .prop_map(|(usual, unknown)| usual.into_iter().chain(unknown).collect());
    let total = option::weighted(0.2, 1..3u16);
    (rules, total, option::of(0..3_000u64), 0..4_000u64, 0..3_000u64).prop_map(|(rules, total, after, talk, delay)| {
        let rules: Vec<_> = rules;
        Plan {
            total: total.filter(|_| !rules.is_empty()),
            rules,
            after,
            talk,
            delay,
        }
    })
}
