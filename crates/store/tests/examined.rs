//! An examination finds what is wrong, and a backup brings everything back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use outdial_engine::ports::{Blobs, Store, StoreError};
use outdial_store::{Examination, FileBlobs, PostgresStore, SqliteStore};
use outdial_testkit::{
    peers::{Peer, Postgres, require},
    store_suite::lives::{Caller, at},
};
use rusqlite::Connection;

/// Some calls in every state: waiting, under way, over.
async fn fill(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    for number in 0..9 {
        let mut life = caller.call(number, at(0));
        let steps = match number % 3 {
            0 => 1,
            1 => 3,
            _ => usize::MAX,
        };
        for change in life.whole("n1").into_iter().take(steps) {
            store.commit(change).await.unwrap();
        }
    }
}

/// What breaks each rule, and a word of what is said then. The words between braces are one engine's.
const FAULTS: &[(&str, &str)] = &[
    ("DELETE FROM job", "has no job"),
    (
        "INSERT INTO job (account_id, call_id, priority, due) SELECT account_id, id, 1, 0 FROM call WHERE state = 'ended'",
        "dialled again",
    ),
    (
        "UPDATE leg SET state = 'ended', ended_at = 1, ending = '{}' WHERE state <> 'ended'",
        "no leg under way",
    ),
    (
        "UPDATE attempt SET state = 'journalled', ended_at = NULL, ending = NULL WHERE state = 'ended'",
        "is over and has",
    ),
    ("UPDATE call SET attempts = 7 WHERE state = 'ended'", "attempts wrongly"),
    ("UPDATE call SET events = events + 1", "events wrongly"),
    ("DELETE FROM event WHERE sequence = 2", "a gap"),
    ("UPDATE log SET position = 3", "has not given yet"),
    ("UPDATE call SET plan = '{}' WHERE state = 'ended'", "column plan"),
    ("UPDATE event SET events = '[7]' WHERE sequence = 1", "column events"),
    (
        "UPDATE event SET events = 'torn [' WHERE sequence = 1",
        "cannot be found out",
    ),
];

async fn sqlite() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    fill(&store).await;
    store.close().await;
    (directory, path)
}

fn change(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn assert_found(found: &Examination, words: &str) {
    assert!(
        found.faults.iter().any(|fault| fault.contains(words)),
        "{words}: {:#?}",
        found.faults
    );
}

#[tokio::test]
async fn faults_of_a_file_are_found() {
    let (_directory, path) = sqlite().await;
    let found = SqliteStore::examine(&path).await.unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!((found.calls, found.events > 30), (9, true));
    for (sql, words) in FAULTS {
        let (_directory, path) = sqlite().await;
        change(&path, sql);
        assert_found(&SqliteStore::examine(&path).await.unwrap(), words);
    }
    change(&path, "PRAGMA foreign_keys = OFF; DELETE FROM account");
    assert_found(&SqliteStore::examine(&path).await.unwrap(), "points to nothing");
    change(
        &path,
        "PRAGMA ignore_check_constraints = ON; UPDATE call SET state = 'asleep'",
    );
    assert_found(&SqliteStore::examine(&path).await.unwrap(), "not one of its words");
}

#[tokio::test]
async fn faults_of_a_database_are_found() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let url = server.database().unwrap();
    let name = url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap();
    let store = PostgresStore::open(&url).await.unwrap();
    fill(&store).await;
    store.close().await;
    let found = PostgresStore::examine(&url).await.unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!((found.calls, found.events > 30), (9, true));
    for (number, (sql, words)) in FAULTS.iter().enumerate() {
        let copy = format!("fault_{number}");
        server
            .psql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {name}"))
            .unwrap();
        server.psql(&copy, sql).unwrap();
        assert_found(&PostgresStore::examine(&server.url(&copy)).await.unwrap(), words);
    }
    server.psql("postgres", "CREATE DATABASE empty").unwrap();
    let error = PostgresStore::examine(&server.url("empty")).await.unwrap_err();
    assert!(error.to_string().contains("store.url"), "{error}");
}

#[tokio::test]
async fn a_backup_brings_everything_back() {
    let (directory, path) = sqlite().await;
    let at_home = |name: &str| directory.path().join(name);
    let blobs = FileBlobs::open(&at_home("blobs")).unwrap();
    let hash = blobs.put(vec![7; 100_000].into()).await.unwrap();
    // The store is in use meanwhile.
    let store = SqliteStore::open(&path).await.unwrap();
    let backup = at_home("backup");
    SqliteStore::back_up(&path, &blobs, &backup).await.unwrap();
    let caller = Caller::of(1);
    let before = store.events_after(caller.account, 0, 1_000).await.unwrap();
    let mut late = caller.call(100, at(0));
    store.commit(late.created()).await.unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&backup).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it holds what the state holds");

    let error = SqliteStore::back_up(&path, &blobs, &backup).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    let error = SqliteStore::restore(&backup, &path, &blobs).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");

    let (again, blobs) = (at_home("again.db"), FileBlobs::open(&at_home("again")).unwrap());
    SqliteStore::restore(&backup, &again, &blobs).await.unwrap();
    assert_eq!(SqliteStore::examine(&again).await.unwrap().faults, Vec::<String>::new());
    let store = SqliteStore::open(&again).await.unwrap();
    assert_eq!(store.events_after(caller.account, 0, 1_000).await.unwrap(), before);
    assert_eq!(*blobs.get(&hash).await.unwrap(), *vec![7; 100_000]);
    let mut next = caller.call(101, at(0));
    store.commit(next.created()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_leaves_nothing() {
    let (directory, path) = sqlite().await;
    let blobs = FileBlobs::open(&directory.path().join("blobs")).unwrap();
    let refused = async |backup: &Path| {
        let target = directory.path().join("restored.db");
        let error = SqliteStore::restore(backup, &target, &blobs).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(!target.exists() && !target.with_extension("restoring").exists());
        error.to_string()
    };
    let text = directory.path().join("text");
    std::fs::write(&text, "not a backup at all").unwrap();
    refused(&text).await;
    assert!(
        refused(&directory.path().join("none"))
            .await
            .contains("cannot be copied")
    );
    let backup = directory.path().join("backup");
    SqliteStore::back_up(&path, &blobs, &backup).await.unwrap();
    let whole = std::fs::read(&backup).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4_096].fill(0xA5);
    std::fs::write(&text, damaged).unwrap();
    refused(&text).await;
    change(&backup, "PRAGMA user_version = 999");
    assert!(refused(&backup).await.contains("schema 999"));
}
