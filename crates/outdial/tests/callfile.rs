//! `outdial callfile`: what it leaves in a spool directory, what it says, and what Asterisk makes of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use outdial_testkit::peers::{Asterisk, Peer, require};
use program::{Home, Ran};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

struct Place {
    home: Home,
    spool: PathBuf,
}

impl Place {
    fn new() -> Self {
        let home = Home::new();
        let spool = home.dir.path().join("spool/outgoing");
        fs::create_dir_all(&spool).unwrap();
        Self { home, spool }
    }

    /// `outdial --data DIR callfile …`
    async fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(&[&["callfile"], arguments].concat()).await
    }

    async fn write(&self, arguments: &[&str]) -> Ran {
        let place = ["--spool", self.spool.to_str().unwrap()];
        self.run(&[&["write"], arguments, &place].concat()).await
    }

    fn left(&self) -> Vec<PathBuf> {
        let list = |dir: &Path| {
            fs::read_dir(dir)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        let mut left = list(self.spool.parent().unwrap());
        left.retain(|path| *path != self.spool);
        left.extend(list(&self.spool));
        left
    }
}

const PLAYBACK: [&str; 6] = [
    "--channel",
    "Local/100@from-internal",
    "--application",
    "Playback",
    "--data",
    "hello-world",
];

#[tokio::test]
async fn one_file_is_left_with_its_time_and_its_mode() {
    let place = Place::new();
    let ran = place
        .write(&[&PLAYBACK[..], &["--at", "2036-12-01T01:00:00+08:00"]].concat())
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let left = place.left();
    let [path] = &left[..] else {
        panic!("{left:?}");
    };
    assert_eq!(ran.out.trim(), path.to_str().unwrap());
    let is = fs::metadata(path).unwrap();
    assert_eq!((is.mtime(), is.mode() & 0o7777), (2_111_677_200, 0o640));
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        "Channel: Local/100@from-internal\nMaxRetries: 0\nRetryTime: 300\nWaitTime: 45\n\
         Application: Playback\nData: hello-world\nArchive: yes\n"
    );
}

#[tokio::test]
async fn every_key_has_its_flag() {
    let place = Place::new();
    let words = "--channel PJSIP/6598765432@provider --extension #31#1 --context flows --priority 3 --early-media \
                 --caller-name Bob --caller-number 555 --wait-time 15s --max-retries 2 --retry-time 2m --account acct \
                 --codecs ulaw,alaw --set a=1 --set b=x;y --always-delete no --archive no --print";
    let ran = place.write(&words.split_whitespace().collect::<Vec<_>>()).await;
    assert_eq!(
        ran.out,
        "Channel: PJSIP/6598765432@provider\nCallerID: \"Bob\" <555>\nMaxRetries: 2\nRetryTime: 120\nWaitTime: 15\n\
         Account: acct\nCodecs: ulaw,alaw\nContext: flows\nExtension:#31#1\nPriority: 3\nEarly_media: yes\nSet: a=1\n\
         Set: b=x\\;y\nAlwaysDelete: no\nArchive: no\n",
        "{ran:?}"
    );
    assert_eq!(place.left().len(), 0);
    // As JSON it is what `spool` takes.
    let ran = place.write(&[&PLAYBACK[..], &["--print", "--json"]].concat()).await;
    assert_eq!(ran.json()["action"]["application"]["name"], "Playback", "{ran:?}");
    let list = place.home.dir.path().join("printed.json");
    fs::write(&list, ran.out).unwrap();
    let spool = place.spool.to_str().unwrap();
    let ran = place.run(&["spool", list.to_str().unwrap(), "--spool", spool]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn what_an_interrupted_run_left_is_told_and_removed() {
    let place = Place::new();
    let user = fs::metadata(&place.spool).unwrap().uid();
    let dead = place.spool.with_file_name(format!(".outgoing-staging-{user}-dead"));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("1.call"), "Channel: SIP/a\n").unwrap();
    let ran = place.write(&PLAYBACK).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("1 call files") && !dead.exists(), "{ran:?}");
    assert_eq!(place.left().len(), 1);
}

#[tokio::test]
async fn a_batch_that_is_killed_has_said_what_is_in_the_queue() {
    let place = Place::new();
    let call = json!({ "channel": "SIP/b", "action": { "application": { "name": "Hangup" } } });
    let list = place.home.dir.path().join("list.json");
    fs::write(&list, Value::Array(vec![call; 30_000]).to_string()).unwrap();
    let spool = place.spool.to_str().unwrap();
    let arguments = [
        "callfile",
        "spool",
        list.to_str().unwrap(),
        "--spool",
        spool,
        "--no-sync",
    ];
    let mut command = place.home.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = vec![lines.next_line().await.unwrap().unwrap()];
    child.kill().await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        said.push(line);
    }
    let queued = fs::read_dir(&place.spool).unwrap().count();
    assert!(queued < 30_000 && said.len() <= queued, "{} of {queued}", said.len());
    assert!(queued - said.len() <= 1024, "{} of {queued}", said.len());
    // The next run finds what was on its way, and says so.
    let ran = place.write(&PLAYBACK).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(place.left().len(), queued + 1, "nothing is left beside the queue");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_remedy_and_leaves_nothing() {
    let place = Place::new();
    for (more, code, said) in [
        (&["--account", "x\nApplication: System"][..], 2, "Account"),
        (&["--caller-name", "a #b"], 2, "CallerID"),
        (&["--at", "2036-12-01T01:00:00"], 2, "with its zone"),
        (
            &["--at", "2027-03-28T02:30[Europe/Berlin]"],
            2,
            "--at: \"2027-03-28T02:30[Europe/Berlin]\" does not exist",
        ),
        (&["--at", "99999-01-01T00:00:00Z"], 2, "--at:"),
        (
            &["--at", "9999-12-31T23:59:59Z"],
            2,
            "--at: \"9999-12-31T23:59:59Z\" is further away",
        ),
        (&["--in", "-5m"], 2, "leave --in out"),
        (&["--in", "99999999h"], 2, "'--in <DURATION>': it is further away"),
        (&["--user", "nobody-of-this-name"], 2, "there is no user"),
        (&["--name", "../x"], 2, "no name for a call file"),
        (&["--mode", "0440"], 2, "let its owner read and write it"),
        (&["--staging", "/nowhere"], 4, "no staging directory"),
        (&["--set", "SHELL(id)=1"], 2, "may act on the system"),
        (&["--wait", "--archive", "no"], 2, "--archive yes"),
    ] {
        let ran = place.write(&[&PLAYBACK[..], more].concat()).await;
        assert_eq!(ran.code, code, "{more:?}: {ran:?}");
        assert!(ran.err.contains(said), "{more:?}: {ran:?}");
        assert_eq!(place.left().len(), 0, "{more:?}");
    }
    let ran = place
        .run(&[&["write"], &PLAYBACK[..], &["--spool", "/nowhere"]].concat())
        .await;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("pbx_spool"), "{ran:?}");
}

#[tokio::test]
async fn files_are_explained_line_by_line() {
    let place = Place::new();
    let file = place.home.dir.path().join("a.call");
    let path = file.to_str().unwrap();
    fs::write(
        &file,
        "Channel: SIP/a\nApplication: Hangup\nWaitTime: 5x\nArchive: yes\n",
    )
    .unwrap();
    let endless = place.run(&["check", "/dev/zero"]).await;
    assert_eq!(endless.code, 2, "{endless:?}");
    assert!(endless.err.contains("no regular file"), "{endless:?}");
    let pipe = place.home.dir.path().join("pipe\u{1b}[2J");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let waiting = place.run(&["check", pipe.to_str().unwrap()]).await;
    assert_eq!(waiting.code, 2, "{waiting:?}");
    assert!(
        waiting.err.contains("no regular file") && !waiting.err.contains('\u{1b}'),
        "{waiting:?}"
    );
    let named = place.home.dir.path().join("named\u{1b}[2J");
    fs::write(&named, "Channel: SIP/a\nApplication: Hangup\n").unwrap();
    let ran = place.run(&["check", named.to_str().unwrap()]).await;
    assert!(
        ran.out.contains("named\\u{1b}[2J") && !ran.out.contains('\u{1b}'),
        "{ran:?}"
    );
    let ran = place.run(&["check", path]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "would place the call, but",
        "rings for at most 5 s",
        "! of WaitTime only a part counts",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert_eq!(place.run(&["check", "--strict", path]).await.code, 1);
    let shown = place.run(&["check", "--json", path]).await.json();
    assert_eq!(shown[0]["call"]["wait_time"], 5);
    assert_eq!(shown[0]["lines"][2]["line"], 3);
    fs::write(&file, "Channel : SIP/a\nApplication: \u{1b}[2J\n").unwrap();
    let ran = place.run(&["check", path]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("would refuse") && !ran.out.contains('\u{1b}'),
        "{ran:?}"
    );
    assert_eq!(place.run(&["check", "/nowhere"]).await.code, 2);
}

#[tokio::test]
async fn files_of_others_are_spooled_safely() {
    let place = Place::new();
    let dir = place.home.dir.path();
    // As pycall writes it, without an end, for a time.
    let theirs = dir.join("theirs");
    fs::write(
        &theirs,
        "Channel: SIP/a\nCallerid: \"A\" <1>\nApplication: Hangup\nArchive: yes",
    )
    .unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_111_677_200);
    fs::File::options()
        .write(true)
        .open(&theirs)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let ours = dir.join("list.json");
    let call = json!({ "channel": "SIP/b", "action": { "application": { "name": "Hangup" } } });
    fs::write(&ours, json!([call, call]).to_string()).unwrap();
    let spool = place.spool.to_str().unwrap();
    let ran = place
        .run(&[
            "spool",
            theirs.to_str().unwrap(),
            ours.to_str().unwrap(),
            "--spool",
            spool,
            "--json",
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = ran.json();
    assert_eq!(said.as_array().unwrap().len(), 3);
    assert_eq!(said[0]["due"], "2036-11-30T17:00:00Z");
    assert_eq!(said[1]["due"], Value::Null);
    assert_eq!(place.left().len(), 3);
    let text = fs::read_to_string(said[0]["path"].as_str().unwrap()).unwrap();
    assert!(text.contains("CallerID: \"A\" <1>\n") && text.ends_with('\n'), "{text}");
    assert!(theirs.exists());
    // One that is wrong, and none is spooled.
    fs::write(&ours, json!([call, { "channel": "SIP/b", "surprise": 1 }]).to_string()).unwrap();
    let ran = place
        .run(&[
            "spool",
            theirs.to_str().unwrap(),
            ours.to_str().unwrap(),
            "--spool",
            spool,
        ])
        .await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(place.left().len(), 3);
}

#[tokio::test]
async fn a_call_is_waited_for() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let mut place = Place::new();
    place.spool = asterisk.call_files();
    let ran = place
        .write(&[
            "--channel",
            "Local/answer@callfile",
            "--context",
            "callfile-seen",
            "--extension",
            "cli",
            "--wait",
            "--json",
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["outcome"]["status"], "Completed");
    assert_eq!(asterisk.kept("seen").unwrap()["cli/extension"], "[cli]");
    let ran = place
        .write(&[
            "--channel",
            "Local/busy@callfile",
            "--application",
            "Hangup",
            "--wait",
            "--limit",
            "30s",
        ])
        .await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("Expired, attempts: 1"), "{ran:?}");
    // Busy after two seconds of sound, which Asterisk takes for an answer.
    let channel = format!("PJSIP/anyone/sip:114@{}", asterisk.address());
    let words = [
        "--channel",
        &channel,
        "--context",
        "extensions",
        "--extension",
        "107",
        "--early-media",
        "--wait",
    ];
    let ran = place.write(&words).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("does not tell whether it was answered"), "{ran:?}");
}
