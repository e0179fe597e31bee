//! What is left behind when both sides are gone.

use std::io::Write;

use outdial_handset::{EndedBy, HandsetSet, Phone, Script};

use crate::caller::{Caller, NUMBER, soon};

#[tokio::test]
async fn the_ring_log_survives_and_is_only_added_to() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("rings.jsonl");
    writeln!(std::fs::File::create(&log).unwrap(), "what was there before").unwrap();
    let listen = || "127.0.0.1:0".parse().unwrap();
    let recordings = Some(directory.path().to_owned());
    let handsets = HandsetSet::start(listen(), Phone::busy(NUMBER).into(), recordings)
        .await
        .unwrap();
    let caller = Caller::new().await;
    caller.call(&handsets.uri(NUMBER)).await;
    let heard = soon(handsets.finished(NUMBER)).await;
    // No farewell: what counts is on disk already.
    drop(handsets);

    let elsewhere = Script::new().phone(Phone::busy(NUMBER)).ring_log(&log);
    let handsets = HandsetSet::start(listen(), elsewhere, None).await.unwrap();
    caller.call(&handsets.uri(NUMBER)).await;
    soon(handsets.finished(NUMBER)).await;
    handsets.shutdown().await;

    let text = std::fs::read_to_string(&log).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("what was there before"));
    let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["invite", "ended", "invite", "ended"]);
    assert_eq!(lines[0]["number"], NUMBER);
    assert_eq!(lines[0]["call_id"], heard.call_id);
    assert_eq!(lines[0]["ring"], 1);
    assert_eq!(lines[0]["from"], "+6561234567");
    assert_eq!(lines[1]["by"]["refused"], 486);
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(heard.ended_by, EndedBy::Refused(486));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told_at_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let recordings = Some(file.path().join("under-a-file"));
    let listen = "127.0.0.1:0".parse().unwrap();
    let error = HandsetSet::start(listen, Script::new(), recordings)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("under-a-file"), "{error}");
}
