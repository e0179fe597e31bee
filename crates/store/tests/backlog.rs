//! A hundred thousand calls of one account are due and cannot go: what is urgent, and what others have, goes at
//! once. Through an engine on the real stores.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, sync::Arc, time::Duration};

use outdial_domain::{Address, CallState, Priority, Scope};
use outdial_engine::{
    Actor, Engine,
    pacing::{bucket::Rate, limits::Limit},
    policy::Opening,
    ports::Store,
    routing::Trunk,
    verbs::{self, Action, PlaceCall},
};
use outdial_flow::Flow;
use outdial_store::{PostgresStore, SqliteStore};
use outdial_testkit::{
    fakes::World,
    peers::{Peer, Postgres, require},
};
use sqlx::Connection;
use tokio::time::{Instant, timeout};

const CALLS: usize = 100_000;
/// Longer than any of it takes on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything is open, and numbers that begin with +6590 are rung one by one, an hour apart.
fn world() -> World {
    let mut world = World::new();
    world.settings.trunks = vec![Trunk {
        name: "provider".into(),
        carrier: "sip".into(),
        prefixes: vec![],
        built_in: false,
        limit: Limit::default(),
        incoming: Limit::default(),
    }];
    world.settings.policy.open = vec![Opening::Everything];
    let hourly = Limit {
        rate: Rate::per_second(1.0 / 3_600.0, 1),
        at_once: None,
    };
    world.settings.pacing.number_gap = Duration::ZERO;
    world.settings.pacing.prefixes = vec![("+6590".into(), hourly)];
    world
}

fn request(to: &str, priority: Priority) -> PlaceCall {
    PlaceCall {
        priority,
        ..PlaceCall::new(Address::parse(to).unwrap(), Action::Flow(Flow::default()))
    }
}

async fn account(store: &dyn Store, world: &World, name: &str) -> Actor {
    let account = verbs::create_account(store, &world.ids(), name, None).await.unwrap();
    Actor {
        account: account.id,
        account_name: account.name,
        scopes: vec![Scope::Calls],
        name: "the test".to_owned(),
        face: "test",
    }
}

/// One call of the broadcast, of which the others are copies. It is due before all the others that are made.
async fn first_of_the_broadcast(store: &Arc<dyn Store>, world: &World) -> (Actor, Actor) {
    let (one, other) = (
        account(store.as_ref(), world, "one").await,
        account(store.as_ref(), world, "other").await,
    );
    let mut parts = world.parts();
    parts.store = Arc::clone(store);
    let at_rest = Engine::at_rest(parts);
    let call = request("+6590000000", Priority::Low);
    verbs::place_call(&at_rest, &one, call).await.unwrap();
    (one, other)
}

async fn urgent_calls_and_those_of_others_go_at_once(store: Arc<dyn Store>, world: World, one: Actor, other: Actor) {
    let mut parts = world.parts();
    parts.store = store;
    let engine = Engine::start(parts).await.unwrap();
    let rung = async |calls: usize| {
        timeout(PATIENCE, async {
            while world.carrier.rung().len() < calls {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("they are dialled");
        world.carrier.rung().pop().unwrap().to.to_string()
    };
    // One of the broadcast goes, and as many of the others are in memory as may be.
    rung(1).await;
    let waiting = || engine.waiting_calls().iter().map(|(_, calls)| calls).sum::<usize>();
    timeout(PATIENCE, async {
        while waiting() < 1_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("they wait");

    let begun = Instant::now();
    let alert = request("+6580000001", Priority::High);
    verbs::place_call(&engine, &one, alert).await.unwrap();
    assert_eq!(rung(2).await, "+6580000001");
    let alert = begun.elapsed();
    let begun = Instant::now();
    let usual = request("+6580000002", Priority::Normal);
    let usual = verbs::place_call(&engine, &other, usual).await.unwrap();
    assert_eq!(rung(3).await, "+6580000002");
    let usual_took = begun.elapsed();
    assert!(alert < Duration::from_secs(5), "the alert was dialled after {alert:?}");
    assert!(
        usual_took < Duration::from_secs(5),
        "the other's call after {usual_took:?}"
    );

    // What waits in memory is little of it.
    assert!(waiting() < 3_000, "{}", waiting());
    // The place of the last call counts what waits in the store, as far as that is cheap.
    let last = PlaceCall {
        ..request("+6590999999", Priority::Low)
    };
    let last = verbs::place_call(&engine, &one, last).await.unwrap();
    let details = verbs::get_call(&engine, &one, last.id).await.unwrap();
    assert_eq!(details.call.state, CallState::Queued);
    let place = verbs::place_in_queue(&engine, &details).await.unwrap().unwrap();
    assert!(place.or_more && place.place >= 10_000, "{place:?}");
    assert_eq!(
        place.because.as_deref(),
        Some("the prefix +6590 allows one call in 3600 seconds")
    );
    assert!(place.eta.unwrap() > engine.ids.now() + Duration::from_secs(10_000 * 3_600));
    let usual = verbs::get_call(&engine, &other, usual.id).await.unwrap();
    assert_eq!(verbs::place_in_queue(&engine, &usual).await.unwrap(), None);
    engine.stop(Duration::from_secs(5)).await;
}

fn copies_in_sqlite(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let copy = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
        INSERT INTO call SELECT call.account_id, unhex(format('%032x', i)), direction, state, outcome, to_address, tag,
            reference, face, face_reference, face_kept, due + i, attempts, events, created_at, answered_at, ended_at, ending, digits, plan, flow
            FROM call, n;
        INSERT INTO job (account_id, subject, priority, due)
            SELECT account_id, id, 2, due FROM call WHERE true ON CONFLICT DO NOTHING;",
        CALLS - 1
    );
    connection.execute_batch(&copy).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_hides_nothing_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
    let world = world();
    let (one, other) = first_of_the_broadcast(&store, &world).await;
    copies_in_sqlite(&path);
    Box::pin(urgent_calls_and_those_of_others_go_at_once(store, world, one, other)).await;
}

async fn copies_in_postgres(url: &str) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let copy = format!(
        "INSERT INTO call SELECT call.account_id, lpad(to_hex(i), 32, '0')::uuid, direction, state, outcome, to_address,
            tag, reference, face, face_reference, face_kept, due + i, attempts, events, created_at, answered_at, ended_at, ending, digits, plan, flow
            FROM call, generate_series(1, {}) AS i;
        INSERT INTO job (account_id, subject, priority, due)
            SELECT account_id, id, 2, due FROM call ON CONFLICT DO NOTHING;",
        CALLS - 1
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(copy))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_hides_nothing_in_postgres() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let url = server.database().unwrap();
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&url).await.unwrap());
    let world = world();
    let (one, other) = first_of_the_broadcast(&store, &world).await;
    copies_in_postgres(&url).await;
    Box::pin(urgent_calls_and_those_of_others_go_at_once(store, world, one, other)).await;
}
