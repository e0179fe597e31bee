//! Every statement on the way of a call finds its rows by an index, however many there are.

use jiff::Timestamp;
use outdial_domain::{AccountId, Address, CallId, CallState, Direction, MessageState, Outcome};
use outdial_engine::ports::{CallFilter, MessageFilter};
use rusqlite::{Connection, StatementStatus, params, params_from_iter, types::Null};
use tempfile::TempDir;

use super::{
    account, arrival, attempt, audio, backlog, call, delivery, event, feed, first_answer, job, key, leg, mask, message,
    migrate, open, receiver, recording, schedule, trace, webhook,
};

fn opened() -> (TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    open::create(&path).unwrap();
    let connection = open::writer(&path).unwrap();
    migrate::migrate(&connection).unwrap();
    (directory, connection)
}

/// A step of a plan that looks at every row of a table, or sorts.
fn is_slow(step: &str) -> bool {
    // There are few accounts, and what a restart looks for may be any of theirs; little is claimed; and a
    // subquery stands here only where it has a limit.
    let reads_little = ["SCAN account", "SCAN (subquery"]
        .iter()
        .any(|start| step.starts_with(start))
        || step.ends_with("INDEX job_claimed");
    (step.contains("SCAN") && !reads_little) || step.contains("TEMP B-TREE")
}

fn plan(connection: &Connection, statement: &str) -> Vec<String> {
    connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .and_then(|mut explained| {
            let unbound = vec![Null; explained.parameter_count()];
            explained
                .query_map(params_from_iter(unbound), |row| row.get("detail"))?
                .collect()
        })
        .unwrap_or_else(|error| panic!("{error}: {statement}"))
}

fn assert_fast(connection: &Connection, statement: &str) {
    let plan = plan(connection, statement);
    assert!(!plan.iter().any(|step| is_slow(step)), "{statement:.200}\n{plan:#?}");
}

#[test]
fn the_check_itself_finds_a_scan() {
    let (_directory, connection) = opened();
    for slow in [
        "SELECT id FROM call WHERE ending IS NULL",
        "SELECT id FROM call WHERE account_id = ? ORDER BY due",
        "UPDATE job SET claimed_by = NULL WHERE due = ?",
    ] {
        let plan = plan(&connection, slow);
        assert!(plan.iter().any(|step| is_slow(step)), "{slow}: {plan:?}");
    }
}

#[test]
fn reads_use_an_index() {
    let (_directory, connection) = opened();
    for statement in [
        call::ONE,
        message::OVERDUE,
        arrival::OWNER,
        arrival::EARLY,
        arrival::UNWANTED,
        arrival::IS_LEFT_ALONE,
        arrival::LEFT_ALONE,
        attempt::OF_CALL,
        leg::OF_CALL,
        event::OF_SUBJECT,
        event::AFTER,
        trace::OF_CALL,
        backlog::NEXT_LANE,
        backlog::NEXT_TAKEN_LANE,
        backlog::COUNT,
        backlog::COUNT_TAKEN,
        backlog::TURNS,
        backlog::TAKEN_TURNS,
        job::GIVE_BACK,
        job::GIVE_BACK_ONE,
        job::UNFINISHED,
        job::OVERDUE,
        key::BY_HASH,
        key::OF_ACCOUNT,
        audio::ONE,
        recording::ONE,
        recording::LIST,
        recording::OF_CALL,
        recording::OPEN,
        recording::OLD,
        first_answer::ONE,
        webhook::OF_ACCOUNT,
        feed::DUE,
    ] {
        assert_fast(&connection, statement);
    }
    // All accounts are read, in the order of an index.
    let accounts = plan(&connection, account::ALL);
    assert!(
        !accounts.iter().any(|step| step.contains("TEMP B-TREE")),
        "{accounts:?}"
    );
}

#[test]
fn every_list_uses_an_index() {
    let (_directory, connection) = opened();
    let account = AccountId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    for choice in 0..=u8::MAX {
        let chosen = |bit: u8| choice & (1 << bit) != 0;
        let filter = CallFilter {
            state: chosen(0).then_some(CallState::Active),
            outcome: chosen(1).then_some(Outcome::Busy),
            tag: chosen(2).then(|| "tag".into()),
            to: chosen(3).then(|| "+6598765432".into()),
            reference: chosen(5).then(|| "order 7".into()),
            face: chosen(6).then(|| "voicent".into()),
            face_reference: chosen(7).then(|| "1208775078314".into()),
            before: chosen(4).then(|| CallId::new(Timestamp::UNIX_EPOCH, [1; 10])),
            most: 50,
        };
        let (query, _) = call::list_query(account, &filter, 51);
        if chosen(7) {
            // Each face has one call of a name, so there is next to nothing to sort.
            let plan = plan(&connection, &query);
            assert!(
                plan[0].contains("(account_id=? AND face_reference=?"),
                "{query:.200}\n{plan:#?}"
            );
        } else {
            assert_fast(&connection, &query);
        }
    }
}

#[test]
fn every_list_of_messages_uses_an_index() {
    let (_directory, connection) = opened();
    let account = AccountId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    for choice in 0..1_u8 << 6 {
        let chosen = |bit: u8| choice & (1 << bit) != 0;
        let state = match (chosen(0), chosen(5)) {
            (false, _) => None,
            (true, false) => Some(MessageState::Submitted),
            (true, true) => Some(MessageState::Delivered),
        };
        let filter = MessageFilter {
            state,
            direction: chosen(1).then_some(Direction::Incoming),
            to: chosen(2).then(|| Address::parse("+6598765432").unwrap()),
            tag: chosen(3).then(|| "tag".into()),
            reference: chosen(4).then(|| "order 7".into()),
            before: None,
            most: 50,
        };
        let (query, _) = message::list_query(account, &filter, 51);
        assert_fast(&connection, &query);
    }
}

#[test]
fn who_waits_is_found_without_looking_at_all_that_waits() {
    let (_directory, connection) = opened();
    let plan = plan(&connection, crate::rows::receiver::WAITING);
    let of_feeds: Vec<&String> = plan.iter().filter(|step| step.contains("feed")).collect();
    assert!(of_feeds.len() >= 3, "{plan:#?}");
    assert!(of_feeds.iter().all(|step| step.contains("feed_due")), "{plan:#?}");
    // The first receiver is the first entry of the index: only that scan ends at once.
    let scans = of_feeds.iter().filter(|step| step.starts_with("SCAN"));
    assert!(scans.count() <= 1, "{plan:#?}");
}

#[test]
fn writes_use_an_index() {
    let (_directory, connection) = opened();
    for statement in [
        message::ADD,
        message::MOVE,
        message::MOVE_BACK,
        message::END,
        message::NAME,
        arrival::KEEP_EARLY,
        arrival::REMOVE_EARLY,
        call::ADD,
        call::MOVE,
        call::RUN,
        call::PLAN,
        call::FORGET_FACE,
        call::KEEP_BY_FACE,
        attempt::ADD,
        attempt::MOVE,
        leg::ADD,
        leg::MOVE,
        job::ADD,
        job::REMOVE,
        trace::PUT,
        event::ADD,
        event::REMEMBER,
        first_answer::PUT,
        schedule::ADD,
        schedule::CHANGE,
        mask::OF_NUMBER,
        mask::OF_ACCOUNT,
        mask::REMOVE,
        mask::FORGET,
        schedule::ONE,
        schedule::REMOVE,
        schedule::DUE,
        first_answer::REMOVE,
        first_answer::FORGET,
        webhook::STEP,
        feed::WAKE,
        feed::SETTLE,
        feed::REMOVE,
        feed::DROP_ALL,
        receiver::TAKE,
        receiver::KEEP,
        receiver::GIVE_BACK,
        receiver::FORGET,
        delivery::ADD,
        delivery::FORGET,
    ] {
        assert_fast(&connection, statement);
    }
}

#[test]
fn claims_use_an_index_with_many_pending() {
    let (_directory, connection) = opened();
    let fill = "INSERT INTO account (id, name, created_at) VALUES (zeroblob(16), 'a', 0);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO call (account_id, id, direction, state, to_address, due, attempts, events, created_at, digits, plan, flow)
        SELECT zeroblob(16), unhex(format('%032x', i)), 'outgoing', 'queued', '+1' || i, i, 0, 1, 0, '[]', '{}', '{}' FROM n;
        INSERT INTO job (account_id, subject, priority, due) SELECT account_id, id, 1, due FROM call;";
    connection.execute_batch(fill).unwrap();
    for analyzed in [false, true] {
        if analyzed {
            connection.execute_batch("ANALYZE").unwrap();
        }
        for statement in [
            job::DUE,
            job::TAKE,
            backlog::NEXT_LANE,
            backlog::NEXT_TAKEN_LANE,
            backlog::COUNT,
            backlog::COUNT_TAKEN,
            backlog::TURNS,
            backlog::TAKEN_TURNS,
            job::GIVE_BACK,
            job::GIVE_BACK_ONE,
            job::UNFINISHED,
        ] {
            assert_fast(&connection, statement);
        }
        // The lane and the time, in their order: nothing is read that is not taken.
        for (statement, by) in [
            (job::DUE, "job_due (account_id=? AND priority=? AND due<?)"),
            (backlog::NEXT_LANE, "job_due ((account_id,priority,due)>(?,?,?))"),
            (
                backlog::NEXT_TAKEN_LANE,
                "job_claimed ((account_id,priority,due)>(?,?,?))",
            ),
            (backlog::COUNT, "job_due (account_id=? AND priority=? AND due<?)"),
            (
                backlog::COUNT_TAKEN,
                "job_claimed (account_id=? AND priority=? AND due<?)",
            ),
            (backlog::TURNS, "job_due (account_id=? AND priority=? AND due<?)"),
            (
                backlog::TAKEN_TURNS,
                "job_claimed (account_id=? AND priority=? AND due<?)",
            ),
        ] {
            let plan = plan(&connection, statement);
            assert!(plan.iter().any(|step| step.contains(by)), "{by}: {plan:?}");
        }
        // A plan does not tell where a search begins: the calls of a lane are passed over, not read.
        let mut step = connection.prepare(backlog::NEXT_LANE).unwrap();
        let found = step.exists(params![[0_u8; 16], 1]).unwrap();
        let steps = step.get_status(StatementStatus::VmStep);
        assert!(!found && steps < 100, "{steps} steps past 100,000 calls");
    }
}

/// A list of words in a constraint, or finding and changing in one statement, makes SQLite build a table and
/// throw it away: a tenth of what a call costs.
#[test]
fn no_write_of_a_call_or_message_makes_a_table_of_its_own() {
    let (_directory, connection) = opened();
    for statement in [
        call::ADD,
        call::MOVE,
        call::RUN,
        call::PLAN,
        attempt::ADD,
        attempt::MOVE,
        leg::ADD,
        leg::MOVE,
        event::ADD,
        event::REMEMBER,
        trace::PUT,
        first_answer::PUT,
        job::ADD,
        job::DUE,
        job::TAKE,
        job::REMOVE,
        feed::WAKE,
        feed::SETTLE,
        message::ADD,
        message::MOVE,
        message::MOVE_BACK,
        message::END,
        message::NAME,
    ] {
        let mut explained = connection.prepare(&format!("EXPLAIN {statement}")).unwrap();
        let unbound = params_from_iter(vec![Null; explained.parameter_count()]);
        let steps: Vec<String> = explained
            .query_map(unbound, |row| row.get("opcode"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "{statement}");
    }
}

#[test]
fn the_schema_knows_every_word_of_the_domain() {
    let (_directory, connection) = opened();
    let schema: Vec<String> = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE name IN ('call', 'attempt', 'leg', 'message')")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let schema = schema.join("\n");
    let words = CallState::ALL
        .iter()
        .map(|word| word.as_str())
        .chain(Outcome::ALL.iter().map(|word| word.as_str()))
        .chain(outdial_domain::AttemptState::ALL.iter().map(|word| word.as_str()))
        .chain(outdial_domain::MessageState::ALL.iter().map(|word| word.as_str()))
        .chain(outdial_domain::Direction::ALL.iter().map(|word| word.as_str()));
    for word in words {
        assert!(
            schema.contains(&format!("'{word}'")),
            "no constraint names {word}: add a migration"
        );
    }
}
