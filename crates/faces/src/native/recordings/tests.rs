//! Whole conversations about recordings.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use jiff::SignedDuration;
use outdial_domain::Subject;
use outdial_engine::{
    ports::{Happened, NoticeWriter},
    verbs,
};
use outdial_testkit::fakes::Script;
use serde_json::{Value, json};

use crate::native::{
    NativeNotices,
    testing::{Answer, BOB, Server},
};

const PATH: &str = "/api/v1/recordings";

/// A recorded call that has ended, and its recording.
async fn recorded(server: &Server) -> (String, Value) {
    let call = server
        .call(json!({"to": BOB, "flow": [{"pause": "50ms"}], "record": {"name": "all", "channels": "separate"}}))
        .await;
    let page = server.get(&format!("{PATH}?call={call}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    (call, page.json["recordings"][0].clone())
}

fn at(recording: &Value) -> String {
    format!("{PATH}/{}", recording["id"].as_str().unwrap())
}

async fn bytes(server: &Server, request: axum::http::request::Builder) -> (axum::http::response::Parts, Vec<u8>) {
    let response = server.raw(request.body(Body::empty()).unwrap()).await;
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts, bytes.to_vec())
}

#[tokio::test]
async fn one_that_never_fitted_on_the_disk_says_so() {
    let server = Server::start().await;
    server.world.recordings.fill_disk(Some(0));
    let (call, recording) = recorded(&server).await;
    assert_eq!(
        (&recording["end"], &recording["bytes"], &recording["recording_url"]),
        (&json!("disk_full"), &json!(0), &Value::Null),
        "{recording}"
    );
    let refused = server.get(&format!("{}/audio", at(&recording))).await;
    refused.is(StatusCode::SERVICE_UNAVAILABLE, "recording_unreadable");
    assert!(refused.text.contains("because of `disk_full`"), "{}", refused.text);
    let events = server.get(&format!("/api/v1/calls/{call}/events")).await.text;
    assert!(events.contains("\"end\":\"disk_full\""), "{events}");
    let removed = server.delete(&at(&recording)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
}

#[tokio::test]
async fn a_recording_is_listed_shown_heard_and_removed() {
    let server = Server::start().await;
    let (call, recording) = recorded(&server).await;
    assert_eq!(
        (
            &recording["state"],
            &recording["end"],
            &recording["name"],
            &recording["channels"]
        ),
        (&json!("finished"), &json!("hung_up"), &json!("all"), &json!("separate"))
    );
    assert_eq!(recording["call"], call);
    let path = at(&recording);
    let shown = server.get(&path).await;
    assert_eq!(shown.json["bytes"], recording["bytes"]);

    let (parts, sound) = bytes(&server, server.request("GET", &format!("{path}/audio"))).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(parts.headers["content-type"], "audio/wav");
    assert_eq!(Some(sound.len() as u64), recording["bytes"].as_u64());
    assert_eq!((&sound[..4], sound[22]), (&b"RIFF"[..], 2));

    let part = server
        .request("GET", &format!("{path}/audio"))
        .header("range", "bytes=8-15");
    let (parts, part) = bytes(&server, part).await;
    assert_eq!(
        (parts.status, &part[..]),
        (StatusCode::PARTIAL_CONTENT, &b"WAVEfmt "[..])
    );
    assert_eq!(parts.headers["content-range"], format!("bytes 8-15/{}", sound.len()));
    let beyond = server
        .request("GET", &format!("{path}/audio"))
        .header("range", "bytes=99999999-");
    let refused = server.send(beyond.body(Body::empty()).unwrap()).await;
    refused.is(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable");
    assert_eq!(refused.header("content-range"), format!("bytes */{}", sound.len()));

    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    for path in [path.clone(), format!("{path}/audio")] {
        server.get(&path).await.is(StatusCode::NOT_FOUND, "recording_not_found");
    }
    server
        .delete(&path)
        .await
        .is(StatusCode::NOT_FOUND, "recording_not_found");
}

#[tokio::test]
async fn a_link_opens_one_recording_for_a_while() {
    let server = Server::start().await;
    let (_, recording) = recorded(&server).await;
    let link = recording["recording_url"].as_str().unwrap().to_owned();
    let open = async |link: &str| -> Answer {
        let response = server.raw(Request::get(link).body(Body::empty()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            json,
        }
    };
    assert_eq!(open(&link).await.status, StatusCode::OK);

    let (_, other) = recorded(&server).await;
    let (id, other) = (recording["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    let expires = link.split("expires=").nth(1).unwrap().split('&').next().unwrap();
    let later = (expires.parse::<i64>().unwrap() + 1).to_string();
    let last = link.chars().last().unwrap();
    let flipped = format!("{}{}", &link[..link.len() - 1], if last == '0' { '1' } else { '0' });
    for tampered in [link.replace(id, other), link.replace(expires, &later), flipped] {
        assert_ne!(tampered, link);
        open(&tampered).await.is(StatusCode::FORBIDDEN, "link_forged");
    }
    let signature = link.split("signature=").nth(1).unwrap();
    let without = link.replace(signature, "x");
    open(&without).await.is(StatusCode::FORBIDDEN, "link_forged");
    let bare = link.split('?').next().unwrap();
    open(bare).await.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");

    let restarted = server.restarted().await;
    let again = restarted.raw(Request::get(&link).body(Body::empty()).unwrap()).await;
    assert_eq!(again.status(), StatusCode::OK, "the secret is kept");
    server.world.clock.set_forward(SignedDuration::from_secs(3_601));
    open(&link).await.is(StatusCode::FORBIDDEN, "link_expired");
}

#[tokio::test]
async fn a_notification_opens_the_recording_that_it_tells_of() {
    let server = Server::start().await;
    let (call, recording) = recorded(&server).await;
    let (engine, actor) = (&server.engine, &server.actor);
    let id = call.parse().unwrap();
    let snapshot = verbs::snapshot(engine, actor.account, Subject::Call(id)).await;
    let snapshot = snapshot.unwrap().unwrap();
    let notices = NativeNotices::with_links(verbs::link_signer(engine).await.unwrap());
    let events = verbs::list_events(engine, actor, id).await.unwrap();
    let told = events.iter().map(|stored| {
        let notice = notices.write(&Happened {
            snapshot: &snapshot,
            stored,
            history: &events,
            now: engine.ids.now(),
        });
        serde_json::from_str::<Value>(&notice.unwrap().body).unwrap()
    });
    let (opens, nothing): (Vec<_>, Vec<_>) = told.partition(|told| told["type"] == "call.recording_finished");
    let link = opens[0]["data"]["recording_url"].as_str().unwrap();
    assert!(link.contains(recording["id"].as_str().unwrap()), "{link}");
    let response = server.raw(Request::get(link).body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(nothing.iter().all(|told| told["data"].get("recording_url").is_none()));
}

#[tokio::test]
async fn another_account_sees_nothing() {
    let server = Server::start().await;
    let (call, recording) = recorded(&server).await;
    let (path, stranger) = (at(&recording), server.stranger().await);
    for path in [path.clone(), format!("{path}/audio")] {
        let answer = server.get_with(&path, &stranger).await;
        answer.is(StatusCode::NOT_FOUND, "recording_not_found");
    }
    let page = server.get_with(&format!("{PATH}?call={call}"), &stranger).await;
    assert_eq!(page.json, json!({"recordings": [], "next": null}));
    for action in ["pause", "resume", "stop"] {
        let answer = server
            .post_with(&format!("{path}/{action}"), &json!({}), &stranger)
            .await;
        answer.is(StatusCode::NOT_FOUND, "recording_not_found");
    }
    let record = format!("/api/v1/calls/{call}/recordings");
    let answer = server.post_with(&record, &json!({}), &stranger).await;
    answer.is(StatusCode::NOT_FOUND, "call_not_found");
    let request = Request::delete(&path).header("authorization", format!("Bearer {stranger}"));
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    answer.is(StatusCode::NOT_FOUND, "recording_not_found");
    assert_eq!(server.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_live_call_is_recorded_paused_and_stopped_on_demand() {
    let server = Server::start().await;
    server.world.carrier.next(Script::answers());
    let call = server.place(json!({"to": BOB, "flow": [{"pause": "60s"}]})).await;
    let record = format!("/api/v1/calls/{call}/recordings");
    server.events_until(&call, "answered").await;
    let begun = server.post(&record, &json!({"name": "from here", "most": "1h"})).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
    let path = begun.header("location").to_owned();
    assert_eq!(begun.json["state"], "recording");
    server
        .delete(&path)
        .await
        .is(StatusCode::CONFLICT, "recording_under_way");
    let audio = server.get(&format!("{path}/audio")).await;
    audio.is(StatusCode::CONFLICT, "recording_under_way");
    for (action, state) in [
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "recording"),
        ("stop", "recording"),
    ] {
        let changed = server.post(&format!("{path}/{action}"), &json!({})).await;
        assert_eq!(
            (changed.status, &changed.json["state"]),
            (StatusCode::OK, &json!(state)),
            "{action}"
        );
    }
    let events = server.events_until(&call, "recording_finished").await;
    let of_recordings: Vec<&str> = events
        .iter()
        .map(String::as_str)
        .filter(|kind| kind.starts_with("rec"))
        .collect();
    assert_eq!(
        of_recordings,
        [
            "recording_started",
            "recording_paused",
            "recording_resumed",
            "recording_finished"
        ]
    );
    let late = server.post(&format!("{path}/pause"), &json!({})).await;
    late.is(StatusCode::CONFLICT, "not_recording");
    let bad = server
        .post(&record, &json!({"channels": "stereo", "most": "13h", "nmae": "x"}))
        .await;
    bad.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    assert_eq!(bad.errors().len(), 3, "{}", bad.text);
    server.post(&format!("/api/v1/calls/{call}/hangup"), &json!({})).await;
    server.events_until(&call, "ended").await;
    server
        .post(&record, &json!({}))
        .await
        .is(StatusCode::CONFLICT, "cannot_record");
}

#[tokio::test]
async fn a_call_that_waits_is_not_recorded() {
    let server = Server::start().await;
    let call = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
    let answer = server
        .post(&format!("/api/v1/calls/{call}/recordings"), &json!({}))
        .await;
    answer.is(StatusCode::CONFLICT, "cannot_record");
    let bad = [
        (json!({"to": BOB, "flow": "welcome", "record": true}), "record"),
        (json!({"to": BOB, "say": "x", "record": {"most": "0s"}}), "record.most"),
        (json!({"to": BOB, "say": "x", "record": 7}), "record"),
    ];
    for (body, field) in bad {
        let answer = server.post("/api/v1/calls", &body).await;
        answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
        assert_eq!(answer.errors()[0].0, field, "{}", answer.text);
    }
}
