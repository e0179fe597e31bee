//! Every statement on the way of a call finds its rows by an index, however many there are.

use outdial_testkit::peers::{Peer, Postgres, require};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{attempt, call, command, event, first_answer, job, leg, migrate, open, trace};

/// A value for a statement.
enum Given {
    Id,
    Number,
    Text,
    Hash,
    Truth,
}

async fn plan(connection: &mut PgConnection, statement: &str, values: &[Given]) -> String {
    let mut query = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {statement}")));
    for value in values {
        query = match value {
            Given::Id => query.bind(Uuid::nil()),
            Given::Number => query.bind(5_i64),
            Given::Text => query.bind("n1"),
            Given::Hash => query.bind([0_u8; 32].to_vec()),
            Given::Truth => query.bind(true),
        };
    }
    let lines: Vec<String> = query
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"));
    lines.join("\n")
}

#[tokio::test]
async fn statements_use_an_index_with_many_pending() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let options = open::options(&server.database().unwrap()).unwrap();
    let mut connection = open::connect(&options).await.unwrap();
    migrate::migrate(&mut connection).await.unwrap();
    let fill = "INSERT INTO account VALUES ('00000000-0000-0000-0000-000000000000', 'a', 0);
        INSERT INTO call (account_id, id, direction, state, to_address, due, attempts, events, created_at, digits, plan, flow)
        SELECT '00000000-0000-0000-0000-000000000000', lpad(to_hex(i), 32, '0')::uuid, 'outgoing', 'queued', '+1' || i, i,
            0, 1, 0, '[]', '{}', '{}' FROM generate_series(1, 20000) AS i;
        INSERT INTO job (account_id, call_id, due) SELECT account_id, id, due FROM call;
        ANALYZE;
        -- A plan that reads a whole table then has no other way.
        SET enable_seqscan = off;";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    use Given::{Hash, Id, Number, Text, Truth};
    for (statement, values) in [
        (job::CLAIM, &[Number, Number, Text][..]),
        (job::NEXT_DUE, &[]),
        (job::GIVE_BACK, &[Text]),
        (job::GIVE_BACK_OF_THE_DEAD, &[Truth]),
        (job::UNFINISHED, &[]),
        (job::OVERDUE, &[Number]),
        (command::TAKE, &[Text]),
        (command::ASK, &[Id]),
        (call::ONE, &[Id, Id]),
        (attempt::OF_CALL, &[Id, Id]),
        (leg::OF_CALL, &[Id, Id]),
        (trace::OF_CALL, &[Id, Id]),
        (event::OF_CALL, &[Id, Id]),
        (event::ONE, &[Id, Number]),
        (event::AFTER, &[Id, Number, Number]),
        (first_answer::ONE, &[Id, Hash, Number]),
        (first_answer::FORGET, &[Number, Number]),
    ] {
        let plan = plan(&mut connection, statement, values).await;
        assert!(!plan.contains("Seq Scan"), "{statement}\n{plan}");
    }
    let claim = plan(&mut connection, job::CLAIM, &[Number, Number, Text]).await;
    assert!(claim.contains("job_due"), "{claim}");
    let slow = plan(&mut connection, "SELECT id FROM call WHERE ending IS NULL", &[]).await;
    assert!(slow.contains("Seq Scan"), "the check itself finds one: {slow}");
    connection.close().await.unwrap();
}
