//! Calls that come in, against the whole program: SIPp's scenarios 27, 28 and 29, with what SIPp
//! asserts and what is left of each call in our own records.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Baresip, Peer, Sipp, SippBuilder, SippResult, require};
use program::{Home, Server, outcome, words};
use serde_json::{Value, json};

/// The number of ours that takes calls.
const OURS: &str = "+6561234567";
/// Whom SIPp says it is.
const CALLER: &str = "+6591112222";

/// What SIPp's scenario 35 presses: long enough to be in no time and no id by chance.
const PIN: &str = "4711047110";

/// Where the trunk is, that is, whose calls are its calls.
const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "192.0.2.1";

/// What SIPp saw of its call, and the stories of all calls that there are.
struct Seen {
    sipp: SippResult,
    stories: Vec<Value>,
}

/// SIPp calls a number of the program, whose trunk is at this host; nothing where there is no SIPp.
async fn calls_us(scenario: &str, number: &str, trunk: &str) -> Option<Seen> {
    if !require(Peer::Sipp) {
        return None;
    }
    let home = Home::new();
    home.configure(&format!(
        "[handsets]\nenabled = false\n[flow]\nhello = [{{ pause = \"500ms\" }}]\n\
         [[trunk]]\nname = \"far\"\nhost = \"{trunk}\"\nport = 9\n\
         [[number]]\nnumber = \"{OURS}\"\ntrunk = \"far\"\nuses = [\"receives_calls\"]\nflow = \"hello\"\n"
    ));
    let server = home.serve().await;
    let far_side = Sipp::uac(scenario, server.sip.parse().unwrap())
        .option("-s")
        .option(number);
    let sipp = far_side.start().await.unwrap().wait().await.unwrap();
    let stories = stories(&server).await;
    server.stop().await;
    Some(Seen { sipp, stories })
}

/// The same call with this trunk and this bind of SIP, from SIPp as it is given the server's address.
async fn calls_with(
    sip: &str,
    trunk: &str,
    far_side: impl FnOnce(std::net::SocketAddr) -> SippBuilder,
) -> Option<Seen> {
    if !require(Peer::Sipp) {
        return None;
    }
    let home = Home::new();
    home.configure(&format!(
        "[sip]\n{sip}\n[handsets]\nenabled = false\n[flow]\nhello = [{{ pause = \"500ms\" }}]\n\
         [[trunk]]\nname = \"far\"\nport = 9\n{trunk}\n\
         [[number]]\nnumber = \"{OURS}\"\ntrunk = \"far\"\nuses = [\"receives_calls\"]\nflow = \"hello\"\n"
    ));
    let server = home.serve().await;
    let far_side = far_side(server.sip.parse().unwrap()).option("-s").option(OURS);
    let sipp = far_side.start().await.unwrap().wait().await.unwrap();
    let stories = stories(&server).await;
    server.stop().await;
    Some(Seen { sipp, stories })
}

async fn stories(server: &Server) -> Vec<Value> {
    let (status, calls) = server.get("/api/v1/calls").await;
    assert_eq!(status, 200, "{calls}");
    let mut stories = Vec::new();
    for call in calls["calls"].as_array().unwrap() {
        stories.push(server.ended(call["id"].as_str().unwrap()).await);
    }
    stories
}

/// The one call that SIPp made was answered, given to the flow, and hung up by it.
fn was_taken(seen: &Seen) {
    seen.sipp.assert_success();
    let [story] = &seen.stories[..] else {
        panic!("not one call: {:#?}", seen.stories);
    };
    assert_eq!(outcome(story), ("completed", "flow"), "{story:#}");
    let call = &story["call"];
    assert_eq!(
        (&call["direction"], &call["from"], &call["to"]),
        (&json!("incoming"), &json!(CALLER), &json!(OURS)),
        "{story:#}"
    );
    assert_eq!(
        words(story),
        [
            "created",
            "journalled",
            "answered",
            "instruction_started",
            "instruction_done",
            "leg_ended",
            "ended"
        ],
        "{story:#}"
    );
    let attempts = call["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{story:#}");
    let legs = attempts[0]["legs"].as_array().unwrap();
    assert_eq!(legs.len(), 1, "{story:#}");
    assert_eq!(
        (&legs[0]["state"], &legs[0]["trunk"]),
        (&json!("ended"), &json!("far")),
        "{story:#}"
    );
    // What the far side heard from us is what the story says we sent; it begins with what it wanted.
    let messages = story["traces"][0]["messages"].as_array().unwrap();
    let first = messages[0]["text"].as_str().unwrap();
    assert!(first.starts_with("INVITE "), "{messages:#?}");
    assert_eq!(messages[0]["sent"], json!(false), "{messages:#?}");
    let told = |start: &str| {
        let mut texts = messages.iter().map(|message| message["text"].as_str().unwrap());
        texts.any(|text| text.starts_with(start))
    };
    for start in ["SIP/2.0 200", "ACK ", "BYE "] {
        assert!(told(start), "`{start}` is not in {messages:#?}");
    }
}

/// SIPp was refused once, for good, and nothing of it is a call of ours.
fn was_refused(seen: &Seen, status: u16) {
    seen.sipp.assert_success();
    assert_eq!(seen.sipp.received_status(status, "INVITE"), 1, "{}", seen.sipp);
    assert!(seen.stories.is_empty(), "{:#?}", seen.stories);
}

#[tokio::test]
async fn sipp_27_calls_us_without_an_offer() {
    if let Some(seen) = calls_us("27-late-offer.xml", OURS, HERE).await {
        was_taken(&seen);
    }
}

#[tokio::test]
async fn sipp_28_calls_us_and_is_answered() {
    if let Some(seen) = calls_us("28-incoming.xml", OURS, HERE).await {
        was_taken(&seen);
    }
}

#[tokio::test]
async fn sipp_29_calls_a_number_that_is_not_ours() {
    if let Some(seen) = calls_us("29-incoming-refused.xml", "+6569999999", HERE).await {
        was_refused(&seen, 404);
    }
}

#[tokio::test]
async fn sipp_29_is_a_stranger() {
    if let Some(seen) = calls_us("29-incoming-from-a-stranger.xml", OURS, ELSEWHERE).await {
        was_refused(&seen, 403);
    }
}

/// All rows of the database of a server that has stopped, but for those of masks, where the PIN must be.
fn rows_but_of_masks(home: &Home) -> String {
    let script = "import sqlite3, sys\n\
         rows = sqlite3.connect(sys.argv[1])\n\
         tables = rows.execute(\"SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'mask'\").fetchall()\n\
         for (table,) in tables:\n    for row in rows.execute(f'SELECT * FROM \"{table}\"'): print(table, row)\n";
    let ran = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(home.data().join("outdial.db"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// What a caller of a masked pair presses is in nothing that we show, keep or log.
#[tokio::test]
async fn sipp_35_presses_its_pin_and_nobody_sees_it() {
    if !require(Peer::Sipp) {
        return;
    }
    let home = Home::new();
    let phones = home.dir.path().join("phones.toml");
    let phone = "[[phone]]\nnumber = \"+12025550111\"\ndo = [{ wait = \"300ms\" }, { hang_up = true }]\n";
    // Whoever calls could be called, too.
    std::fs::write(&phones, format!("{phone}[[phone]]\nnumber = \"+12025550110\"\n")).unwrap();
    home.configure(&format!(
        "[handsets]\nscript = \"{}\"\n[[trunk]]\nname = \"far\"\nhost = \"{HERE}\"\nport = 9\n\
         [[number]]\nnumber = \"{OURS}\"\nuses = [\"receives_calls\", \"caller_id\"]\nflow = \"sorry\"\n\
         [flow]\nsorry = [{{ say = \"Nobody is here.\" }}]\n",
        phones.display()
    ));
    let server = home.serve().await;
    let mask = json!({"parties": ["+12025550110", "+12025550111"], "number": OURS, "pin": PIN});
    let (status, made) = server.post("/api/v1/masks", &mask).await;
    assert_eq!(status, 201, "{made}");
    let far_side = Sipp::uac("35-pin-by-info.xml", server.sip.parse().unwrap())
        .option("-s")
        .option(OURS);
    let sipp = far_side.start().await.unwrap().wait().await.unwrap();
    sipp.assert_success();
    let stories = stories(&server).await;
    let [story] = &stories[..] else {
        panic!("not one call: {stories:#?}");
    };
    assert!(words(story).contains(&"connected"), "{story:#}");
    let events = story["events"].as_array().unwrap();
    let keys: Vec<&Value> = events.iter().filter(|event| event["type"] == "digit").collect();
    assert_eq!(keys.len(), PIN.len(), "{story:#}");
    for key in keys {
        assert_eq!(
            (&key["data"]["digit"], &key["data"]["way"]),
            (&Value::Null, &json!("sip_info"))
        );
    }
    assert_eq!(story["call"]["digits"], json!([]), "{story:#}");
    let messages = story["traces"][0]["messages"].to_string();
    assert!(
        messages.contains("Signal=*") && !messages.contains("Signal=4"),
        "{messages}"
    );
    let steps = events.iter().filter_map(|event| event["data"]["step"].as_str());
    assert!(steps.into_iter().any(|step| step == "0.on.private.0"), "{story:#}");
    let id = story["call"]["id"].as_str().unwrap();
    let told = home.run(&["explain", id, "--unmasked"]).await.out;
    assert!(told.contains("pin = not shown"), "{told}");
    let (_, events) = server.get(&format!("/api/v1/calls/{id}/events")).await;
    server.stop().await;
    let rows = rows_but_of_masks(&home);
    assert!(rows.contains("on.private"), "{rows}");
    for shown in [story.to_string(), told, events.to_string(), rows] {
        assert!(!shown.contains(PIN), "{shown}");
    }
}

#[tokio::test]
async fn baresip_shows_its_password_from_elsewhere() {
    if !require(Peer::Baresip) {
        return;
    }
    let home = Home::new();
    home.configure(&format!(
        "[handsets]\nenabled = false\n[flow]\nhello = [{{ pause = \"500ms\" }}]\n\
         [[trunk]]\nname = \"far\"\nhost = \"{ELSEWHERE}\"\nincoming_username = \"them\"\nincoming_password = \"their-secret\"\n\
         incoming_digest = \"md5\"\n\
         [[number]]\nnumber = \"{OURS}\"\ntrunk = \"far\"\nuses = [\"receives_calls\"]\nflow = \"hello\"\n"
    ));
    let server = home.serve().await;
    for (secret, answered) in [("another", false), ("their-secret", true)] {
        let phone = Baresip::of("them", server.sip.parse().unwrap()).knows(secret);
        let mut phone = phone.start().await.unwrap();
        phone.dial(&format!("sip:{OURS}@{}", server.sip)).await.unwrap();
        if answered {
            phone.until("CALL_ESTABLISHED").await.unwrap();
        }
        phone.until("CALL_CLOSED").await.unwrap();
        let stories = stories(&server).await;
        assert_eq!(stories.len(), usize::from(answered), "{stories:#?}\n{}", phone.log());
        for story in &stories {
            assert_eq!(outcome(story), ("completed", "flow"), "{story:#}");
            let told = story.to_string();
            assert!(
                told.contains("Authorization") && !told.contains("their-secret"),
                "{told}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn sipp_calls_us_over_ipv6() {
    let Some(seen) = calls_with("bind = \"[::1]:0\"", "host = \"::1\"", Sipp::plain_uac).await else {
        return;
    };
    seen.sipp.assert_success();
    let story = &seen.stories[0];
    assert_eq!(story["call"]["direction"], json!("incoming"), "{story:#}");
    assert!(words(story).contains(&"answered"), "{story:#}");
    let messages = story["traces"][0]["messages"].to_string();
    assert!(messages.contains("c=IN IP6 ::1"), "{messages}");
}

#[tokio::test]
async fn nothing_that_was_heard_is_not_called_good() {
    if let Some(seen) = calls_us("28-incoming.xml", OURS, HERE).await {
        let quality = &seen.stories[0]["call"]["attempts"][0]["legs"][0]["quality"];
        assert_eq!(
            (&quality["received"], &quality["mos"]),
            (&json!(0), &Value::Null),
            "{quality:#}"
        );
    }
}
