//! How calls that a real Asterisk takes as a whole end: what is known of it, and what is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pbx;
mod program;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use outdial_handset::EventKind;
use outdial_testkit::peers::Asterisk;
use pbx::Bench;
use program::{LIMIT, Server, outcome, tone_heard_for, words};
use serde_json::{Value, json};

/// An empty flow goes on in the dialplan at the first sound, where it rings for ever.
const EARLY: &str = "context = \"extensions\"\nextension = \"107\"\nearly_media = true\n";

async fn call(server: &Server, to: &str, flow: Value) -> Value {
    let body = json!({ "to": to, "flow": flow, "ring": "5s", "max": "20s", "via": "pbx" });
    server.call(&body).await
}

fn reason(story: &Value) -> &str {
    story["call"]["ending"]["reason"].as_str().unwrap()
}

/// Waits until a condition holds.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"))
}

#[tokio::test]
async fn by_the_manager_interface_sound_before_the_answer_is_none() {
    let Some(bench) = Bench::start().await else { return };
    // Asterisk rings itself: 114 is busy after two seconds of sound, 115 answers after them.
    let port = Some(bench.asterisk.address().port());
    bench.configure(port, &format!("{EARLY}{}", bench.by_manager()));
    let server = bench.home.serve().await;
    let story = call(&server, "114", json!([])).await;
    assert_eq!(outcome(&story), ("busy", "callee"), "{story:#}");
    assert_eq!(story["call"]["ending"]["q850"], 17, "{story:#}");
    assert!(!words(&story).contains(&"answered"), "{story:#}");
    let story = call(&server, "115", json!([])).await;
    assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
    // Without early media, the same sound changes nothing.
    server.stop().await;
    bench.configure(port, &bench.by_manager());
    let server = bench.home.serve().await;
    for (to, wanted, answered) in [("114", "busy", false), ("115", "completed", true)] {
        let story = call(&server, to, json!([{ "pause": "500ms" }])).await;
        assert_eq!(outcome(&story).0, wanted, "{story:#}");
        assert_eq!(words(&story).contains(&"answered"), answered, "{story:#}");
    }
    server.stop().await;
}

#[tokio::test]
async fn by_files_a_call_that_is_connected_early_is_unknown() {
    let Some(bench) = Bench::start().await else { return };
    let port = Some(bench.asterisk.address().port());
    bench.configure(port, &format!("{EARLY}{}", bench.by_files()));
    let server = bench.home.serve().await;
    let story = call(&server, "114", json!([])).await;
    assert_eq!(outcome(&story).0, "unknown", "{story:#}");
    assert!(reason(&story).contains("trunk.asterisk.ami"), "{story:#}");
    // Who is busy at once has had no sound.
    let story = call(&server, "105", json!([])).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    server.stop().await;
}

#[tokio::test]
async fn what_asterisk_does_not_have_rings_nobody_where_that_can_be_asked() {
    let Some(bench) = Bench::start().await else { return };
    let asks = bench.by_manager().replace(
        &format!("username = \"{}\"", Asterisk::USER),
        &format!("username = \"{}\"", Asterisk::ASKS),
    );
    bench.configure(None, &asks);
    let server = bench.home.serve().await;
    for (step, wanted) in [
        (json!({ "application": "NoSuch" }), "no application `NoSuch`"),
        (json!({ "context": "nowhere", "extension": "s" }), "does not exist"),
    ] {
        let story = call(&server, "200", json!([{ "hand_over": step }])).await;
        assert_eq!(outcome(&story).0, "failed", "{story:#}");
        assert!(reason(&story).contains(wanted), "{story:#}");
    }
    assert_eq!(bench.phones.rings("200").count, 0);
    let story = call(&server, "200", json!([{ "hand_over": { "application": "Echo" } }]));
    let (story, ()) = tokio::join!(story, async {
        bench.phones.wait_for("200", EventKind::Answered).await;
        bench.phones.hang_up("200");
    });
    assert_eq!(outcome(&story), ("completed", "callee"), "{story:#}");
    server.stop().await;
    // By files nobody can ask, and the result claims nothing but the answer.
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let story = call(&server, "200", json!([{ "hand_over": { "application": "NoSuch" } }])).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert!(reason(&story).contains("does not tell"), "{story:#}");
    server.stop().await;
}

#[tokio::test]
async fn two_are_connected_and_the_call_ends_as_it_went_with_the_other() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_manager());
    let server = bench.home.serve().await;
    let dial = |to: &str| json!([{ "dial": { "to": to, "ring": "2s" } }]);
    // The other one hangs up by itself.
    let story = call(&server, "206", dial("207")).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    hear_each_other(&bench).await;
    for (to, wanted) in [("202", "busy"), ("203", "no_answer"), ("105@extensions", "busy")] {
        let story = call(&server, "200", dial(to)).await;
        assert_eq!(outcome(&story).0, wanted, "{to}: {story:#}");
        assert!(reason(&story).contains("other party"), "{to}: {story:#}");
        assert!(words(&story).contains(&"answered"), "{to}: {story:#}");
    }
    server.stop().await;
    // By files the call is made all the same, and only the first answer is known.
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let story = call(&server, "200", dial("201")).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(bench.phones.rings("201").count, 1);
    server.stop().await;
}

/// The two that hum were rung once each, and heard each other.
async fn hear_each_other(bench: &Bench) {
    for (number, tone) in [("206", 730.0), ("207", 510.0)] {
        assert_eq!(bench.phones.rings(number).count, 1, "{number}");
        let heard = bench.phones.finished(number).await;
        let seconds = tone_heard_for(&heard.wav.unwrap(), tone);
        assert!(seconds >= 1.0, "{number} heard {tone} Hz for {seconds} s");
    }
}

#[tokio::test]
async fn several_meet_in_a_room_of_asterisks() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_manager());
    let server = bench.home.serve().await;
    let body = |to: &str| json!({ "to": to, "flow": [{ "conference": "lobby" }], "via": "pbx", "max": "60s" });
    let mut calls = Vec::new();
    for to in ["206", "207"] {
        calls.push(server.place(&body(to)).await);
    }
    let both = || {
        let room = room(&bench, "lobby")?;
        let members = bench.asterisk.cli(&format!("confbridge list {room}")).ok()?;
        (members.matches("PJSIP/anyone").count() == 2).then_some(())
    };
    until("both are in the room", both).await;
    assert_eq!(outcome(&server.ended(&calls[1]).await), ("completed", "callee"));
    let (status, _) = server
        .post(&format!("/api/v1/calls/{}/hangup", calls[0]), &json!({}))
        .await;
    assert!(status < 300, "{status}");
    assert_eq!(outcome(&server.ended(&calls[0]).await), ("completed", "request"));
    hear_each_other(&bench).await;
    server.stop().await;
}

/// What Asterisk calls a room of ours, once somebody is in it.
fn room(bench: &Bench, name: &str) -> Option<String> {
    let rooms = bench.asterisk.cli("confbridge list").ok()?;
    let mut words = rooms.split_whitespace();
    Some(words.find(|word| word.ends_with(&format!("-{name}")))?.to_owned())
}

#[tokio::test]
async fn who_is_not_let_into_a_room_was_not_in_it() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_manager());
    let server = bench.home.serve().await;
    let flow = json!([{ "conference": "closed" }]);
    let body = json!({ "to": "200", "flow": flow, "via": "pbx", "max": "60s" });
    let first = server.place(&body).await;
    let room = until("the first is in the room", || room(&bench, "closed")).await;
    bench.asterisk.cli(&format!("confbridge lock {room}")).unwrap();
    let story = call(&server, "206", flow).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    assert!(reason(&story).contains("did not let it into the room"), "{story:#}");
    bench.phones.hang_up("200");
    assert_eq!(outcome(&server.ended(&first).await), ("completed", "callee"));
    server.stop().await;
}

/// The only file in the queue, once it says that it is not to be dialled again.
async fn sealed(bench: &Bench) -> PathBuf {
    let look = || {
        let mut entries = fs::read_dir(bench.asterisk.call_files()).unwrap();
        let path = entries.next()?.unwrap().path();
        let text = fs::read_to_string(&path).ok()?;
        text.ends_with("\nChannel: /\n").then_some(path)
    };
    until("the file is sealed", look).await
}

#[tokio::test]
async fn by_files_a_call_that_outlives_our_crash_is_followed_to_its_end() {
    let Some(bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let body = json!({ "to": "200", "flow": [{ "pause": "15s" }], "via": "pbx" });
    let id = server.place(&body).await;
    sealed(&bench).await;
    server.kill().await;
    let began = Instant::now();
    let server = bench.home.serve().await;
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "it is ready only after the call"
    );
    // Longer than a moment after the start, it is still a call under way, which nobody can hang up.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (_, shown) = server.get(&format!("/api/v1/calls/{id}")).await;
    assert_eq!(shown["state"], "active", "{shown:#}");
    let (status, told) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
    assert_eq!((status, &told["code"]), (409, &json!("not_now")), "{told:#}");
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(bench.phones.rings("200").count, 1);
    assert_eq!(bench.queued(), 0);
    // A call of this run has staged its file somewhere.
    let story = call(&server, "105@extensions", json!([])).await;
    assert_eq!(outcome(&story).0, "failed", "{story:#}");
    server.stop().await;
    let spool = bench.asterisk.call_files();
    let names = fs::read_dir(spool.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut staging = names.filter(|name| name.to_string_lossy().contains("staging"));
    assert_eq!(
        staging.next(),
        None,
        "what was left by the crash is gone, and nothing is left"
    );
}

#[tokio::test]
async fn by_files_nobody_is_rung_twice_when_both_die() {
    let Some(mut bench) = Bench::start().await else { return };
    bench.configure(None, &bench.by_files());
    let server = bench.home.serve().await;
    let id = server
        .place(&json!({ "to": "203", "flow": [], "ring": "60s", "via": "pbx" }))
        .await;
    bench.phones.wait_for("203", EventKind::Ringing).await;
    let queued = sealed(&bench).await;
    server.kill().await;
    bench.asterisk.crash().unwrap();
    // As if the time had passed after which Asterisk looks at it again.
    let file = fs::File::options().append(true).open(&queued).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    bench.asterisk.start_again().await.unwrap();
    let archived = bench
        .asterisk
        .call_files()
        .with_file_name("outgoing_done")
        .join(queued.file_name().unwrap());
    let refused = || {
        fs::read_to_string(&archived)
            .ok()?
            .ends_with("Status: Failed\n")
            .then_some(())
    };
    until("Asterisk refuses the file", refused).await;
    let server = bench.home.serve().await;
    let story = server.ended(&id).await;
    assert_eq!(outcome(&story).0, "unknown", "{story:#}");
    assert!(reason(&story).contains("restarted"), "{story:#}");
    assert_eq!(bench.phones.rings("203").count, 1);
    server.stop().await;
}
