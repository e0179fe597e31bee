//! An examination finds what is wrong, and a backup brings everything back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use outdial_domain::RecordingId;
use outdial_engine::ports::{Blobs, Store, StoreError};
use outdial_store::{Examination, FileBlobs, PostgresStore, SqliteStore};
use outdial_testkit::{
    peers::{Peer, Postgres, require},
    store_suite::{
        lives::{Caller, at},
        one_of_everything,
    },
};
use rusqlite::Connection;

/// The bytes of an upload.
const SOUND: &[u8] = b"RIFF";

/// What breaks each rule, and a word of what is said then. The words between braces are one engine's.
const FAULTS: &[(&str, &str)] = &[
    ("DELETE FROM job", "has no job"),
    (
        "INSERT INTO job (account_id, subject, priority, due) SELECT account_id, id, 1, 0 FROM call WHERE state = 'ended'",
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
    ("UPDATE schedule SET schedule = '{}'", "column schedule"),
    ("UPDATE schedule SET flow = '7'", "column flow"),
    ("UPDATE schedule SET wake = 5", "column wake"),
    ("UPDATE schedule SET version = 7", "column version"),
    ("UPDATE webhook SET secrets = '7'", "column secrets"),
    ("UPDATE webhook SET position = 9999", "would miss events"),
    ("DELETE FROM webhook", "a webhook that is not there"),
    ("UPDATE feed SET newest = 9999", "an event that it has not"),
    ("UPDATE feed SET tries = 9999999999", "column tries"),
    ("UPDATE delivery SET entry = '{}'", "column entry"),
    (
        "UPDATE first_answer SET made_at = -9223372036854775807",
        "column made_at",
    ),
    ("UPDATE key SET scopes = '[\"all\"]'", "column scopes"),
    (
        "UPDATE audio SET blob = '0000000000000000000000000000000000000000000000000000000000000000'",
        "bytes of an upload are not there",
    ),
];

/// What only a database has.
const FAULTS_OF_A_DATABASE: &[(&str, &str)] = &[
    ("UPDATE blob SET bytes = 'RIFX'", "bytes of an upload are damaged"),
    ("INSERT INTO limit_state (key, arrival) VALUES ('pace', 1)", "`pace`"),
    (
        "INSERT INTO limit_use (run, key, calls) VALUES ('n1', 'room', 1)",
        "`room`",
    ),
];

async fn sqlite() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let blobs = FileBlobs::open(&directory.path().join("blobs")).unwrap();
    one_of_everything(&store, &blobs.put(SOUND.into()).await.unwrap()).await;
    store.close().await;
    (directory, path)
}

async fn examine(path: &Path) -> Examination {
    let beside = |name: &str| path.with_file_name(name);
    SqliteStore::examine(path, &beside("blobs"), &beside("recordings"))
        .await
        .unwrap()
}

/// All is read, and nothing wrong is found.
fn assert_well(found: &Examination) {
    assert_eq!(found.faults, Vec::<String>::new());
    assert!(found.events > 30, "{found:?}");
    let others = [
        found.calls,
        found.schedules,
        found.webhooks,
        found.deliveries,
        found.uploads,
    ];
    assert_eq!(others, [10, 1, 1, 1, 1]);
}

fn change(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// Every row of every table, as SQL would write it.
fn contents(path: &Path) -> Vec<(String, Vec<String>)> {
    let connection = Connection::open(path).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    assert!(tables.len() >= 17, "{tables:?}");
    let rows = |table: &String| {
        let columns = texts(&format!(
            "SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')"
        ));
        let mut rows = texts(&format!("SELECT {} FROM \"{table}\"", columns.join(" || ',' || ")));
        rows.sort_unstable();
        rows
    };
    tables.iter().map(|table| (table.clone(), rows(table))).collect()
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
    assert_well(&examine(&path).await);
    for (sql, words) in FAULTS {
        let (_directory, path) = sqlite().await;
        change(&path, sql);
        assert_found(&examine(&path).await, words);
    }
    change(&path, "PRAGMA foreign_keys = OFF; DELETE FROM account");
    assert_found(&examine(&path).await, "points to nothing");
    let blobs = path.with_file_name("blobs");
    for entry in std::fs::read_dir(&blobs).unwrap() {
        let file = std::fs::read_dir(entry.unwrap().path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        std::fs::write(file.path(), "RIFX").unwrap();
    }
    assert_found(&examine(&path).await, "is damaged");
    std::fs::remove_dir_all(&blobs).unwrap();
    assert_found(&examine(&path).await, "bytes of an upload are not there");
    change(
        &path,
        "PRAGMA ignore_check_constraints = ON; UPDATE call SET state = 'asleep'",
    );
    assert_found(&examine(&path).await, "not one of its words");
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
    let sound = store.blobs().put(SOUND.into()).await.unwrap();
    one_of_everything(&store, &sound).await;
    store.close().await;
    assert_well(&PostgresStore::examine(&url).await.unwrap());
    for (number, (sql, words)) in FAULTS.iter().chain(FAULTS_OF_A_DATABASE).enumerate() {
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
    let kept = contents(&path);
    let caller = Caller::of(1);
    let before = store.events_after(caller.account, 0, 1_000).await.unwrap();
    let mut late = caller.call(200, at(0));
    store.commit(late.created()).await.unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&backup).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it holds what the state holds");

    let error = SqliteStore::back_up(&path, &blobs, &backup).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    let error = SqliteStore::restore(&backup, &path, &blobs).await.unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");

    let (again, blobs) = (at_home("again.db"), FileBlobs::open(&at_home("again")).unwrap());
    SqliteStore::restore(&backup, &again, &blobs).await.unwrap();
    let found = SqliteStore::examine(&again, &at_home("again"), &at_home("recordings"))
        .await
        .unwrap();
    assert_well(&found);
    assert_eq!(contents(&again), kept, "every row of every table came back");
    let store = SqliteStore::open(&again).await.unwrap();
    assert_eq!(store.events_after(caller.account, 0, 1_000).await.unwrap(), before);
    assert_eq!(*blobs.get(&hash).await.unwrap(), *vec![7; 100_000]);
    let mut next = caller.call(201, at(0));
    store.commit(next.created()).await.unwrap();
}

#[tokio::test]
async fn a_recording_without_its_sound_is_found() {
    let (directory, path) = sqlite().await;
    let id = RecordingId::from_uuid(uuid::Uuid::from_u128(7));
    Connection::open(&path)
        .unwrap()
        .execute(
            "INSERT INTO recording (account_id, id, call_id, recording) SELECT account_id, ?, id, '{}' FROM call LIMIT 1",
            [id.uuid()],
        )
        .unwrap();
    let faults = examine(&path).await.faults;
    assert!(
        faults[0].contains(&format!("the sound of {id} is not there")),
        "{faults:?}"
    );
    std::fs::create_dir(directory.path().join("recordings")).unwrap();
    std::fs::write(directory.path().join(format!("recordings/{id}.wav")), "RIFF").unwrap();
    assert_well(&examine(&path).await);
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
