//! The suite that every store must pass, on SQLite and on files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_store::{FileBlobs, FileRecordings, SqliteStore};
use tempfile::TempDir;

async fn empty_store() -> Option<(SqliteStore, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("state.db")).await.unwrap();
    Some((store, directory))
}

async fn no_blobs() -> Option<(FileBlobs, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((FileBlobs::open(&directory.path().join("blobs")).unwrap(), directory))
}

async fn no_recordings() -> Option<(FileRecordings, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    Some((
        FileRecordings::open(&directory.path().join("recordings")).unwrap(),
        directory,
    ))
}

outdial_testkit::store_suite!(empty_store);
outdial_testkit::blobs_suite!(no_blobs);
outdial_testkit::recordings_suite!(no_recordings);
