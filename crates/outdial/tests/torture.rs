//! Calls are made while everything that can die dies, again and again: no phone rings more often than it
//! may, nothing is forgotten, and what cannot be known is said to be unknown. `script/torture` is the long
//! form of it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its seed and its figures"
)]

mod harness;
mod program;

use harness::{Engine, Promise, Trial};
use outdial_testkit::peers::{Peer, require};

/// A short trial: the same each time as far as dice go.
fn short(engine: Engine) -> Trial {
    Trial {
        engine,
        seed: 1,
        calls: 150,
        batch: 25,
        fault: None,
        patient: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_dies_again_and_again_keeps_every_promise() {
    let report = harness::run(short(Engine::Sqlite)).await;
    report.assert_kept();
    assert!(report.unknown() > 0, "nothing was interrupted: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_and_a_database_that_die_keep_every_promise() {
    if !require(Peer::Postgres) {
        return;
    }
    let trial = Trial {
        calls: 75,
        ..short(Engine::Postgres)
    };
    let report = harness::run(trial).await;
    report.assert_kept();
    assert!(report.unknown() > 0, "nothing was interrupted: {report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_written_after_the_send_is_noticed() {
    let trial = Trial {
        calls: 60,
        batch: 15,
        fault: Some("journal_after_send"),
        ..short(Engine::Sqlite)
    };
    let report = harness::run(trial).await;
    assert!(report.breaks(Promise::JournalFirst), "{report}");
    assert!(report.breaks(Promise::AsPlanned), "{report}");
}

/// As long as the variables say; `script/torture` sets them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: script/torture runs it"]
async fn for_long() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let engine = match std::env::var("TORTURE_STORE").as_deref() {
        Ok("postgres") => Engine::Postgres,
        _ => Engine::Sqlite,
    };
    let trial = Trial {
        seed: number("TORTURE_SEED", std::process::id().into()),
        calls: usize::try_from(number("TORTURE_CALLS", 1_000)).unwrap(),
        batch: 40,
        patient: true,
        ..short(engine)
    };
    harness::run(trial).await.assert_kept();
}
