//! The program is killed in the middle of calls and started again: no phone rings twice, and no
//! call is forgotten.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{collections::BTreeMap, time::Duration};

use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use program::{Home, outcome};
use serde_json::{Value, json};

const CALLS: usize = 40;

fn number(index: usize) -> String {
    format!("+6590000{index:03}")
}

/// Phones of four kinds, so that the kill meets calls in every state.
fn phones() -> Script {
    (0..CALLS).fold(Script::new(), |script, index| {
        let number = number(index);
        script.phone(match index % 4 {
            0 => Phone::answering(number).ring(Duration::from_millis(20)),
            1 => Phone::answering(number).ring(Duration::from_secs(30)),
            2 => Phone::silent(number),
            _ => Phone::busy(number),
        })
    })
}

#[tokio::test]
async fn no_phone_rings_twice_and_no_call_is_forgotten() {
    let home = Home::new();
    let log = home.dir.path().join("rings.jsonl");
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), phones().ring_log(&log), None)
        .await
        .unwrap();
    let config = format!(
        "[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\"]\n[limits]\nlive_calls = 30\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\ncalls_per_second = 0\n",
        handsets.address().port()
    );
    home.configure(&config);

    let server = home.serve().await;
    let mut calls = BTreeMap::new();
    for index in 0..CALLS {
        let request = json!({ "to": number(index), "flow": program::pause("5m"), "ring": "5s" });
        calls.insert(server.place(&request).await, index);
    }
    // The room for 30 calls is full of answered, ringing and silent ones when it is killed.
    handsets.wait_for(&number(0), EventKind::Answered).await;
    invited(&handsets, 1).await;
    invited(&handsets, 2).await;
    server.kill().await;
    let rung_before: Vec<u64> = (0..CALLS).map(|index| handsets.rings(&number(index)).count).collect();

    let server = home.serve().await;
    let mut unknown = 0;
    for (id, index) in &calls {
        // A call that was not journalled before the kill is dialled now; its phone may answer and
        // would then listen for five minutes.
        let (_, call) = server.get(&format!("/api/v1/calls/{id}")).await;
        if call["state"] != "ended" && index % 4 == 0 {
            handsets.wait_for(&number(*index), EventKind::Answered).await;
            let (status, _) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
            assert_eq!(status, 200);
        }
        let story = server.ended(id).await;
        let journalled = program::words(&story)
            .iter()
            .filter(|word| **word == "journalled")
            .count() as u64;
        let rings = handsets.rings(&number(*index)).count;
        assert!(rings <= 1, "phone {index} rang {rings} times");
        assert!(rings <= journalled, "phone {index} rang without a journal: {story:#}");
        check(*index, rung_before[*index], &story);
        unknown += usize::from(outcome(&story).0 == "unknown");
    }
    assert!(unknown >= 3, "{unknown} unknown calls");
    server.stop().await;

    // What the phones wrote down themselves says the same.
    let log = std::fs::read_to_string(&log).unwrap();
    let invites = log.lines().filter(|line| line.contains("\"event\":\"invite\"")).count();
    assert!(invites <= CALLS, "{invites} invitations for {CALLS} calls");
    handsets.shutdown().await;
}

async fn invited(handsets: &HandsetSet, index: usize) {
    let number = number(index);
    handsets
        .wait_until(|event| event.number == number && matches!(event.kind, EventKind::Invite { .. }))
        .await;
}

fn check(index: usize, rung_before: u64, story: &Value) {
    let (outcome, by) = outcome(story);
    match (index % 4, outcome) {
        (_, "unknown") => assert_eq!(by, "system"),
        (0, "completed") | (1 | 2, "no_answer") | (3, "busy") => {}
        _ => panic!("phone {index}, rung {rung_before} times before the kill: {story:#}"),
    }
}
