//! Holds what the server says of a call against what was asked for, what the phones saw, and what died.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    ground::{Disturbance, Made},
    order::{Order, Phone, RING},
    promise::Promise,
    rings::{Rings, Seen},
};

/// How long after its ring time a phone of which nothing is known is not rung again; see `UNKNOWN_REST` of
/// the domain.
const REST: Duration = Duration::from_secs(62);

/// All that is known of one call.
pub struct Case<'a> {
    pub order: &'a Order,
    pub made: &'a Made,
    pub call: &'a Value,
    pub events: &'a [Value],
    pub told: &'a [u64],
    pub rings: &'a Rings,
    pub disturbances: &'a [Disturbance],
}

/// A leg as the server tells it.
struct Leg<'a> {
    id: &'a str,
    node: &'a str,
    journalled_at: Timestamp,
    ended_at: Option<Timestamp>,
    was_sent: bool,
    /// It was known that it could not be sent any more, so its call was dialled again without a retry.
    was_taken_back: bool,
    outcome: &'a str,
    reason: &'a str,
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Case<'_> {
    /// Which promises are broken, and how.
    pub fn broken(&self) -> Vec<(Promise, String)> {
        let legs: Vec<Leg> = items(&self.call["attempts"])
            .flat_map(|attempt| items(&attempt["legs"]))
            .map(leg)
            .collect();
        let mut broken = Vec::new();
        self.plan_is_kept(&legs, &mut broken);
        self.events_are_whole(&mut broken);
        self.stays_ended(&legs, &mut broken);
        for leg in &legs {
            self.leg_is_told(leg, &mut broken);
        }
        if self.call["state"] != "ended" {
            broken.push((Promise::Ends, format!("it is {}", self.call["state"])));
        }
        broken
    }

    fn plan_is_kept(&self, legs: &[Leg], broken: &mut Vec<(Promise, String)>) {
        let rung: usize = legs.iter().map(|leg| invites(self.rings.of_leg(leg.id))).sum();
        let by_number = self.rings.numbers.get(&self.order.number()).copied().unwrap_or(0);
        if by_number > rung {
            let how = format!("its phone rang {by_number} times, {rung} of them by legs in the journal");
            broken.push((Promise::JournalFirst, how));
        }
        let mut outcomes = Vec::new();
        for (index, leg) in legs.iter().enumerate() {
            if !self.order.may_follow(&outcomes) {
                broken.push((Promise::AsPlanned, format!("leg {} follows {outcomes:?}", leg.id)));
            }
            if index + 1 < legs.len() && leg.outcome == "unknown" {
                let quiet = legs[index + 1].journalled_at.duration_since(leg.journalled_at);
                if quiet.unsigned_abs() < REST + RING {
                    broken.push((
                        Promise::LeftInPeace,
                        format!("the leg after {} came {quiet:#} later", leg.id),
                    ));
                }
            }
            if !leg.was_taken_back {
                outcomes.push(leg.outcome);
            }
        }
        let most = 1 + self
            .order
            .rules
            .iter()
            .map(|rule| usize::from(rule.times))
            .sum::<usize>();
        let most = self.order.total.map_or(most, |total| most.min(1 + usize::from(total)));
        if by_number > most {
            broken.push((
                Promise::AsPlanned,
                format!("its phone rang {by_number} times, and may ring {most} times"),
            ));
        }
    }

    fn leg_is_told(&self, leg: &Leg, broken: &mut Vec<(Promise, String)>) {
        let seen = self.rings.of_leg(leg.id);
        if invites(seen) > 1 {
            broken.push((
                Promise::RingsOnce,
                format!("leg {} rang {} times", leg.id, invites(seen)),
            ));
        }
        let Some(ended_at) = leg.ended_at else {
            broken.push((Promise::Ends, format!("leg {} has no end", leg.id)));
            return;
        };
        let died = self.disturbances.iter().find(|disturbance| {
            let its_node = |node: &String| leg.node == node || leg.node.starts_with(&format!("{node}-"));
            disturbance.killed
                && disturbance.node.as_ref().is_some_and(its_node)
                && leg.journalled_at < disturbance.until
                && ended_at > disturbance.until
        });
        let during = |one: &&Disturbance| one.from <= ended_at && one.until >= leg.journalled_at;
        match (leg.outcome, died) {
            ("unknown", _) if !self.disturbances.iter().any(|one| during(&one)) => {
                broken.push((
                    Promise::SaysUnknown,
                    format!("leg {} is unknown although nothing happened", leg.id),
                ));
            }
            ("unknown", _) | (_, None) => {}
            (outcome, Some(died)) => {
                let how = format!(
                    "leg {} is {outcome}, and its node died in between ({})",
                    leg.id, died.what
                );
                broken.push((Promise::SaysUnknown, how));
            }
        }
        if let Some(wrong) = self.wrong(leg, seen) {
            broken.push((
                Promise::TellsTheTruth,
                format!("leg {} is {} ({}): {wrong}", leg.id, leg.outcome, leg.reason),
            ));
        }
    }

    /// Why what is said of a leg cannot be, if so.
    fn wrong(&self, leg: &Leg, seen: &[Seen]) -> Option<&'static str> {
        let saw = |event: &str| seen.iter().any(|seen| seen.event == event);
        let phone = self.order.phone;
        if leg.outcome != "unknown" && !leg.was_sent && !seen.is_empty() {
            return Some("it is said not to have been sent, and its phone rang");
        }
        match leg.outcome {
            "completed" if !saw("answered") => Some("nobody answered"),
            "busy" if !matches!(phone, Phone::Busy | Phone::BusyOnce) || !saw("invite") => {
                Some("its phone was not busy")
            }
            "congestion" if phone != Phone::Congested || !saw("invite") => Some("its phone said nothing like it"),
            "no_answer" if saw("acknowledged") && !leg.reason.contains("answered just then") => {
                Some("its phone was answered")
            }
            "canceled" if self.order.canceled_after.is_none() && self.made.ended.is_empty() => {
                Some("nobody asked for it")
            }
            "completed" | "busy" | "congestion" | "no_answer" | "canceled" | "failed" | "unknown" => None,
            _ => Some("its phone does no such thing"),
        }
    }

    fn stays_ended(&self, legs: &[Leg], broken: &mut Vec<(Promise, String)>) {
        for (at, answer) in &self.made.ended {
            for leg in legs.iter().filter(|leg| leg.journalled_at > *at) {
                let how = format!(
                    "it was ended ({answer}) at {at}, and leg {} followed at {}",
                    leg.id, leg.journalled_at
                );
                broken.push((Promise::StaysEnded, how));
            }
            let late = |seen: &&Seen| seen.event == "invite" && seen.at > *at;
            let rang_late = legs.iter().flat_map(|leg| self.rings.of_leg(leg.id)).find(late);
            if answer == "prevented" && (rang_late.is_some() || self.call["outcome"] != "canceled") {
                let how = format!(
                    "it was prevented at {at}, and ended as {} {rang_late:?}",
                    self.call["outcome"]
                );
                broken.push((Promise::StaysEnded, how));
            }
        }
    }

    fn events_are_whole(&self, broken: &mut Vec<(Promise, String)>) {
        let sequences: Vec<u64> = self
            .events
            .iter()
            .filter_map(|event| event["sequence"].as_u64())
            .collect();
        if !sequences.iter().copied().eq(1..=self.events.len() as u64) {
            broken.push((Promise::Gapless, format!("its events are {sequences:?}")));
        }
        let ends = self.events.iter().filter(|event| event["type"] == "ended").count();
        if ends != 1 || self.events.last().is_none_or(|event| event["type"] != "ended") {
            broken.push((Promise::Gapless, format!("{ends} of its events are its end")));
        }
        let journalled = self.events.iter().filter(|event| event["type"] == "journalled").count();
        if journalled != items(&self.call["attempts"]).count() {
            broken.push((
                Promise::Gapless,
                format!("{journalled} journalled legs among its events"),
            ));
        }
        if self.told != sequences {
            broken.push((
                Promise::Told,
                format!("told of {:?}, and there are {}", self.told, sequences.len()),
            ));
        }
    }
}

/// The Call-IDs that no call has in its journal, each with the number that it rang.
pub fn unheard_of(rings: &Rings, calls: &[Value]) -> Vec<String> {
    let legs: BTreeSet<String> = calls
        .iter()
        .flat_map(|call| items(&call["attempts"]))
        .flat_map(|attempt| items(&attempt["legs"]))
        .map(|leg| format!("{}@outdial", leg["id"].as_str().unwrap()))
        .collect();
    let unknown = rings.calls().filter(|(id, _)| !legs.contains(*id));
    unknown.map(|(id, number)| format!("{id} rang {number}")).collect()
}

fn leg(value: &Value) -> Leg<'_> {
    let reason = value["ending"]["reason"].as_str().unwrap_or_default();
    Leg {
        id: value["id"].as_str().unwrap(),
        node: value["node"].as_str().unwrap(),
        journalled_at: time(&value["journalled_at"]).unwrap(),
        ended_at: time(&value["ended_at"]),
        was_sent: value["dialing_at"].is_string(),
        was_taken_back: reason.starts_with("not sent: "),
        outcome: value["ending"]["outcome"].as_str().unwrap_or("under way"),
        reason,
    }
}

fn invites(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.event == "invite").count()
}
