//! The program on a PostgreSQL database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, outcome};
use serde_json::json;

fn store(url: &str) -> String {
    format!("[store]\nurl = \"{url}\"\n")
}

#[tokio::test]
async fn a_call_is_kept_in_the_database() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let home = Home::new();
    home.configure(&store(&database.database().unwrap()));
    // Reading makes nothing where nothing is.
    let ran = home.run(&["calls", "list"]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("nothing is kept"), "{ran:?}");
    assert!(!home.data().exists());

    let server = home.serve().await;
    let request = json!({ "to": "+12025550100", "say": "Hello" });
    let story = server.call(&request).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    let id = story["call"]["id"].as_str().unwrap().to_owned();
    server.stop().await;
    assert!(!home.data().join("outdial.db").exists());
    let ran = home.run(&["calls", "show", &id, "--json"]).await;
    assert_eq!(ran.json()["state"], "ended", "{ran:?}");
    let ran = home.run(&["doctor", "--json"]).await;
    let checks = ran.json();
    let detail = checks[0]["detail"].as_str().unwrap();
    assert!(detail.contains("store.url"), "{checks:#}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_an_error_with_a_remedy() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let newer = database.database().unwrap();
    let name = newer.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    let sql = "CREATE TABLE outdial_schema (number bigint); INSERT INTO outdial_schema VALUES (999)";
    database.psql(name, sql).unwrap();
    for (url, words) in [
        ("postgres://outdial:secret@127.0.0.1:1/outdial", "does not answer"),
        (
            "postgres://outdial:secret@127.0.0.1:1/outdial",
            "Start the PostgreSQL server",
        ),
        ("postgres://outdial:secret@[", "cannot be read"),
        (database.url("nowhere").as_str(), "createdb"),
        (&newer, "newer version"),
    ] {
        let home = Home::new();
        home.configure(&store(url));
        let ran = home.run(&["serve"]).await;
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
        assert!(!ran.err.contains("secret") && !ran.out.contains("secret"), "{ran:?}");
    }
    let home = Home::new();
    home.configure("[store]\nurl_env = \"OUTDIAL_TEST_UNSET\"\n");
    let ran = home.run(&["serve"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("OUTDIAL_TEST_UNSET"), "{ran:?}");
}
