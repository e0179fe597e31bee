//! Phones count how often they ring while more calls are handed over than a trunk takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use jiff::{SignedDuration, Timestamp};
use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use program::Home;
use serde_json::json;

const CALLS: usize = 12;
/// A trunk that takes two calls a second.
const APART: SignedDuration = SignedDuration::from_millis(500);

fn number(index: usize) -> String {
    format!("+6590000{index:03}")
}

#[tokio::test]
async fn phones_ring_no_faster_than_their_trunk_allows_and_the_urgent_one_does_not_wait_for_all() {
    let home = Home::new();
    let script = Script::new().phone(Phone::busy("*"));
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap();
    home.configure(&format!(
        "[sip]\nbind = \"127.0.0.1:0\"\n[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\ncalls_per_second = 2\n",
        handsets.address().port()
    ));
    let server = home.serve().await;
    let mut calls = Vec::new();
    for index in 0..CALLS {
        calls.push(server.place(&json!({ "to": number(index), "say": "Hello" })).await);
    }
    let urgent = server
        .place(&json!({ "to": number(CALLS), "say": "Alert", "priority": "high" }))
        .await;
    let (_, last) = server.get(&format!("/api/v1/calls/{}", calls[CALLS - 1])).await;
    let queue = &last["queue"];
    assert_eq!(queue["because"], "trunk phones allows 2 calls a second", "{last}");
    assert!(
        queue["place"].as_u64().unwrap() >= 2 && queue["eta"].is_string(),
        "{last}"
    );

    for id in calls.iter().chain([&urgent]) {
        assert_eq!(program::outcome(&server.ended(id).await).0, "busy");
    }
    let (_, first) = server.get(&format!("/api/v1/calls/{}", calls[0])).await;
    let begun: Timestamp = first["created_at"].as_str().unwrap().parse().unwrap();
    let rung: Vec<_> = handsets
        .events()
        .into_iter()
        .filter(|event| matches!(event.kind, EventKind::Invite { .. }))
        .collect();
    assert_eq!(rung.len(), CALLS + 1, "each phone once");
    // A machine with much to do rings late, and never early.
    for (before, event) in rung.iter().enumerate() {
        let since = event.time.duration_since(begun);
        let earliest = APART * i32::try_from(before).unwrap();
        assert!(since >= earliest, "ring {before} came after {since:?}");
    }
    assert_ne!(rung[CALLS].number, number(CALLS), "the urgent call was the last");
    server.stop().await;
    handsets.shutdown().await;
}
