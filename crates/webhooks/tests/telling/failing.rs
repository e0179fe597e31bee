//! Receivers that fail, for a while or for good.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use outdial_domain::EventFilter;
use outdial_engine::{
    ports::DeliveryResult,
    verbs::{self, PlaceCall, WebhookOfCall},
};
use outdial_webhooks::{PostError, Posted};

use crate::rig::{BRIEF, Rig, all_of, status};

const DEAD: &str = "https://dead.example/";
const WELL: &str = "https://well.example/";
const HOUR: u64 = 3_600;

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_is_tried_for_three_days_and_delays_nobody() {
    let rig = Rig::start().await;
    rig.receivers
        .answer(DEAD, |_| Err(PostError::Unreachable("connection refused".into())));
    let dead = rig.place_for(DEAD, &["ended"]).await.id;
    rig.ended(dead).await;
    let begun = rig.engine.ids.now();
    let well = rig.place(WELL).await.id;
    let events = rig.ended(well).await;
    assert_eq!(rig.receivers.took(WELL, events as usize).await, all_of(well, events));
    assert!(rig.engine.ids.now().duration_since(begun).as_secs() < 10, "at once");

    tokio::time::sleep(Duration::from_secs(80 * HOUR)).await;
    let tried = rig.receivers.at(DEAD);
    let seconds: Vec<i64> = tried
        .iter()
        .map(|got| got.at.duration_since(tried[0].at).as_secs())
        .collect();
    let last = *seconds.last().unwrap();
    assert!(
        (72 * 3_600..74 * 3_600).contains(&last),
        "the last try came after {last} s"
    );
    assert!((70..100).contains(&tried.len()), "{} tries", tried.len());
    let pauses: Vec<i64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((5..12).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= 4_600), "{pauses:?}");
    let deliveries = rig.deliveries().await;
    let of_dead: Vec<_> = deliveries
        .iter()
        .filter(|delivery| delivery.subject == dead.into())
        .collect();
    let (last, before) = of_dead.split_last().unwrap();
    assert_eq!(last.result, DeliveryResult::GivenUp);
    assert!(before.iter().all(|delivery| delivery.result == DeliveryResult::Retried));
    assert_eq!(last.error.as_deref(), Some("connection refused"));
    assert_eq!(last.attempt as usize, of_dead.len());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_comes_back_is_told_everything_in_order() {
    let rig = Rig::start().await;
    rig.receivers.answer(DEAD, |_| status(500));
    let mut calls = Vec::new();
    for _ in 0..30 {
        calls.push(rig.place(DEAD).await.id);
    }
    for call in &calls {
        rig.ended(*call).await;
    }
    tokio::time::sleep(Duration::from_secs(6 * HOUR)).await;
    // It was left alone: a try now and then, not thirty calls' worth of them.
    let tries = rig.receivers.at(DEAD).len();
    assert!(tries < 300, "{tries} tries in six hours");
    rig.receivers.answer(DEAD, |_| status(200));
    let mut expected = 0;
    for call in &calls {
        expected += rig.ended(*call).await as usize;
    }
    let told = rig.receivers.took(DEAD, expected).await;
    for call in calls {
        let of_call: Vec<_> = told.iter().filter(|(told, _)| *told == call).copied().collect();
        assert_eq!(of_call, all_of(call, rig.ended(call).await));
    }
}

#[tokio::test(start_paused = true)]
async fn three_days_of_tries_go_on_through_restarts() {
    let mut rig = Rig::start().await;
    for url in [DEAD, WELL] {
        rig.receivers
            .answer(url, |_| Err(PostError::Unreachable("connection refused".into())));
    }
    let (dead, late) = (
        rig.place_for(DEAD, &["ended"]).await.id,
        rig.place_for(WELL, &["ended"]).await.id,
    );
    for call in [dead, late] {
        rig.ended(call).await;
    }
    let begun = rig.engine.ids.now();
    let hours = |rig: &Rig| rig.engine.ids.now().duration_since(begun).as_hours();
    while hours(&rig) < 80 {
        // The server runs for some hours, and is away for half of one.
        tokio::time::sleep(Duration::from_secs(5 * HOUR)).await;
        rig = rig.restart(Duration::from_secs(HOUR / 2)).await;
        if (66..72).contains(&hours(&rig)) {
            rig.receivers.answer(WELL, |_| status(204));
        }
    }
    let deliveries = rig.deliveries().await;
    let of = |call| {
        deliveries
            .iter()
            .filter(move |delivery| delivery.subject == outdial_domain::Subject::Call(call))
    };
    let results: Vec<DeliveryResult> = of(dead).map(|delivery| delivery.result).collect();
    let (last, before) = results.split_last().unwrap();
    assert_eq!(*last, DeliveryResult::GivenUp);
    assert!(before.len() > 50 && before.iter().all(|result| *result == DeliveryResult::Retried));
    let given_up = of(dead).next_back().unwrap().at.duration_since(begun).as_hours();
    assert!((72..75).contains(&given_up), "given up after {given_up} h");
    assert_eq!(of(late).next_back().unwrap().result, DeliveryResult::Delivered);
    assert_eq!(rig.receivers.taken_at(WELL).len(), 1, "told at last, and once");
}

#[tokio::test(start_paused = true)]
async fn one_bad_notification_does_not_hold_up_other_calls() {
    let rig = Rig::start().await;
    let bad = rig.place(WELL).await.id;
    rig.receivers.answer(WELL, move |posting| {
        let poison = posting.body.starts_with(&format!("{bad} 3 "));
        status(if poison { 500 } else { 200 })
    });
    let others = [rig.place(WELL).await.id, rig.place(WELL).await.id];
    for call in others {
        let events = rig.ended(call).await;
        let begun = rig.engine.ids.now();
        loop {
            let told = rig.receivers.taken_at(WELL);
            if told.contains(&(call, events)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(rig.engine.ids.now().duration_since(begun).as_secs() < 60);
        }
    }
    // Nothing behind it overtakes it.
    let told = rig.receivers.taken_at(WELL);
    assert!(told.contains(&(bad, 2)) && !told.iter().any(|(call, sequence)| *call == bad && *sequence > 2));
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_wait_is_obeyed() {
    let rig = Rig::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    rig.receivers.answer(WELL, move |_| {
        if counted.fetch_add(1, Ordering::Relaxed) > 0 {
            return status(204);
        }
        Ok(Posted {
            status: 429,
            retry_after: Some("7200".into()),
            beginning: "slow down".into(),
        })
    });
    let call = rig.place_for(WELL, &["created"]).await.id;
    rig.receivers.took(WELL, 1).await;
    let got = rig.receivers.at(WELL);
    let waited = got[1].at.duration_since(got[0].at).as_secs();
    assert!((7_200..7_300).contains(&waited), "{waited} s");
    let first = &rig.deliveries().await[0];
    assert_eq!(
        (first.subject, first.status, first.response.as_str()),
        (call.into(), Some(429), "slow down")
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_gone_is_told_nothing_more_of_its_call() {
    let rig = Rig::start().await;
    rig.receivers.answer(WELL, |_| status(410));
    let call = rig.place(WELL).await.id;
    rig.ended(call).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    let events = rig.ended(call).await as usize;
    let deliveries = rig.deliveries().await;
    assert!(!deliveries.is_empty() && deliveries.len() <= events);
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.result == DeliveryResult::Gone && delivery.attempt == 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_minute_loses_nothing() {
    let rig = Rig::start().await;
    let call = rig.place(WELL).await.id;
    rig.world.store.fill_disk();
    tokio::time::sleep(Duration::from_secs(60)).await;
    rig.world.store.fail(None);
    let events = rig.ended(call).await;
    let mut told = rig.receivers.took(WELL, events as usize).await;
    // At least once: what was told and could not be written down may come twice, in its order.
    told.dedup();
    assert_eq!(told, all_of(call, events));
}

#[tokio::test(start_paused = true)]
async fn a_face_decides_what_is_told_and_how_often_it_is_tried() {
    let mut rig = Rig::start().await;
    rig.actor.face = BRIEF;
    rig.receivers.answer(DEAD, |_| status(500));
    let well = rig.place(WELL).await.id;
    let events = rig.ended(well).await;
    // Of all its events the end alone.
    assert_eq!(rig.receivers.took(WELL, 1).await, [(well, events)]);
    let dead = rig.place(DEAD).await.id;
    rig.ended(dead).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    let tried = rig.receivers.at(DEAD);
    let seconds: Vec<i64> = tried
        .iter()
        .map(|got| got.at.duration_since(tried[0].at).as_secs())
        .collect();
    assert_eq!(seconds, [0, 30, 330]);
    assert_eq!(tried[0].header("x-brief"), "yes");
    assert_eq!(rig.receivers.at(WELL).len(), 1);
    let deliveries = rig.deliveries().await;
    let results: Vec<DeliveryResult> = deliveries
        .iter()
        .filter(|delivery| delivery.subject == dead.into())
        .map(|delivery| delivery.result)
        .collect();
    use DeliveryResult::{GivenUp, Retried};
    assert_eq!(results, [Retried, Retried, GivenUp]);
}

#[tokio::test(start_paused = true)]
async fn a_face_may_name_the_receiver_when_there_is_something_to_tell() {
    let mut rig = Rig::start().await;
    rig.actor.face = BRIEF;
    let nameless = WebhookOfCall {
        url: None,
        events: EventFilter::default(),
        secret: None,
    };
    let place = async |tag: Option<&str>| {
        let request = PlaceCall {
            tag: tag.map(str::to_owned),
            ..Rig::request(Some(nameless.clone()))
        };
        verbs::place_call(&rig.engine, &rig.actor, request).await.unwrap().id
    };
    let nobodys = place(None).await;
    rig.ended(nobodys).await;
    let named = place(Some(WELL)).await;
    let events = rig.ended(named).await;
    assert_eq!(rig.receivers.took(WELL, 1).await, [(named, events)]);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    let told: Vec<_> = rig.deliveries().await.iter().map(|told| told.subject).collect();
    assert_eq!(told, [named.into()], "who names nobody is told nothing");
}
