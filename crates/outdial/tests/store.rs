//! `outdial store`: the state is examined, backed up while it is used, and brought back; what may have been
//! dialled since the backup does not ring again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::time::Duration;

use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, Server, outcome};
use serde_json::json;

const PHONES: [&str; 3] = ["+6590000001", "+6590000002", "+6590000003"];

async fn phones() -> HandsetSet {
    let script = PHONES.into_iter().fold(Script::new(), |script, number| {
        script.phone(Phone::answering(number).ring(Duration::from_millis(20)))
    });
    HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap()
}

/// One call at a time, over these phones.
fn configuration(handsets: &HandsetSet, more: &str) -> String {
    format!(
        "[policy]\nopen = [\"+65\"]\n[limits]\nlive_calls = 1\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n{more}",
        handsets.address().port()
    )
}

/// Three calls, of which one is under way and two wait.
async fn busy(server: &Server, handsets: &HandsetSet) -> Vec<String> {
    let mut calls = Vec::new();
    for number in PHONES {
        let request = json!({ "to": number, "flow": program::pause("5m") });
        calls.push(server.place(&request).await);
        if calls.len() == 1 {
            handsets.wait_for(number, EventKind::Answered).await;
        }
    }
    calls
}

/// After the restoration every call is accounted for, and no phone rang again.
async fn assert_unknown(home: &Home, handsets: &HandsetSet, calls: &[String]) {
    let server = home.serve().await;
    for id in calls {
        assert_eq!(outcome(&server.ended(id).await).0, "unknown", "{id}");
    }
    server.stop().await;
    let rings = PHONES.map(|number| handsets.rings(number).count);
    assert_eq!(rings, [1, 0, 0]);
}

#[tokio::test]
async fn a_file_is_examined_backed_up_and_brought_back() {
    let handsets = phones().await;
    let home = Home::new();
    home.configure(&configuration(&handsets, ""));
    let ran = home.run(&["store", "check"]).await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("--data"), "{ran:?}");

    let server = home.serve().await;
    let calls = busy(&server, &handsets).await;
    let backup = home.dir.path().join("backup");
    let backup = backup.to_str().unwrap();
    let ran = home.run(&["store", "backup", backup]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = home.run(&["store", "check", "--json"]).await;
    assert_eq!((ran.code, ran.json()["faults"].clone()), (0, json!([])), "{ran:?}");
    let ran = home.run(&["store", "restore", backup]).await;
    assert!(ran.code == 4 && ran.err.contains("in use"), "{ran:?}");
    server.kill().await;
    let ran = home.run(&["store", "restore", backup]).await;
    assert!(ran.code == 4 && ran.err.contains("is there already"), "{ran:?}");

    let elsewhere = Home::new();
    elsewhere.configure(&configuration(&handsets, ""));
    let ran = elsewhere.run(&["store", "restore", backup]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("2 calls"), "{ran:?}");
    assert_unknown(&elsewhere, &handsets, &calls).await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_database_is_examined_dumped_and_brought_back() {
    if !require(Peer::Postgres) {
        return;
    }
    let database = Postgres::shared().await.unwrap();
    let url = database.database().unwrap();
    let name = url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    let handsets = phones().await;
    let home = Home::new();
    home.configure(&configuration(&handsets, &format!("[store]\nurl = \"{url}\"\n")));
    let server = home.serve().await;
    let calls = busy(&server, &handsets).await;
    let ran = home.run(&["store", "check", "--json"]).await;
    assert_eq!((ran.code, ran.json()["faults"].clone()), (0, json!([])), "{ran:?}");
    let ran = home.run(&["store", "backup", "somewhere"]).await;
    assert!(ran.code == 2 && ran.err.contains("pg_dump"), "{ran:?}");

    let dump = home.dir.path().join("dump");
    let tool = |tool: &str, arguments: &[&str]| {
        let output = database.tool(tool).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let file = format!("--file={}", dump.display());
    tool("pg_dump", &["--format=custom", &file, &format!("--dbname={name}")]);
    server.kill().await;
    let restored = format!("{name}_restored");
    tool("createdb", &[&restored]);
    tool("pg_restore", &[&format!("--dbname={restored}"), dump.to_str().unwrap()]);

    let elsewhere = Home::new();
    let store = format!("[store]\nurl = \"{}\"\n", database.url(&restored));
    elsewhere.configure(&configuration(&handsets, &store));
    let ran = elsewhere.run(&["store", "after-restore"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("2 calls"), "{ran:?}");
    assert_unknown(&elsewhere, &handsets, &calls).await;
    handsets.shutdown().await;
}
