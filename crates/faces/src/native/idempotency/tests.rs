use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use outdial_domain::Scope;
use serde_json::{Value, json};

use crate::native::testing::{Answer, BOB, Server, wav};

async fn post_as(server: &Server, secret: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {secret}"))
        .header("idempotency-key", key)
        .header("content-type", "application/json");
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn post(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    post_as(server, &server.secret, path, key, body).await
}

async fn calls(server: &Server) -> usize {
    let answer = server.get("/api/v1/calls").await;
    answer.json["calls"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn the_same_request_is_answered_again_and_done_once() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello", "in": 3600, "tag": "a"});
    let first = post(&server, "/api/v1/calls", "order-7", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "");
    // Fields in another order, and spaces, make no other request.
    let request = server
        .request("POST", "/api/v1/calls")
        .header("Idempotency-Key", " order-7 ");
    let request = request.header("content-type", "application/json");
    let text = format!(r#"{{ "tag": "a", "in": 3600, "say": "Hello",  "to": "{BOB}" }}"#);
    let again = server.send(request.body(text.into()).unwrap()).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(calls(&server).await, 1);
    // It does not matter that the call has moved on, nor that the same would be refused by now.
    let id = first.json["id"].as_str().unwrap();
    server.delete(&format!("/api/v1/calls/{id}")).await;
    assert_eq!(post(&server, "/api/v1/calls", "order-7", &body).await.text, first.text);
    // Another key is another request.
    let other = post(&server, "/api/v1/calls", "order-8", &body).await;
    assert_ne!(other.json["id"], first.json["id"]);
    assert_eq!(calls(&server).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_belongs_to_one_request_of_one_account() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello"});
    let first = post(&server, "/api/v1/calls", "k", &body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    for (path, body) in [
        ("/api/v1/calls", json!({"to": BOB, "say": "Hello!"})),
        ("/api/v1/accounts", json!({"name": "beta"})),
        // Even when it would be refused for another reason.
        ("/api/v1/calls", json!({})),
    ] {
        let answer = post(&server, path, "k", &body).await;
        answer.is(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    }
    let stranger = server.stranger().await;
    let theirs = post_as(&server, &stranger, "/api/v1/calls", "k", &body).await;
    assert_eq!(theirs.status, StatusCode::CREATED);
    assert_ne!(theirs.json["id"], first.json["id"]);
}

#[tokio::test(start_paused = true)]
async fn refusals_and_failures_leave_the_key_unused() {
    let server = Server::start().await;
    let good = json!({"to": BOB, "say": "Hello"});
    let bad = post(&server, "/api/v1/calls", "k", &json!({"to": BOB})).await;
    bad.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    server.world.store.fill_disk();
    let failed = post(&server, "/api/v1/calls", "k", &good).await;
    failed.is(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable");
    server.world.store.fail(None);
    assert_eq!(
        post(&server, "/api/v1/calls", "k", &good).await.status,
        StatusCode::CREATED
    );
    assert_eq!(calls(&server).await, 1);
}

#[tokio::test(start_paused = true)]
async fn of_many_at_once_one_is_done_and_the_others_hear_of_it() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello", "in": 60});
    let many = (0..20).map(|_| post(&server, "/api/v1/calls", "k", &body));
    let answers = futures_util::future::join_all(many).await;
    let made: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED)
        .collect();
    assert!(!made.is_empty());
    assert!(made.iter().all(|answer| answer.text == made[0].text));
    for waiting in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        waiting.is(StatusCode::CONFLICT, "idempotency_in_progress");
        assert_eq!(waiting.header("retry-after"), "1");
    }
    assert_eq!(calls(&server).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_outlives_a_restart_and_is_forgotten_in_time() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello"});
    let first = post(&server, "/api/v1/calls", "k", &body).await;
    let restarted = server.restarted().await;
    tokio::time::sleep(Duration::from_secs(24 * 3600 - 60)).await;
    assert_eq!(post(&restarted, "/api/v1/calls", "k", &body).await.text, first.text);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let later = post(&restarted, "/api/v1/calls", "k", &body).await;
    assert_ne!(later.json["id"], first.json["id"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_refused() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello"});
    for key in ["", "  ", "x".repeat(256).as_str(), "a\tb", "l\u{e4}uft"] {
        let answer = post(&server, "/api/v1/calls", key, &body).await;
        assert_eq!(
            answer.errors(),
            [("Idempotency-Key".into(), "invalid".into())],
            "{key:?}"
        );
    }
    let twice = server.request("POST", "/api/v1/calls").header("idempotency-key", "a");
    let twice = twice
        .header("idempotency-key", "b")
        .header("content-type", "application/json");
    let answer = server.send(twice.body(body.to_string().into()).unwrap()).await;
    assert_eq!(answer.errors(), [("Idempotency-Key".into(), "invalid".into())]);
    assert_eq!(calls(&server).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reference_serves_as_a_key_and_finds_the_call() {
    let server = Server::start().await;
    let body = json!({"to": BOB, "say": "Hello", "reference": "order 7"});
    let first = server.post("/api/v1/calls", &body).await;
    assert_eq!(first.json["reference"], "order 7");
    assert_eq!(server.post("/api/v1/calls", &body).await.text, first.text);
    let other = json!({"to": BOB, "say": "Goodbye", "reference": "order 7"});
    let answer = server.post("/api/v1/calls", &other).await;
    answer.is(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    let found = server.get("/api/v1/calls?reference=order%207").await;
    assert_eq!(found.json["calls"][0]["id"], first.json["id"]);
    assert_eq!(
        server.get("/api/v1/calls?reference=order").await.json["calls"],
        json!([])
    );
    // A header goes first, and is another kind of key.
    let again = post(&server, "/api/v1/calls", "order 7", &body).await;
    assert_ne!(again.json["id"], first.json["id"]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_made_once() {
    let server = Server::start().await;
    let path = "/api/v1/schedules";
    let body = json!({"to": BOB, "say": "Hello", "cron": "0 9 * * *", "zone": "UTC"});
    let first = post(&server, path, "weekly", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let again = post(&server, path, "weekly", &body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    let mut other = body.clone();
    other["cron"] = json!("0 10 * * *");
    let refused = post(&server, path, "weekly", &other).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    // What was refused leaves the key unused.
    other["cron"] = json!("* * * * * *");
    let refused = post(&server, path, "each second", &other).await;
    refused.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    assert_eq!(
        post(&server, path, "each second", &body).await.status,
        StatusCode::CREATED
    );
    let made = server.get(path).await;
    assert_eq!(made.json["schedules"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn uploads_and_accounts_are_made_once() {
    let server = Server::start().await;
    let upload = async |bytes: &[u8]| {
        let request = server.request("POST", "/api/v1/audio").header("idempotency-key", "u");
        let request = request.header("content-type", "audio/wav");
        server.send(request.body(Body::from(bytes.to_vec())).unwrap()).await
    };
    let first = upload(&wav(16_000)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(upload(&wav(16_000)).await.text, first.text);
    let other = upload(&wav(8_000)).await;
    other.is(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    let body = json!({"name": "beta"});
    let first = post(&server, "/api/v1/accounts", "a", &body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    // Without the key the name would be taken.
    assert_eq!(post(&server, "/api/v1/accounts", "a", &body).await.text, first.text);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_shown_again_only_to_the_key_that_asked() {
    let server = Server::start().await;
    let body = json!({"name": "backups", "scopes": ["read"], "expires_in": 60});
    let first = post(&server, "/api/v1/keys", "k", &body).await;
    let secret = first.json["secret"].as_str().unwrap();
    assert_eq!(post(&server, "/api/v1/keys", "k", &body).await.text, first.text);
    let other = server.world.key(server.actor.account, "other", &[Scope::Admin]).await;
    let refused = post_as(&server, &other, "/api/v1/keys", "k", &body).await;
    refused.is(StatusCode::CONFLICT, "answered_to_another_key");
    assert!(!refused.text.contains(secret));
    // Nor does the store know it.
    let kept = server.world.store.answers();
    assert_eq!(kept.len(), 1);
    assert!(
        !kept[0]
            .answer
            .windows(secret.len())
            .any(|part| part == secret.as_bytes())
    );
    let keys = server.get("/api/v1/keys").await;
    assert_eq!(keys.json["keys"].as_array().unwrap().len(), 3);
}
