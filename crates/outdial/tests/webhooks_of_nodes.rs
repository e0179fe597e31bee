//! Notifications of several servers on one PostgreSQL database: each is sent once while all goes well, in the
//! order of its call, and what a server that is killed was telling is told by another within seconds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod receiver;

use std::{sync::atomic::Ordering, time::Duration};

use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, Server};
use receiver::Receiver;
use serde_json::json;

const BUSY: &str = "+12025550101";

fn node(name: &str, url: &str) -> Home {
    let home = Home::new();
    let more = format!("[store]\nurl = \"{url}\"\n[webhooks]\nallow = [\"127.0.0.1\"]\n[flow]\nnone = []\n");
    home.configure_node(name, &more);
    home
}

/// Places so many calls, by turns at these servers, each with a receiver of its own at every second.
async fn calls(servers: &[&Server], receiver: &Receiver, many: usize) -> Vec<String> {
    let mut calls = Vec::new();
    for number in 0..many {
        let mut call = json!({ "to": BUSY, "flow": "none" });
        if number % 2 == 0 {
            call["webhook"] = json!({ "url": receiver.url().replace("hook", "own") });
        }
        calls.push(servers[number % servers.len()].place(&call).await);
    }
    calls
}

/// Every event of every call has come, in order and without gaps.
async fn assert_told(server: &Server, receiver: &Receiver, calls: &[String]) {
    let told = receiver.sequences();
    for call in calls {
        let (_, story) = server.get(&format!("/api/v1/calls/{call}/events")).await;
        let events = story["events"].as_array().unwrap().len() as u64;
        assert_eq!(
            told[call],
            (1..=events).collect::<Vec<_>>(),
            "{call}: in order, without gaps"
        );
    }
}

#[tokio::test]
async fn two_nodes_tell_each_event_once_and_in_order() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let homes = [node("a", &url), node("b", &url)];
    let (a, b) = (homes[0].serve().await, homes[1].serve().await);
    let receiver = Receiver::start(200).await;
    let own = Receiver::start(200).await;
    let (status, hook) = b.post("/api/v1/webhooks", &json!({ "url": receiver.url() })).await;
    assert_eq!(status, 201, "{hook}");
    let calls = calls(&[&a, &b], &own, 40).await;
    for call in &calls {
        a.ended(call).await;
    }
    receiver.ends(calls.len()).await;
    own.ends(calls.len() / 2).await;
    assert_told(&a, &receiver, &calls).await;
    let of_own: Vec<String> = calls.iter().step_by(2).cloned().collect();
    assert_told(&b, &own, &of_own).await;
    // A stop is a good case, too: what is under way is told to its end by who began it.
    a.stop().await;
    b.stop().await;
    for receiver in [&receiver, &own] {
        let twice: Vec<_> = receiver.times().into_iter().filter(|(_, times)| *times != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}

#[tokio::test]
async fn what_a_killed_node_was_telling_another_tells_within_seconds() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let homes = [node("a", &url), node("b", &url)];
    let a = homes[0].serve().await;
    // It takes what it is told, and never answers: who tells it is busy with it when it dies.
    let receiver = Receiver::silent().await;
    let (status, hook) = a.post("/api/v1/webhooks", &json!({ "url": receiver.url() })).await;
    assert_eq!(status, 201, "{hook}");
    let call = a.place(&json!({ "to": BUSY, "flow": "none" })).await;
    a.ended(&call).await;
    receiver.was_asked().await;
    let b = homes[1].serve().await;
    a.kill().await;
    let died = std::time::Instant::now();
    receiver.answer.store(200, Ordering::Relaxed);
    receiver.ends(1).await;
    let took = died.elapsed();
    assert!(took < Duration::from_secs(15), "its lease lasts for 3 s: {took:?}");
    assert_told(&b, &receiver, &[call]).await;
    b.stop().await;
}
