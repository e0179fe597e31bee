//! Schedules of several servers on one PostgreSQL database: each occurrence becomes one call.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, LIMIT, Server};
use serde_json::{Value, json};

const BUSY: &str = "+12025550101";
const MANY: usize = 30;

fn node(name: &str, url: &str) -> Home {
    let home = Home::new();
    home.configure_node(name, &format!("[store]\nurl = \"{url}\"\n[flow]\nnone = []\n"));
    home
}

/// Waits until every schedule has become a call, and gives their references.
async fn occurred(server: &Server) -> BTreeSet<String> {
    let wait = async {
        loop {
            let (_, page) = server.get("/api/v1/schedules").await;
            let schedules = page["schedules"].as_array().unwrap().clone();
            if schedules.iter().all(|schedule| !schedule["last"].is_null()) {
                return schedules;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let schedules = tokio::time::timeout(LIMIT, wait).await.expect("every schedule occurs");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let references = schedules
        .iter()
        .map(|one| format!("{} {}", text(&one["id"]), text(&one["last"])));
    references.collect()
}

#[tokio::test]
async fn two_nodes_make_each_occurrence_once() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let homes = [node("a", &url), node("b", &url)];
    let server = homes[0].serve().await;
    let yearly = json!({ "to": BUSY, "flow": "none", "cron": "0 0 1 1 *", "zone": "UTC" });
    for _ in 0..MANY {
        let (status, schedule) = server.post("/api/v1/schedules", &yearly).await;
        assert_eq!(status, 201, "{schedule}");
    }
    server.stop().await;
    // All of them became due a moment ago, while no server ran: both find them as soon as they start.
    let name = url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    let second = database
        .psql(name, "SELECT extract(epoch FROM now())::bigint - 10")
        .unwrap();
    let due = Timestamp::from_second(second.parse().unwrap()).unwrap();
    let sql = format!(
        "UPDATE schedule SET wake = {}, schedule = jsonb_set(schedule::jsonb, '{{next}}', '\"{due}\"')::text",
        due.as_microsecond()
    );
    database.psql(name, &sql).unwrap();
    let (a, b) = tokio::join!(homes[0].serve(), homes[1].serve());
    let references = occurred(&a).await;
    assert_eq!(references.len(), MANY);
    let (_, page) = b.get("/api/v1/calls?limit=200").await;
    let calls = page["calls"].as_array().unwrap();
    let made: BTreeSet<String> = calls
        .iter()
        .map(|call| call["reference"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((calls.len(), made), (MANY, references));
    for call in calls {
        let story = a.ended(call["id"].as_str().unwrap()).await;
        let journalled = program::words(&story)
            .iter()
            .filter(|word| **word == "journalled")
            .count();
        assert_eq!(journalled, 1, "{story:#}");
    }
    a.stop().await;
    b.stop().await;
}
