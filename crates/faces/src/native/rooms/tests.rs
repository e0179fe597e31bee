//! Rooms, from the request that rings to the last hang-up.

use axum::http::StatusCode;
use outdial_domain::Scope;
use outdial_engine::ports::{CallFilter, LegCommand, LegEvent, Store};
use outdial_testkit::fakes::Script;
use serde_json::json;

use crate::native::testing::Server;

const NUMBERS: [&str; 3] = ["sip:a@127.0.0.1", "sip:b@127.0.0.1", "sip:c@127.0.0.1"];

#[tokio::test(start_paused = true)]
async fn several_numbers_are_rung_into_a_room_and_taken_out() {
    let server = Server::start().await;
    let body = json!({"room": "stand-up", "participants": [NUMBERS[0], {"to": NUMBERS[1], "muted": true}]});
    let opened = server.post("/api/v1/rooms", &body).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    assert_eq!(opened.header("location"), "/api/v1/rooms/stand-up");
    let calls: Vec<String> = opened.json["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["id"].as_str().unwrap().to_owned())
        .collect();
    for call in &calls {
        server.reached(call, "room_joined").await;
    }
    // Somebody joins later.
    let late = server.place(json!({"to": NUMBERS[2], "room": "stand-up"})).await;
    server.reached(&late, "room_joined").await;
    let room = server.get("/api/v1/rooms/stand-up").await.json;
    let members = room["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    assert_eq!(members.iter().filter(|member| member["muted"] == true).count(), 1);
    assert_eq!(server.get("/api/v1/rooms").await.json["rooms"][0], room);
    let locked = server.patch("/api/v1/rooms/stand-up", &json!({"locked": true})).await;
    assert_eq!(locked.json["locked"], true);
    let shut_out = server.place(json!({"to": NUMBERS[2], "room": "stand-up"})).await;
    server.reached(&shut_out, "ended").await;
    let story = server.get(&format!("/api/v1/calls/{shut_out}/events")).await.text;
    assert!(story.contains("the room is locked"), "{story}");
    let call = server.get(&format!("/api/v1/calls/{shut_out}")).await.json;
    assert_eq!(
        (&call["ending"]["outcome"], &call["ending"]["reason"]),
        (
            &json!("refused"),
            &json!("turned away from the room stand-up: the room is locked")
        ),
    );
    let kicked = server.delete(&format!("/api/v1/rooms/stand-up/members/{late}")).await;
    assert_eq!(kicked.status, StatusCode::OK, "{}", kicked.text);
    server.reached(&late, "ended").await;
    let gone = server.delete(&format!("/api/v1/rooms/stand-up/members/{late}")).await;
    gone.is(StatusCode::NOT_FOUND, "not_in_room");
    server.delete("/api/v1/rooms/stand-up").await;
    for call in &calls {
        server.reached(call, "ended").await;
    }
    server
        .get("/api/v1/rooms/stand-up")
        .await
        .is(StatusCode::NOT_FOUND, "room_not_found");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_let_in_hears_it_and_the_call_says_so() {
    let server = Server::start().await;
    let small = json!({"room": "small", "most": 1});
    let first = server.place(json!({"to": NUMBERS[0], "room": small})).await;
    server.reached(&first, "room_joined").await;
    server.world.carrier.next(Script::ByHand);
    let second = server.place(json!({"to": NUMBERS[1], "room": small})).await;
    let mut leg = server.world.carrier.leg().await;
    leg.sent().await;
    leg.answer().await;
    let Some(LegCommand::Play { play, .. }) = leg.command().await else {
        panic!("it hears a tone")
    };
    leg.tell(LegEvent::PlayDone { play }).await;
    let Some(LegCommand::HangUp { ending }) = leg.command().await else {
        panic!("it is hung up")
    };
    leg.end(ending).await;
    let call = server.get(&format!("/api/v1/calls/{second}?wait=1")).await.json;
    assert_eq!(
        (
            &call["ending"]["outcome"],
            &call["ending"]["by"],
            &call["ending"]["reason"]
        ),
        (
            &json!("congestion"),
            &json!("system"),
            &json!("turned away from the room small: the room is full: it takes 1")
        ),
    );
    // A flow that goes on says so by itself, and is done.
    let flow = json!([{"conference": small}, {"say": "Sorry."}]);
    let third = server.place(json!({"to": NUMBERS[2], "flow": flow})).await;
    let call = server.get(&format!("/api/v1/calls/{third}?wait=30")).await.json;
    assert_eq!(call["outcome"], "completed", "{call:#}");
    let events = server.get(&format!("/api/v1/calls/{third}/events")).await.text;
    assert!(events.contains("not let in: congestion"), "{events}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_moderator_without_end() {
    let server = Server::start().await;
    let room = json!({"room": "board", "wait": true, "patience": "2m"});
    let begun = tokio::time::Instant::now();
    let guest = server.place(json!({"to": NUMBERS[0], "room": room})).await;
    server.reached(&guest, "room_joined").await;
    assert_eq!(server.get("/api/v1/rooms/board").await.json["begun"], false);
    server.reached(&guest, "ended").await;
    let waited = begun.elapsed().as_secs();
    assert!((120..130).contains(&waited), "{waited} s");
    let call = server.get(&format!("/api/v1/calls/{guest}")).await.json;
    assert_eq!(
        (&call["ending"]["outcome"], &call["ending"]["reason"]),
        (
            &json!("no_answer"),
            &json!("turned away from the room board: no moderator came in time")
        ),
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_request_again_rings_nobody_twice() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.world.carrier.next(Script::rings());
    }
    let body = json!({"participants": NUMBERS}).to_string();
    let send = async || {
        let request = server
            .request("POST", "/api/v1/rooms")
            .header("content-type", "application/json")
            .header("idempotency-key", "monday");
        server.send(request.body(body.clone().into()).unwrap()).await
    };
    let first = send().await;
    let again = send().await;
    assert_eq!(first.json, again.json);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let filter = CallFilter {
        most: 10,
        ..CallFilter::default()
    };
    let calls = server.world.store.calls(server.actor.account, filter).await.unwrap();
    assert_eq!(calls.items.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_by_field() {
    let server = Server::start().await;
    for (body, field) in [
        (json!({}), "participants"),
        (json!({"participants": []}), "participants"),
        (json!({"participants": ["hello"]}), "participants.0"),
        (json!({"participants": [NUMBERS[0], NUMBERS[0]]}), "participants.1"),
        (
            json!({"participants": [{"to": NUMBERS[0], "mutde": true}]}),
            "participants.0.mutde",
        ),
        (json!({"participants": NUMBERS, "most": 2}), "participants"),
        (json!({"participants": NUMBERS, "most": 501}), "most"),
        (json!({"participants": NUMBERS, "wait": true}), "wait"),
        (json!({"participants": NUMBERS, "room": "x".repeat(1024)}), "room"),
        (json!({"participants": NUMBERS, "room": "a/b"}), "room"),
        (json!({"participants": NUMBERS, "room": ".."}), "room"),
        (
            json!({"participants": [NUMBERS[0], "SIP:A@127.0.0.1:5060"]}),
            "participants.1",
        ),
        (
            json!({"participants": ["x:y"], "from": "+6500000000"}),
            "participants.0",
        ),
        (json!({"participants": NUMBERS, "say": "x"}), "say"),
    ] {
        let answer = server.post("/api/v1/rooms", &body).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {}",
            answer.text
        );
        let fields: Vec<String> = answer.errors().into_iter().map(|(field, _)| field).collect();
        assert!(fields.iter().any(|found| found == field), "{body}: {fields:?}");
    }
    let closed = json!({"participants": [NUMBERS[0], "sip:eve@example.com"]});
    let answer = server.post("/api/v1/rooms", &closed).await;
    answer.is(StatusCode::FORBIDDEN, "destination_closed");
    assert_eq!(answer.errors()[0].0, "participants.1");
    assert!(server.world.carrier.rung().is_empty());
    let many: Vec<String> = (0..501).map(|number| format!("sip:{number}@127.0.0.1")).collect();
    let answer = server.post("/api/v1/rooms", &json!({"participants": many})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(start_paused = true)]
async fn no_account_sees_the_rooms_of_another() {
    let server = Server::start().await;
    server.world.carrier.next(Script::ByHand);
    let call = server.place(json!({"to": NUMBERS[0], "room": "secret"})).await;
    let mut leg = server.world.carrier.leg().await;
    leg.sent().await;
    leg.answer().await;
    assert!(matches!(leg.command().await, Some(LegCommand::StopPlaying)));
    assert!(matches!(leg.command().await, Some(LegCommand::Join(_))));
    server.reached(&call, "room_joined").await;
    let stranger = server.stranger().await;
    let answer = server.get_with("/api/v1/rooms/secret", &stranger).await;
    answer.is(StatusCode::NOT_FOUND, "room_not_found");
    assert_eq!(
        server.get_with("/api/v1/rooms", &stranger).await.json,
        json!({"rooms": []})
    );
    let reader = server.world.key(server.actor.account, "reader", &[Scope::Read]).await;
    assert_eq!(
        server.get_with("/api/v1/rooms/secret", &reader).await.status,
        StatusCode::OK
    );
}
