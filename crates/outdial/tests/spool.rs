//! Directories of call files, filled by programs of others and taken by the program itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use outdial_callfile::{Ending, FileName, Spool, Status};
use outdial_handset::{HandsetSet, Phone, Script};
use outdial_testkit::peers::{Asterisk, Peer, interop_dir, require, venv_python};
use program::{Home, LIMIT, Server};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

const ANSWERS: &str = "+12025550100";
const BUSY: &str = "+12025550101";

/// The tone of every sound, in Hz.
const TONE: f32 = 440.0;

/// A home with a spool directory and sounds, and the section for it.
fn spool_of(home: &Home) -> (Spool, String) {
    let queue = home.dir.path().join("outgoing");
    let sounds = home.dir.path().join("sounds");
    for dir in [&queue, &sounds.join("moh")] {
        fs::create_dir_all(dir).unwrap();
    }
    for name in ["hello-world.wav", "moh/default.wav"] {
        let mut tone = fs::File::create(sounds.join(name)).unwrap();
        let samples = outdial_media::tones::sine(8_000, TONE, -10.0, 500);
        outdial_media::wav::write_mono(&mut tone, 8_000, &samples).unwrap();
    }
    let section = format!("[[faces.spool]]\ndirectory = {queue:?}\naudio = {sounds:?}\n");
    (Spool::new(queue), section)
}

/// How the life of a file ends: its word and its attempts, where it is kept.
async fn ended(spool: &Spool, name: &str) -> Option<(Status, u32)> {
    let (spool, name) = (spool.clone(), FileName::new(name).unwrap());
    let wait = tokio::task::spawn_blocking(move || spool.wait(&name, Some(LIMIT)).unwrap());
    match wait.await.unwrap().expect("it ends") {
        Ending::Done(outcome) => Some((outcome.status, outcome.attempts)),
        Ending::Removed => None,
    }
}

/// Moves a file in.
fn put(home: &Home, spool: &Spool, name: &str, text: &str) {
    let staged = home.dir.path().join("staged");
    fs::write(&staged, text).unwrap();
    fs::rename(&staged, spool.dir().join(name)).unwrap();
}

/// Writes files with the package `pycall`.
async fn by_pycall(wishes: &Value) -> Vec<String> {
    let mut child = Command::new(venv_python())
        .arg(interop_dir().join("peers/pycall_write.py"))
        .arg("write")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(wishes.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn files_of_pycall_ring_phones() {
    if !require(Peer::Pycall) {
        return;
    }
    let home = Home::new();
    let (spool, section) = spool_of(&home);
    home.configure(&format!(
        "{section}any_caller_id = true\ntrunks = {{ from-internal = \"handsets\" }}\nflows = {{ wake-up = \"bell\" }}\n\
         [flow]\nbell = [{{ pause = \"200ms\" }}]\n"
    ));
    let server = home.serve().await;
    let wish = |channel: &str, more: Value| {
        let mut wish = json!({
            "channel": format!("Local/{channel}@from-internal"), "callerid": "\"Wake Up\" <555>",
            "variables": { "greeting": "hello" }, "account": "acct", "archive": true,
            "spool_dir": spool.dir(), "tempdir": home.dir.path(),
        });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    let names = by_pycall(&json!([
        wish(
            ANSWERS,
            json!({ "application": "Playback", "data": "hello-world", "wait_time": 15 })
        ),
        wish(
            BUSY,
            json!({ "application": "Playback", "data": "hello-world", "max_retries": 1, "retry_time": 1 })
        ),
        wish(
            ANSWERS,
            json!({ "context": "wake-up", "extension": "s", "priority": "1" })
        ),
        wish(
            ANSWERS,
            json!({ "application": "Playback", "data": "hello-world", "time": 2_111_111_111_u64 })
        ),
    ]))
    .await;
    assert_eq!(ended(&spool, &names[0]).await, Some((Status::Completed, 1)));
    assert_eq!(ended(&spool, &names[1]).await, Some((Status::Expired, 2)));
    assert_eq!(ended(&spool, &names[2]).await, Some((Status::Completed, 1)));
    let (_, page) = server.get(&format!("/api/v1/calls?reference={}", names[0])).await;
    let call = &page["calls"][0];
    assert_eq!(
        (&call["from"], &call["tag"], &call["face"]["name"]),
        (&json!("555"), &json!("acct"), &json!("spool"))
    );
    let token = call["face"]["reference"].as_str().unwrap();
    let (_, page) = server.get(&format!("/api/v1/calls?face_reference={token}")).await;
    assert_eq!(page["calls"][0]["id"], call["id"]);
    // A year or ten from now is further than calls are planned; its file waits.
    assert!(spool.dir().join(&names[3]).exists());
    server.stop().await;
}

/// A program whose trunk leads to these phones, and a spool.
async fn with_phones(script: Script) -> (Home, Spool, HandsetSet) {
    let home = Home::new();
    let heard = Some(home.dir.path().join("heard"));
    let phones = HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, heard)
        .await
        .unwrap();
    let (spool, section) = spool_of(&home);
    home.configure(&format!(
        "[policy]\nopen = [\"*\"]\n[handsets]\nenabled = false\n[pacing]\nnumber_gap = 0\n\
         {section}trunks = {{ ctx = \"phones\", anyone = \"\" }}\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\ncalls_per_second = 0\n",
        phones.address().port()
    ));
    (home, spool, phones)
}

/// A number for each file, so that each phone tells how often its file was dialled.
fn number(index: usize) -> String {
    format!("+65900{index:05}")
}

fn file(index: usize) -> String {
    format!(
        "Channel: Local/{}@ctx\nApplication: Hangup\nArchive: yes\n",
        number(index)
    )
}

async fn all_ended(server: &Server, calls: usize) {
    let (mut ended, mut cursor) = (0, String::new());
    loop {
        let (_, page) = server
            .get(&format!("/api/v1/calls?state=ended&limit=100{cursor}"))
            .await;
        ended += page["calls"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ended, calls);
}

#[tokio::test]
async fn no_file_is_dialled_twice_wherever_the_program_dies() {
    const FILES: usize = 6;
    for fault in [
        "file_taken",
        "before_create:2",
        "after_create:3",
        "after_journal",
        "sent:2",
        "file_noted",
        // What begins and what ends is told apart, because the phones ring for a while.
        "file_noted:2",
        "file_finished",
    ] {
        let ring = Duration::from_millis(300);
        let phone = |script: Script, index| script.phone(Phone::answering(number(index)).ring(ring));
        let (home, spool, phones) = with_phones((0..FILES).fold(Script::new(), phone)).await;
        let server = home.serve_with_fault(fault).await;
        for index in 0..FILES {
            put(&home, &spool, &format!("f{index}"), &file(index));
        }
        server.died().await;
        let server = home.serve().await;
        for index in 0..FILES {
            let end = ended(&spool, &format!("f{index}")).await;
            let rings = phones.rings(&number(index)).count;
            assert!(rings <= 1, "{fault}: {index} rang {rings} times");
            // Without a ring it was journalled, and nobody knows: it is not completed, and not forgotten.
            let (status, attempts) = end.unwrap_or_else(|| panic!("{fault}: {index} is lost"));
            assert_eq!(attempts, 1, "{fault}: {index}");
            assert!(rings == 1 || status == Status::Expired, "{fault}: {index}");
        }
        all_ended(&server, FILES).await;
        server.stop().await;
        let left: Vec<PathBuf> = listed(spool.dir());
        assert_eq!(left, [spool.dir().join(".taken")], "{fault}");
        assert_eq!(listed(&left[0]), [left[0].join("lock")], "{fault}");
        phones.shutdown().await;
    }
}

fn listed(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Files that mean the same to an Asterisk and to us: what they hold, whom they ring, and what comes of them.
const ALIKE: &[(&str, &str, &str)] = &[
    ("answered", "200", "Application: Hangup\n"),
    ("waits", "200", "Application: Wait\nData: 0.2\n"),
    ("crlf", "200", "Application: Hangup\r\nWaitTime: 5x\r\n"),
    ("no-end", "200", "Application: Hangup"),
    ("both", "200", "Application: Hangup\nContext: nowhere\nExtension: s\n"),
    ("busy", "202", "Application: Hangup\nMaxRetries: 1\nRetryTime: 1\n"),
    ("nobody", "203", "Application: Hangup\nWaitTime: 1\n"),
    ("missing", "204", "Application: Hangup\nMaxRetries: 2\nRetryTime: 1\n"),
    ("negative", "200", "Application: Hangup\nMaxRetries: -1\n"),
    (
        "used",
        "200",
        "Application: Hangup\nMaxRetries: 1\n\nStartRetry: 9 1 (9)\n\nEndRetry: 9 1 (9)\n\nStartRetry: 9 2 (9)\n\nEndRetry: 9 2 (9)\n",
    ),
    (
        "aborted",
        "202",
        "Application: Hangup\nMaxRetries: 1\nRetryTime: 1\n\nStartRetry: 9999999 1 (9)\n",
    ),
    ("no-action", "200", "MaxRetries: 1\n"),
    ("mark", "200", "Application : Hangup\n"),
];

/// Files that an Asterisk answers for and then finds nothing to do with, which fail here before anybody is rung.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("unknown-application", "200", "Application: NoSuchThing\n"),
    ("unknown-context", "200", "Context: nowhere\nExtension: s\n"),
    ("unknown-sound", "200", "Application: Playback\nData: no-such-sound\n"),
];

#[tokio::test]
async fn files_end_as_they_do_with_asterisk() {
    if !require(Peer::Asterisk) {
        return;
    }
    let script = Script::new()
        .phone(Phone::answering("200").ring(Duration::from_millis(100)))
        .phone(Phone::busy("202"))
        .phone(Phone::never_answering("203"))
        .phone(Phone::rejecting("204", 404));
    let (home, spool, phones) = with_phones(script).await;
    let asterisk = Asterisk::start().await.unwrap();
    let theirs = Spool::new(asterisk.call_files());
    let staged = theirs.dir().with_file_name("staged");
    let server = home.serve().await;
    for (name, number, lines) in ALIKE.iter().chain(DIFFERENT) {
        let channel = format!("PJSIP/anyone/sip:{number}@127.0.0.1:{}", phones.address().port());
        let text = format!("Archive: yes\nChannel: {channel}\n{lines}");
        put(&home, &spool, name, &text);
        fs::write(&staged, &text).unwrap();
        fs::rename(&staged, theirs.dir().join(name)).unwrap();
    }
    for (name, _, _) in ALIKE {
        assert_eq!(ended(&spool, name).await, ended(&theirs, name).await, "{name}");
    }
    for (name, _, _) in DIFFERENT {
        assert_eq!(ended(&spool, name).await, Some((Status::Failed, 0)), "{name}");
        assert_eq!(ended(&theirs, name).await, Some((Status::Completed, 1)), "{name}");
    }
    server.stop().await;
    phones.shutdown().await;
}

#[tokio::test]
async fn applications_are_heard() {
    let script = ["300", "301", "302"]
        .map(Phone::answering)
        .into_iter()
        .fold(Script::new(), Script::phone);
    let hangs_up = Phone::answering("303").hang_up_after(Duration::from_millis(500));
    let (home, spool, phones) = with_phones(script.phone(hangs_up)).await;
    let server = home.serve().await;
    for (number, lines) in [
        ("300", "Application: Playback\nData: hello-world&hello-world\n"),
        ("301", "Application: MusicOnHold\nData: ,2\n"),
        ("302", "Application: Dial\nData: Local/303@ctx,10\n"),
    ] {
        put(
            &home,
            &spool,
            number,
            &format!("Channel: Local/{number}@ctx\nArchive: yes\n{lines}"),
        );
        assert_eq!(ended(&spool, number).await, Some((Status::Completed, 1)), "{number}");
    }
    for (number, fewest, most) in [("300", 0.8, 1.2), ("301", 1.2, 2.2)] {
        let heard = phones.finished(number).await;
        let seconds = program::tone_heard_for(&heard.wav.unwrap(), TONE.into());
        assert!((fewest..=most).contains(&seconds), "{number} heard it for {seconds} s");
    }
    assert_eq!(phones.rings("303").count, 1);
    server.stop().await;
    phones.shutdown().await;
}

/// How many files come at once; `SPOOL_FILES=10000` for a long run. What begins with `OUTDIAL_` would be configuration.
fn many() -> usize {
    std::env::var("SPOOL_FILES").map_or(500, |files| files.parse().unwrap())
}

#[tokio::test]
async fn many_files_at_once_wait_their_turn_and_none_is_lost() {
    let files = many();
    let phone = |script: Script, index| script.phone(Phone::answering(number(index)));
    let (home, spool, phones) = with_phones((0..files).fold(Script::new(), phone)).await;
    // No more than so many at a time, so that the others must wait.
    let config = home.dir.path().join("outdial.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}max_calls = 10\n")).unwrap();
    for index in 0..files {
        fs::write(spool.dir().join(format!("f{index}")), file(index)).unwrap();
    }
    let server = home.serve().await;
    let before = resident(&server);
    // What waits is seen.
    let hundred = "/api/v1/calls?state=queued&limit=100";
    until(async || server.get(hundred).await.1["calls"].as_array().unwrap().len() == 100).await;
    for index in 0..files {
        assert_eq!(
            ended(&spool, &format!("f{index}")).await,
            Some((Status::Completed, 1)),
            "{index}"
        );
        assert_eq!(phones.rings(&number(index)).count, 1, "{index}");
    }
    let (before, after) = (before, resident(&server));
    // Most of it comes with the calls.
    assert!(after < before + 300_000, "{before} kB, then {after} kB");
    server.stop().await;
    phones.shutdown().await;
}

#[tokio::test]
async fn many_files_that_wait_are_taken_back_at_once() {
    let files = many();
    let (home, spool, phones) = with_phones(Script::new()).await;
    let server = home.serve().await;
    let before = resident(&server);
    let staged = home.dir.path().join("staged");
    for index in 0..files {
        let mut staging = fs::File::create(&staged).unwrap();
        staging.write_all(file(index).as_bytes()).unwrap();
        let written = staging.metadata().unwrap().modified().unwrap();
        staging.set_modified(written + Duration::from_secs(24 * 3_600)).unwrap();
        fs::rename(&staged, spool.dir().join(format!("f{index}"))).unwrap();
    }
    // Each has a second name, and there is the lock.
    let taken = spool.dir().join(".taken");
    until(async || listed(&taken).len() == files + 1).await;
    for index in 0..files {
        fs::remove_file(spool.dir().join(format!("f{index}"))).unwrap();
    }
    let none_waits = async || server.get("/api/v1/calls?state=scheduled&limit=1").await.1["calls"] == json!([]);
    until(none_waits).await;
    all_ended(&server, files).await;
    let after = resident(&server);
    // Ten thousand take 42 MB.
    assert!(after < before + 100_000, "{before} kB, then {after} kB");
    server.stop().await;
    assert_eq!(listed(&taken).len(), 1, "the lock");
    phones.shutdown().await;
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap();
}

/// The most memory that the program has had, in kB.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn accounts_and_directories_stay_apart() {
    let home = Home::new();
    let (spool, section) = spool_of(&home);
    let added = home.run(&["accounts", "add", "other"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    home.configure(&format!(
        "{section}account = \"other\"\ntrunks = {{ \"*\" = \"handsets\" }}\n"
    ));
    let server = home.serve().await;
    put(
        &home,
        &spool,
        "a",
        &format!("Channel: Local/{ANSWERS}@x\nApplication: Hangup\nArchive: yes\n"),
    );
    assert_eq!(ended(&spool, "a").await, Some((Status::Completed, 1)));
    let (_, page) = server.get("/api/v1/calls").await;
    assert_eq!(page["calls"], json!([]), "the default account has none");
    // The directory is this server's.
    let doctor = home.run(&["doctor"]).await;
    assert!(doctor.out.contains("the running server takes its files"), "{doctor:?}");
    server.stop().await;
}
