//! The examples do what they say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use outdial_callfile::{Action, Variable, parse};

/// Where cargo puts the examples: beside the folder of the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path = tests
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples")
        .join(name);
    Command::new(path)
}

fn run(name: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = example(name);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What is in the spool: each file's text read, and its time.
fn left(spool: &Path) -> Vec<(outdial_callfile::CallFile, i64)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(spool)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let file = parse(&fs::read(&path).unwrap()).file.unwrap();
        (file, fs::metadata(&path).unwrap().mtime())
    };
    paths.into_iter().map(read).collect()
}

fn now() -> i64 {
    tempfile::tempfile().unwrap().metadata().unwrap().mtime()
}

#[test]
fn each_example_leaves_its_call() {
    for (name, more) in [
        ("minimal", None),
        ("in_one_hour", None),
        ("at_one_on_a_date", None),
        ("other_user", Some("root")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("outgoing");
        fs::create_dir(&spool).unwrap();
        let root = fs::metadata(&spool).unwrap().uid() == 0;
        let arguments: Vec<&str> = ["18002223333"]
            .into_iter()
            .chain(more)
            .chain([spool.to_str().unwrap()])
            .collect();
        let before = now();
        let output = run(name, &arguments, "");
        if name == "other_user" && !root {
            assert!(
                String::from_utf8_lossy(&output.stderr).contains("no permission"),
                "{output:?}"
            );
            continue;
        }
        assert!(output.status.success(), "{name}: {output:?}");
        let left = left(&spool);
        let [(file, time)] = &left[..] else {
            panic!("{name}: {left:?}");
        };
        assert_eq!(file.channel.to_string(), "Local/18002223333@from-internal");
        assert_eq!(file.action, Action::application("Playback", "hello-world"));
        let expected = match name {
            "in_one_hour" => before + 3600..=now() + 3601,
            "at_one_on_a_date" => 2_111_677_200..=2_111_677_200,
            _ => before..=now(),
        };
        assert!(expected.contains(time), "{name}: {time} is not in {expected:?}");
    }
}

#[test]
fn wrong_users_and_numbers_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().to_str().unwrap();
    let output = run("other_user", &["100", "nobody-of-this-name", spool], "");
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is no user"),
        "{output:?}"
    );
    assert!(!run("minimal", &["100@trusted", spool], "").status.success());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn every_guest_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().join("outgoing");
    fs::create_dir(&spool).unwrap();
    let list = "204 2036-12-01T06:30[Asia/Singapore]\n305 2036-12-01T07:00:00+08:00\n";
    let output = run("wake_up_calls", &[spool.to_str().unwrap()], list);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "{output:?}");
    let mut woken = left(&spool);
    woken.sort_by_key(|(_, time)| *time);
    assert_eq!(
        woken.iter().map(|(_, time)| *time).collect::<Vec<_>>(),
        [2_111_697_000, 2_111_698_800]
    );
    assert_eq!(woken[0].0.variables, [Variable::new("room", "204")]);
    // One wrong line, and nobody is woken at a wrong time.
    let output = run("wake_up_calls", &[spool.to_str().unwrap()], "101 2036-12-01T06:30\n");
    assert!(!output.status.success());
    assert_eq!(left(&spool).len(), 2);
}
