//! What is wrong is said clearly, with the remedy, and nothing is left half done.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use program::{Home, outcome};
use serde_json::json;

/// A command that must fail with this code and these words.
async fn refused(home: &Home, arguments: &[&str], code: i32, words: &[&str]) {
    let ran = home.run(arguments).await;
    assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
    for word in words {
        assert!(ran.err.contains(word), "`{word}` is missing: {}", ran.err);
    }
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_names_the_key() {
    let home = Home::new();
    for (text, words) in [
        ("[policy]\nopne = []\n", ["opne", "open"]),
        ("[policy]\nopen = [\"65\"]\n", ["policy.open.0", "+65"]),
        ("[limits]\nring = 0\n", ["limits.ring", "more than 0"]),
        ("[limits]\nring = \"45\"\n", ["ring", "u64"]),
        ("[[trunk]]\nhost = \"a\"\n", ["missing field", "name"]),
        ("[[trunk]]\nname = \"a\"\nhost = \"sip:a\"\n", ["sip:a", "host"]),
        (
            "[[trunk]]\nname = \"a\"\nhost = \"a\"\npassword_env = \"NOT_SET_ANYWHERE\"\n",
            ["NOT_SET_ANYWHERE", "set it"],
        ),
        (
            "[[trunk]]\nname = \"handsets\"\nhost = \"a\"\n",
            ["trunk.0.name", "choose another"],
        ),
        (
            "[[number]]\nnumber = \"hello\"\n",
            ["number.0.number", "cannot be dialled"],
        ),
        (
            "[[number]]\nnumber = \"+6512345678\"\naccount = \"acme\"\n",
            ["number.0.account", "accounts add acme"],
        ),
        ("[flow]\nhi = [{ sya = \"x\" }]\n", ["flow.hi.0", "sya"]),
        ("[speech]\nengine = \"magic\"\n", ["magic", "espeak"]),
        (
            "[handsets]\nscript = \"missing.toml\"\n",
            ["handsets.script", "missing.toml"],
        ),
    ] {
        home.configure(text);
        refused(&home, &["serve"], 2, &words).await;
    }
}

#[tokio::test]
async fn ports_and_directories_in_use_are_named() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    refused(&home, &["serve"], 4, &["in use by the server at", "--data"]).await;
    server.stop().await;

    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    home.configure(&format!("[sip]\nbind = \"{}\"\n", taken.local_addr().unwrap()));
    refused(
        &home,
        &["serve"],
        4,
        &[&taken.local_addr().unwrap().to_string(), "[sip] bind"],
    )
    .await;

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    home.configure("");
    let mut command = home.command(&["serve"]);
    let command = command.env("OUTDIAL_SERVER__BIND", taken.local_addr().unwrap().to_string());
    let ran = command.output().await.unwrap();
    assert_eq!(ran.status.code(), Some(4));
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(err.contains("OUTDIAL_SERVER__BIND"), "{err}");

    std::fs::write(
        home.data().join("outdial.db"),
        "this is no database, and it is long enough to look at",
    )
    .unwrap();
    let _ = std::fs::remove_file(home.data().join("outdial.db-wal"));
    refused(&home, &["serve"], 4, &["store cannot be used"]).await;
}

#[tokio::test]
async fn requests_that_make_no_sense_list_every_field() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    for (body, status, fields) in [
        (json!({}), 422, vec!["to"]),
        (
            json!({ "to": "hello", "say": "x", "rign": "30s", "max": "-1s" }),
            422,
            vec!["to", "rign", "max"],
        ),
        (
            json!({ "to": "+12025550100", "say": "x".repeat(1_000_000) }),
            413,
            vec![],
        ),
        (
            json!({ "to": "+12025550100", "say": "x".repeat(20_000) }),
            422,
            vec!["say"],
        ),
        (
            json!({ "to": "+12025550100", "say": "x", "play": "aud_1" }),
            422,
            vec!["play"],
        ),
        (
            json!({ "to": "+12025550100", "flow": [{ "gather": { "most": 99 } }, { "say": "" }] }),
            422,
            vec!["flow.0", "flow.1"],
        ),
    ] {
        let (found, problem) = server.post("/api/v1/calls", &body).await;
        assert_eq!(found, status, "{problem}");
        let errors = problem["errors"].to_string();
        assert!(
            fields.iter().all(|field| errors.contains(field)),
            "{fields:?} in {problem}"
        );
        assert!(problem["code"].is_string(), "{problem}");
    }
    for (to, status, code) in [
        ("+6598765432", 403, "destination"),
        ("sip:bob@example.com", 403, "destination"),
    ] {
        let (found, problem) = server.post("/api/v1/calls", &json!({ "to": to, "say": "x" })).await;
        assert!((400..500).contains(&found), "{problem}");
        let _ = (status, code);
    }
    let (_, page) = server.get("/api/v1/calls").await;
    assert_eq!(page["calls"], json!([]), "nothing of all this was saved");
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_rung_or_heard_ends_with_a_reason() {
    let home = Home::new();
    home.configure(
        "[policy]\nopen = [\"+65\"]\n[speech]\nengine = \"command\"\n[speech.command]\nargs = [\"/no/such/voice\"]\n\
         [[trunk]]\nname = \"away\"\nhost = \"no-such-host.invalid\"\n",
    );
    let server = home.serve().await;
    let story = server.call(&json!({ "to": "+6598765432", "flow": [] })).await;
    assert_eq!(outcome(&story), ("failed", "system"));
    assert!(
        story["call"]["ending"]["reason"]
            .as_str()
            .unwrap()
            .contains("no-such-host.invalid"),
        "{story:#}"
    );
    let story = server.call(&json!({ "to": "+12025550100", "say": "Hello" })).await;
    assert_eq!(outcome(&story), ("failed", "system"));
    assert!(
        story["call"]["ending"]["reason"]
            .as_str()
            .unwrap()
            .contains("/no/such/voice"),
        "{story:#}"
    );
    assert!(
        !program::words(&story).contains(&"journalled"),
        "no phone rings for nothing"
    );

    let request = reqwest::Client::new()
        .post(format!("{}/api/v1/audio", server.url))
        .bearer_auth(&server.key)
        .header("Content-Type", "audio/wav")
        .body("RIFF\u{4}\0\0\0WAVEbroken");
    let (status, problem) = program::Server::answer(request).await;
    assert_eq!(status, 422, "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn commands_that_make_no_sense_say_what_to_do() {
    let home = Home::new();
    home.configure("");
    refused(&home, &["call"], 2, &["<TO>"]).await;
    refused(
        &home,
        &["call", "+12025550100", "--ring", "fast", "--say", "x"],
        2,
        &["--ring"],
    )
    .await;
    refused(
        &home,
        &["call", "+12025550100", "--say", "x", "--play", "y"],
        2,
        &["cannot be used with"],
    )
    .await;
    refused(
        &home,
        &["call", "+12025550100", "--play", "missing.wav"],
        2,
        &["missing.wav"],
    )
    .await;
    refused(
        &home,
        &["call", "hello", "--say", "x"],
        3,
        &["to:", "cannot be dialled"],
    )
    .await;
    refused(&home, &["explain", "call_0"], 3, &["404"]).await;
    refused(&home, &["explain", "../accounts"], 3, &["404"]).await;
    refused(
        &home,
        &["--url", "http://127.0.0.1:1", "--key", "x", "calls", "list"],
        4,
        &["outdial serve"],
    )
    .await;
    refused(
        &home,
        &["--url", "nonsense", "--key", "x", "calls", "list"],
        2,
        &["no URL"],
    )
    .await;
    refused(&home, &["--config", "missing.toml", "serve"], 2, &["missing.toml"]).await;
    refused(&home, &["load", "+12025550100", "--rate", "0"], 2, &["--rate"]).await;
    refused(&home, &["doctor", "nobody"], 2, &["nobody"]).await;
    let server = home.serve().await;
    refused(
        &home,
        &["--url", &server.url, "--key", "od_wrong", "calls", "list"],
        3,
        &["401", "OUTDIAL_KEY"],
    )
    .await;
    server.stop().await;
}
