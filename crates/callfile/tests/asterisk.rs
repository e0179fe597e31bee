//! What we write, a real Asterisk accepts, and it means there what we meant.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use outdial_callfile::{
    Action, CallFile, CallerId, Channel, Due, Ending, FileName, Key, Order, Outcome, Spool, Status, Variable, parse,
};
use outdial_testkit::peers::{Asterisk, Peer, interop_dir, require, venv_python};
use serde_json::{Value, json};

const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

fn answer() -> Channel {
    Channel::local("answer", "callfile").unwrap()
}

fn seen_as(key: &str) -> CallFile {
    CallFile::new(answer(), Action::dialplan("callfile-seen", key))
}

fn ended(spool: &Spool, name: &FileName, asterisk: &Asterisk) -> Outcome {
    match spool.wait(name, LIMIT).unwrap() {
        Some(Ending::Done(outcome)) => outcome,
        other => panic!("{name}: {other:?}: {}", asterisk.log()),
    }
}

/// What a call file with hard values shows in the test's dialplan.
fn hard_values() -> Vec<(&'static str, CallFile, BTreeMap<&'static str, &'static str>)> {
    let named = |key, name: &str, number: &str| CallFile {
        caller_id: Some(CallerId::new(name, number)),
        ..seen_as(key)
    };
    let value = |key, value: &str| CallFile {
        variables: vec![Variable::new("VALUE", value)],
        ..seen_as(key)
    };
    vec![
        (
            "quotes",
            named("quotes", r#"Bob "The" Man"#, "1"),
            [("name", r#"Bob "The" Man"#), ("number", "1")].into(),
        ),
        (
            "backslash",
            named("backslash", r"a\b\", "1"),
            [("name", r"a\b\"), ("number", "1")].into(),
        ),
        (
            "semicolon",
            named("semicolon", r";a\;b;;", "1"),
            [("name", r";a\;b;;"), ("number", "1")].into(),
        ),
        (
            "hash",
            named("hash", "#1 fan", "#31#5"),
            [("name", "#1 fan"), ("number", "#31#5")].into(),
        ),
        (
            "forged",
            named("forged", "x\" <911>", "1"),
            [("name", "x\" <911>"), ("number", "1")].into(),
        ),
        (
            "utf8",
            named("utf8", "caf\u{e9} \u{1f4de}", "1"),
            [("name", "caf\u{e9} \u{1f4de}")].into(),
        ),
        ("edges", named("edges", " a ", "1"), [("name", " a ")].into()),
        (
            "nameless",
            CallFile {
                caller_id: Some(CallerId::number("+65*#")),
                ..seen_as("nameless")
            },
            [("name", ""), ("number", "+65*#")].into(),
        ),
        (
            "numberless",
            CallFile {
                caller_id: Some(CallerId {
                    name: Some("4711 <1>".into()),
                    number: None,
                }),
                ..seen_as("numberless")
            },
            [("name", "4711 <1>"), ("number", "")].into(),
        ),
        ("value", value("value", "a=b;c"), [("value", "a=b;c")].into()),
        ("value-hash", value("value-hash", "#a;#b"), [("value", "#a;#b")].into()),
        (
            "value-blank",
            value("value-blank", "  a: 'b' \"c\" ${EXTEN} \\"),
            [("value", "  a: 'b' \"c\" ${EXTEN} \\")].into(),
        ),
        ("value-empty", value("value-empty", ""), [("value", "")].into()),
        (
            "account",
            CallFile {
                account: Some("a;b:c".into()),
                ..seen_as("account")
            },
            [("account", "a;b:c")].into(),
        ),
        (
            "feature",
            CallFile {
                variables: vec![Variable::new("KEY", "feature")],
                ..CallFile::new(answer(), Action::dialplan("callfile-seen", "#31#5;1"))
            },
            [("extension", "#31#5;1")].into(),
        ),
        (
            "priority",
            CallFile::new(
                answer(),
                Action::Dialplan {
                    context: "callfile-seen".into(),
                    extension: "priority".into(),
                    priority: 20,
                },
            ),
            [("start", "20")].into(),
        ),
        (
            "function",
            CallFile {
                variables: vec![Variable::new("CHANNEL(language)", "de")],
                ..seen_as("function")
            },
            [("language", "de")].into(),
        ),
        (
            "application",
            CallFile::new(
                answer(),
                Action::application("Set", "DB(seen/application/value)=[x;y #z]".replace(" #", "#")),
            ),
            [("value", "x;y#z")].into(),
        ),
        (
            "early",
            CallFile {
                early_media: true,
                codecs: vec!["ulaw".into(), "alaw".into()],
                ..CallFile::new(
                    Channel::raw("Local/early@callfile/n").unwrap(),
                    Action::dialplan("callfile-seen", "early"),
                )
            },
            [("extension", "early")].into(),
        ),
        (
            "longest",
            value("longest", &"x".repeat(1022 - "Set: VALUE=".len())),
            BTreeMap::new(),
        ),
    ]
}

#[tokio::test]
async fn hard_values_mean_what_we_meant() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let spool = Spool::new(asterisk.call_files());
    let cases = hard_values();
    let answers = spool.spool_many(cases.iter().map(|(_, file, _)| Order::new(file)));
    let names: Vec<FileName> = answers.into_iter().map(|answer| answer.unwrap().name).collect();
    for (name, (key, file, _)) in names.iter().zip(&cases) {
        let outcome = ended(&spool, name, &asterisk);
        let status = if *key == "early" {
            Status::Expired
        } else {
            Status::Completed
        };
        // Early media is not an answer, so such a call ends as one that failed, or as one that was.
        assert!(
            outcome.status == Status::Completed || outcome.status == status,
            "{key}: {outcome:?}"
        );
        assert_eq!(outcome.attempts, 1, "{key}");
        assert_eq!(outcome.file.as_ref(), Some(file), "{key}");
    }
    let seen = asterisk.kept("seen").unwrap();
    for (key, _, expected) in &cases {
        for (what, value) in expected {
            assert_eq!(
                seen.get(&format!("{key}/{what}")),
                Some(&format!("[{value}]")),
                "{key}/{what}: {seen:#?}"
            );
        }
    }
    assert_eq!(seen["longest/value"].len(), 1022 - "Set: VALUE=".len() + 2);
    let log = asterisk.log();
    for complaint in ["Unknown keyword", "Syntax error", "Invalid", "Skipping", "Malformed"] {
        assert!(!log.contains(&format!("pbx_spool.c: {complaint}")), "{log}");
    }
}

#[tokio::test]
async fn times_retries_and_ringing_are_kept() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let spool = Spool::new(asterisk.call_files());
    let mut watch = spool.watch().unwrap();
    let file = seen_as("later");
    let now = fs::metadata(asterisk.call_files()).unwrap().modified().unwrap();
    let soon = outdial_callfile::When::try_from(now + Duration::from_secs(4)).unwrap();
    let later = spool.spool_at(&file, soon).unwrap();
    assert_eq!(later.due, Due::At(soon.timestamp()));

    let unanswered = |to, retries| CallFile {
        max_retries: retries,
        retry_time: 1,
        wait_time: 1,
        ..CallFile::new(
            Channel::local(to, "callfile").unwrap(),
            Action::application("Hangup", ""),
        )
    };
    let busy = spool.spool(&unanswered("busy", 1)).unwrap().name;
    let ringing = spool.spool(&unanswered("ring", 0)).unwrap().name;
    let mut outcomes = BTreeMap::new();
    while outcomes.len() < 3 {
        let finished = watch.next(LIMIT).unwrap().expect("each of them ends");
        let Ending::Done(outcome) = finished.ending else {
            panic!("{} was not kept", finished.name);
        };
        outcomes.insert(finished.name, outcome);
    }
    let (busy, ringing) = (&outcomes[&busy], &outcomes[&ringing]);
    assert_eq!((busy.status, busy.attempts), (Status::Expired, 2), "{busy:?}");
    assert_eq!(
        busy.history
            .notes
            .iter()
            .filter(|note| note.word == Key::EndRetry)
            .count(),
        1
    );
    let began = busy.began();
    assert!(
        began.len() == 2 && began[1].as_second() - began[0].as_second() >= 1,
        "{began:?}"
    );
    assert_eq!((ringing.status, ringing.attempts), (Status::Expired, 1), "{ringing:?}");
    assert_eq!(outcomes[&later.name].status, Status::Completed);
    let placed = &asterisk.kept("seen").unwrap()["later/time"];
    let placed: i64 = placed.trim_matches(['[', ']']).parse().unwrap();
    let wanted = soon.timestamp().as_second();
    assert!((wanted..wanted + 3).contains(&placed), "{placed} for {wanted}");
}

#[tokio::test]
async fn any_name_and_any_way_into_the_directory_is_taken() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let (queue, spool) = (asterisk.call_files(), Spool::new(asterisk.call_files()));
    let name = |name: &str| FileName::new(name).unwrap();
    spool.spool_as(&name(".dot"), &seen_as("dot"), None).unwrap();
    spool.spool_as(&name("no-suffix"), &seen_as("no-suffix"), None).unwrap();
    spool
        .spool_as(&name("caf\u{e9} 1.call"), &seen_as("cafe"), None)
        .unwrap();
    // A writer that is in no hurry and stands in the queue itself.
    let text = seen_as("in-place").to_text().unwrap();
    let mut slow = fs::File::create(queue.join("in-place")).unwrap();
    let (first, second) = text.split_at(text.len() / 2);
    slow.write_all(first.as_bytes()).unwrap();
    slow.write_all(second.as_bytes()).unwrap();
    drop(slow);
    let outside = queue.with_file_name("outside");
    fs::write(&outside, seen_as("linked").to_text().unwrap()).unwrap();
    fs::hard_link(&outside, queue.join("linked")).unwrap();
    for taken in [".dot", "no-suffix", "caf\u{e9} 1.call", "in-place", "linked"] {
        assert_eq!(
            ended(&spool, &name(taken), &asterisk).status,
            Status::Completed,
            "{taken}"
        );
    }
    // Our staging directory has left no complaint.
    assert!(!asterisk.log().contains("Unable to stat"), "{}", asterisk.log());
}

/// pycall's wishes, as its classes take them, and the same as ours.
fn wishes(queue: &std::path::Path, tempdir: &std::path::Path, soon: i64) -> Vec<(Value, CallFile)> {
    let common = |wish: Value| {
        let mut wish = wish;
        wish["spool_dir"] = json!(queue);
        wish["tempdir"] = json!(tempdir);
        wish["channel"] = json!("Local/answer@callfile");
        wish["archive"] = json!(true);
        wish
    };
    let full = CallFile {
        caller_id: Some(CallerId::new("Wake Up", "555")),
        max_retries: 2,
        retry_time: 60,
        wait_time: 15,
        account: Some("acct".into()),
        variables: vec![Variable::new("OTHER", "a=b"), Variable::new("VALUE", "hello")],
        ..CallFile::new(answer(), Action::dialplan("callfile-seen", "KEY"))
    };
    vec![
        (
            common(json!({
                "callerid": "\"Wake Up\" <555>", "variables": {"VALUE": "hello", "OTHER": "a=b"}, "account": "acct",
                "wait_time": 15, "retry_time": 60, "max_retries": 2,
                "context": "callfile-seen", "extension": "KEY", "priority": "1",
            })),
            full,
        ),
        (
            common(json!({"context": "callfile-seen", "extension": "KEY", "priority": "20", "time": soon})),
            CallFile::new(
                answer(),
                Action::Dialplan {
                    context: "callfile-seen".into(),
                    extension: "KEY".into(),
                    priority: 20,
                },
            ),
        ),
        (
            common(json!({"application": "Set", "data": "DB(seen/KEY/value)=[data]"})),
            CallFile::new(answer(), Action::application("Set", "DB(seen/KEY/value)=[data]")),
        ),
    ]
}

/// The names that pycall gave the files.
fn by_pycall(wishes: &[Value]) -> Vec<FileName> {
    let mut child = Command::new(venv_python())
        .arg(interop_dir().join("peers/pycall_write.py"))
        .arg("write")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), wishes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let names: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    names.into_iter().map(|name| FileName::new(name).unwrap()).collect()
}

/// The wish with another word for `KEY`, everywhere.
fn keyed(file: &CallFile, key: &str) -> CallFile {
    let text = serde_json::to_string(file).unwrap().replace("KEY", key);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_pycall_writes_we_read() {
    if !require(Peer::Pycall) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let queue = place.path().join("outgoing");
    fs::create_dir(&queue).unwrap();
    let wishes = wishes(&queue, place.path(), 2_111_111_111);
    let theirs: Vec<Value> = wishes.iter().map(|(theirs, _)| theirs.clone()).collect();
    for (name, (_, ours)) in by_pycall(&theirs).iter().zip(&wishes) {
        let parsed = parse(&fs::read(queue.join(name.as_str())).unwrap());
        assert_eq!(parsed.problems, [], "{name}");
        assert_eq!(parsed.file.as_ref(), Some(ours), "{name}");
        let due = fs::metadata(queue.join(name.as_str())).unwrap().modified().unwrap();
        if matches!(ours.action, Action::Dialplan { priority: 20, .. }) {
            assert_eq!(due, std::time::UNIX_EPOCH + Duration::from_secs(2_111_111_111));
        }
    }
}

#[tokio::test]
async fn the_same_wish_means_the_same_from_pycall_and_from_us() {
    if !require(Peer::Asterisk) || !require(Peer::Pycall) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let (queue, spool) = (asterisk.call_files(), Spool::new(asterisk.call_files()));
    let now = fs::metadata(&queue).unwrap().modified().unwrap() + Duration::from_secs(3);
    let soon = outdial_callfile::When::try_from(now).unwrap();
    let wishes = wishes(&queue, queue.parent().unwrap(), soon.timestamp().as_second());
    let mut theirs = Vec::new();
    let mut names = Vec::new();
    for (number, (wish, ours)) in wishes.iter().enumerate() {
        let text = wish.to_string().replace("KEY", &format!("theirs{number}"));
        theirs.push(serde_json::from_str(&text).unwrap());
        let ours = keyed(ours, &format!("ours{number}"));
        let at = wish.get("time").map(|_| soon);
        names.push(
            spool
                .spool_as(&FileName::of_id(format!("ours{number}")).unwrap(), &ours, at)
                .unwrap()
                .name,
        );
    }
    names.extend(by_pycall(&theirs));
    for name in &names {
        assert_eq!(ended(&spool, name, &asterisk).status, Status::Completed, "{name}");
    }
    let seen = asterisk.kept("seen").unwrap();
    let of = |writer: &str, number: usize| -> BTreeMap<String, String> {
        let start = format!("{writer}{number}/");
        let mine = seen
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&start)?, value)));
        // Only its own name differs, and the second in which it ran.
        let mine = mine.filter(|(key, _)| !matches!(*key, "extension" | "time"));
        mine.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    };
    for number in 0..wishes.len() {
        assert!(!of("ours", number).is_empty(), "{seen:?}");
        assert_eq!(of("ours", number), of("theirs", number));
    }
}
