//! Every statement on the way of a call or a message finds its rows by an index, however many there are.

use outdial_testkit::peers::{Peer, Postgres, require};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{arrival, attempt, backlog, call, command, event, first_answer, job, leg, message, migrate, open, trace};

/// A value for a statement.
enum Given {
    Id,
    Ids,
    Numbers,
    Number,
    Text,
    Texts,
    Hash,
    Truth,
}

async fn plan(connection: &mut PgConnection, statement: &str, values: &[Given]) -> String {
    let mut query = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {statement}")));
    for value in values {
        query = match value {
            Given::Id => query.bind(Uuid::nil()),
            Given::Ids => query.bind(vec![Uuid::nil()]),
            Given::Numbers => query.bind(vec![5_i64]),
            Given::Number => query.bind(5_i64),
            Given::Text => query.bind("n1"),
            Given::Texts => query.bind(vec!["n1"]),
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
async fn statements_of_messages_use_an_index_with_many_pending() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let options = open::options(&server.database().unwrap()).unwrap();
    let mut connection = open::connect(&options).await.unwrap();
    migrate::migrate(&mut connection).await.unwrap();
    let fill = "INSERT INTO account VALUES ('00000000-0000-0000-0000-000000000000', 'a', 0);
        INSERT INTO message (account_id, id, direction, state, to_address, deadline, node, events, created_at, ended_at, plan,
            progress)
        SELECT '00000000-0000-0000-0000-000000000000', lpad(to_hex(i), 32, '0')::uuid, 'outgoing',
            (ARRAY['queued', 'sending', 'submitted', 'delivered'])[1 + i % 4], '+1' || i,
            CASE WHEN i % 4 = 2 THEN i END, CASE WHEN i % 4 = 1 THEN 'n1' END, 1, 0, CASE WHEN i % 4 = 3 THEN i END,
            '{}', '{}' FROM generate_series(1, 20000) AS i;
        INSERT INTO job (account_id, subject, priority, due)
        SELECT account_id, id, 4, 0 FROM message WHERE state = 'queued';
        INSERT INTO submission (trunk, id, account_id, message_id)
        SELECT 'smsc', id::text, account_id, id FROM message WHERE state IN ('submitted', 'delivered');
        INSERT INTO early_receipt (trunk, id, at, receipt) SELECT 'smsc', 'other' || i, i, '{}' FROM generate_series(1, 20000) AS i;
        INSERT INTO do_not_disturb (account_id, number, since, because)
        SELECT '00000000-0000-0000-0000-000000000000', '+1' || i, 0, '' FROM generate_series(1, 20000) AS i;
        ANALYZE;
        -- A plan that reads a whole table then has no other way.
        SET enable_seqscan = off;";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    use Given::{Id, Ids, Number, Numbers, Text, Texts};
    for (statement, values) in [
        (job::CLAIM_MESSAGES, &[Ids, Numbers, Numbers, Number, Text][..]),
        (message::ONE, &[Id, Id]),
        (message::INTERRUPTED, &[]),
        (message::OVERDUE, &[Number, Number]),
        (
            message::MOVE,
            &[Ids, Ids, Numbers, Texts, Numbers, Texts, Numbers, Numbers, Texts, Texts],
        ),
        (arrival::NAME, &[Texts, Texts, Ids, Ids]),
        (arrival::OWNERS, &[Texts, Texts]),
        (arrival::EARLY, &[Texts, Texts]),
        (arrival::KNOWN, &[Number]),
        (arrival::FORGET_KNOWN, &[Texts, Texts]),
        (arrival::FORGET_EARLY, &[Number, Number]),
        (arrival::PARTS, &[Text, Text, Text, Number, Number]),
        (arrival::REMOVE_PARTS, &[Text, Text, Text, Number, Number]),
        (arrival::FORGET_PARTS, &[Number, Number]),
        (arrival::UNWANTED, &[Ids, Texts]),
        (arrival::IS_LEFT_ALONE, &[Id, Texts]),
        (arrival::LEFT_ALONE, &[Id, Text, Number]),
    ] {
        let plan = plan(&mut connection, statement, values).await;
        assert!(!plan.contains("Seq Scan"), "{statement}\n{plan}");
    }
    connection.close().await.unwrap();
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
        INSERT INTO job (account_id, subject, priority, due) SELECT account_id, id, 1, due FROM call;
        ANALYZE;
        -- A plan that reads a whole table then has no other way.
        SET enable_seqscan = off;";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    use Given::{Hash, Id, Ids, Number, Numbers, Text, Truth};
    for (statement, values) in [
        (job::CLAIM, &[Ids, Numbers, Numbers, Number, Text][..]),
        (backlog::LANES, &[]),
        (backlog::TAKEN_LANES, &[]),
        (backlog::COUNT, &[Ids, Numbers, Number, Number]),
        (backlog::TURNS, &[Id, Number, Number, Number]),
        (backlog::TAKEN_TURNS, &[Id, Number, Number, Number]),
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
        (event::OF_SUBJECT, &[Id, Id]),
        (event::ONE, &[Id, Number]),
        (event::AFTER, &[Id, Number, Number]),
        (first_answer::ONE, &[Id, Hash, Number]),
        (first_answer::FORGET, &[Number, Number]),
    ] {
        let plan = plan(&mut connection, statement, values).await;
        assert!(!plan.contains("Seq Scan"), "{statement}\n{plan}");
    }
    // The lane and the time are conditions of the index: nothing is read that is not taken.
    let lane = "(account_id = lane.account_id) AND (priority = lane.priority) AND";
    for (statement, values, indexes, by) in [
        (
            job::CLAIM,
            &[Ids, Numbers, Numbers, Number, Text][..],
            &["job_due"][..],
            format!("{lane} (due <= "),
        ),
        (
            backlog::COUNT,
            &[Ids, Numbers, Number, Number],
            &["job_due", "job_claimed"],
            format!("{lane} (due <= "),
        ),
        (
            backlog::LANES,
            &[],
            &["job_due"],
            "Index Cond: (ROW(account_id, priority) > ".to_owned(),
        ),
        (
            backlog::TAKEN_LANES,
            &[],
            &["job_claimed"],
            "Index Cond: (ROW(account_id, priority) > ".to_owned(),
        ),
    ] {
        let plan = plan(&mut connection, statement, values).await;
        let plain = plan.replace("job_1.", "").replace("job_2.", "").replace("job.", "");
        assert!(indexes.iter().all(|index| plan.contains(index)), "{plan}");
        assert!(plain.contains(&by), "{by}\n{plan}");
    }
    let slow = plan(&mut connection, "SELECT id FROM call WHERE ending IS NULL", &[]).await;
    assert!(slow.contains("Seq Scan"), "the check itself finds one: {slow}");
    connection.close().await.unwrap();
}
