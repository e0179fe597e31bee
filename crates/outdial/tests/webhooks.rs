//! Notifications of the whole program: real receivers, a server that is killed, and the commands.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use program::{Home, LIMIT};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

/// A receiver that remembers what it took, and answers as it is told.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    answer: Arc<AtomicU16>,
    took: Arc<watch::Sender<Vec<(HeaderMap, String)>>>,
}

impl Receiver {
    async fn start(answer: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(AtomicU16::new(answer)),
            took: Arc::new(watch::Sender::new(Vec::new())),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        receiver
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The events of each call, in the order they came, without those that came again.
    fn sequences(&self) -> BTreeMap<String, Vec<u64>> {
        let mut calls: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, body) in self.took.borrow().iter() {
            let notification: Value = serde_json::from_str(body).unwrap();
            let event = &notification["data"]["event"];
            let sequences = calls.entry(event["call"].as_str().unwrap().to_owned()).or_default();
            let sequence = event["sequence"].as_u64().unwrap();
            if !sequences.contains(&sequence) {
                sequences.push(sequence);
            }
        }
        calls
    }

    /// Waits until it was told of the end of so many calls.
    async fn ends(&self, calls: usize) {
        let mut took = self.took.subscribe();
        let ended = |took: &Vec<(HeaderMap, String)>| {
            let ends = took.iter().filter(|(_, body)| body.contains(r#""type":"call.ended""#));
            let ids = ends.map(|(headers, _)| headers["webhook-id"].clone());
            ids.collect::<std::collections::HashSet<_>>().len() >= calls
        };
        tokio::time::timeout(LIMIT, took.wait_for(ended))
            .await
            .expect("the ends")
            .unwrap();
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = StatusCode::from_u16(receiver.answer.load(Ordering::Relaxed)).unwrap();
    if status.is_success() {
        let body = String::from_utf8(body.to_vec()).unwrap();
        receiver.took.send_modify(|took| took.push((headers, body)));
    }
    status
}

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
