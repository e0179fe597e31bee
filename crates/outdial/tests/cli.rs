//! The command line against a running server, a server of its own, and phones in another process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::process::Stdio;

use outdial_testkit::peers::{Peer, require};
use program::Home;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

const ANSWERS: &str = "+12025550100";
const BUSY: &str = "+12025550101";

#[tokio::test]
async fn a_call_is_placed_shown_and_explained() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    let ran = home
        .run(&["call", ANSWERS, "--say", "Hello", "--tag", "cli", "--wait", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let call = ran.json();
    assert_eq!(call["ending"]["outcome"], "completed");
    let id = call["id"].as_str().unwrap();

    let lines = home.run(&["call", ANSWERS, "--say", "Hello", "--wait"]).await;
    assert!(
        lines.err.contains("ringing") && lines.err.contains("answered"),
        "{lines:?}"
    );
    assert!(lines.out.contains("completed, by flow"), "{lines:?}");

    let listed = home.run(&["calls", "list", "--tag", "cli"]).await;
    assert!(
        listed.out.contains(id) && listed.out.contains("completed"),
        "{listed:?}"
    );
    let shown = home.run(&["calls", "show", id]).await;
    assert!(
        shown.out.contains("attempt 1") && shown.out.contains("trunk") || shown.out.contains("handsets"),
        "{shown:?}"
    );
    let story = home.run(&["explain", id]).await;
    for part in ["journalled", "by trunk handsets", "INVITE sip:", "SIP/2.0 200", "BYE"] {
        assert!(story.out.contains(part), "`{part}` is missing in {}", story.out);
    }
    assert!(!story.out.contains(ANSWERS), "masked: {}", story.out);
    let whole = home.run(&["explain", id, "--unmasked"]).await;
    assert!(whole.out.contains(&format!("INVITE sip:{ANSWERS}@")), "{}", whole.out);
    let file = home.dir.path().join("call.pcapng");
    let captured = home.run(&["explain", id, "--pcap", file.to_str().unwrap()]).await;
    assert_eq!(captured.code, 0, "{captured:?}");
    let captured = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&captured).into_owned();
    assert!(
        captured.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && text.contains("BYE sip:"),
        "{text}"
    );
    assert!(
        !text.contains(ANSWERS) && !text.contains(&ANSWERS[1..]),
        "masked: {text}"
    );
    let watched = home.run(&["calls", "watch", id]).await;
    assert!(watched.out.contains("ended"), "{watched:?}");
    assert_eq!(home.run(&["calls", "hangup", id]).await.out.trim(), "too_late");
    server.stop().await;

    // Without a server, what is stored can still be read.
    assert!(home.run(&["explain", id]).await.out.contains("INVITE sip:"));
}

#[tokio::test]
async fn without_a_server_a_call_is_placed_by_the_command_itself() {
    let home = Home::new();
    home.configure("");
    let tone = home.dir.path().join("tone.wav");
    let mut wav = Vec::new();
    outdial_media::wav::write_mono(&mut wav, 44_100, &outdial_media::tones::sine(44_100, 500.0, -10.0, 700)).unwrap();
    std::fs::write(&tone, wav).unwrap();
    let ran = home
        .run(&["call", ANSWERS, "--play", tone.to_str().unwrap(), "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["ending"]["outcome"], "completed");
    let busy = home.run(&["call", BUSY, "--flow", "nothing.json"]).await;
    assert_eq!(busy.code, 2, "{busy:?}");
    let flow = home.dir.path().join("flow.json");
    std::fs::write(&flow, r#"[{"pause": "1s"}]"#).unwrap();
    let busy = home.run(&["call", BUSY, "--flow", flow.to_str().unwrap()]).await;
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.out.contains("busy, by callee, SIP 486"), "{busy:?}");
}

#[tokio::test]
async fn phones_in_another_process_hear_the_call() {
    let home = Home::new();
    home.configure("");
    let heard = home.dir.path().join("heard");
    let mut phones = home.command(&["handset", "--listen", "127.0.0.1:0", "--heard", heard.to_str().unwrap()]);
    let mut phones = phones.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(phones.stdout.take().unwrap()).lines();
    let ready = lines.next_line().await.unwrap().unwrap();
    let address = ready
        .strip_prefix("ready: handsets ")
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    let server = home.serve().await;
    let flow = home.dir.path().join("flow.json");
    std::fs::write(&flow, r##"[{"send_digits": "12#"}, {"pause": "300ms"}]"##).unwrap();
    let to = format!("sip:bob@{address}");
    let ran = home
        .run(&["call", &to, "--flow", flow.to_str().unwrap(), "--wait", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let log = std::fs::read_to_string(heard.join("rings.jsonl")).unwrap();
    assert_eq!(
        log.lines().filter(|line| line.contains("\"invite\"")).count(),
        1,
        "{log}"
    );
    assert!(log.contains("answered"), "{log}");
    phones.kill().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn many_calls_are_placed_and_reported() {
    let home = Home::new();
    home.configure("");
    let script = home.dir.path().join("phones.toml");
    std::fs::write(
        &script,
        "[[phone]]\nnumber = \"+12025550100\"\nrecord = false\nrtp = false\n",
    )
    .unwrap();
    home.configure(&format!("[handsets]\nscript = \"{}\"\n", script.display()));
    let ran = home
        .run(&["load", ANSWERS, "--calls", "40", "--rate", "200", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    assert_eq!(report["outcomes"], json!({ "completed": 40 }));
    assert_eq!((&report["placed"], &report["lost"]), (&json!(40), &json!(0)));
    assert!(report["setup_ms"]["p50"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn the_account_of_a_number_is_made_before_anything_is_served() {
    let home = Home::new();
    home.configure("[[number]]\nnumber = \"+6561234567\"\naccount = \"acme\"\n");
    let refused = home.run(&["serve"]).await;
    assert!(
        refused.code == 2 && refused.err.contains("outdial accounts add acme"),
        "{refused:?}"
    );
    let added = home.run(&["accounts", "add", "acme"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    home.serve().await.stop().await;
}

#[tokio::test]
async fn accounts_and_keys_are_kept_apart() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    assert_eq!(home.run(&["accounts", "add", "acme"]).await.code, 0);
    assert!(home.run(&["accounts", "list"]).await.out.contains("acme"));
    let secret = home
        .run(&["keys", "add", "shop", "--account", "acme", "--scope", "calls"])
        .await
        .out
        .trim()
        .to_owned();
    assert!(secret.starts_with("od_"), "{secret}");
    let keys = home.run(&["keys", "list", "--account", "acme"]).await;
    assert!(keys.out.contains("shop") && !keys.out.contains(&secret), "{keys:?}");

    let limit = [
        "accounts",
        "limit",
        "acme",
        "--calls-per-second",
        "2.5",
        "--max-calls",
        "4",
        "--json",
    ];
    let limited = home.run(&limit).await.json();
    assert_eq!(
        limited["limits"],
        json!({"calls_per_second": 2.5, "burst": 1, "max_calls": 4})
    );
    let shown = home.run(&["accounts", "show", "acme"]).await.out;
    assert!(shown.contains("2.5 calls a second, 4 at once"), "{shown}");
    let cleared = home
        .run(&[
            "accounts",
            "limit",
            "acme",
            "--clear",
            "calls-per-second,max-calls",
            "--json",
        ])
        .await;
    let none = json!({"calls_per_second": null, "burst": null, "max_calls": null});
    assert_eq!(
        (&cleared.json()["limits"], &cleared.json()["own_limits"]),
        (&none, &none),
        "{cleared:?}"
    );
    let nobody = home.run(&["accounts", "limit", "nobody", "--max-calls", "1"]).await;
    assert_eq!(
        (nobody.code, nobody.err.contains("accounts list")),
        (2, true),
        "{nobody:?}"
    );

    let ours = home.run(&["call", BUSY, "--flow", "none"]).await;
    assert_eq!(ours.code, 3, "{ours:?}");
    let id = server.place(&json!({ "to": BUSY, "flow": [] })).await;
    let theirs = home
        .run(&["--url", &server.url, "--key", &secret, "calls", "show", &id])
        .await;
    assert_eq!(theirs.code, 3, "{theirs:?}");
    assert!(theirs.err.contains("404"), "{theirs:?}");
    let foreign = home
        .run(&["--url", &server.url, "--key", &secret, "accounts", "list"])
        .await;
    assert!(foreign.err.contains("403"), "{foreign:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_description_of_the_api_and_the_configuration_are_printed() {
    let home = Home::new();
    let description = home.run(&["openapi"]).await.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    assert!(description["paths"]["/api/v1/calls"]["post"].is_object());
    let example = home.run(&["config"]).await.out;
    let path = home.dir.path().join("outdial.toml");
    // With the ports of the example a test would meet whatever runs on this machine.
    std::fs::write(&path, example.replace(":7575", ":0").replace(":5060", ":0")).unwrap();
    // It is read, and then there is nothing to list.
    let ran = home.run(&["calls", "list"]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("nothing is kept"), "{ran:?}");
}

#[tokio::test]
async fn a_text_is_looked_at_without_a_server() {
    let home = Home::new();
    let said = home.run(&["messages", "preview", "Ünïcode 👍"]).await;
    assert_eq!(
        said.out, "ucs2, 1 part, 10 units, room for 60 more\n1/1  10 Ünïcode 👍\n",
        "{said:?}"
    );
    let long = "a".repeat(161);
    let said = home
        .run(&["messages", "preview", &long, "--concatenation", "udh16", "--json"])
        .await;
    assert_eq!(said.json()["parts"][0]["units"], 152, "{said:?}");
    let smart = home.run(&["messages", "preview", "“Hi”", "--smart"]).await;
    assert!(smart.out.starts_with("gsm7, 1 part, 4 units"), "{smart:?}");
    let empty = home.run(&["messages", "preview", ""]).await;
    assert!(
        empty.code == 2 && empty.err.contains("at least one character"),
        "{empty:?}"
    );
}

#[tokio::test]
async fn calls_and_schedules_are_changed_and_what_they_had_is_taken_away() {
    let home = Home::new();
    home.configure("[flow]\nnone = []\n");
    let server = home.serve().await;
    let id = server
        .place(&json!({ "to": BUSY, "flow": "none", "in": "1h", "tag": "t", "retry": "2/1m" }))
        .await;
    let change = ["calls", "change", &id, "--clear", "tag,retry", "--ring", "7s", "--json"];
    let changed = home.run(&change).await.json();
    assert_eq!(
        (&changed["tag"], &changed["retry"]),
        (&json!(null), &json!(null)),
        "{changed}"
    );
    assert_eq!(changed["ring"], json!(7), "{changed}");
    let both = home
        .run(&["calls", "change", &id, "--clear", "tag", "--tag", "u"])
        .await;
    assert_eq!((both.code, both.err.contains("not both")), (2, true), "{both:?}");
    let never = home.run(&["calls", "change", &id, "--clear", "to"]).await;
    assert_eq!(never.code, 2, "{never:?}");

    let add = [
        "schedules",
        "add",
        BUSY,
        "--flow",
        "none",
        "--cron",
        "30 9 * * mon",
        "--zone",
        "UTC",
        "--name",
        "week",
        "--tag",
        "t",
        "--skip",
        "2030-01-07",
        "--json",
    ];
    let timed = home.run(&[&add[..], &["--at", "2030-01-07T09:30:00Z"]].concat()).await;
    assert_eq!((timed.code, timed.err.contains("--at")), (2, true), "{timed:?}");
    let made = home.run(&add).await.json();
    let id = made["id"].as_str().unwrap();
    let change = [
        "schedules",
        "change",
        id,
        "--version",
        "1",
        "--cron",
        "0 8 * * *",
        "--lasts",
        "2h",
        "--clear",
        "name,skip,tag",
        "--json",
    ];
    let changed = home.run(&change).await.json();
    let wanted = json!({"name": null, "cron": "0 8 * * *", "skip": [], "tag": null, "lasts": 7200, "version": 2});
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field} of {changed}");
    }
    let late = home.run(&change).await;
    assert_eq!((late.code, late.err.contains("version 2")), (3, true), "{late:?}");
    server.stop().await;
}
