use axum::http::StatusCode;
use outdial_domain::Scope;
use serde_json::{Value, json};

use crate::native::testing::{BOB, Server};

async fn made(server: &Server, body: Value) -> Value {
    let answer = server.post("/api/v1/webhooks", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_made_listed_and_removed_and_its_secret_shown_once() {
    let server = Server::start().await;
    let body = json!({"url": "https://example.com/hook", "events": ["answered", "ended"]});
    let mut new = made(&server, body).await;
    let secret = new.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    insta::assert_json_snapshot!(new);
    let list = server.get("/api/v1/webhooks").await;
    insta::assert_json_snapshot!(list.golden());
    assert!(!list.text.contains("whsec_"));
    let path = format!("/api/v1/webhooks/{}", new["id"].as_str().unwrap());
    let stranger = server.stranger().await;
    assert_eq!(
        server.get_with("/api/v1/webhooks", &stranger).await.json["webhooks"],
        json!([])
    );
    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    server
        .delete(&path)
        .await
        .is(StatusCode::NOT_FOUND, "webhook_not_found");
}

#[tokio::test(start_paused = true)]
async fn urls_that_lead_inside_are_refused() {
    let server = Server::start().await;
    for url in [
        "https://127.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0x7f000001/",
        "http://example.com/",
        "ftp://example.com/",
        "https://user:secret@example.com/",
        "example.com",
    ] {
        let answer = server.post("/api/v1/webhooks", &json!({"url": url})).await;
        assert_eq!(answer.errors(), [("url".into(), "invalid".into())], "{url}");
        let body = json!({"to": BOB, "say": "x", "webhook": {"url": url}});
        let answer = server.post("/api/v1/calls", &body).await;
        assert_eq!(answer.errors(), [("webhook.url".into(), "invalid".into())], "{url}");
    }
    assert_eq!(server.get("/api/v1/calls").await.json["calls"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_by_field() {
    let server = Server::start().await;
    let url = "https://example.com/";
    for (body, field, code) in [
        (json!({}), "url", "missing"),
        (json!({"url": 7}), "url", "type"),
        (json!({"url": url, "events": "ended"}), "events", "type"),
        (json!({"url": url, "events": ["endet"]}), "events.0", "invalid"),
        (json!({"url": url, "secret": "x"}), "secret", "unknown"),
    ] {
        let answer = server.post("/api/v1/webhooks", &body).await;
        assert_eq!(answer.errors(), [(field.into(), code.into())], "{body}");
    }
    for (webhook, field) in [
        (json!({"events": []}), "webhook.url"),
        (json!({"url": url, "secret": "whsec_c2hvcnQ="}), "webhook.secret"),
        (json!({"url": url, "colour": "red"}), "webhook.colour"),
    ] {
        let body = json!({"to": BOB, "say": "x", "webhook": webhook});
        let answer = server.post("/api/v1/calls", &body).await;
        assert_eq!(answer.errors()[0].0, field, "{body}");
    }
    for _ in 0..20 {
        made(&server, json!({"url": url})).await;
    }
    let one_more = server.post("/api/v1/webhooks", &json!({"url": url})).await;
    one_more.is(StatusCode::CONFLICT, "too_many_webhooks");
}

#[tokio::test(start_paused = true)]
async fn a_call_shows_who_is_told_but_not_the_secret() {
    let server = Server::start().await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let webhook = json!({"url": "https://example.com/?a=b", "events": ["ended"], "secret": secret});
    let body = json!({"to": BOB, "say": "x", "webhook": webhook});
    let answer = server.post("/api/v1/calls", &body).await;
    let shown = json!({"url": "https://example.com/?a=b", "events": ["ended"], "signed": true});
    assert_eq!(answer.json["webhook"], shown);
    let id = answer.json["id"].as_str().unwrap();
    for path in ["", "/explain", "/events"] {
        let answer = server.get(&format!("/api/v1/calls/{id}{path}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.text.contains(secret), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_are_changed_with_time_to_follow() {
    let server = Server::start().await;
    let first = made(&server, json!({"url": "https://example.com/"})).await;
    let path = format!("/api/v1/webhooks/{}/secret", first["id"].as_str().unwrap());
    let second = server.post(&path, &json!({"old_lives": "1h"})).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.text);
    assert_ne!(second.json["secret"], first["secret"]);
    let until = second.json["secrets_until"].as_array().unwrap();
    assert_eq!((until.len(), &until[0]), (2, &Value::Null));
    let answer = server.post(&path, &json!({"old_lives": "31d"})).await;
    assert_eq!(answer.errors()[0].0, "old_lives");
    let nobody = "/api/v1/webhooks/hook_00000000000000000000000000000000/secret";
    let answer = server.post(nobody, &json!({})).await;
    answer.is(StatusCode::NOT_FOUND, "webhook_not_found");
}

#[tokio::test(start_paused = true)]
async fn what_can_be_told_again_is() {
    let server = Server::start().await;
    let hook = made(
        &server,
        json!({"url": "https://example.com/", "events": ["created", "ended"]}),
    )
    .await;
    let id = hook["id"].as_str().unwrap();
    let call = server.call(json!({"to": BOB, "say": "x"})).await;
    let replay = async |body: Value| server.post("/api/v1/webhooks/replay", &body).await;
    let all = replay(json!({"webhook": id, "after": 0})).await;
    assert_eq!(all.json, json!({"events": 2, "more_after": null}), "{}", all.text);
    let first = replay(json!({"webhook": id, "after": 0, "through": 1})).await;
    assert_eq!(first.json["events"], 1);
    let by_time = replay(json!({"webhook": id, "from": "2030-01-01T00:00:00Z", "until": "2031-01-01T00:00:00Z"})).await;
    assert_eq!(by_time.json["events"], 2);
    let before = replay(json!({"webhook": id, "from": "2029-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"})).await;
    assert_eq!(before.json["events"], 0);
    replay(json!({"call": call}))
        .await
        .is(StatusCode::CONFLICT, "no_receiver");
    for nothing in [
        json!({"call": "call_00000000000000000000000000000000"}),
        json!({"delivery": "dlv_00000000000000000000000000000000"}),
        json!({"webhook": "hook_00000000000000000000000000000000", "after": 0}),
    ] {
        replay(nothing).await.is(StatusCode::NOT_FOUND, "nothing_to_replay");
    }
    for bad in [
        json!({}),
        json!({"webhook": id}),
        json!({"call": call, "delivery": "x"}),
        json!({"call": 1}),
    ] {
        replay(bad)
            .await
            .is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_of_deliveries_is_a_list() {
    let server = Server::with_scopes(&[Scope::Read]).await;
    let answer = server.get("/api/v1/webhooks/deliveries").await;
    assert_eq!(answer.json, json!({"deliveries": [], "next": null}));
    let answer = server.get("/api/v1/webhooks/deliveries?call=x&limit=0").await;
    assert_eq!(answer.errors().len(), 2);
    server
        .get("/api/v1/webhooks")
        .await
        .is(StatusCode::FORBIDDEN, "insufficient_scope");
}
