//! `outdial demo`: it succeeds when the phone heard the sentence, and only then.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Peer, require, workspace_root};
use program::{Home, samples};
use serde_json::json;

#[tokio::test]
async fn the_phone_hears_the_sentence_and_its_key_arrives() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let out = home.dir.path().join("out");
    let sentence = "The quick brown fox jumps over the lazy dog.";
    let ran = home
        .run(&["demo", "--say", sentence, "--out", out.to_str().unwrap(), "--json"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let result = ran.json();
    assert_eq!(result["outcome"], "completed");
    assert_eq!(result["digits"], "1");
    assert!(result["call_id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(result["heard_wav"], json!(out.join("heard.wav")));
    assert!(result["events"].as_array().unwrap().len() >= 10);
    assert!(
        std::fs::read_to_string(out.join("timeline.txt"))
            .unwrap()
            .contains("INVITE")
    );
    let (heard, rate) = samples(&out.join("heard.wav"));
    assert_eq!(rate, 8_000);
    assert!(heard.len() > 8_000 * 3);

    // The demo judges itself; this judge knows nothing of our code.
    let judge = workspace_root().join("interop/peers/heard.py");
    let judged = std::process::Command::new("python3")
        .arg(judge)
        .arg(out.join("heard.wav"))
        .arg(sentence)
        .output();
    let judged = judged.unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[tokio::test]
async fn another_sentence_is_noticed() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let ran = home
        .run(&[
            "demo",
            "--say",
            "Good morning.",
            "--expect",
            "The parcel arrives at noon today.",
            "--json",
        ])
        .await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.json()["ok"], json!(false));
    assert!(
        ran.json()["failure"].as_str().unwrap().contains("did not hear"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_phone_that_hears_nothing_is_noticed() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let ran = home.run(&["demo", "--deaf", "--json"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
}
