//! What must hold of every call, whatever happened.

use std::collections::BTreeSet;

use outdial_domain::{EventKind, LegId, Outcome, retry::UNKNOWN_REST};
use outdial_engine::{HangUpAnswer, ports::CallDetails};

use super::{
    history::{Ended, History},
    life::{Phone, RING},
};

impl History {
    /// Panics when something does not hold.
    pub(crate) fn check(&self) {
        let calls = self.calls();
        let asked = self.asked.lock().unwrap();
        for made in &asked.made {
            assert!(
                calls.iter().any(|details| details.call.id == *made),
                "{made} is forgotten"
            );
        }
        let journalled: BTreeSet<LegId> = calls
            .iter()
            .flat_map(|details| &details.legs)
            .map(|leg| leg.id)
            .collect();
        let mut rung = BTreeSet::new();
        for (order, _) in &self.rung {
            assert!(
                journalled.contains(&order.leg),
                "{} rang and is not in the journal",
                order.leg
            );
            assert!(rung.insert(order.leg), "{} rang twice", order.leg);
        }
        for details in &calls {
            let ended = asked.ended.iter().filter(|ended| ended.call == details.call.id);
            let tag: usize = details.call.plan.tag.as_ref().unwrap().parse().unwrap();
            let plan = &asked.plans[tag];
            let outcomes = self.outcomes(details);
            for attempts in 1..outcomes.len() {
                assert!(plan.allows_one_after(&outcomes[..attempts]), "{plan:?}: {outcomes:?}");
            }
            phones_are_left_in_peace(details, &outcomes);
            self.events_tell_it(details);
            stays_ended(details, ended);
        }
    }

    /// How each attempt ended: as its phone did, or unknown exactly where nobody can know.
    fn outcomes(&self, details: &CallDetails) -> Vec<Outcome> {
        assert_eq!(details.attempts.len(), details.legs.len(), "{details:#?}");
        let outcome = |leg: &outdial_domain::Leg| {
            let ending = leg.progress.ending.as_ref().expect("it has ended");
            let phone = self
                .rung
                .iter()
                .find(|(order, _)| order.leg == leg.id)
                .map(|(_, phone)| *phone);
            let interrupted = self.interrupted.contains(&leg.id);
            assert_eq!(
                ending.outcome == Outcome::Unknown,
                interrupted,
                "{phone:?}: {details:#?}"
            );
            let is_so = match (ending.outcome, phone) {
                (Outcome::Unknown, _) | (Outcome::Canceled, _) => true,
                (Outcome::Completed, Some(phone)) => matches!(phone, Phone::Answers | Phone::HangsUp),
                (Outcome::Busy, Some(phone)) => phone == Phone::Busy,
                (Outcome::Congestion, Some(phone)) => phone == Phone::Congested,
                (Outcome::NoAnswer, Some(phone)) => phone == Phone::Rings,
                _ => false,
            };
            assert!(is_so, "{phone:?}: {details:#?}");
            ending.outcome
        };
        details.legs.iter().map(outcome).collect()
    }

    fn events_tell_it(&self, details: &CallDetails) {
        let events = self.events(details.call.id);
        let journalled = events
            .iter()
            .filter(|kind| matches!(kind, EventKind::Journalled { .. }));
        assert_eq!(journalled.count(), details.legs.len(), "{events:#?}");
        let is_end = |kind: &EventKind| matches!(kind, EventKind::Ended { .. });
        assert_eq!(events.iter().position(is_end), Some(events.len() - 1), "{events:#?}");
    }
}

fn phones_are_left_in_peace(details: &CallDetails, outcomes: &[Outcome]) {
    let journalled_at = |index: usize| details.legs[index].progress.journalled_at;
    for next in 1..outcomes.len() {
        if outcomes[next - 1] == Outcome::Unknown {
            let quiet = journalled_at(next).duration_since(journalled_at(next - 1));
            assert!(
                quiet >= (RING + UNKNOWN_REST).try_into().unwrap(),
                "{quiet:#}: {details:#?}"
            );
        }
    }
}

/// What was prevented never rings, and what was hung up is not tried again.
fn stays_ended<'a>(details: &CallDetails, asked: impl Iterator<Item = &'a Ended>) {
    for Ended { answer, legs, .. } in asked {
        assert_eq!(
            details.legs.len(),
            *legs,
            "dialled after it was {answer:?}: {details:#?}"
        );
        if *answer == HangUpAnswer::Prevented {
            assert_eq!(details.call.ending.as_ref().unwrap().outcome, Outcome::Canceled);
        }
    }
}
