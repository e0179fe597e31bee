//! People who talk to each other through the program: two by a bridge, three in a room. Built-in handsets
//! hum a note each, and find in their recordings what the others hummed, and nothing of their own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::path::PathBuf;

use program::{Home, tone_heard_for};
use serde_json::{Value, json};

/// The number that is shown.
const OURS: &str = "+6561234567";
/// Who hums what, in Hz: whole numbers of periods in 20 ms would hide what is lost.
const ANN: (&str, f64) = ("+12025550110", 510.0);
const BEN: (&str, f64) = ("+12025550111", 730.0);
const CLEO: (&str, f64) = ("+12025550112", 1130.0);

/// A home whose handsets hum, and hang up by themselves.
fn humming() -> Home {
    let home = Home::new();
    let script = home.dir.path().join("phones.toml");
    let phones: String = [ANN, BEN, CLEO]
        .iter()
        .map(|(number, tone)| {
            format!(
                "[[phone]]\nnumber = \"{number}\"\nring = \"200ms\"\n\
                 do = [{{ tone = {tone}, for = \"5s\" }}, {{ wait = \"1s\" }}, {{ hang_up = true }}]\n"
            )
        })
        .collect();
    let busy = "[[phone]]\nnumber = \"+12025550119\"\nthen = \"busy\"\n";
    std::fs::write(&script, phones + busy).unwrap();
    home.configure(&format!(
        "[handsets]\nscript = \"{}\"\n[[number]]\nnumber = \"{OURS}\"\nuses = [\"caller_id\"]\n",
        script.display()
    ));
    home
}

/// The recording of a phone that was rung once.
fn recording(home: &Home, number: &str) -> PathBuf {
    let heard = home.data().join("heard");
    let mut found = std::fs::read_dir(&heard)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(number));
    let first = found.next().unwrap_or_else(|| panic!("{number} recorded nothing"));
    assert!(found.next().is_none(), "{number} was rung twice");
    first
}

/// For how many seconds a phone heard a tone.
fn heard_for(home: &Home, number: &str, tone: f64) -> f64 {
    tone_heard_for(&recording(home, number), tone)
}

fn legs(call: &Value) -> Vec<Value> {
    call["attempts"][0]["legs"].as_array().unwrap().clone()
}

#[tokio::test]
async fn two_hear_each_other_over_a_bridge_and_see_one_number() {
    let home = humming();
    let ran = home
        .run(&["call", ANN.0, "--bridge", BEN.0, "--from", OURS, "--wait", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let call = ran.json();
    let legs = legs(&call);
    assert_eq!(legs.len(), 2, "{call:#}");
    for leg in &legs {
        assert_eq!(leg["shows"], OURS, "{leg:#}");
        assert_eq!(leg["ending"]["outcome"], "completed", "{leg:#}");
    }
    let (ann, ben) = (heard_for(&home, ANN.0, BEN.1), heard_for(&home, BEN.0, ANN.1));
    assert!(
        ann > 3.0 && ben > 3.0,
        "Ann heard Ben for {ann} s, Ben heard Ann for {ben} s"
    );
    for (who, own) in [ANN, BEN] {
        assert!(heard_for(&home, who, own) < 0.2, "{who} heard itself");
    }
    let explained = home.run(&["explain", call["id"].as_str().unwrap(), "--unmasked"]).await;
    for part in ["A answered", "B answered", "connected", "B journalled", "SIP of"] {
        assert!(explained.out.contains(part), "{part}: {}", explained.out);
    }
}

#[tokio::test]
async fn a_busy_phone_is_named_as_the_reason() {
    let home = humming();
    let ran = home
        .run(&[
            "call",
            ANN.0,
            "--bridge",
            "+12025550119",
            "--private",
            "--wait",
            "--json",
        ])
        .await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let call = ran.json();
    let legs = legs(&call);
    assert_eq!(call["outcome"], "busy", "{call:#}");
    assert_eq!(call["ending"]["leg"], legs[1]["id"]);
    assert_eq!(legs[1]["shows"], "private");
    // Four strokes of a busy tone.
    assert!(heard_for(&home, ANN.0, 425.0) > 1.0, "Ann did not hear why");
}

#[tokio::test]
async fn each_hears_all_others_in_a_room() {
    let home = humming();
    let ran = home
        .run(&["room", "stand-up", ANN.0, BEN.0, CLEO.0, "--wait", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let opened = ran.json();
    assert_eq!(opened["room"], "stand-up");
    assert_eq!(opened["calls"].as_array().unwrap().len(), 3);
    let everybody = [ANN, BEN, CLEO];
    for (who, own) in everybody {
        assert!(heard_for(&home, who, own) < 0.2, "{who} heard itself");
        for (other, tone) in everybody.into_iter().filter(|(other, _)| *other != who) {
            let heard = heard_for(&home, who, tone);
            assert!(heard > 2.5, "{who} heard {other} for {heard} s only");
        }
    }
}

#[tokio::test]
async fn a_room_is_recorded_with_all_who_are_in_it() {
    let home = humming();
    let server = home.serve().await;
    let body = json!({"room": "board", "participants": [ANN.0, BEN.0, CLEO.0], "record": true});
    let (status, opened) = server.post("/api/v1/rooms", &body).await;
    assert_eq!(status, 201, "{opened}");
    for call in opened["calls"].as_array().unwrap() {
        server.ended(call["id"].as_str().unwrap()).await;
    }
    let (_, page) = server.get("/api/v1/recordings").await;
    let mut recordings = page["recordings"].as_array().unwrap().clone();
    for recording in &recordings {
        assert_eq!(
            (&recording["channels"], &recording["name"], &recording["state"]),
            (&json!("room"), &json!("board"), &json!("finished")),
            "{page:#}"
        );
    }
    // They hang up one after the other, so the last moments may belong to another.
    recordings.sort_by_key(|recording| recording["bytes"].as_u64());
    let longest = recordings.last().unwrap()["id"].as_str().unwrap();
    let out = home.dir.path().join("board.wav");
    let ran = home
        .run(&["recordings", "download", longest, "--out", out.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for (who, tone) in [ANN, BEN, CLEO] {
        let heard = tone_heard_for(&out, tone);
        assert!(heard > 2.5, "{who} is heard for {heard} s only");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_room_is_watched_and_ended_while_it_runs() {
    let home = humming();
    let server = home.serve().await;
    let body = json!({"room": "lobby", "participants": [ANN.0, {"to": BEN.0, "muted": true}]});
    let (status, opened) = server.post("/api/v1/rooms", &body).await;
    assert_eq!(status, 201, "{opened}");
    let calls: Vec<&str> = opened["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["id"].as_str().unwrap())
        .collect();
    for call in &calls {
        server.reached(call, "room_joined").await;
    }
    let listed = home.run(&["rooms", "list"]).await;
    assert!(listed.out.contains("lobby"), "{listed:?}");
    let shown = home.run(&["rooms", "show", "lobby"]).await;
    assert!(shown.out.contains(ANN.0) && shown.out.contains("muted"), "{shown:?}");
    let locked = home.run(&["rooms", "lock", "lobby"]).await;
    assert!(locked.out.contains("locked"), "{locked:?}");
    let late = home.run(&["call", CLEO.0, "--room", "lobby", "--wait"]).await;
    assert!(late.err.contains("the room is locked"), "{late:?}");
    assert_eq!(late.code, 1, "{late:?}");
    assert!(
        late.out.contains("refused, by system (turned away from the room lobby"),
        "{late:?}"
    );
    let unmuted = home
        .run(&["calls", "control", calls[1], "--unmute", "--why", "her turn"])
        .await;
    assert_eq!(unmuted.out.trim(), "not muted", "{unmuted:?}");
    let ended = home.run(&["rooms", "end", "lobby"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    for call in &calls {
        let story = server.ended(call).await;
        assert_eq!(story["call"]["outcome"], "completed", "{story:#}");
    }
    // The second of the three tones by which a network says that it does not connect.
    assert!(heard_for(&home, CLEO.0, 1_400.0) > 0.4, "Cleo did not hear why");
    let gone = home.run(&["rooms", "show", "lobby"]).await;
    assert_eq!(gone.code, 3, "{gone:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_pair_is_masked_from_the_command_line() {
    let home = Home::new();
    home.configure(&format!(
        "[[number]]\nnumber = \"{OURS}\"\nuses = [\"caller_id\", \"receives_calls\"]\nflow = \"sorry\"\n\
         [flow]\nsorry = [{{ say = \"This number is not in use.\" }}]\n"
    ));
    let server = home.serve().await;
    let [one, other, third] = ["+12025550100", "+12025550101", "+12025550102"];
    let ran = home
        .run(&[
            "masks", "add", one, other, "--pin", "4711", "--lasts", "48h", "--tag", "deal 7", "--json",
        ])
        .await;
    let mask = ran.json();
    assert_eq!((&mask["number"], &mask["pin"]), (&json!(OURS), &json!(true)), "{ran:?}");
    let id = mask["id"].as_str().unwrap();
    for arguments in [vec!["masks", "list"], vec!["mask", "show", id]] {
        let ran = home.run(&arguments).await;
        assert!(
            [id, OURS, one, other, "deal 7"]
                .iter()
                .all(|part| ran.out.contains(part)),
            "{ran:?}"
        );
        assert!(!ran.out.contains("4711"), "{ran:?}");
    }
    let taken = home.run(&["masks", "add", one, third]).await;
    assert_eq!(taken.code, 3, "{taken:?}");
    assert!(taken.err.contains("no number of this account is free"), "{taken:?}");
    assert_eq!(home.run(&["masks", "remove", id]).await.out.trim(), "removed");
    assert_eq!(home.run(&["masks", "show", id]).await.code, 3);
    server.stop().await;
}

#[tokio::test]
async fn a_call_that_talks_is_recorded_and_told_things_from_the_command_line() {
    let home = humming();
    let server = home.serve().await;
    let call = server.place(&json!({"to": ANN.0, "flow": program::pause("5m")})).await;
    server.reached(&call, "answered").await;
    let started = home
        .run(&[
            "recordings",
            "start",
            &call,
            "--name",
            "desk",
            "--channels",
            "party",
            "--json",
        ])
        .await;
    let recording = started.json();
    assert_eq!(
        (&recording["name"], &recording["channels"]),
        (&json!("desk"), &json!("party")),
        "{started:?}"
    );
    let id = recording["id"].as_str().unwrap();
    for (action, state) in [("pause", "paused"), ("resume", "recording"), ("stop", "")] {
        let ran = home.run(&["recordings", action, id]).await;
        assert!(ran.code == 0 && ran.out.contains(state), "{action}: {ran:?}");
    }
    server.reached(&call, "recording_finished").await;
    let again = home.run(&["recordings", "pause", id]).await;
    assert_eq!(again.code, 3, "{again:?}");
    let listed = home.run(&["recordings", "list"]).await;
    assert!(
        listed.out.contains("END") && listed.out.contains("request"),
        "{listed:?}"
    );
    // A file of one's own is heard in the call.
    let beep = home.dir.path().join("beep.wav");
    write_tone(&beep, 1_510.0);
    let played = home
        .run(&["calls", "control", &call, "--play", beep.to_str().unwrap()])
        .await;
    assert_eq!(played.out.trim(), "it is heard now", "{played:?}");
    server.ended(&call).await;
    assert!(heard_for(&home, ANN.0, 1_510.0) > 0.7, "Ann did not hear it");

    let room = server.place(&json!({"to": BEN.0, "room": "lobby"})).await;
    server.reached(&room, "room_joined").await;
    let started = home.run(&["recordings", "start", "--room", "lobby", "--json"]).await;
    let recording = started.json();
    assert_eq!(
        (&recording["call"], &recording["channels"], &recording["name"]),
        (&json!(room), &json!("room"), &json!("lobby")),
        "{started:?}"
    );
    let hung_up = home.run(&["calls", "hangup", &room, "--why", "closing time"]).await;
    assert_eq!(hung_up.out.trim(), "hung_up", "{hung_up:?}");
    server.ended(&room).await;
    let story = home.run(&["explain", &room]).await;
    assert!(story.out.contains("because closing time"), "{story:?}");
    server.stop().await;
}

#[tokio::test]
async fn hold_and_mute_are_shown_while_they_last() {
    let home = with_phones("[[phone]]\nnumber = \"+12025550110\"\ndo = [{ wait = \"60s\" }]\n");
    let server = home.serve().await;
    let call = server.place(&json!({"to": ANN.0, "room": "lobby"})).await;
    server.reached(&call, "room_joined").await;
    let show = async || home.run(&["calls", "show", &call]).await.out;
    assert!(!show().await.contains("  now"), "{}", show().await);
    for order in ["--mute", "--hold"] {
        assert_eq!(home.run(&["calls", "control", &call, order]).await.code, 0, "{order}");
    }
    let agreed = |event: &Value| event["data"]["result"] == "the far side agreed";
    server.happened(&call, "hold", agreed).await;
    assert!(show().await.contains("now          muted, on hold"), "{}", show().await);
    let room = home.run(&["rooms", "show", "lobby"]).await;
    assert!(room.out.contains(", muted, on hold"), "{room:?}");
    assert_eq!(home.run(&["calls", "control", &call, "--unmute"]).await.code, 0);
    let heard_again = |event: &Value| event["data"]["result"] == "not muted";
    server.happened(&call, "unmute", heard_again).await;
    assert!(show().await.contains("now          on hold"), "{}", show().await);
    let ended = home.run(&["calls", "hangup", &call]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    server.ended(&call).await;
    server.stop().await;
}

#[tokio::test]
async fn the_other_party_has_a_ring_time_and_a_limit_of_its_own() {
    let home = humming();
    let ran = home
        .run(&[
            "call",
            ANN.0,
            "--bridge",
            BEN.0,
            "--bridge-ring",
            "9s",
            "--bridge-max",
            "1s",
            "--wait",
            "--json",
        ])
        .await;
    let call = ran.json();
    assert_eq!(
        call["ending"]["reason"], "the two have talked for 1 s, as long as they may",
        "{ran:?}"
    );
    for (options, said) in [
        (["--say", "x", "--muted"].as_slice(), "--muted goes with --room"),
        (&["--say", "x", "--private"], "--private goes with --bridge"),
        (
            &["--room", "a", "--bridge-ring", "9s"],
            "--bridge-ring goes with --bridge",
        ),
    ] {
        let ran = home.run(&[&["call", ANN.0], options].concat()).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
}

/// A second of a tone.
fn write_tone(path: &std::path::Path, hertz: f64) {
    let samples: Vec<i16> = (0..8_000)
        .map(|n| {
            let phase = std::f64::consts::TAU * hertz * f64::from(n) / 8_000.0;
            (phase.sin() * 8_000.0) as i16
        })
        .collect();
    outdial_media::wav::write_mono(&mut std::fs::File::create(path).unwrap(), 8_000, &samples).unwrap();
}

/// A home with these phones.
fn with_phones(phones: &str) -> Home {
    let home = Home::new();
    let script = home.dir.path().join("phones.toml");
    std::fs::write(&script, phones).unwrap();
    home.configure(&format!("[handsets]\nscript = \"{}\"\n", script.display()));
    home
}

#[tokio::test]
async fn what_the_network_plays_is_heard_while_it_rings() {
    let home = with_phones(
        r#"
        [[phone]]
        number = "+12025550110"
        do = [{ tone = 510, for = "5s" }, { wait = "30s" }]
        [[phone]]
        number = "+12025550111"
        ring = "100ms"
        early = [{ tone = 1130, for = "2s" }]
        do = [{ tone = 730, for = "3s" }, { hang_up = true }]
        [[phone]]
        number = "+12025550112"
        do = [{ wait = "30s" }]
        [[phone]]
        number = "+12025550113"
        early = [{ tone = 1130, for = "2s" }]
        then = "reject"
        code = 404
        "#,
    );
    let ran = home.run(&["call", ANN.0, "--bridge", BEN.0, "--wait", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let (early, then) = (heard_for(&home, ANN.0, 1130.0), heard_for(&home, ANN.0, 730.0));
    assert!(
        early > 1.7 && then > 2.5,
        "it heard {early} s before the answer, and {then} s after it"
    );
    // Whoever rings is heard from the answer on, and not before.
    let other = heard_for(&home, BEN.0, 510.0);
    assert!((1.5..3.7).contains(&other), "the other side heard it for {other} s");
    let ran = home
        .run(&["call", CLEO.0, "--bridge", "+12025550113", "--wait", "--json"])
        .await;
    assert_eq!(ran.json()["outcome"], "invalid_number", "{ran:?}");
    let reason = heard_for(&home, CLEO.0, 1130.0);
    assert!(reason > 1.7, "it heard the reason for {reason} s");
}

#[tokio::test]
async fn codes_are_done_while_two_talk_and_keys_reach_the_other_side() {
    let home = with_phones(
        r#"
        [[phone]]
        number = "+12025550110"
        do = [{ wait = "1s" }, { press = "57" }, { wait = "1s" }, { press = "*1" }, { tone = 510, for = "3s" }, { press = "*9" }]
        [[phone]]
        number = "+12025550111"
        do = [{ tone = 730, for = "10s" }]
        "#,
    );
    let server = home.serve().await;
    let codes = json!({ "*1": [{ "record": true }], "*9": [{ "hang_up": {} }] });
    let flow = json!([{ "dial": { "to": BEN.0, "codes": codes, "codes_by": "first" } }]);
    let call = server.place(&json!({ "to": ANN.0, "flow": flow })).await;
    let story = server.ended(&call).await;
    assert_eq!(program::outcome(&story), ("completed", "flow"), "{story:#}");
    let first = &story["call"]["attempts"][0]["legs"][0]["id"];
    let events = story["events"].as_array().unwrap();
    let codes = events.iter().filter(|event| event["type"] == "code");
    let codes: Vec<_> = codes
        .map(|event| (&event["data"]["leg"], &event["data"]["code"]))
        .collect();
    assert_eq!(codes, [(first, &json!("*1")), (first, &json!("*9"))], "{story:#}");
    assert!(!program::words(&story).contains(&"digit"), "{story:#}");
    let log = std::fs::read_to_string(home.data().join("rings.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let keys: String = lines
        .filter(|line| line["number"] == BEN.0 && line["event"] == "digit")
        .map(|line| line["digit"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys, "57*1*9");
    let (_, page) = server.get("/api/v1/recordings").await;
    let recording = page["recordings"][0]["id"].as_str().unwrap();
    let out = home.dir.path().join("talk.wav");
    let ran = home
        .run(&["recordings", "download", recording, "--out", out.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for (who, tone) in [ANN, BEN] {
        let heard = tone_heard_for(&out, tone);
        assert!((2.5..4.0).contains(&heard), "{who} is heard for {heard} s");
    }
    server.stop().await;
}
