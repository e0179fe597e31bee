//! Whatever body a client sends: it is taken, or refused as its own fault by a whole problem document.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{body::Body, http::Request};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Map, Value, json};

use super::testing::{Answer, BOB, Server};

/// Everything that takes a body. `{call}` stands for a call that can still be changed.
const TAKERS: [(&str, &str); 9] = [
    ("POST", "/api/v1/calls"),
    ("PATCH", "/api/v1/calls/{call}"),
    ("POST", "/api/v1/calls/{call}/hangup"),
    ("POST", "/api/v1/calls/{call}/recordings"),
    ("POST", "/api/v1/audio"),
    ("POST", "/api/v1/messages/preview"),
    ("POST", "/api/v1/schedules"),
    ("POST", "/api/v1/accounts"),
    ("POST", "/api/v1/keys"),
];

/// Names that mean something somewhere.
const NAMES: [&str; 36] = [
    "why",
    "to",
    "from",
    "say",
    "play",
    "flow",
    "at",
    "in",
    "ring",
    "max",
    "tag",
    "reference",
    "via",
    "priority",
    "expires",
    "hours",
    "retry",
    "windows",
    "zone",
    "skip",
    "rules",
    "on",
    "times",
    "delay",
    "factor",
    "total",
    "name",
    "scopes",
    "account",
    "gather",
    "pause",
    "text",
    "record",
    "until",
    "channels",
    "most",
];

/// Texts that are right in some place, or almost.
const TEXTS: [&str; 20] = [
    BOB,
    "+6561234567",
    "x",
    "",
    "welcome",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "-262143-01-01",
    "5m",
    "99999999999999999999h",
    "high",
    "calls",
    "admin",
    "mon-fri 09:00-18:00",
    "Asia/Singapore",
    "busy=3/5m",
    "no_answer",
    "\u{0}\r\nX: y",
    "\u{202e}\u{1f4de}",
    "aud_00000000000000000000000000000000",
];

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-2_i64..100).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(&TEXTS[..]).prop_map(Value::from),
        1 => ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((select(&NAMES[..]), inner), 0..6).prop_map(object),
        ]
    })
}

fn object(fields: Vec<(&'static str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A request for a call that is right but for what stands in these fields.
fn almost_right() -> impl Strategy<Value = Value> {
    prop::collection::vec((select(&NAMES[..]), values()), 0..2).prop_map(|fields| {
        let mut request = json!({"to": BOB, "say": "x", "in": "1h"});
        for (name, value) in fields {
            request[name] = value;
        }
        request
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: Value| value.to_string().into_bytes();
    prop_oneof![
        4 => almost_right().prop_map(text),
        3 => values().prop_map(text),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        // Broken off, with an octet that does not belong there.
        1 => (almost_right(), any::<u8>(), 0_usize..60).prop_map(move |(value, octet, length)| {
            let mut bytes = text(value);
            bytes.truncate(length);
            bytes.push(octet);
            bytes
        }),
        1 => (1_usize..50_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
    ]
}

fn types() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("application/json"),
        1 => select(&["application/json; charset=utf-16", "audio/wav", "audio/mpeg", "text/plain", "", "/;,"][..]),
    ]
}

fn is_taken_or_refused(answer: &Answer) {
    let status = answer.status;
    assert!(
        status.is_success() || status.is_client_error(),
        "{status}: {}",
        answer.text
    );
    if status.is_client_error() {
        let code = answer.json["code"].as_str().unwrap_or("no code");
        answer.is(status, code);
        for (field, code) in answer.errors() {
            assert!(!code.is_empty() && field.len() < 1_000, "{field}: {code}");
        }
    }
}

#[test]
fn every_body_is_taken_or_refused_with_a_problem() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let server = runtime.block_on(Server::start());
    let cases = (select(&TAKERS[..]), types(), bodies(), prop::option::of("[ -~]{0,20}"));
    let counts = [const { AtomicUsize::new(0) }; 2];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1_000));
    let all = runner.run(&cases, |((method, path), kind, body, key)| {
        runtime.block_on(async {
            let call = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
            let mut request = server
                .request(method, &path.replace("{call}", &call))
                .header("content-type", kind);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let request: Request<Body> = request.body(Body::from(body)).unwrap();
            let answer = server.send(request).await;
            is_taken_or_refused(&answer);
            counts[usize::from(answer.status.is_success())].fetch_add(1, Ordering::Relaxed);
        });
        Ok(())
    });
    all.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        counts.iter().all(|count| count.load(Ordering::Relaxed) > 10),
        "refused and taken: {counts:?}"
    );
}
