//! Texts of the whole program: sent to a simulated SMSC, told to receivers, and neither lost nor repeated when the
//! program is killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod receiver;

use std::{collections::BTreeMap, time::Duration};

use outdial_handset::{Reply, Smsc, SmscScript};
use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, LIMIT, Server};
use receiver::Receiver;
use serde_json::{Value, json};

/// How many texts are sent while the program is killed again and again, unless `TEXTS_SENT` says so.
const TEXTS: usize = 400;
/// How many receivers one request names.
const BATCH: usize = 200;
/// How often the program is killed.
const KILLS: usize = 3;
/// How many texts may be unanswered.
const WINDOW: usize = 8;

fn config(smsc: &Smsc) -> String {
    format!(
        "[handsets]\nenabled = false\n[policy]\nopen = [\"+65\"]\n[webhooks]\nallow = [\"127.0.0.1\"]\n\
         [[sms_trunk]]\nname = \"smsc\"\nhost = \"127.0.0.1\"\nport = {}\nsystem_id = \"outdial\"\nwindow = {WINDOW}\n\
         [[number]]\nnumber = \"+6561234567\"\nuses = [\"receives_texts\"]\n",
        smsc.address().port()
    )
}

async fn smsc(script: SmscScript) -> Smsc {
    Smsc::start("127.0.0.1:0".parse().unwrap(), script, None).await.unwrap()
}

async fn message(server: &Server, id: &str) -> Value {
    let (status, message) = server.get(&format!("/api/v1/messages/{id}")).await;
    assert_eq!(status, 200, "{message}");
    message
}

fn how_many() -> usize {
    std::env::var("TEXTS_SENT").map_or(TEXTS, |texts| texts.parse().unwrap())
}

/// Sends so many texts by these servers in turn. Gives the number of each by the name of its message.
async fn broadcast(servers: &[&Server], texts: usize) -> BTreeMap<String, String> {
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    for batch in 0..texts.div_ceil(BATCH) {
        let numbers = (batch * BATCH..texts.min((batch + 1) * BATCH)).map(|number| format!("+659{number:07}"));
        let numbers: Vec<String> = numbers.collect();
        let server = servers[batch % servers.len()];
        let (status, answer) = server
            .post("/api/v1/messages", &json!({"to": numbers, "body": "a broadcast"}))
            .await;
        assert_eq!(status, 201, "{answer}");
        for (number, result) in numbers.into_iter().zip(answer["results"].as_array().unwrap()) {
            sent.insert(result["message"]["id"].as_str().unwrap().to_owned(), number);
        }
    }
    sent
}

/// Waits until every text has ended: delivered, or unknown where nobody can know it, and so many of them at most.
/// None has left twice, and of none that never left it is said that it was delivered.
async fn account_for(server: &Server, smsc: &Smsc, sent: &BTreeMap<String, String>, most_unknown: usize) {
    let mut unknown = 0;
    for (id, number) in sent {
        server.reached(id, "message_ended").await;
        let message = message(server, id).await;
        match message["state"].as_str().unwrap() {
            "delivered" => {}
            "unknown" => unknown += 1,
            _ => panic!("{number}: {message:#}"),
        }
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for text in smsc.taken() {
        *taken.entry(text.to).or_default() += 1;
    }
    let repeated: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
    let missing = sent.values().filter(|number| !taken.contains_key(*number)).count();
    assert!(
        missing <= unknown,
        "{missing} texts never came, and {unknown} are unknown"
    );
    assert!(unknown <= most_unknown, "{unknown} unknown texts");
}

/// The answers take a moment, so that each kill meets texts in every state.
fn slow() -> SmscScript {
    SmscScript::default().text("*", [Reply::delivered().after(Duration::from_millis(3))])
}

#[tokio::test]
async fn no_text_is_lost_or_repeated_by_a_killed_node() {
    if !require(Peer::Postgres) {
        return;
    }
    let texts = how_many();
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let smsc = smsc(slow()).await;
    let homes = ["a", "b", "c"].map(|name| {
        let home = Home::new();
        home.configure_node(name, &format!("[store]\nurl = \"{url}\"\n{}", config(&smsc)));
        home
    });
    let (a, b, c) = (homes[0].serve().await, homes[1].serve().await, homes[2].serve().await);
    tokio::time::timeout(LIMIT, smsc.wait_for_binds(3))
        .await
        .expect("a bind of each");
    let sent = broadcast(&[&a, &b, &c], texts).await;
    tokio::time::timeout(LIMIT, smsc.wait_for(texts / 3))
        .await
        .expect("texts");
    a.kill().await;
    // Others send what it had taken and not sent, and hear of what it had sent.
    account_for(&b, &smsc, &sent, 2 * WINDOW).await;
    for server in [b, c] {
        server.stop().await;
    }
}

#[tokio::test]
async fn no_text_is_lost_or_repeated_by_a_kill() {
    let texts = how_many();
    let smsc = smsc(slow()).await;
    let home = Home::new();
    home.configure(&config(&smsc));
    let mut server = home.serve().await;
    let sent = broadcast(&[&server], texts).await;
    for kill in 1..=KILLS {
        tokio::time::timeout(LIMIT, smsc.wait_for(kill * texts / (KILLS + 1)))
            .await
            .expect("texts");
        server.kill().await;
        server = home.serve().await;
    }
    // No more than may be in the journal without an answer.
    account_for(&server, &smsc, &sent, KILLS * 2 * WINDOW).await;
    server.stop().await;
    let examined = home.run(&["store", "check"]).await;
    assert_eq!(examined.code, 0, "{examined:?}");
}

async fn send(server: &Server, body: Value) -> String {
    let (status, answer) = server.post("/api/v1/messages", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["results"][0]["message"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_throttled_text_is_known_not_to_be_sent() {
    let throttled = || Reply::throttled();
    let script = SmscScript::default()
        .text(
            "+6590000001",
            [throttled(), throttled(), throttled(), Reply::delivered()],
        )
        .text("+6590000002", [throttled()]);
    let smsc = smsc(script).await;
    let home = Home::new();
    home.configure(&config(&smsc));
    let server = home.serve().await;
    let id = send(&server, json!({"to": "+6590000001", "body": "hello"})).await;
    server.reached(&id, "message_queued").await;
    server.kill().await;
    let server = home.serve().await;
    server.reached(&id, "message_ended").await;
    assert_eq!(message(&server, &id).await["state"], "delivered");
    let other = send(&server, json!({"to": "+6590000002", "body": "never mind"})).await;
    server.reached(&other, "message_queued").await;
    let (_, canceled) = server
        .post(&format!("/api/v1/messages/{other}/cancel"), &json!({}))
        .await;
    assert_eq!(canceled["result"], "prevented", "{canceled}");
    let taken: Vec<String> = smsc.taken().into_iter().map(|text| text.to).collect();
    assert_eq!(taken, ["+6590000001"]);
    server.stop().await;
}

#[tokio::test]
async fn the_smsc_is_asked_about_a_text_whose_receipt_does_not_come() {
    let enroute = 1;
    let script = SmscScript::default()
        .text("+6590000001", [Reply::delivered().without_receipts()])
        .text("+6590000002", [Reply::state(enroute)]);
    let smsc = smsc(script).await;
    let home = Home::new();
    home.configure(&config(&smsc));
    let server = home.serve().await;
    let body = |to: &str| json!({"to": to, "body": "hello", "validity": 1});
    let lost = send(&server, body("+6590000001")).await;
    let slow = send(&server, body("+6590000002")).await;
    for (id, state) in [(&lost, "delivered"), (&slow, "unknown")] {
        server.reached(id, "message_ended").await;
        assert_eq!(message(&server, id).await["state"], state);
    }
    assert_eq!(smsc.questions(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_text_is_told_of_as_a_call_is() {
    let smsc = smsc(SmscScript::default()).await;
    let home = Home::new();
    home.configure(&config(&smsc));
    let receiver = Receiver::start(200).await;
    let server = home.serve().await;
    let (status, hook) = server.post("/api/v1/webhooks", &json!({"url": receiver.url()})).await;
    assert_eq!(status, 201, "{hook}");
    let own = json!({"url": receiver.url().replace("hook", "own"), "events": ["message_ended"]});
    let body = json!({"to": "+6598765432", "body": "Ünïcode 👍", "webhook": own});
    let (status, answer) = server.post("/api/v1/messages", &body).await;
    assert_eq!(status, 201, "{answer}");
    let id = answer["results"][0]["message"]["id"].as_str().unwrap().to_owned();
    server.reached(&id, "message_ended").await;
    let mut took = receiver.took.subscribe();
    let ends = |took: &Vec<(axum::http::HeaderMap, String)>| {
        let ends = took
            .iter()
            .filter(|(_, body)| body.contains(r#""type":"message.ended""#));
        ends.count() >= 2
    };
    let took = tokio::time::timeout(LIMIT, took.wait_for(ends))
        .await
        .expect("both ends");
    let (_, last) = took.unwrap().last().cloned().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["data"]["message"]["id"], json!(id));
    assert_eq!(last["data"]["message"]["state"], "delivered");
    // Two receivers hear of the same message.
    let mut told = receiver.sequences()[&id].clone();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3, 4, 5]);

    // One that comes in is told, too.
    smsc.send("+6598765432", "+6561234567", "Yes, please");
    let mut took = receiver.took.subscribe();
    let came = |took: &Vec<(axum::http::HeaderMap, String)>| {
        took.iter()
            .any(|(_, body)| body.contains(r#""type":"message.received""#) && body.contains("Yes, please"))
    };
    tokio::time::timeout(LIMIT, took.wait_for(came))
        .await
        .expect("the text")
        .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_command_line_sends_and_explains() {
    let smsc = smsc(SmscScript::default()).await;
    let home = Home::new();
    home.configure(&config(&smsc));
    let server = home.serve().await;
    let text = "Ünïcode 👍 ".repeat(9);
    let sent = home.run(&["sms", "+6598765432", &text, "--wait", "--json"]).await;
    let message = sent.json();
    assert_eq!(
        (&message["state"], &message["part_count"]),
        (&json!("delivered"), &json!(2))
    );
    assert_eq!(smsc.taken().len(), 2);
    let id = message["id"].as_str().unwrap();
    let story = home.run(&["explain", id, "--unmasked"]).await;
    for word in ["message created", "message submitted", "2 parts", "message ended"] {
        assert!(story.out.contains(word), "{word}: {story:?}");
    }
    let found = home.run(&["doctor", "--json"]).await.json();
    let of_trunk = |found: &Value| {
        let mut findings = found.as_array().unwrap().iter();
        findings
            .find(|finding| finding["check"] == "sms trunk smsc")
            .cloned()
            .unwrap()
    };
    assert!(of_trunk(&found).to_string().contains("bound"), "{found:#}");
    let refused = home.run(&["sms", "+4930123456", "hello"]).await;
    assert!(refused.code != 0 && refused.err.contains("closed"), "{refused:?}");
    server.stop().await;
}
