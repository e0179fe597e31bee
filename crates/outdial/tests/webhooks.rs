//! Notifications of the whole program: real receivers, a server that is killed, and the commands.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

mod receiver;

use std::sync::atomic::Ordering;

use axum::http::HeaderMap;
use program::{Home, LIMIT};
use receiver::Receiver;
use serde_json::json;

const CONFIG: &str = "[webhooks]\nallow = [\"127.0.0.1\"]\n[policy]\nopen = [\"+1202555\"]\n";

#[tokio::test]
async fn every_event_is_told_although_the_server_is_killed() {
    let home = Home::new();
    home.configure(CONFIG);
    let receiver = Receiver::start(503).await;
    let server = home.serve().await;
    let (status, hook) = server.post("/api/v1/webhooks", &json!({"url": receiver.url()})).await;
    assert_eq!(status, 201, "{hook}");
    let secret = hook["secret"].as_str().unwrap().to_owned();
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(
            server
                .place(&json!({"to": "+12025550101", "flow": program::pause("1s")}))
                .await,
        );
    }
    for call in &calls {
        server.ended(call).await;
    }
    server.kill().await;
    receiver.answer.store(200, Ordering::Relaxed);
    let server = home.serve().await;
    let own = json!({"url": receiver.url().replace("hook", "own"), "events": ["created"]});
    let last = server
        .place(&json!({"to": "+12025550101", "flow": program::pause("1s"), "webhook": own}))
        .await;
    server.ended(&last).await;
    calls.push(last);
    receiver.ends(calls.len()).await;
    let told = receiver.sequences();
    for call in &calls {
        let (_, story) = server.get(&format!("/api/v1/calls/{call}/events")).await;
        let events = story["events"].as_array().unwrap().len() as u64;
        assert_eq!(told[call], (1..=events).collect::<Vec<_>>(), "in order, without gaps");
    }

    // What came can be checked by the command, and told again.
    let signed = |(headers, _): &&(HeaderMap, String)| headers.contains_key("webhook-signature");
    let (headers, body) = receiver.took.borrow().iter().find(signed).cloned().unwrap();
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    let file = |name: &str, text: &str| {
        let path = home.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (headers, good, bad) = (
        file("headers", &lines),
        file("body", &body),
        file("changed", &body.replace("call", "bill")),
    );
    let verify = async |body: &str, secret: &str| {
        home.run(&[
            "webhook",
            "verify",
            "--secret",
            secret,
            "--headers",
            &headers,
            "--body",
            body,
        ])
        .await
    };
    let right = verify(&good, &secret).await;
    assert_eq!((right.code, right.out.trim()), (0, "the signature fits"), "{right:?}");
    assert_eq!(verify(&bad, &secret).await.code, 1);
    assert_eq!(verify(&good, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await.code, 1);
    assert_eq!(verify("/nowhere", &secret).await.code, 2);

    let before = receiver.took.borrow().len();
    let (_, log) = server.get("/api/v1/webhooks/deliveries?limit=1000").await;
    let delivered = log["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["result"] == "delivered")
        .unwrap();
    assert!(
        log["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["result"] == "retried" && one["status"] == 503)
    );
    let again = home
        .run(&["webhook", "replay", "--delivery", delivered["id"].as_str().unwrap()])
        .await;
    assert_eq!(again.code, 0, "{again:?}");
    let mut took = receiver.took.subscribe();
    tokio::time::timeout(LIMIT, took.wait_for(|took| took.len() > before))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        receiver.took.borrow().last().unwrap().0["webhook-id"],
        *delivered["event"].as_str().unwrap()
    );
    server.stop().await;
}

#[tokio::test]
async fn urls_that_lead_inside_are_refused_when_given_and_when_used() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    let inside = json!({"to": "+12025550101", "say": "x", "webhook": {"url": "https://127.0.0.1/"}});
    let (status, problem) = server.post("/api/v1/calls", &inside).await;
    assert_eq!(
        (status, problem["errors"][0]["field"].as_str()),
        (422, Some("webhook.url"))
    );
    // A name is resolved when it is used, each time.
    let webhook = json!({"url": "https://localhost:1/", "events": ["created"]});
    let call = server
        .place(&json!({"to": "+12025550101", "flow": program::pause("1s"), "webhook": webhook}))
        .await;
    let path = format!("/api/v1/webhooks/deliveries?call={call}");
    let tried = async {
        loop {
            let (_, log) = server.get(&path).await;
            if let Some(first) = log["deliveries"].as_array().and_then(|list| list.last()) {
                return first.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let tried = tokio::time::timeout(LIMIT, tried).await.expect("a try");
    let error = tried["error"].as_str().unwrap();
    assert!(
        error.starts_with("not sent: ") && error.contains("webhooks.allow"),
        "{error}"
    );
    server.stop().await;
}

#[tokio::test]
async fn doctor_tries_each_webhook_by_a_signed_ping() {
    let home = Home::new();
    home.configure(CONFIG);
    let receiver = Receiver::start(200).await;
    let server = home.serve().await;
    let (_, hook) = server.post("/api/v1/webhooks", &json!({"url": receiver.url()})).await;
    let (id, secret) = (hook["id"].as_str().unwrap(), hook["secret"].as_str().unwrap());
    let doctor = async || {
        let report = home.run(&["doctor", "--json"]).await.json();
        let mut findings = report.as_array().unwrap().iter();
        let check = format!("webhook {id}");
        let found = findings.find(|found| found["check"] == *check).cloned();
        let found = found.unwrap_or_else(|| panic!("{report:#}"));
        (
            found["ok"].as_bool().unwrap(),
            found["detail"].as_str().unwrap().to_owned(),
        )
    };
    // Beside the running server.
    let (ok, detail) = doctor().await;
    assert!(ok && detail.contains("signed ping"), "{detail}");
    let (headers, body) = receiver.took.borrow().last().unwrap().clone();
    assert!(body.contains(r#""type":"ping""#) && body.contains(id), "{body}");
    let header = |name: &str| headers[name].to_str().unwrap();
    let (ping, time, signed) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    );
    let secret = outdial_domain::SigningSecret::new(secret.to_owned());
    outdial_webhooks::verify(&secret, ping, time, signed, &body, time_of(time)).unwrap();
    receiver.answer.store(401, Ordering::Relaxed);
    let (ok, detail) = doctor().await;
    assert!(!ok && detail.contains("401") && detail.contains("secret"), "{detail}");
    server.stop().await;
    // An address that is not allowed any more is not even asked.
    home.configure("");
    let before = receiver.took.borrow().len();
    let (ok, detail) = doctor().await;
    assert!(!ok && detail.contains("webhooks.allow"), "{detail}");
    assert_eq!(receiver.took.borrow().len(), before);
}

fn time_of(seconds: &str) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds.parse().unwrap()).unwrap()
}
