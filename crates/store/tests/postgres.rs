//! The suite that every store must pass, on PostgreSQL; and what only a server can do to a store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use outdial_domain::EventKind;
use outdial_engine::ports::{Store, StoreError, Wanted};
use outdial_store::{PostgresBlobs, PostgresRecordings, PostgresStore};
use outdial_testkit::{
    peers::{Peer, Postgres, require},
    store_suite::lives::{Caller, Life, at},
};
use tempfile::TempDir;

async fn empty_store() -> Option<(PostgresStore, Arc<Postgres>)> {
    if !require(Peer::Postgres) {
        return None;
    }
    let server = Postgres::shared().await.unwrap();
    let store = PostgresStore::open(&server.database().unwrap()).await.unwrap();
    Some((store, server))
}

async fn no_blobs() -> Option<(PostgresBlobs, (PostgresStore, Arc<Postgres>))> {
    let (store, server) = empty_store().await?;
    Some((store.blobs(), (store, server)))
}

async fn no_recordings() -> Option<(PostgresRecordings, (PostgresStore, TempDir, Arc<Postgres>))> {
    let (store, server) = empty_store().await?;
    let directory = tempfile::tempdir().unwrap();
    let recordings = store.recordings(&directory.path().join("recordings")).unwrap();
    Some((recordings, (store, directory, server)))
}

outdial_testkit::store_suite!(empty_store);
outdial_testkit::blobs_suite!(no_blobs);
outdial_testkit::recordings_suite!(no_recordings);

async fn refused(url: &str) -> String {
    match PostgresStore::open(url).await.unwrap_err() {
        error @ StoreError::Unavailable { .. } => error.to_string(),
        other => panic!("{other}"),
    }
}

fn note(life: &mut Life, text: &str) -> outdial_engine::ports::Change {
    life.change(
        vec![EventKind::HangUpRequested {
            by: text.into(),
            why: None,
        }],
        at(1),
    )
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_a_remedy() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let error = refused("postgres://nobody:secret@127.0.0.1:1/none").await;
    assert!(
        error.contains("does not answer") && error.contains("store.url"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
    let error = refused("mysql is not it").await;
    assert!(error.contains("postgres://user:password@host"), "{error}");
    let error = refused(&server.url("nothing_here")).await;
    assert!(error.contains("createdb"), "{error}");

    let theirs = server.database().unwrap();
    let name = theirs.trim_start_matches("postgres:///").split('?').next().unwrap();
    server.psql(name, "CREATE TABLE event (theirs int)").unwrap();
    assert!(refused(&theirs).await.contains("another program"));

    let newer = server.database().unwrap();
    let name = newer.trim_start_matches("postgres:///").split('?').next().unwrap();
    PostgresStore::open(&newer).await.unwrap().close().await;
    server
        .psql(name, "INSERT INTO outdial_schema (number) VALUES (999)")
        .unwrap();
    let error = refused(&newer).await;
    assert!(
        error.contains("schema 999") && error.contains("newer version"),
        "{error}"
    );

    server
        .psql("postgres", "CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0")
        .unwrap();
    assert!(refused(&server.url("latin")).await.contains("UTF-8"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once_and_share_the_work() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let url = server.database().unwrap();
    let (one, two) = tokio::join!(PostgresStore::open(&url), PostgresStore::open(&url));
    let (one, two) = (one.unwrap(), two.unwrap());
    let caller = Caller::join(&one, 1).await;
    let mut heard = two.newest();
    let mut lives: Vec<_> = (0..200).map(|number| caller.call(number, at(0))).collect();
    for (number, life) in lives.iter_mut().enumerate() {
        let store = if number % 2 == 0 { &one } else { &two };
        drop(store.commit(life.created()));
    }
    // What one node saves, the other hears of; and between them they take every call once.
    heard.wait_for(|position| *position >= 200).await.unwrap();
    let mut taken = Vec::new();
    loop {
        let (mine, theirs) = tokio::join!(
            one.claim_due(at(1), "n1", Wanted::any(7)),
            two.claim_due(at(1), "n2", Wanted::any(7))
        );
        let (mine, theirs) = (mine.unwrap().calls, theirs.unwrap().calls);
        if mine.is_empty() && theirs.is_empty() {
            break;
        }
        taken.extend(mine.into_iter().chain(theirs).map(|claimed| claimed.call.id));
    }
    taken.sort_unstable();
    let mut all: Vec<_> = lives.iter().map(|life| life.call.id).collect();
    all.sort_unstable();
    assert_eq!(taken, all);
    // Each change of a call is made by one node, whoever asks first.
    let mut other = lives[0].clone();
    let (first, second) = tokio::join!(
        one.commit(note(&mut lives[0], "one")),
        two.commit(note(&mut other, "two"))
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    // Positions of both nodes are in one order, without gaps.
    let events = two.events_after(caller.account, 0, 1_000).await.unwrap();
    let positions: Vec<_> = events.iter().map(|stored| stored.position).collect();
    assert_eq!(positions, (1..=201).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_loses_nothing_acknowledged() {
    if !require(Peer::Postgres) {
        return;
    }
    let mut server = Postgres::start().await.unwrap();
    let store = Arc::new(PostgresStore::open(&server.database().unwrap()).await.unwrap());
    let caller = Caller::join(&*store, 1).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    // Callers that go on through the outage, as an engine does: a failed change is given again.
    let tasks: Vec<_> = (0..16_u64)
        .map(|task| {
            let (store, caller, stopped) = (Arc::clone(&store), caller.clone(), stopped.clone());
            tokio::spawn(async move {
                let (mut acknowledged, mut failures) = (Vec::new(), 0);
                for number in (task..).step_by(16) {
                    let mut life = caller.call(number, at(0));
                    for change in life.whole("n1") {
                        let mut failed = false;
                        loop {
                            match store.commit(change.clone()).await {
                                Ok(()) => break,
                                // It had been saved when its answer was lost.
                                Err(StoreError::Stale(_)) if failed => break,
                                Err(StoreError::Unavailable { reason, remedy }) => {
                                    assert!(remedy.contains("by itself"), "{reason}: {remedy}");
                                    (failed, failures) = (true, failures + 1);
                                    tokio::time::sleep(Duration::from_millis(50)).await;
                                }
                                Err(other) => panic!("{other}"),
                            }
                        }
                    }
                    acknowledged.push(life);
                    if *stopped.borrow() {
                        return (acknowledged, failures);
                    }
                }
                unreachable!("there is always a next number")
            })
        })
        .collect();
    for outage in [100, 1_500] {
        tokio::time::sleep(Duration::from_millis(400)).await;
        server.crash();
        tokio::time::sleep(Duration::from_millis(outage)).await;
        server.start_again().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    stop.send(true).unwrap();
    let (mut calls, mut failed) = (0, 0);
    for task in tasks {
        let (acknowledged, failures) = task.await.unwrap();
        failed += failures;
        for life in acknowledged {
            let details = store.call(caller.account, life.call.id).await.unwrap().unwrap();
            assert_eq!(details.call, life.call);
            let events = store.events_of(caller.account, life.call.id.into()).await.unwrap();
            assert_eq!(events.len(), life.call.events as usize, "each event once");
            calls += 1;
        }
    }
    assert!(calls > 16 && failed > 0, "{calls} calls, {failed} failures");
    store.check().await.unwrap();
    // News are heard again.
    let mut newest = store.newest();
    newest.borrow_and_update();
    let mut life = caller.call(1_000_000, at(0));
    store.commit(life.created()).await.unwrap();
    newest.changed().await.unwrap();
}

#[tokio::test]
async fn a_store_without_its_server_says_what_to_do() {
    if !require(Peer::Postgres) {
        return;
    }
    let mut server = Postgres::start().await.unwrap();
    let store = PostgresStore::open(&server.database().unwrap()).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    server.crash();
    let unavailable = |result: Result<(), StoreError>| match result {
        Err(StoreError::Unavailable { remedy, .. }) => assert!(remedy.contains("by itself"), "{remedy}"),
        other => panic!("{other:?}"),
    };
    unavailable(store.commit(life.journalled("n1", at(1))).await);
    unavailable(store.claim_due(at(1), "n1", Wanted::any(1)).await.map(|_| ()));
    unavailable(store.accounts().await.map(|_| ()));
    unavailable(store.check().await);
    server.start_again().await.unwrap();
    // What was refused was not saved, so the call still waits to be dialled.
    let claimed = store.claim_due(at(1), "n1", Wanted::any(9)).await.unwrap().calls;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].call.attempts, 0);
}

#[tokio::test]
async fn every_text_comes_back() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let store = PostgresStore::open(&server.database().unwrap()).await.unwrap();
    let caller = Caller::join(&store, 1).await;
    let mut plan = caller.plan(1, at(0));
    plan.tag = Some(r"a\0 and a NUL: \0".replace(r": \0", ": \0"));
    let mut life = caller.call_by(1, plan.clone());
    store.commit(life.created()).await.unwrap();
    let filter = outdial_engine::ports::CallFilter {
        tag: plan.tag,
        most: 2,
        ..Default::default()
    };
    assert_eq!(store.calls(caller.account, filter).await.unwrap().items, [life.call]);
}
