//! When all is quiet again: waits for the end of every call, and accounts for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    callers::end_through,
    check::{Case, unheard_of},
    ground::{Ground, Made, Way, now},
    has_ended,
    order::Order,
    promise::Promise,
    receiver::Receiver,
    rings::Rings,
};

/// How long nothing may come to its end after the last disturbance. A phone of which nothing is known is left
/// in peace for a minute, and a receiver that a node which died was telling for half of one.
const SETTLES_WITHIN: Duration = Duration::from_secs(180);

const LOOK: Duration = Duration::from_millis(250);

/// Waits until every call has ended. With less patience, those that wait for a phone to be quiet are ended.
pub async fn settled(ground: &Ground, way: &Way, patient: bool) {
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    while since.elapsed() < SETTLES_WITHIN {
        let mut open = 0;
        for state in ["scheduled", "queued", "active"] {
            for call in list(ground, way, &format!("&state={state}")).await {
                open += 1;
                if !patient && waits_for_long(&call) {
                    let index = index_of(&call);
                    end_through(ground, way, index, call["id"].as_str().unwrap()).await;
                }
            }
        }
        if open == 0 {
            return;
        }
        if open < fewest {
            (fewest, since) = (open, Instant::now());
        }
        sleep(LOOK).await;
    }
}

/// Whether its next attempt is far away, because its phone is to be quiet first.
fn waits_for_long(call: &Value) -> bool {
    let next = call["next_attempt"]["at"].as_str();
    next.is_some_and(|at| at.parse::<Timestamp>().unwrap() > now() + Duration::from_secs(5))
}

/// The place of a call's order among all, from its tag.
fn index_of(call: &Value) -> usize {
    let tag = call["tag"].as_str().unwrap();
    tag.split_once(' ').unwrap().1.parse().unwrap()
}

/// All calls that the server lists, with these conditions.
async fn list(ground: &Ground, way: &Way, conditions: &str) -> Vec<Value> {
    let (mut calls, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(ground, way, &format!("/api/v1/calls?limit=500{conditions}{cursor}")).await;
        calls.extend(page["calls"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return calls,
        }
    }
}

/// Asks until there is an answer: a store that was disturbed takes a moment.
async fn get(ground: &Ground, way: &Way, path: &str) -> Value {
    let begun = Instant::now();
    loop {
        match ground.ask(way, path, None).await {
            Some((200, answer)) => return answer,
            other if begun.elapsed() > SETTLES_WITHIN => panic!("{path}: {other:?}"),
            _ => sleep(LOOK).await,
        }
    }
}

/// A call with its events.
pub struct Whole {
    pub call: Value,
    pub events: Vec<Value>,
}

/// Every call whole, by the place of its order.
pub async fn calls(ground: &Ground, way: &Way, orders: &[Order]) -> BTreeMap<usize, Whole> {
    let mut ids: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for call in list(ground, way, "").await {
        let id = call["id"].as_str().unwrap().to_owned();
        ids.entry(index_of(&call)).or_default().push(id);
    }
    let mut calls = BTreeMap::new();
    for order in orders {
        let listed = ids.get(&order.index).map_or(&[][..], Vec::as_slice);
        let made = ground
            .made()
            .get(&order.index)
            .map(|made| made.id.clone())
            .unwrap_or_default();
        if !listed.contains(&made) {
            ground.broke(
                Promise::Kept,
                format!("{made} of order {} is listed nowhere", order.index),
            );
        }
        if listed.len() > 1 {
            ground.broke(Promise::OncePerKey, format!("order {} made {listed:?}", order.index));
        }
        for id in listed.iter().take(1) {
            let call = get(ground, way, &format!("/api/v1/calls/{id}")).await;
            let mut events = get(ground, way, &format!("/api/v1/calls/{id}/events")).await;
            let Value::Array(events) = events["events"].take() else {
                panic!("{id} has no list of events");
            };
            calls.insert(order.index, Whole { call, events });
        }
    }
    check_lists(ground, way, &calls).await;
    calls
}

/// Those whose last attempt is unknown are found by asking for it.
async fn check_lists(ground: &Ground, way: &Way, calls: &BTreeMap<usize, Whole>) {
    let listed: BTreeSet<usize> = list(ground, way, "&outcome=unknown")
        .await
        .iter()
        .map(index_of)
        .collect();
    let unknown = |whole: &Whole| {
        let last = whole.call["attempts"].as_array().and_then(|attempts| attempts.last());
        last.is_some_and(|last| last["ending"]["outcome"] == "unknown") && whole.call["outcome"] != "canceled"
    };
    let expected: BTreeSet<usize> = calls
        .iter()
        .filter(|(_, whole)| unknown(whole))
        .map(|(index, _)| *index)
        .collect();
    if listed != expected {
        let how = format!("{listed:?} are listed as unknown, and {expected:?} are");
        ground.broke(Promise::SaysUnknown, how);
    }
}

/// Waits until a receiver was told of all that happened.
pub async fn told(receiver: &Receiver, calls: &BTreeMap<usize, Whole>) {
    let mut told = receiver.told();
    let all = told.wait_for(|told| {
        calls.values().all(|whole| {
            let id = whole.call["id"].as_str().unwrap();
            told.calls.get(id).is_some_and(|told| told.len() >= whole.events.len())
        })
    });
    // What is missing is found when all is compared.
    let _ = tokio::time::timeout(SETTLES_WITHIN, all).await;
}

/// Holds everything against everything.
pub fn compare(ground: &Ground, orders: &[Order], calls: &BTreeMap<usize, Whole>, rings: &Rings, receiver: &Receiver) {
    let heard = receiver.told();
    let heard = heard.borrow();
    let disturbances = ground.disturbances();
    let nothing = Made::default();
    for order in orders {
        let Some(Whole { call, events }) = calls.get(&order.index) else {
            continue;
        };
        let made = ground.made();
        let case = Case {
            order,
            made: made.get(&order.index).unwrap_or(&nothing),
            call,
            events,
            told: heard.calls.get(call["id"].as_str().unwrap()).map_or(&[], Vec::as_slice),
            rings,
            disturbances: &disturbances,
        };
        for (promise, how) in case.broken() {
            ground.broke(promise, format!("{} ({order:?}): {how}", call["id"]));
        }
    }
    let whole: Vec<Value> = calls.values().map(|whole| whole.call.clone()).collect();
    for how in unheard_of(rings, &whole) {
        ground.broke(Promise::JournalFirst, how);
    }
    let open = whole.iter().filter(|call| !has_ended(call)).count();
    if open > 0 {
        ground.broke(Promise::Ends, format!("{open} calls have not"));
    }
}
