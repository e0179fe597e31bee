//! `outdial demo`: it succeeds when the phone heard the sentence, and only then.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Peer, require, workspace_root};
use program::{Home, samples};
use serde_json::{Value, json};

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
    let (heard, rate) = samples(&out.join("heard.wav"));
    assert_eq!(rate, 8_000);
    assert!(heard.len() > 8_000 * 3);

    let of = |act: &str| -> Vec<(String, String)> {
        let heard = result[act]["heard"].as_array().unwrap().iter();
        let name = |heard: &Value, key: &str| heard[key].as_str().unwrap().to_owned();
        heard.map(|heard| (name(heard, "by"), name(heard, "of"))).collect()
    };
    assert_eq!(result["bridge"]["call_ids"].as_array().unwrap().len(), 1);
    assert_eq!(of("bridge").len(), 2);
    assert_eq!(result["room"]["call_ids"].as_array().unwrap().len(), 3);
    assert_eq!(of("room").len(), 6);
    let text = &result["text"];
    assert_eq!(
        (&text["state"], &text["parts"]),
        (&json!("delivered"), &json!(2)),
        "{text:#}"
    );
    let timeline = std::fs::read_to_string(out.join("timeline.txt")).unwrap();
    for part in ["INVITE", "connected", "stand-up", "+12025550199", "message submitted"] {
        assert!(timeline.contains(part), "{part}: {timeline}");
    }

    // The demo judges itself; this judge knows nothing of our code.
    for (name, said) in [
        ("heard", sentence),
        ("ann", "Hello, this is Ben speaking."),
        ("ben", "Good morning Ben, this is Ann. Which number do you see?"),
        ("cleo", "This is Dan, I tried it on two machines."),
        ("dan", "Eve speaking, then let us ship it today."),
        ("eve", "Cleo is here, and the new release is ready."),
    ] {
        let judge = workspace_root().join("interop/peers/heard.py");
        let judged = std::process::Command::new("python3")
            .arg(judge)
            .arg(out.join(name).with_extension("wav"))
            .arg(said)
            .output();
        let judged = judged.unwrap();
        assert!(
            judged.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&judged.stdout)
        );
    }
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
