//! Files in a directory, and calls on fakes.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, SystemTime},
};

use outdial_callfile::{FileName, Status};
use outdial_domain::{CallState, EndedBy};
use outdial_engine::verbs;
use outdial_flow::Instruction;
use outdial_testkit::fakes::Script;

use super::testing::{HANGUP, LIMIT, Rig, in_seconds};
use crate::{not_available::SPOOL, testing::OURS};

#[tokio::test]
async fn a_file_is_a_call_and_ends_with_its_word() {
    let rig = Rig::start().await;
    rig.put(
        "a",
        "Channel: Local/100@from-internal\r\nCallerid: \"Bob\" <+65 6123-4567>\r\nAccount: night\r\n\
         WaitTime: 15\r\nSet: greeting=hello\r\nApplication: Playback\r\nData: hello-world&beep\r\nArchive: yes",
    );
    let outcome = rig.done("a").await;
    assert_eq!((outcome.status, outcome.attempts), (Status::Completed, 1));
    let call = rig.call("a").await;
    assert_eq!(
        (call.plan.to.to_string(), call.plan.via.as_deref()),
        ("100".to_owned(), Some("lab"))
    );
    assert_eq!(call.plan.from.unwrap().to_string(), OURS);
    assert_eq!(
        (call.plan.tag.as_deref(), call.plan.ring),
        (Some("night"), Duration::from_secs(15))
    );
    let face = call.face.unwrap();
    assert!(face.face == "spool" && face.kept.contains("greeting=hello"), "{face:?}");
    assert!(!rig.path("a").exists());
}

#[tokio::test]
async fn attempts_are_noted_and_repeated() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::busy());
    rig.ground.world.carrier.next(Script::rejects(404, "Not Found"));
    rig.put("a", &format!("{HANGUP}MaxRetries: 2\nRetryTime: 1\n"));
    let outcome = rig.done("a").await;
    assert_eq!(
        (outcome.status, outcome.attempts, outcome.history.used()),
        (Status::Completed, 3, 2)
    );
    for _ in 0..2 {
        rig.ground.world.carrier.next(Script::busy());
    }
    rig.put("b", &format!("{HANGUP}MaxRetries: 1\nRetryTime: 1\n"));
    let outcome = rig.done("b").await;
    assert_eq!((outcome.status, outcome.attempts), (Status::Expired, 2));
    rig.put("c", &format!("{HANGUP}MaxRetries: -1\n"));
    let outcome = rig.done("c").await;
    assert_eq!((outcome.status, outcome.attempts), (Status::Expired, 0));
    assert_eq!(rig.ground.world.carrier.rung().len(), 5);
}

#[tokio::test]
async fn what_cannot_be_done_fails_with_a_word_beside_it() {
    let rig = Rig::start().await;
    let with = |lines: &str| format!("Channel: Local/100@from-internal\n{lines}");
    for (name, text, why) in [
        (
            "system",
            with("Application: System\nData: id\n"),
            "`System` is not run here",
        ),
        ("echo", with(&format!("{}\n", SPOOL[0].0)), SPOOL[0].1),
        ("option", with(&format!("{}\n", SPOOL[1].0)), SPOOL[1].1),
        (
            "sound",
            with("Application: Playback\nData: ../staged\n"),
            "there is no sound",
        ),
        (
            "context",
            with("Context: nowhere\nExtension: s\n"),
            "no flow is named for nowhere/s/1",
        ),
        ("escape", with("Application: a\u{1b}[2J\n"), "`a\u{fffd}[2J`"),
        ("empty", String::new(), "no Channel"),
        (
            "letters",
            "Channel: SIP/lab/carol\nApplication: Hangup\n".to_owned(),
            "cannot be dialled",
        ),
        (
            "foreign",
            with("CallerID: 999\nApplication: Hangup\n"),
            "999 is not a number of this account",
        ),
        (
            "mark",
            "\u{feff}Channel: Local/100@from-internal\nApplication: Hangup\n".to_owned(),
            "no Channel",
        ),
    ] {
        rig.put(name, &text);
        assert_eq!(rig.done(name).await.status, Status::Failed, "{name}");
        assert!(rig.problem(name).contains(why), "{name}: {}", rig.problem(name));
    }
    assert!(rig.ground.calls().await.is_empty());
    // The same name once more, mended.
    rig.put("echo", HANGUP);
    rig.created(1).await;
}

#[tokio::test]
async fn an_unknown_trunk_is_an_attempt_that_failed() {
    let rig = Rig::start().await;
    for context in ["gone", "never-heard-of"] {
        let text =
            format!("Channel: Local/1@{context}\nApplication: Hangup\nArchive: yes\nMaxRetries: 1\nRetryTime: 1\n");
        rig.put(context, &text);
        let outcome = rig.done(context).await;
        assert_eq!((outcome.status, outcome.attempts), (Status::Expired, 2), "{context}");
    }
    assert!(rig.ground.calls().await.is_empty());
}

#[tokio::test]
async fn applications_are_flows() {
    let rig = Rig::start().await;
    let flow = async |name: &str, lines: &str| {
        rig.put_at(
            name,
            &format!("Channel: Local/100@from-internal\n{lines}"),
            in_seconds(3_600),
        );
        let made = rig.ground.calls().await.len() + 1;
        rig.created(made).await;
        let call = rig.call(name).await;
        let details = verbs::get_call(&rig.ground.engine, &rig.ground.actor, call.id)
            .await
            .unwrap();
        (details.flow.steps, call.plan.talk)
    };
    assert!(matches!(
        flow("wait", "Application: wait\nData: 1.5\n").await.0[..],
        [Instruction::Pause(_)]
    ));
    let (steps, _) = flow(
        "digits",
        "Application: SayDigits\nData: 12\nSet: CHANNEL(language)=fr\n",
    )
    .await;
    let [Instruction::Say(say)] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!((say.text.as_str(), say.language.as_deref()), ("1 2", Some("fr")));
    let (steps, talk) = flow("music", "Application: MusicOnHold\nData: ,20\n").await;
    assert!(matches!(steps[..], [Instruction::Conference(_)]), "{steps:?}");
    assert_eq!(talk, Duration::from_secs(20));
    let (steps, _) = flow("dial", "Application: Dial\nData: Local/200@from-internal,7\n").await;
    let [Instruction::Dial(dial)] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(
        (dial.to[0].to_string(), dial.ring),
        ("200".to_owned(), Some(Duration::from_secs(7)))
    );
    let (steps, _) = flow("stored", "Context: ivr\nExtension: s\n").await;
    assert!(matches!(steps[..], [Instruction::Say(_)]), "{steps:?}");
    let (steps, _) = flow("both", "Context: ivr\nExtension: s\nApplication: Hangup\n").await;
    assert!(matches!(steps[..], [Instruction::HangUp]), "the application wins");
}

#[tokio::test]
async fn a_time_to_come_is_a_schedule_that_the_file_can_take_back() {
    let rig = Rig::start().await;
    rig.put_at("a", HANGUP, in_seconds(3_600));
    rig.created(1).await;
    let first = rig.call("a").await;
    assert_eq!(
        (first.state, SystemTime::from(first.plan.due)),
        (CallState::Scheduled, in_seconds(3_600))
    );
    // Another file over it is another call.
    rig.put_at("a", HANGUP, in_seconds(7_200));
    rig.created(2).await;
    rig.ground.reached("ended", 1).await;
    let calls = rig.ground.calls().await;
    let due: Vec<_> = calls
        .iter()
        .filter(|call| call.state == CallState::Scheduled)
        .map(|call| call.plan.due)
        .collect();
    assert_eq!(
        due.into_iter().map(SystemTime::from).collect::<Vec<_>>(),
        [in_seconds(7_200)]
    );
    // Without its file there is no call.
    fs::remove_file(rig.path("a")).unwrap();
    rig.ground.reached("ended", 2).await;
    assert!(
        rig.ground
            .calls()
            .await
            .iter()
            .all(|call| call.state == CallState::Ended)
    );
    assert!(rig.ground.world.carrier.rung().is_empty());
}

#[tokio::test]
async fn what_was_answered_is_done_whatever_its_flow_met_with() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::answers());
    rig.ground.world.carrier.next(Script::busy());
    let text = "Channel: Local/100@from-internal\nContext: connect\nExtension: s\nArchive: yes\nMaxRetries: 3\n";
    rig.put("a", text);
    let outcome = rig.done("a").await;
    assert_eq!((outcome.status, outcome.attempts), (Status::Completed, 1));
    rig.ground.reached("retry_scheduled", 1).await;
    rig.ground.reached("ended", 1).await;
    assert_eq!(rig.ground.world.carrier.rung().len(), 2, "the two parties, once");
}

#[tokio::test]
async fn a_call_that_is_canceled_puts_its_file_away() {
    let rig = Rig::start().await;
    rig.put_at("a", HANGUP, in_seconds(3_600));
    rig.created(1).await;
    let call = rig.call("a").await.id;
    verbs::hang_up(&rig.ground.engine, &rig.ground.actor, call)
        .await
        .unwrap();
    let outcome = rig.done("a").await;
    assert_eq!((outcome.status, outcome.attempts), (Status::Failed, 0));
    assert!(
        rig.problem("a").contains("canceled before it was dialled"),
        "{}",
        rig.problem("a")
    );
}

#[tokio::test]
async fn what_is_written_to_a_file_that_waits_counts() {
    let rig = Rig::start().await;
    rig.put_at("a", HANGUP, in_seconds(3_600));
    rig.created(1).await;
    let file = fs::File::options()
        .write(true)
        .truncate(true)
        .open(rig.path("a"))
        .unwrap();
    std::io::Write::write_all(&mut &file, HANGUP.replace("100", "200").as_bytes()).unwrap();
    file.set_modified(in_seconds(7_200)).unwrap();
    drop(file);
    rig.created(2).await;
    rig.ground.reached("ended", 1).await;
    let calls = rig.ground.calls().await;
    let waiting: Vec<_> = calls.iter().filter(|call| call.state == CallState::Scheduled).collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].plan.to.to_string(), "200");
    assert_eq!(SystemTime::from(waiting[0].plan.due), in_seconds(7_200));
}

#[tokio::test]
async fn a_file_that_is_to_stay_is_run_again_when_its_time_is_set() {
    let rig = Rig::start().await;
    for (name, next) in [("touched", true), ("left", false)] {
        rig.ground.world.carrier.next(Script::ByHand);
        rig.put(
            name,
            "Channel: Local/100@anywhere\nApplication: Hangup\nAlwaysDelete: No\nArchive: yes\n",
        );
        let mut leg = rig.ground.world.carrier.leg().await;
        leg.sent().await;
        leg.answer().await;
        let path = rig.path(name);
        // Its note is in it by now, or soon.
        let noted = async {
            while !fs::read_to_string(&path).unwrap().contains("StartRetry: ") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, noted).await.unwrap();
        if next {
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(in_seconds(3_600)).unwrap();
        }
        let ending = outdial_domain::Ending::new(
            outdial_domain::Outcome::Completed,
            EndedBy::Callee,
            "the far side hung up",
        );
        leg.end(ending).await;
        if next {
            rig.created(2).await;
            assert_eq!(rig.call(name).await.state, CallState::Scheduled);
            assert!(!fs::read_to_string(&path).unwrap().contains("StartRetry"));
        } else {
            assert_eq!(rig.done(name).await.status, Status::Completed);
        }
    }
}

#[tokio::test]
async fn what_is_left_alone_is_told() {
    let rig = Rig::start().await;
    symlink("/etc/passwd", rig.path("link")).unwrap();
    fs::create_dir(rig.path("directory")).unwrap();
    fs::File::create(rig.path("large")).unwrap().set_len(100 << 20).unwrap();
    rig.put("a", HANGUP);
    assert_eq!(rig.done("a").await.status, Status::Completed);
    let told = async {
        while rig.problem("link").is_empty() || rig.problem("large").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, told).await.unwrap();
    assert!(
        rig.problem("large").contains("at most 65536"),
        "{}",
        rig.problem("large")
    );
    for name in ["link", "large", "directory"] {
        assert!(rig.path(name).symlink_metadata().is_ok(), "{name}");
    }
    assert_eq!(rig.ground.calls().await.len(), 1);
}

#[tokio::test]
async fn one_file_by_two_names_is_one_call_at_a_time() {
    let mut rig = Rig::at_rest().await;
    rig.put("a", HANGUP);
    fs::hard_link(rig.path("a"), rig.path("b")).unwrap();
    rig.go();
    rig.created(1).await;
    let first = rig.call_of_any(&["a", "b"]).await;
    assert_eq!(rig.done(&first).await.status, Status::Completed);
    let left = ["a", "b"].into_iter().filter(|name| rig.path(name).exists()).count();
    assert_eq!(left, 1, "the other name waits for its turn");
}

#[tokio::test]
async fn whoever_shares_a_directory_takes_over() {
    let mut rig = Rig::start().await;
    rig.put("a", HANGUP);
    assert_eq!(rig.done("a").await.status, Status::Completed);
    let (stop, first) = rig.running.take().unwrap();
    rig.go();
    rig.put("b", HANGUP);
    assert_eq!(rig.done("b").await.status, Status::Completed);
    stop.send(()).unwrap();
    first.await.unwrap();
    rig.put("c", HANGUP);
    assert_eq!(rig.done("c").await.status, Status::Completed);
    assert_eq!(rig.ground.world.carrier.rung().len(), 3, "each file once");
}

#[tokio::test]
async fn what_was_taken_before_is_gone_on_with() {
    let mut rig = Rig::at_rest().await;
    for number in 0..20 {
        let number_of_its_own = HANGUP.replace("100", &format!("2{number}"));
        rig.put(&format!("early-{number}"), &number_of_its_own);
    }
    rig.go();
    rig.put_at("later", HANGUP, in_seconds(3_600));
    rig.created(21).await;
    for number in 0..20 {
        assert_eq!(rig.done(&format!("early-{number}")).await.status, Status::Completed);
    }
    rig.stop().await;
    // One is taken by a process that dies before it is a call, one is removed meanwhile.
    let queue = outdial_callfile::Queue::open(&rig.config.directory).unwrap();
    rig.put("held", HANGUP);
    queue.take("held".as_ref(), &FileName::new("a-token").unwrap()).unwrap();
    // One was begun by a run whose state is gone.
    rig.put("begun", &format!("{HANGUP}MaxRetries: 5\n\nStartRetry: 9 1 (9)\n"));
    queue
        .take("begun".as_ref(), &FileName::new("another-token").unwrap())
        .unwrap();
    drop(queue);
    rig.put("new", HANGUP);
    fs::remove_file(rig.path("later")).unwrap();
    rig.go();
    for name in ["held", "new"] {
        assert_eq!(rig.done(name).await.status, Status::Completed, "{name}");
    }
    assert_eq!(rig.done("begun").await.status, Status::Expired);
    assert_eq!(rig.call("held").await.face.unwrap().reference, "a-token");
    rig.ground.reached("ended", 23).await;
    assert_eq!(rig.call("later").await.state, CallState::Ended);
    assert_eq!(
        rig.ground.world.carrier.rung().len(),
        22,
        "each but the one that was removed"
    );
    rig.stop().await;
    let held: Vec<_> = fs::read_dir(rig.path(".taken"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(held, ["lock"]);
}
