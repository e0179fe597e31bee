//! What was acknowledged survives `kill -9`.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use futures_util::future::join_all;
use outdial_domain::CallId;
use outdial_engine::ports::Store;
use outdial_store::SqliteStore;
use outdial_testkit::store_suite::lives::{Caller, at};

const FILE: &str = "OUTDIAL_STORE_TEST_FILE";

/// Not a test by itself: what the child of the test below does until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is run, and killed, by the test beside it"]
async fn child() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let caller = Caller::join(&*store, 1).await;
    let tasks = (0..16).map(|task| {
        let (store, caller) = (Arc::clone(&store), caller.clone());
        tokio::spawn(async move {
            for number in (task..).step_by(16) {
                let mut life = caller.call(number, at(0));
                for change in life.whole("n1") {
                    let (id, events) = (change.call.id, change.call.events);
                    store.commit(change).await.unwrap();
                    // One write, so that a line is whole or missing.
                    let line = format!("saved {id} {events}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            }
        })
    });
    join_all(tasks).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives() {
    for lines in [1, 100, 1_500] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.db");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged: Vec<(CallId, u32)> = Vec::new();
        let output = BufReader::new(child.stdout.take().unwrap());
        for line in output.lines() {
            let line = line.unwrap();
            // The first line shares its line with the words of the test runner.
            let Some((_, saved)) = line.split_once("saved ") else {
                continue;
            };
            let (id, events) = saved.split_once(' ').unwrap();
            acknowledged.push((id.parse().unwrap(), events.parse().unwrap()));
            if acknowledged.len() == lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= lines, "the child ended by itself");

        let store = SqliteStore::open(&path).await.unwrap();
        let account = store.accounts().await.unwrap()[0].id;
        for (id, events) in acknowledged {
            let details = store.call(account, id).await.unwrap().expect("an acknowledged call");
            assert!(details.call.events >= events, "{id} has lost events");
            let log = store.events_of(account, id.into()).await.unwrap();
            assert_eq!(
                log.len(),
                details.call.events as usize,
                "state and events are saved together"
            );
        }
        store.recover().await.unwrap();
        store.check().await.unwrap();
    }
}
