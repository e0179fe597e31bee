//! Receivers that calls name.

use std::time::Duration;

use outdial_domain::SigningSecret;
use outdial_engine::{ports::DeliveryResult, verbs};
use outdial_webhooks::{ID, SIGNATURE, TIMESTAMP, verify};

use crate::rig::{Rig, SECRET, all_of, ids};

const URL: &str = "https://one.example/";

#[tokio::test(start_paused = true)]
async fn a_receiver_is_told_all_of_its_call_in_order_and_signed() {
    let rig = Rig::start().await;
    let call = rig.place(URL).await.id;
    let events = rig.ended(call).await;
    assert_eq!(rig.receivers.took(URL, events as usize).await, all_of(call, events));
    let secret = SigningSecret::new(SECRET.to_owned());
    for got in rig.receivers.at(URL) {
        let (id, time, signed) = (got.header(ID), got.header(TIMESTAMP), got.header(SIGNATURE));
        verify(&secret, id, time, signed, &got.posting.body, got.at).unwrap();
        assert_eq!(got.header("content-type"), "text/plain");
    }
    let stored = rig
        .engine
        .store
        .events_of(rig.actor.account, call.into())
        .await
        .unwrap();
    let expected: Vec<String> = stored.iter().map(|stored| stored.event.id.to_string()).collect();
    assert_eq!(ids(&rig.receivers.at(URL)), expected);
    // Nothing more comes, and the log has it all.
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(rig.receivers.at(URL).len(), events as usize);
    let deliveries = rig.deliveries().await;
    assert_eq!(deliveries.len(), events as usize);
    assert!(deliveries.iter().all(|delivery| {
        delivery.result == DeliveryResult::Delivered && delivery.attempt == 1 && delivery.status == Some(204)
    }));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_told_only_what_it_wants_and_others_nothing() {
    let rig = Rig::start().await;
    let call = rig.place_for(URL, &["answered", "ended"]).await.id;
    let (_, _) = rig.whole_call().await;
    let events = rig.ended(call).await;
    let told = rig.receivers.took(URL, 2).await;
    assert_eq!(told.last(), Some(&(call, events)));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(rig.receivers.at("https://").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_happened_before_a_crash_is_told_after_it() {
    let rig = Rig::start().await;
    rig.receivers.answer(URL, |_| crate::rig::status(503));
    let calls: Vec<_> = [rig.place(URL).await.id, rig.place(URL).await.id].to_vec();
    for call in &calls {
        rig.ended(*call).await;
    }
    let rig = rig.restart(Duration::from_secs(3600)).await;
    rig.receivers.answer(URL, |_| crate::rig::status(200));
    for call in calls {
        let events = rig.ended(call).await;
        let mut told = rig.receivers.took(URL, 2 * events as usize).await;
        told.retain(|(told, _)| *told == call);
        assert_eq!(told, all_of(call, events));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_can_be_told_again() {
    let rig = Rig::start().await;
    let call = rig.place(URL).await.id;
    let events = rig.ended(call).await;
    rig.receivers.took(URL, events as usize).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let deliveries = rig.deliveries().await;
    let second = deliveries.iter().find(|delivery| delivery.sequence == 2).unwrap();
    let replayed = verbs::replay(&rig.engine, &rig.actor, verbs::Replay::Delivery(second.id))
        .await
        .unwrap();
    assert_eq!(replayed.events, 1);
    let told = rig.receivers.took(URL, events as usize + 1).await;
    assert_eq!(told.last(), Some(&(call, 2)));
    let got = rig.receivers.at(URL);
    assert_eq!(
        got.last().unwrap().header(ID),
        got[1].header(ID),
        "a notification keeps its id"
    );
    let replayed = verbs::replay(&rig.engine, &rig.actor, verbs::Replay::All(call.into()))
        .await
        .unwrap();
    assert_eq!(replayed.events, events as usize);
    let told = rig.receivers.took(URL, 2 * events as usize + 1).await;
    assert_eq!(told[events as usize + 1..], all_of(call, events));
}
