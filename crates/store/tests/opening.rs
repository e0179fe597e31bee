//! What opening a file promises, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{os::unix::fs::PermissionsExt, path::Path};

use outdial_engine::ports::{Store, StoreError};
use outdial_store::SqliteStore;
use outdial_testkit::store_suite::lives::{Caller, at};
use rusqlite::Connection;

fn sql(path: &Path, text: &'static str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(text).unwrap();
    connection.close().unwrap();
}

async fn refused(path: &Path) -> String {
    match SqliteStore::open(path).await.unwrap_err() {
        error @ StoreError::Unavailable { .. } => error.to_string(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_was_saved_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let mut lives: Vec<_> = (0..200).map(|number| caller.call(number, at(0))).collect();
    // Nobody waits for these: a store that is dropped saves what is queued.
    for life in &mut lives {
        for change in life.whole("n1") {
            drop(store.commit(change));
        }
    }
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let position = *store.newest().borrow();
    assert_eq!(position, 200 * 10);
    for life in lives {
        let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
        assert_eq!(details.call, life.call);
    }
}

#[tokio::test]
async fn a_dropped_store_finishes_what_is_queued() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let mut life = caller.call(1, at(0));
    let mut last = None;
    for change in life.whole("n1") {
        last = Some(store.commit(change));
    }
    drop(store);
    last.unwrap().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
    assert_eq!(details.call, life.call);
}

#[tokio::test]
async fn its_files_are_for_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).await.unwrap();
    store.check().await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn the_database_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    sql(&path, "PRAGMA user_version = 999");
    let error = refused(&path).await;
    assert!(
        error.contains("schema 999") && error.contains("newer version"),
        "{error}"
    );
    assert!(error.contains("state.db"), "{error}");
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let others = directory.path().join("others.db");
    sql(&others, "CREATE TABLE theirs (a)");
    assert!(refused(&others).await.contains("another program"));
    let letter = directory.path().join("letter.txt");
    let text = "Dear all, this is no database. ".repeat(100);
    std::fs::write(&letter, &text).unwrap();
    assert!(refused(&letter).await.contains("not a database"));
    assert_eq!(std::fs::read_to_string(&letter).unwrap(), text);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let error = refused(Path::new("/nonexistent/outdial/state.db")).await;
    assert!(error.contains("/nonexistent/outdial/state.db"), "{error}");
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    store.close().await;
    sql(&path, "UPDATE call SET plan = '{'");
    let store = SqliteStore::open(&path).await.unwrap();
    let error = store.call(caller.account, life.call.id).await.unwrap_err();
    let StoreError::BadRow { table, column, id, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((table, column, id), ("call", "plan", life.call.id.to_string()));
}
