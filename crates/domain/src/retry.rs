//! When a call is tried again, and whom the next attempt rings.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Address, Leg, Outcome, Plan};

/// When a call is tried again. The default is never.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// What to do after which outcome. An outcome stands in one rule at most.
    pub rules: Vec<RetryRule>,
    /// The most retries that all rules make together.
    pub total: Option<u16>,
    /// How many retries each outcome has caused so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made: BTreeMap<Outcome, u16>,
}

/// What to do after some outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRule {
    /// After which outcomes.
    pub on: Vec<Outcome>,
    /// How many retries these outcomes cause at most.
    pub times: u16,
    /// How long to wait before the first of them.
    pub delay: Duration,
    /// By how much each wait is longer than the one before.
    #[serde(default, skip_serializing_if = "Factor::is_one")]
    pub factor: Factor,
    /// The longest wait.
    pub longest: Duration,
    /// Whom to ring instead, in turn: the first is next, and the number that was rung becomes the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Address>,
    /// Which trunk to use instead, in turn, as with the numbers. A call that was free to choose its trunk
    /// is not any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// By how much a wait grows from one retry to the next, in hundredths: 200 doubles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Factor(pub u16);

impl Factor {
    /// All waits are the same.
    pub const ONE: Self = Self(100);
    /// The greatest factor that makes sense.
    pub const GREATEST: Self = Self(10_000);

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_one(&self) -> bool {
        *self == Self::ONE
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

impl Retry {
    /// The outcomes that a plan may name. After the others nothing is left to try: the call was done,
    /// somebody ended it, its time is over, or we would refuse it again.
    pub const OUTCOMES: &'static [Outcome] = &[
        Outcome::Busy,
        Outcome::NoAnswer,
        Outcome::Rejected,
        Outcome::InvalidNumber,
        Outcome::Congestion,
        Outcome::Failed,
        Outcome::Machine,
        Outcome::Unknown,
    ];

    /// The outcomes that a rule is about when it names none: the phone was not answered, and that is
    /// known for certain.
    pub const USUAL: &'static [Outcome] = &[Outcome::Busy, Outcome::NoAnswer, Outcome::Congestion, Outcome::Failed];

    /// The most rules, and the most alternates of a rule.
    pub const MOST: usize = 20;
    /// The most retries that a rule or a plan may ask for.
    pub const MOST_TIMES: u16 = 100;
    /// The longest wait that a rule may ask for.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(31 * 24 * 3600);

    pub(crate) fn is_never(&self) -> bool {
        *self == Self::default()
    }

    /// The rule for an outcome, unless it has made all its retries.
    fn rule(&self, outcome: Outcome) -> Option<(usize, u16)> {
        let index = self.rules.iter().position(|rule| rule.on.contains(&outcome))?;
        let of_rule = |on: &Outcome| self.made.get(on).copied().unwrap_or(0);
        let made: u16 = self.rules[index].on.iter().map(of_rule).sum();
        let all: u16 = self.made.values().sum();
        let left = made < self.rules[index].times && self.total.is_none_or(|total| all < total);
        left.then_some((index, made))
    }
}

impl RetryRule {
    /// How long to wait before a retry, given how many there were before it.
    #[must_use]
    pub fn wait(&self, made: u16) -> Duration {
        let mut wait = self.delay;
        for _ in 0..made {
            if wait >= self.longest {
                break;
            }
            wait = wait.saturating_mul(u32::from(self.factor.0)) / 100;
        }
        wait.min(self.longest)
    }
}

/// How long after the ring time of an attempt that became `unknown` its phone may still ring, and its
/// node may still believe that it owns the call.
///
/// Nobody cancels what an interrupted node has sent. The far side's phone rings for the ring time; a
/// request that is still on its way is repeated for 64 times T1, which is 32 s (RFC 3261, section
/// 17.1.1.2); and a node that was cut off holds its lease for at most 30 s.
pub const UNKNOWN_REST: Duration = Duration::from_secs(32 + 30);

impl Plan {
    /// The plan of the next attempt after one that ended so, if there is to be one. Give the leg when
    /// one was in the journal.
    #[must_use]
    pub fn again(&self, outcome: Outcome, leg: Option<&Leg>, now: Timestamp) -> Option<Self> {
        let (index, made) = self.retry.rule(outcome)?;
        let mut next = self.clone();
        *next.retry.made.entry(outcome).or_insert(0) += 1;
        let rule = &mut next.retry.rules[index];
        next.due = later(now, rule.wait(made));
        if !rule.to.is_empty() {
            let rung = std::mem::replace(&mut next.to, rule.to.remove(0));
            rule.to.push(rung);
        }
        if !rule.via.is_empty() {
            let used = next.via.replace(rule.via.remove(0));
            rule.via.extend(used);
        }
        if let Some(leg) = leg
            && outcome == Outcome::Unknown
        {
            next.due = next.due.max(self.quiet_after(leg));
        }
        // Hours that cannot be reckoned open never.
        next.due = next.opening(next.due).ok()??;
        Some(next)
    }
}

impl Plan {
    /// When the phone of a leg that became `unknown` rings no more; see [`UNKNOWN_REST`].
    #[must_use]
    pub fn quiet_after(&self, leg: &Leg) -> Timestamp {
        later(leg.progress.journalled_at, self.ring.saturating_add(UNKNOWN_REST))
    }
}

/// This much later, or the end of time.
fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        AccountId, AttemptId, Call, CallId, CallState, EndedBy, Ending, EventKind, LegId, LiveCall,
        call::{Happening, Way},
    };

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn rule(on: &[Outcome], times: u16) -> RetryRule {
        RetryRule {
            on: on.to_vec(),
            times,
            delay: MINUTE,
            factor: Factor::ONE,
            longest: 10 * MINUTE,
            to: Vec::new(),
            via: Vec::new(),
        }
    }

    fn call(rules: Vec<RetryRule>) -> Call {
        let plan = Plan {
            to: address("+6590000001"),
            from: None,
            via: None,
            due: at(0),
            priority: Default::default(),
            expires: None,
            hours: None,
            retry: Retry {
                rules,
                ..Retry::default()
            },
            ring: Duration::from_secs(45),
            talk: MINUTE,
            tag: None,
            reference: None,
            webhook: None,
        };
        Call::new(CallId::new(at(0), [1; 10]), AccountId::new(at(0), [2; 10]), plan, at(0))
    }

    fn journalled(call: Call, now: Timestamp) -> LiveCall {
        let way = Way {
            trunk: "lab".into(),
            target: call.plan.to.to_string(),
            shows: None,
            node: "n1".into(),
        };
        LiveCall::journal(call, AttemptId::new(now, [3; 10]), LegId::new(now, [4; 10]), way, now)
    }

    /// Tries once at the due time, and gives the call after it with the last event.
    fn attempt(call: Call, outcome: Outcome) -> (Call, EventKind) {
        let now = call.plan.due;
        let ending = Ending::new(outcome, EndedBy::Network, "");
        let happening = Happening::Ended { ending, quality: None };
        let (live, mut events) = journalled(call, now).step(happening, now).unwrap();
        (live.call, events.pop().unwrap())
    }

    #[test]
    fn each_outcome_is_retried_as_its_rule_says_and_the_last_one_holds() {
        let mut rules = vec![rule(&[Outcome::Busy], 2), rule(&[Outcome::NoAnswer], 1)];
        rules[0].factor = Factor(200);
        let series = [
            (Outcome::Busy, Some(60)),
            (Outcome::NoAnswer, Some(120)),
            (Outcome::Busy, Some(240)),
            (Outcome::Busy, None),
        ];
        let mut call = call(rules);
        for (index, (outcome, due)) in series.into_iter().enumerate() {
            let event;
            (call, event) = attempt(call, outcome);
            match due {
                Some(due) => {
                    assert_eq!((call.state, call.plan.due), (CallState::Scheduled, at(due)));
                    let expected = EventKind::RetryScheduled {
                        attempt: u16::try_from(index).unwrap() + 2,
                        at: at(due),
                        because: outcome,
                        to: "+6590000001".into(),
                        via: None,
                    };
                    assert_eq!(event, expected);
                }
                None => assert_eq!(call.ending.as_ref().unwrap().outcome, Outcome::Busy),
            }
        }
        assert_eq!((call.state, call.attempts), (CallState::Ended, 4));
    }

    #[test]
    fn waits_grow_to_the_longest() {
        let mut rule = rule(&[Outcome::Busy], 100);
        rule.factor = Factor(250);
        let waits: Vec<u64> = (0..5).map(|made| rule.wait(made).as_secs()).collect();
        assert_eq!(waits, [60, 150, 375, 600, 600]);
        rule.factor = Factor::GREATEST;
        assert_eq!(rule.wait(u16::MAX), rule.longest);
    }

    #[test]
    fn alternates_take_turns_with_what_was_tried() {
        let mut first = rule(&[Outcome::Busy], 9);
        first.to = vec![address("+6590000002"), address("+6590000003")];
        first.via = vec!["second".into()];
        let mut call = call(vec![first]);
        call.plan.via = Some("first".into());
        let mut seen = Vec::new();
        for _ in 0..4 {
            (call, _) = attempt(call, Outcome::Busy);
            seen.push((call.plan.to.to_string(), call.plan.via.clone().unwrap()));
        }
        let expected = [("2", "second"), ("3", "first"), ("1", "second"), ("2", "first")];
        let expected = expected.map(|(number, trunk)| (format!("+659000000{number}"), trunk.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_total_and_the_end_time_hold_for_all_rules() {
        let rules = vec![rule(&[Outcome::Busy], 9), rule(&[Outcome::NoAnswer], 9)];
        let mut limited = call(rules.clone());
        limited.plan.retry.total = Some(1);
        let (limited, _) = attempt(limited, Outcome::Busy);
        assert_eq!(attempt(limited, Outcome::NoAnswer).0.state, CallState::Ended);

        let mut short = call(rules);
        short.plan.expires = Some(at(60));
        assert_eq!(attempt(short.clone(), Outcome::Busy).0.state, CallState::Ended);
        short.plan.expires = Some(at(61));
        assert_eq!(attempt(short, Outcome::Busy).0.state, CallState::Scheduled);
    }

    #[test]
    fn a_retry_waits_for_the_hours_of_the_number_it_rings() {
        let mut first = rule(&[Outcome::Busy], 2);
        first.to = vec![address("+4930123456")];
        let mut call = call(vec![first]);
        call.plan.to = address("+6561234567");
        call.plan.hours = Some(crate::Hours {
            zone: crate::HoursZone::Callee,
            windows: vec!["daily 09:00-18:00".parse().unwrap()],
            skip: Vec::new(),
        });
        // Nine in the morning in Singapore, two at night in Berlin, where it is nine seven hours later.
        call.plan.due = "2030-01-02T01:00:00Z".parse().unwrap();
        let (call, _) = attempt(call, Outcome::Busy);
        assert_eq!(call.plan.due.to_string(), "2030-01-02T08:00:00Z");
        let (call, _) = attempt(call, Outcome::Busy);
        assert_eq!(
            call.plan.due.to_string(),
            "2030-01-02T08:01:00Z",
            "and still in Singapore"
        );
    }

    #[test]
    fn unknown_is_tried_again_only_when_the_plan_says_so_and_when_the_phone_is_quiet() {
        let (call_, _) = attempt(call(vec![rule(&[Outcome::Busy], 1)]), Outcome::Unknown);
        assert_eq!(call_.ending.unwrap().outcome, Outcome::Unknown);
        let (call_, _) = attempt(call(vec![rule(&[Outcome::Unknown], 1)]), Outcome::Unknown);
        assert_eq!(call_.plan.due, at(0) + Duration::from_secs(45) + UNKNOWN_REST);
    }

    #[test]
    fn a_call_that_somebody_ended_is_not_tried_again() {
        let mut live = journalled(call(vec![rule(&[Outcome::Busy], 9)]), at(0));
        live.stopped = true;
        let ending = Ending::new(Outcome::Busy, EndedBy::Callee, "");
        let (live, _) = live.step(Happening::Ended { ending, quality: None }, at(1)).unwrap();
        assert_eq!(live.call.state, CallState::Ended);
    }

    #[test]
    fn an_answer_belongs_to_its_attempt() {
        let live = journalled(call(vec![rule(&[Outcome::Machine], 1)]), at(0));
        let (live, _) = live.step(Happening::Answered { codec: "PCMU".into() }, at(1)).unwrap();
        let ending = Ending::new(Outcome::Machine, EndedBy::System, "");
        let (live, _) = live.step(Happening::Ended { ending, quality: None }, at(2)).unwrap();
        assert_eq!((live.call.state, live.call.answered_at), (CallState::Scheduled, None));
        assert_eq!(live.attempt.progress.answered_at, Some(at(1)));
    }

    proptest! {
        /// However the attempts end: no more of them than the plan allows, and never one at once after
        /// what is not known.
        #[test]
        fn no_phone_is_rung_more_often_than_the_plan_allows(
            outcomes in proptest::collection::vec(0..Outcome::ALL.len(), 60),
            times in proptest::collection::vec(0u16..4, Retry::OUTCOMES.len()),
            total in proptest::option::of(0u16..9),
        ) {
            let rules = Retry::OUTCOMES.iter().zip(&times).map(|(on, times)| rule(&[*on], *times)).collect();
            let mut call = call(rules);
            call.plan.retry.total = total;
            let mut series = outcomes.into_iter().map(|index| Outcome::ALL[index]);
            while call.state != CallState::Ended {
                let (outcome, before) = (series.next().unwrap(), call.plan.due);
                (call, _) = attempt(call, outcome);
                prop_assert!(call.state == CallState::Ended || call.plan.due > before);
                prop_assert!(outcome != Outcome::Canceled || call.state == CallState::Ended);
            }
            let allowed = 1 + total.unwrap_or(u16::MAX - 1).min(times.iter().sum());
            prop_assert!(call.attempts <= allowed);
        }
    }
}
