//! Webhooks of an account.

use std::time::Duration;

use outdial_domain::{EventFilter, Webhook};
use outdial_engine::verbs::{self, Replay};
use outdial_webhooks::{ID, SIGNATURE, TIMESTAMP, verify};

use crate::rig::{Rig, all_of, status};

const URL: &str = "https://hooks.example/";

async fn webhook(rig: &Rig, url: &str, events: &[&'static str]) -> Webhook {
    verbs::create_webhook(&rig.engine, &rig.actor, url.to_owned(), EventFilter::of(events), None)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_of_all_calls_from_its_making_on() {
    let rig = Rig::start().await;
    let (before, _) = rig.whole_call().await;
    webhook(&rig, URL, &[]).await;
    webhook(&rig, "https://ends.example/", &["ended"]).await;
    let (call, events) = rig.whole_call().await;
    assert_eq!(rig.receivers.took(URL, events as usize).await, all_of(call, events));
    assert_eq!(rig.receivers.took("https://ends.example/", 1).await, [(call, events)]);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(rig.receivers.at("https://").iter().all(|got| got.what().0 != before));
    assert_eq!(rig.receivers.at("https://").len(), events as usize + 1);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_after_a_restart_and_not_of_other_accounts() {
    let rig = Rig::start().await;
    webhook(&rig, URL, &["ended"]).await;
    rig.receivers.answer(URL, |_| status(500));
    let (call, events) = rig.whole_call().await;
    let rig = rig.restart(Duration::from_secs(10)).await;
    let theirs = rig.world.account("theirs", &[]).await;
    verbs::place_call(&rig.engine, &theirs, Rig::request(None))
        .await
        .unwrap();
    rig.receivers.answer(URL, |_| status(200));
    assert_eq!(rig.receivers.took(URL, 1).await, [(call, events)]);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(rig.receivers.taken_at(URL).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_secrets_sign_while_they_are_changed() {
    let rig = Rig::start().await;
    let first = webhook(&rig, URL, &["ended"]).await;
    let hour = Duration::from_secs(3_600);
    let second = verbs::rotate_webhook_secret(&rig.engine, &rig.actor, first.id, hour, None)
        .await
        .unwrap();
    let (old, new) = (&first.secrets[0].secret, &second.secrets[0].secret);
    rig.whole_call().await;
    rig.receivers.took(URL, 1).await;
    tokio::time::sleep(hour).await;
    rig.whole_call().await;
    rig.receivers.took(URL, 2).await;
    let got = rig.receivers.at(URL);
    for (got, fits) in got.iter().zip([[true, true], [false, true]]) {
        let (id, time, signed) = (got.header(ID), got.header(TIMESTAMP), got.header(SIGNATURE));
        let checked = [old, new].map(|secret| verify(secret, id, time, signed, &got.posting.body, got.at).is_ok());
        assert_eq!(checked, fits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_gone_is_off_until_it_is_turned_on() {
    let rig = Rig::start().await;
    let hook = webhook(&rig, URL, &["ended"]).await;
    rig.receivers.answer(URL, |_| status(410));
    let (missed, events) = rig.whole_call().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let shown = verbs::get_webhook(&rig.engine, &rig.actor, hook.id).await.unwrap();
    assert!(shown.disabled.unwrap().contains("410"));
    rig.receivers.answer(URL, |_| status(200));
    rig.whole_call().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(rig.receivers.at(URL).len(), 1);
    verbs::enable_webhook(&rig.engine, &rig.actor, hook.id).await.unwrap();
    let (call, of_call) = rig.whole_call().await;
    assert_eq!(rig.receivers.took(URL, 1).await, [(call, of_call)]);
    // What it missed can be told.
    let all = Replay::Positions {
        webhook: hook.id,
        after: 0,
        through: i64::MAX,
    };
    assert_eq!(verbs::replay(&rig.engine, &rig.actor, all).await.unwrap().events, 3);
    let told = rig.receivers.took(URL, 4).await;
    assert!(told[1..].contains(&(missed, events)));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_was_removed_is_told_nothing() {
    let rig = Rig::start().await;
    let hook = webhook(&rig, URL, &[]).await;
    rig.receivers.answer(URL, |_| status(500));
    rig.whole_call().await;
    verbs::remove_webhook(&rig.engine, &rig.actor, hook.id).await.unwrap();
    rig.receivers.answer(URL, |_| status(200));
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(rig.receivers.taken_at(URL), []);
}
