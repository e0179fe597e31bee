//! Several servers on one PostgreSQL database, of which some die, stand still or lose it: no phone rings
//! twice, every call ends, and what cannot be known is said to be unknown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, LIMIT, Server, outcome};
use serde_json::{Value, json};
use tokio::process::Command;

fn number(index: usize) -> String {
    format!("+6590000{index:03}")
}

/// Phones that answer at once, or ring for long, or say nothing.
async fn phones(count: usize) -> HandsetSet {
    let script = (0..count).fold(Script::new(), |script, index| {
        let number = number(index);
        script.phone(match index % 4 {
            0 => Phone::answering(number).ring(Duration::from_millis(20)),
            1 => Phone::answering(number).ring(Duration::from_secs(600)),
            2 => Phone::silent(number),
            _ => Phone::busy(number),
        })
    });
    HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap()
}

/// A node on the database, with room for so many calls.
fn node(name: &str, url: &str, handsets: &HandsetSet, room: usize) -> Home {
    let home = Home::new();
    home.configure_node(
        name,
        &format!(
            "[store]\nurl = \"{url}\"\n[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\"]\n\
             [limits]\nlive_calls = {room}\n[handsets]\nenabled = false\n\
             [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
            handsets.address().port()
        ),
    );
    home
}

async fn signal(server: &Server, name: &str) {
    let told = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(server.pid().to_string())
        .status()
        .await
        .unwrap();
    assert!(told.success());
}

/// Waits until a call is as wanted, as this server sees it.
async fn until(server: &Server, call: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let (status, seen) = server.get(&format!("/api/v1/calls/{call}")).await;
            if status == 200 && wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it gets there")
}

/// The node of a call's leg, once it has one.
async fn owner(server: &Server, call: &str) -> String {
    let call = until(server, call, |call| !call["attempts"][0]["legs"][0].is_null()).await;
    call["attempts"][0]["legs"][0]["node"].as_str().unwrap().to_owned()
}

/// How many legs of a call are in the journal.
fn journalled(story: &Value) -> u64 {
    let words = program::words(story);
    words.iter().filter(|word| **word == "journalled").count() as u64
}

/// How many of them are known not to have been sent, because their node had lost its lease by then.
fn unsent(story: &Value) -> u64 {
    let events = story["events"].as_array().unwrap().iter();
    let legs = events.filter(|event| event["type"] == "leg_ended");
    let reasons = legs.filter_map(|event| event["data"]["ending"]["reason"].as_str());
    reasons.filter(|reason| reason.starts_with("not sent: ")).count() as u64
}

/// Ends every call, and checks of each that it was journalled once at most and rang as often at most.
async fn account_for(server: &Server, handsets: &HandsetSet, calls: &BTreeMap<String, usize>) -> usize {
    let mut unknown = 0;
    for (id, index) in calls {
        let answered = |call: &Value| call["answered_at"].is_string();
        let call = until(server, id, |call| call["state"] == "ended" || answered(call)).await;
        if call["state"] != "ended" {
            let (status, answer) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
            // Of a call whose node is gone, another takes care.
            assert!(status == 200 || answer["code"] == "node_silent", "{status} {answer}");
        }
        let story = server.ended(id).await;
        let words = program::words(&story);
        let sent = journalled(&story) - unsent(&story);
        let rings = handsets.rings(&number(*index)).count;
        assert!(sent <= 1, "{story:#}");
        assert!(rings <= sent, "phone {index} rang {rings} times: {story:#}");
        let sequences: Vec<u64> = story["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["sequence"].as_u64().unwrap())
            .collect();
        assert_eq!(sequences, (1..=words.len() as u64).collect::<Vec<_>>(), "{story:#}");
        match outcome(&story).0 {
            "unknown" => unknown += 1,
            "completed" | "no_answer" | "busy" | "canceled" | "failed" => {}
            other => panic!("{other}: {story:#}"),
        }
    }
    unknown
}

#[tokio::test]
async fn a_killed_node_is_survived_by_the_others() {
    const CALLS: usize = 36;
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(CALLS).await;
    let homes = ["a", "b", "c"].map(|name| node(name, &url, &handsets, 8));
    let (a, b, c) = (homes[0].serve().await, homes[1].serve().await, homes[2].serve().await);
    let mut calls = BTreeMap::new();
    for index in 0..CALLS {
        let request = json!({ "to": number(index), "flow": program::pause("5m"), "ring": "4s" });
        calls.insert([&a, &b, &c][index % 3].place(&request).await, index);
    }
    handsets.wait_for(&number(0), EventKind::Answered).await;
    // A call is ended by a node that does not have it.
    let first = calls.iter().find(|(_, index)| **index == 0).unwrap().0.clone();
    let had_it = owner(&b, &first).await;
    let other = if had_it.starts_with("b-") { &c } else { &b };
    let (status, answer) = other.post(&format!("/api/v1/calls/{first}/hangup"), &json!({})).await;
    assert_eq!((status, answer["result"].as_str()), (200, Some("hung_up")), "{answer}");
    a.kill().await;
    account_for(&b, &handsets, &calls).await;
    // Its name is free when its lease has run out.
    let a = homes[0].serve().await;
    let ran = homes[0].run(&["calls", "list", "--state", "active", "--json"]).await;
    assert_eq!(ran.json()["calls"], json!([]), "{ran:?}");
    for server in [a, b, c] {
        server.stop().await;
    }
    handsets.shutdown().await;
}

#[tokio::test]
async fn what_a_killed_node_was_recording_is_closed_and_complete_when_it_is_back() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(8).await;
    let homes = ["a", "b"].map(|name| node(name, &url, &handsets, 8));
    let a = homes[0].serve().await;
    let mut recorded = Vec::new();
    for index in [0, 4] {
        let request = json!({ "to": number(index), "flow": program::pause("5m"), "record": true });
        let call = a.place(&request).await;
        let begun = a.reached(&call, "recording_started").await;
        let id = begun["data"]["recording"].as_str().unwrap().to_owned();
        // The row follows the event by itself.
        program::in_time(async || a.get(&format!("/api/v1/recordings/{id}")).await.0 == 200).await;
        recorded.push((call, id));
    }
    let b = homes[1].serve().await;
    a.kill().await;
    for (call, id) in &recorded {
        let story = b.ended(call).await;
        assert_eq!(outcome(&story).0, "unknown", "{story:#}");
        let words = program::words(&story);
        assert!(words.contains(&"recording_unreachable"), "{story:#}");
        assert!(!words.contains(&"recording_finished"), "{story:#}");
        let (_, seen) = b.get(&format!("/api/v1/recordings/{id}")).await;
        assert_eq!(
            (&seen["state"], &seen["end"], &seen["seconds"]),
            (&json!("unreachable"), &json!("interrupted"), &Value::Null),
            "{seen}"
        );
        let (status, refused) = b.get(&format!("/api/v1/recordings/{id}/audio")).await;
        assert_eq!(
            (status, &refused["code"]),
            (503, &json!("recording_unreadable")),
            "{refused}"
        );
        assert!(
            refused["detail"].as_str().unwrap().contains("the node `a`"),
            "{refused}"
        );
        let (status, stopped) = b.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
        assert_eq!(stopped["code"], "not_recording", "{status} {stopped}");
    }
    let [(call, kept), (_, deleted)] = &recorded[..] else {
        panic!()
    };
    let ran = homes[1].run(&["recordings", "delete", deleted]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = homes[1].run(&["explain", call]).await.out;
    assert!(told.contains("the node a was writing it"), "{told}");
    assert!(told.contains("what was heard is not known"), "{told}");
    // Its lease has to run out first.
    let a = homes[0].serve().await;
    let finished = async || {
        let (_, seen) = b.get(&format!("/api/v1/recordings/{kept}")).await;
        seen["state"] == "finished" && seen["seconds"].is_number() && seen["end"] == "interrupted"
    };
    program::in_time(finished).await;
    let (status, _) = b.get(&format!("/api/v1/recordings/{deleted}")).await;
    assert_eq!(status, 404);
    for server in [a, b] {
        server.stop().await;
    }
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_node_that_stood_still_beyond_its_lease_dials_nothing_of_others() {
    const CALLS: usize = 24;
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(CALLS).await;
    let homes = ["a", "b"].map(|name| node(name, &url, &handsets, 12));
    let (a, b) = (homes[0].serve().await, homes[1].serve().await);
    let mut calls = BTreeMap::new();
    for index in 0..CALLS {
        let request = json!({ "to": number(index), "flow": program::pause("5m"), "ring": "4s" });
        calls.insert(a.place(&request).await, index);
    }
    handsets.wait_for(&number(0), EventKind::Answered).await;
    signal(&a, "STOP").await;
    // The other finds what stands still, and has ended it all when it goes on.
    let unknown = account_for(&b, &handsets, &calls).await;
    assert!(unknown > 0, "the call that was answered was under way");
    let rung: Vec<u64> = (0..CALLS).map(|index| handsets.rings(&number(index)).count).collect();
    signal(&a, "CONT").await;
    // It takes part again, as another run of the same node.
    let (status, _) = a.get("/readyz").await;
    assert_eq!(status, 200);
    account_for(&a, &handsets, &calls).await;
    let rung_since: Vec<u64> = (0..CALLS).map(|index| handsets.rings(&number(index)).count).collect();
    assert_eq!(rung, rung_since, "nothing rang when it went on");
    for server in [a, b] {
        server.stop().await;
    }
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_database_that_is_away_stops_dialling_and_nothing_else() {
    const CALLS: usize = 12;
    if !require(Peer::Postgres) {
        return;
    }
    let mut database = Postgres::start().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(CALLS).await;
    let homes = ["a", "b"].map(|name| node(name, &url, &handsets, 12));
    let (a, b) = (homes[0].serve().await, homes[1].serve().await);
    let request = |index: usize| json!({ "to": number(index), "flow": program::pause("5m"), "ring": "4s" });
    let live = a.place(&request(0)).await;
    handsets.wait_for(&number(0), EventKind::Answered).await;
    until(&b, &live, |call| call["answered_at"].is_string()).await;
    database.crash();
    // Longer than a lease, so that every node has lost its own.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let response = a.post_raw("/api/v1/calls", &request(4)).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(handsets.rings(&number(4)).count, 0);
    database.start_again().await.unwrap();
    // All goes on by itself, and the live call was never disturbed.
    let mut calls = BTreeMap::from([(live.clone(), 0)]);
    let later = tokio::time::timeout(LIMIT, async {
        loop {
            let (status, call) = b.post("/api/v1/calls", &request(8)).await;
            if status == 201 {
                return call["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    calls.insert(later.await.expect("it is taken again"), 8);
    handsets.wait_for(&number(8), EventKind::Answered).await;
    let (_, call) = b.get(&format!("/api/v1/calls/{live}")).await;
    assert_eq!(call["state"], "active", "{call:#}");
    hang_up(&b, &live).await;
    assert_eq!(outcome(&b.ended(&live).await).0, "completed");
    account_for(&a, &handsets, &calls).await;
    for server in [a, b] {
        server.stop().await;
    }
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_second_node_of_the_same_name_is_refused() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(1).await;
    let (one, two) = (node("a", &url, &handsets, 8), node("a", &url, &handsets, 8));
    let server = one.serve().await;
    let ran = two.run(&["serve"]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("OUTDIAL_SERVER__NODE"), "{ran:?}");
    server.stop().await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_node_that_drains_hands_its_queue_over() {
    const CALLS: usize = 24;
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(CALLS).await;
    let homes = ["a", "b"].map(|name| node(name, &url, &handsets, 4));
    let a = homes[0].serve().await;
    let mut calls = BTreeMap::new();
    for index in 0..CALLS {
        let request = json!({ "to": number(index), "flow": program::pause("2s"), "ring": "2s" });
        calls.insert(a.place(&request).await, index);
    }
    handsets.wait_for(&number(0), EventKind::Answered).await;
    let b = homes[1].serve().await;
    signal(&a, "TERM").await;
    let not_ready = tokio::time::timeout(LIMIT, async {
        loop {
            let (status, answer) = a.get("/readyz").await;
            if status == 503 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert_eq!(not_ready.await.expect("it says so")["code"], "stopping");
    a.ended_well().await;
    let unknown = account_for(&b, &handsets, &calls).await;
    assert_eq!(unknown, 0, "nothing was lost on the way");
    for index in (0..CALLS).step_by(4) {
        assert_eq!(handsets.rings(&number(index)).count, 1, "phone {index}");
    }
    b.stop().await;
    handsets.shutdown().await;
}

/// Two nodes: the first has a fault and takes the call, because the second is busy with another one.
async fn taken_by_a_node_that_stands_still(
    fault: &str,
) -> Option<(Vec<Home>, Server, Server, HandsetSet, String, Arc<Postgres>)> {
    if !require(Peer::Postgres) {
        return None;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(12).await;
    let homes = vec![node("a", &url, &handsets, 8), node("b", &url, &handsets, 1)];
    let b = homes[1].serve().await;
    let request = |index: usize| json!({ "to": number(index), "flow": program::pause("5m"), "ring": "4s" });
    let first = b.place(&request(0)).await;
    handsets.wait_for(&number(0), EventKind::Answered).await;
    let a = homes[0].serve_with_fault(fault).await;
    let call = b.place(&request(4)).await;
    a.stands_still().await;
    let (status, _) = b.post(&format!("/api/v1/calls/{first}/hangup"), &json!({})).await;
    assert_eq!(status, 200);
    Some((homes, a, b, handsets, call, database))
}

#[tokio::test]
async fn a_node_that_wakes_before_its_journal_finds_the_call_taken() {
    let Some((_homes, a, b, handsets, call, _database)) =
        taken_by_a_node_that_stands_still("before_journal:1:stop").await
    else {
        return;
    };
    let stood = std::time::Instant::now();
    handsets.wait_for(&number(4), EventKind::Answered).await;
    assert!(stood.elapsed() < Duration::from_secs(20), "{:?}", stood.elapsed());
    let owner = owner(&b, &call).await;
    assert!(owner.starts_with("b-"), "{owner}");
    wakes_and_dials(&a, &handsets).await;
    assert_eq!(handsets.rings(&number(4)).count, 1, "it had rung when the other woke");
    a.stop().await;
    b.stop().await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_node_that_wakes_between_journal_and_send_sends_nothing() {
    let Some((_homes, a, b, handsets, call, _database)) =
        taken_by_a_node_that_stands_still("after_journal:1:stop").await
    else {
        return;
    };
    let story = b.ended(&call).await;
    assert_eq!(outcome(&story).0, "unknown", "{story:#}");
    wakes_and_dials(&a, &handsets).await;
    assert_eq!(handsets.rings(&number(4)).count, 0, "its time to send was over");
    a.stop().await;
    b.stop().await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn what_a_node_is_too_late_to_send_is_dialled_all_the_same() {
    let Some((_homes, a, b, handsets, call, _database)) =
        taken_by_a_node_that_stands_still("after_journal:1:stop").await
    else {
        return;
    };
    // Longer than its lease, and not so long that it is declared gone.
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    signal(&a, "CONT").await;
    handsets.wait_for(&number(4), EventKind::Answered).await;
    assert_eq!(handsets.rings(&number(4)).count, 1);
    hang_up(&b, &call).await;
    let story = b.ended(&call).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!((journalled(&story), unsent(&story)), (2, 1), "{story:#}");
    a.stop().await;
    b.stop().await;
    handsets.shutdown().await;
}

/// Ends a call whose owner may not have renewed its lease yet: until it has, whoever asks is told to ask again.
async fn hang_up(asked: &Server, call: &str) {
    let answered = tokio::time::timeout(LIMIT, async {
        loop {
            let (status, answer) = asked.post(&format!("/api/v1/calls/{call}/hangup"), &json!({})).await;
            if answer["code"] != "node_silent" {
                return (status, answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let (status, answer) = answered.await.expect("its owner answers again");
    assert_eq!((status, answer["result"].as_str()), (200, Some("hung_up")), "{answer}");
}

/// Lets a node go on that stood still, and waits until it has dialled something else: by then it has also
/// done, or not done, what it stood still before.
async fn wakes_and_dials(a: &Server, handsets: &HandsetSet) {
    signal(a, "CONT").await;
    let request = json!({ "to": number(8), "flow": program::pause("1s"), "ring": "4s" });
    let story = a.call(&request).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(handsets.rings(&number(8)).count, 1);
}

#[tokio::test]
async fn what_another_node_has_is_told_what_to_do_from_here() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let handsets = phones(12).await;
    let homes = ["a", "b"].map(|name| node(name, &url, &handsets, 8));
    let (a, b) = (homes[0].serve().await, homes[1].serve().await);
    let body = json!({ "room": "lobby", "participants": [number(0), number(4)] });
    let (status, opened) = a.post("/api/v1/rooms", &body).await;
    assert_eq!(status, 201, "{opened}");
    let calls: Vec<String> = opened["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["id"].as_str().unwrap().to_owned())
        .collect();
    for call in &calls {
        a.reached(call, "room_joined").await;
    }
    // Whichever node has the room, one of the two is asked about what is not its own.
    for asked in [&a, &b] {
        let (_, page) = asked.get("/api/v1/rooms").await;
        assert_eq!(page["rooms"][0]["members"].as_array().map(Vec::len), Some(2), "{page}");
        for locked in [true, false] {
            let change = asked.patch("/api/v1/rooms/lobby", &json!({ "locked": locked })).await;
            assert_eq!((change.0, &change.1["locked"]), (200, &json!(locked)), "{}", change.1);
        }
        for muted in [true, false] {
            let path = format!("/api/v1/calls/{}/control", calls[0]);
            let (status, told) = asked.post(&path, &json!({ "mute": muted })).await;
            assert_eq!(status, 200, "{told}");
            let (_, room) = asked.get("/api/v1/rooms/lobby").await;
            let members = room["members"].as_array().unwrap();
            let member = members.iter().find(|member| member["call"] == calls[0].as_str());
            assert_eq!(member.unwrap()["muted"], muted, "{room}");
        }
    }
    // A room whose node died is said to be out of reach, and so are its calls, until they are ended.
    let owner = owner(&a, &calls[0]).await;
    let (dead, alive) = if owner.starts_with("a-") { (a, b) } else { (b, a) };
    dead.kill().await;
    let (status, told) = alive.patch("/api/v1/rooms/lobby", &json!({ "locked": true })).await;
    assert_eq!((status, &told["code"]), (503, &json!("node_silent")), "{told}");
    let path = format!("/api/v1/calls/{}/control", calls[0]);
    let (status, told) = alive.post(&path, &json!({ "mute": true })).await;
    assert_eq!((status, &told["code"]), (503, &json!("node_silent")), "{told}");
    for call in &calls {
        alive.ended(call).await;
    }
    let (status, told) = alive.post(&path, &json!({ "mute": true })).await;
    assert_eq!((status, &told["code"]), (409, &json!("call_not_live")), "{told}");
    let (status, told) = alive.get("/api/v1/rooms/lobby").await;
    assert_eq!((status, &told["code"]), (404, &json!("room_not_found")), "{told}");
    alive.stop().await;
    handsets.shutdown().await;
}
