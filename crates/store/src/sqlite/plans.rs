//! Every statement on the way of a call finds its rows by an index, however many there are.

use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, CallState, Outcome};
use outdial_engine::ports::CallFilter;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tempfile::TempDir;

use super::{account, attempt, audio, batch::Sizes, call, event, job, key, leg, migrate, open, trace};

async fn opened() -> (TempDir, SqliteConnection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    open::create(&path).unwrap();
    let mut connection = open::connect(&open::for_writing(&path)).await.unwrap();
    migrate::migrate(&mut connection).await.unwrap();
    (directory, connection)
}

/// A step of a plan that looks at every row of a table, or sorts.
fn is_slow(step: &str) -> bool {
    let reads_its_own_values =
        step.contains("CONSTANT ROW") || step.starts_with("SCAN new") || step.starts_with("SCAN taken");
    (step.contains("SCAN") && !reads_its_own_values) || step.contains("TEMP B-TREE")
}

async fn plan(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"))
        .iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect()
}

async fn assert_fast(connection: &mut SqliteConnection, statement: &str) {
    let plan = plan(connection, statement).await;
    assert!(!plan.iter().any(|step| is_slow(step)), "{statement:.200}\n{plan:#?}");
}

#[tokio::test]
async fn the_check_itself_finds_a_scan() {
    let (_directory, mut connection) = opened().await;
    for slow in [
        "SELECT id FROM call WHERE ending IS NULL",
        "SELECT id FROM call WHERE account_id = ? ORDER BY due",
        "UPDATE job SET claimed_by = NULL WHERE due = ?",
    ] {
        let plan = plan(&mut connection, slow).await;
        assert!(plan.iter().any(|step| is_slow(step)), "{slow}: {plan:?}");
    }
}

#[tokio::test]
async fn reads_use_an_index() {
    let (_directory, mut connection) = opened().await;
    for statement in [
        call::ONE,
        attempt::OF_CALL,
        leg::OF_CALL,
        event::OF_CALL,
        event::AFTER,
        trace::OF_CALL,
        job::NEXT_DUE,
        job::CLAIMED,
        job::GIVE_BACK,
        job::GIVE_BACK_THESE,
        job::UNFINISHED,
        key::BY_HASH,
        key::OF_ACCOUNT,
        audio::ONE,
    ] {
        assert_fast(&mut connection, statement).await;
    }
    // All accounts are read, in the order of an index.
    let accounts = plan(&mut connection, account::ALL).await;
    assert!(
        !accounts.iter().any(|step| step.contains("TEMP B-TREE")),
        "{accounts:?}"
    );
}

#[tokio::test]
async fn every_list_uses_an_index() {
    let (_directory, mut connection) = opened().await;
    let account = AccountId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    for choice in 0..32_u8 {
        let chosen = |bit: u8| choice & (1 << bit) != 0;
        let filter = CallFilter {
            state: chosen(0).then_some(CallState::Active),
            outcome: chosen(1).then_some(Outcome::Busy),
            tag: chosen(2).then(|| "tag".into()),
            to: chosen(3).then(|| "+6598765432".into()),
            before: chosen(4).then(|| CallId::new(Timestamp::UNIX_EPOCH, [1; 10])),
            most: 50,
        };
        let query = call::list_query(account, &filter, 51);
        assert_fast(&mut connection, query.sql().as_str()).await;
    }
}

#[tokio::test]
async fn writes_use_an_index() {
    let (_directory, mut connection) = opened().await;
    for rows in [1, 2, 16, 128] {
        let sizes = Sizes::all(rows);
        for statement in [sizes.calls(), sizes.rest()]
            .concat()
            .split(";\n")
            .filter(|text| !text.is_empty())
        {
            assert_fast(&mut connection, statement).await;
        }
    }
}

#[tokio::test]
async fn claims_use_an_index_with_many_pending() {
    let (_directory, mut connection) = opened().await;
    let fill = "INSERT INTO account VALUES (zeroblob(16), 'a', 0);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO call (account_id, id, direction, state, to_address, due, attempts, events, created_at, digits, plan, flow)
        SELECT zeroblob(16), unhex(format('%032x', i)), 'outgoing', 'queued', '+1' || i, i, 0, 1, 0, '[]', '{}', '{}' FROM n;
        INSERT INTO job (account_id, call_id, due) SELECT account_id, id, due FROM call;";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    for analyzed in [false, true] {
        if analyzed {
            sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
        }
        for statement in [
            job::CLAIM,
            job::NEXT_DUE,
            job::GIVE_BACK,
            job::GIVE_BACK_THESE,
            job::CLAIMED,
            job::UNFINISHED,
        ] {
            assert_fast(&mut connection, statement).await;
        }
        let claim = plan(&mut connection, job::CLAIM).await;
        assert!(claim.iter().any(|step| step.contains("job_due")), "{claim:?}");
    }
}

#[tokio::test]
async fn the_schema_knows_every_word_of_the_domain() {
    let (_directory, mut connection) = opened().await;
    let schema: Vec<String> =
        sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name IN ('call', 'attempt', 'leg')")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let schema = schema.join("\n");
    let words = CallState::ALL
        .iter()
        .map(|word| word.as_str())
        .chain(Outcome::ALL.iter().map(|word| word.as_str()))
        .chain(outdial_domain::AttemptState::ALL.iter().map(|word| word.as_str()))
        .chain(outdial_domain::Direction::ALL.iter().map(|word| word.as_str()));
    for word in words {
        assert!(
            schema.contains(&format!("'{word}'")),
            "no constraint names {word}: add a migration"
        );
    }
}
