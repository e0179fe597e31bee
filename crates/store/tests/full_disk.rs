//! A full disk: what cannot be saved is refused whole, and saving goes on when there is room again.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use outdial_engine::ports::{BlobError, Blobs, Store, StoreError, Wanted};
use outdial_store::{FileBlobs, SqliteStore};
use outdial_testkit::store_suite::lives::{Caller, at};

const DIRECTORY: &str = "OUTDIAL_STORE_TEST_SMALL_DISK";

/// Runs a case of this file on a file system of 3 MB that nobody else sees and that is gone with it.
/// Where the system forbids that, says so; in CI that is a failure.
fn on_a_small_disk(case: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=3m tmpfs \"$1\" || exit 77; exec \"$2\" --exact \"$3\" --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .arg(case)
        .env(DIRECTORY, directory.path())
        .output();
    let text = match &output {
        Ok(output) => String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned(),
        Err(error) => error.to_string(),
    };
    match output.map(|output| output.status.code()) {
        Ok(Some(0)) => assert!(text.contains("1 passed"), "{text}"),
        Ok(Some(101)) => panic!("{text}"),
        _ if std::env::var_os("CI").is_some() => panic!("a small disk cannot be had: {text}"),
        _ => eprintln!("SKIPPED {case}: a small disk cannot be had: {text}"),
    }
}

fn small_disk() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_full_disk_saves_nothing_by_halves_and_goes_on() {
    on_a_small_disk("the_store_on_a_small_disk");
}

#[test]
fn a_full_disk_leaves_no_half_blob() {
    on_a_small_disk("blobs_on_a_small_disk");
}

#[tokio::test]
#[ignore = "it needs a small disk: another test runs it on one"]
async fn the_store_on_a_small_disk() {
    let Some(directory) = small_disk() else { return };
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![0; 1_500_000]).unwrap();
    let store = SqliteStore::open(&directory.join("state.db")).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let (mut saved, mut refused) = (Vec::new(), Vec::new());
    for round in 0.. {
        // Several at once, so that whole batches fail.
        let lives: Vec<_> = (round * 8..round * 8 + 8)
            .map(|number| caller.call(number, at(0)))
            .collect();
        let commits: Vec<_> = lives
            .into_iter()
            .map(|mut life| (life.call.id, store.commit(life.created())))
            .collect();
        for (id, commit) in commits {
            match commit.await {
                Ok(()) => saved.push(id),
                Err(StoreError::Unavailable { reason, remedy }) => {
                    assert!(reason.contains("full"), "{reason}");
                    assert!(remedy.contains("space"), "{remedy}");
                    refused.push(id);
                }
                Err(other) => panic!("{other}"),
            }
        }
        if refused.len() > 40 {
            break;
        }
    }
    assert!(!saved.is_empty());
    assert!(store.check().await.is_err(), "readiness says so too");
    fs::remove_file(&ballast).unwrap();
    let mut life = caller.call(1_000_000, at(0));
    store.commit(life.created()).await.expect("there is room again");
    for id in &saved {
        assert!(store.call(caller.account, *id).await.unwrap().is_some());
    }
    for id in &refused {
        assert!(store.call(caller.account, *id).await.unwrap().is_none());
        assert_eq!(store.events_of(caller.account, (*id).into()).await.unwrap(), []);
    }
    let claimed = store
        .claim_due(at(9_000_000), "n1", Wanted::any(100_000))
        .await
        .unwrap()
        .calls;
    assert_eq!(claimed.len(), saved.len() + 1);
}

#[tokio::test]
#[ignore = "it needs a small disk: another test runs it on one"]
async fn blobs_on_a_small_disk() {
    let Some(directory) = small_disk() else { return };
    let blobs = FileBlobs::open(&directory.join("blobs")).unwrap();
    let small = blobs.put(vec![1; 100_000].into()).await.unwrap();
    let error = blobs.put(vec![2; 5_000_000].into()).await.unwrap_err();
    let BlobError::Io(text) = error else { panic!("{error}") };
    assert!(text.contains("space"), "{text}");
    assert_eq!(files_below(&directory).len(), 1, "nothing half-written remains");
    assert_eq!(blobs.get(&small).await.unwrap().len(), 100_000);
    blobs
        .put(vec![3; 100_000].into())
        .await
        .expect("there is room for a small one");
}
