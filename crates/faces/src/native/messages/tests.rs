use axum::http::StatusCode;
use outdial_domain::{
    Scope,
    message::{PartFate, Receipt, ReceiptState, Refusal},
};
use outdial_engine::ports::{Arrived, ArrivedText};
use serde_json::{Value, json};

use crate::native::testing::{Answer, Server};

const PATH: &str = "/api/v1/messages";

async fn sent(server: &Server, body: Value) -> Answer {
    let answer = server.post(PATH, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer
}

fn id(answer: &Answer, place: usize) -> String {
    answer.json["results"][place]["message"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_text_is_sent_delivered_and_explained() {
    let server = Server::with_texts(&[Scope::Calls, Scope::Unmasked]).await;
    let body = json!({"to": "+65 9876 5432", "body": "Ünïcode 👍", "from": "Shop", "tag": "otp", "priority": "high"});
    let answer = sent(&server, body).await;
    assert_eq!(answer.json["results"][0]["message"]["part_count"], 1);
    let id = id(&answer, 0);
    server.reached(&id, "message_submitted").await;
    let receipt = Receipt {
        id: "name-1".into(),
        state: ReceiptState::Delivered,
        error: None,
    };
    assert!(server.world.texts.arrive("smsc", Arrived::Receipt(receipt)).await);
    server.reached(&id, "message_ended").await;
    let message = server.get(&format!("{PATH}/{id}")).await;
    insta::assert_json_snapshot!(message.golden());
    let order = &server.world.texts.orders()[0];
    assert_eq!(
        (order.to.as_str(), order.from.as_deref(), order.high),
        ("+6598765432", Some("Shop"), true)
    );
    let story = server.get(&format!("{PATH}/{id}/explain?unmasked=true")).await;
    let types: Vec<&str> = story.json["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "message_created",
            "message_sending",
            "message_submitted",
            "message_reported",
            "message_ended"
        ]
    );
    let masked = server.get(&format!("{PATH}/{id}/explain")).await;
    assert!(
        !masked.text.contains("9876") && !masked.text.contains("nïcode"),
        "{}",
        masked.text
    );
    let list = server
        .get(&format!("{PATH}?state=delivered&tag=otp&to=%2B65-9876-5432"))
        .await;
    assert_eq!(list.json["messages"][0], message.json);
}

#[tokio::test(start_paused = true)]
async fn broken_receivers_hold_up_no_others() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    let answer = sent(
        &server,
        json!({
            "body": "Hi {name}",
            "to": [
                {"to": "+6590000001", "values": {"name": "Ann"}, "reference": "a"},
                {"to": "not a number at all", "values": {"name": "Nobody"}},
                {"to": "+6590000002", "body": "Own {body}\r\nof two lines"},
                {"to": "+4930123456", "values": {"name": "Cat"}},
                {"to": "+6590000003", "values": {"nme": "Bob"}},
                "+6590000004",
                {"to": "+6590000005", "reference": "b"},
            ],
        }),
    )
    .await;
    assert_eq!(answer.json["taken"], 2);
    let results = answer.json["results"].as_array().unwrap();
    assert_eq!(results[0]["message"]["reference"], "a");
    assert_eq!(results[1]["errors"][0]["field"], "to");
    assert!(
        results[3]["errors"][0]["message"].as_str().unwrap().contains("closed"),
        "{}",
        answer.text
    );
    for without in &results[4..] {
        assert_eq!(without["errors"][0]["field"], "values.name", "{}", answer.text);
    }
    let orders = server.world.texts.sent(2).await;
    let mut said: Vec<String> = orders.iter().map(|order| order.composed.text()).collect();
    said.sort();
    assert_eq!(said, ["Hi Ann", "Own {body}\r\nof two lines"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_by_field() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    for (body, says) in [
        (json!({}), "to"),
        (json!({"to": "+6590000001"}), "body"),
        (json!({"to": "+6590000001", "body": ""}), "body"),
        (json!({"to": "+6590000001", "body": "a".repeat(100_000)}), "body"),
        (
            json!({"to": "+6590000001", "body": "x", "from": "a sender of thirty letters, no"}),
            "from",
        ),
        (json!({"to": "sip:bob@127.0.0.1", "body": "x"}), "number"),
        (json!({"to": [], "body": "x"}), "to"),
        (json!({"to": vec!["+6590000001"; 1001], "body": "x"}), "1000"),
        (json!({"to": "+6590000001", "body": "x", "validity": "8d"}), "validity"),
        (json!({"to": "+6590000001", "body": "x", "via": "nowhere"}), "nowhere"),
        (json!({"to": "+4930123456", "body": "x"}), "closed"),
        (
            json!({"to": [{"to": "+6590000001", "values": {}}], "body": "Hi {name}"}),
            "name",
        ),
    ] {
        let answer = server.post(PATH, &body).await;
        answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
        assert!(answer.text.contains(says), "{says}: {}", answer.text);
    }
    // What is wrong with the body is said once, and not that it is missing.
    for to in [
        json!("+6590000001"),
        json!(["+6590000001"]),
        json!([{"to": "+6590000001"}]),
    ] {
        let answer = server.post(PATH, &json!({"to": to, "body": "a\u{0}b"})).await;
        assert_eq!(
            answer.json["errors"].as_array().map(Vec::len),
            Some(1),
            "{}",
            answer.text
        );
    }
    let answer = server
        .post(PATH, &json!({"to": "+6590000001", "body": "x", "from": "+6599999999"}))
        .await;
    answer.is(StatusCode::FORBIDDEN, "sender_not_allowed");
    assert!(server.world.texts.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_same_request_is_answered_again_and_sent_once() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    let body = json!({"to": "+6590000001", "body": "once", "reference": "order 7"});
    let first = sent(&server, body.clone()).await;
    let again = sent(&server, body).await;
    assert_eq!(first.json, again.json);
    let body = json!({"to": ["+6590000002", "+6590000002"], "body": "twice", "unique_within": "1h"});
    let answer = sent(&server, body.clone()).await;
    assert_eq!(answer.json["taken"], 1);
    let earlier = id(&answer, 0);
    assert_eq!(answer.json["results"][1]["duplicate_of"], json!(earlier));
    let answer = server.post(PATH, &body).await;
    assert_eq!(
        answer.json["results"][0]["duplicate_of"],
        json!(earlier),
        "{}",
        answer.text
    );
    assert_eq!(server.world.texts.sent(2).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_taken_back_until_it_left() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    let later = sent(&server, json!({"to": "+6590000001", "body": "x", "in": "1h"})).await;
    let later = id(&later, 0);
    let canceled = server.post(&format!("{PATH}/{later}/cancel"), &json!({})).await;
    assert_eq!(
        (&canceled.json["result"], &canceled.json["message"]["state"]),
        (&json!("prevented"), &json!("canceled"))
    );
    let again = server.post(&format!("{PATH}/{later}/cancel"), &json!({})).await;
    assert_eq!(again.json, canceled.json, "as often as it is asked");
    server.world.texts.next(vec![PartFate::Refused {
        refusal: Refusal::Never,
        reason: "no such number".into(),
    }]);
    let now = sent(&server, json!({"to": "+6590000001", "body": "x"})).await;
    let now = id(&now, 0);
    server.reached(&now, "message_ended").await;
    let late = server.post(&format!("{PATH}/{now}/cancel"), &json!({})).await;
    assert_eq!(
        (&late.json["result"], &late.json["message"]["state"]),
        (&json!("too_late"), &json!("rejected"))
    );
    let missing = server.get(&format!("{PATH}/msg_{}", "0".repeat(32))).await;
    missing.is(StatusCode::NOT_FOUND, "message_not_found");
}

#[tokio::test(start_paused = true)]
async fn a_text_waits_for_its_hours() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    let mut body = json!({
        "to": ["+6590000001"], "body": "x", "in": "1h", "validity": "1h", "hours": "daily 09:00-18:00 in UTC",
    });
    let answer = sent(&server, body.clone()).await;
    let message = server.get(&format!("{PATH}/{}", id(&answer, 0))).await.json;
    let times: [jiff::Timestamp; 2] = ["due", "expires"].map(|time| message[time].as_str().unwrap().parse().unwrap());
    assert!(
        (9..18).contains(&times[0].to_zoned(jiff::tz::TimeZone::UTC).hour()),
        "{message:#}"
    );
    assert_eq!(times[1].duration_since(times[0]).as_secs(), 3_600);
    assert_eq!(message["hours"]["windows"], json!(["daily 09:00-18:00"]), "{message:#}");
    body["hours"] = json!({"windows": []});
    let answer = server.post(PATH, &body).await;
    answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    assert!(answer.text.contains("hours.windows"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn who_writes_stop_is_left_alone() {
    let server = Server::with_texts(&[Scope::Calls]).await;
    let write = async |text: &str| {
        let text = ArrivedText {
            from: "+6590000001".into(),
            to: "6561234567".into(),
            text: text.into(),
            place: None,
        };
        assert!(server.world.texts.arrive("smsc", Arrived::Text(text)).await);
    };
    write("Stop!").await;
    let list = server.get("/api/v1/do-not-disturb").await;
    assert_eq!(list.json["entries"][0]["number"], "+6590000001");
    let answer = sent(&server, json!({"to": "+6590000001", "body": "x"})).await;
    assert_eq!(answer.json["results"][0]["message"]["refusal"], "failed-dnd");
    write("start").await;
    let incoming = server.get(&format!("{PATH}?direction=incoming")).await;
    assert_eq!(incoming.json["messages"][0]["body"], "start");
    assert_eq!(incoming.json["messages"][0]["state"], "received");
    sent(&server, json!({"to": "+6590000001", "body": "x"})).await;
    assert_eq!(server.world.texts.sent(1).await.len(), 1);
    let numbers = json!({"numbers": ["+6590000009", "+65 9000 0008"]});
    assert_eq!(
        server.post("/api/v1/do-not-disturb", &numbers).await.json,
        json!({"changed": 2})
    );
    assert_eq!(
        server.post("/api/v1/do-not-disturb/remove", &numbers).await.json,
        json!({"changed": 2})
    );
    let wrong = server
        .post("/api/v1/do-not-disturb", &json!({"numbers": ["+6590000009", "bob"]}))
        .await;
    wrong.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
    assert!(wrong.text.contains("numbers.1"), "{}", wrong.text);
}
