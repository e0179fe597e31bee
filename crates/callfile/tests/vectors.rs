//! The test vectors: `vectors/NAME.call`, what we read in them (`vectors/NAME.txt`), and what a real
//! Asterisk makes of them. With `BLESS=1` in the environment the texts are written anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use outdial_callfile::{Action, CallFile, FileName, Parsed, ProblemKind, Spool, Status, Whereabouts, parse};
use outdial_testkit::peers::{Asterisk, Peer, require};

fn vectors() -> Vec<(String, Vec<u8>, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "call"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(&path).unwrap(), path.with_extension("txt"))
        })
        .collect();
    found.sort();
    assert!(found.len() > 80, "the vectors are there");
    found
}

fn told(parsed: &Parsed) -> String {
    let mut told = match &parsed.file {
        Some(file) => serde_json::to_string_pretty(file).unwrap() + "\n",
        None => "refused\n".to_owned(),
    };
    told += &format!("rings somebody: {}\n", parsed.would_call());
    for problem in &parsed.problems {
        told += &format!("{problem}\n");
    }
    told
}

#[test]
fn vectors_are_read_as_noted() {
    for (name, bytes, notes) in vectors() {
        let told = told(&parse(&bytes));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&notes, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&notes).unwrap_or_default(), "{name}");
    }
}

/// The lines about which Asterisk complains with a number.
fn complained(log: &str, name: &str) -> BTreeSet<usize> {
    let path = format!("/outgoing/{name}");
    log.lines()
        .filter(|line| line.ends_with(&path))
        .filter_map(|line| line.split(" at line ").nth(1)?.split(' ').next()?.parse().ok())
        .collect()
}

/// The lines about which we think that it does.
fn complaints(parsed: &Parsed) -> BTreeSet<usize> {
    let loud = |kind: &ProblemKind| {
        matches!(
            kind,
            ProblemKind::LineTooLong
                | ProblemKind::Nul
                | ProblemKind::NoColon
                | ProblemKind::UnknownKey(_)
                | ProblemKind::ChannelWithoutSlash
                | ProblemKind::Number { .. }
        )
    };
    let by_problem = parsed
        .problems
        .iter()
        .filter(|problem| loud(&problem.kind))
        .filter_map(|problem| problem.line);
    let status = parsed
        .lines
        .iter()
        .filter(|line| line.meaning == outdial_callfile::Meaning::Status);
    by_problem.chain(status.map(|line| line.number)).collect()
}

/// What the dialplan of the test's Asterisk must have seen of a call.
fn expected(file: &CallFile) -> BTreeMap<&'static str, String> {
    let variable = |name: &str| {
        let set = file
            .variables
            .iter()
            .rev()
            .find(|variable| variable.name.trim_start_matches('_') == name);
        set.map(|variable| variable.value.clone()).unwrap_or_default()
    };
    let caller_id = file.caller_id.clone().unwrap_or_default();
    let Action::Dialplan {
        extension, priority, ..
    } = &file.action
    else {
        panic!("the vectors show themselves by the dialplan");
    };
    BTreeMap::from([
        ("extension", extension.clone()),
        (
            "start",
            if *priority == 20 {
                "20".to_owned()
            } else {
                String::new()
            },
        ),
        ("name", caller_id.name.unwrap_or_default()),
        ("number", caller_id.number.unwrap_or_default()),
        ("account", file.account.clone().unwrap_or_default()),
        ("value", variable("VALUE")),
        ("other", variable("OTHER")),
    ])
}

#[tokio::test]
async fn asterisk_reads_vectors_as_we_do() {
    if !require(Peer::Asterisk) {
        return;
    }
    let asterisk = Asterisk::start().await.unwrap();
    let spool = Spool::new(asterisk.call_files());
    let vectors = vectors();
    let (mut watch, staging) = (
        spool.watch().unwrap(),
        tempfile::tempdir_in(asterisk.call_files().parent().unwrap()).unwrap(),
    );
    let mut open: BTreeMap<String, Parsed> = BTreeMap::new();
    for (name, bytes, _) in &vectors {
        let parsed = parse(bytes);
        // Those that lead elsewhere than to the test's contexts are for reading only.
        let elsewhere = |file: &CallFile| !file.channel.destination().ends_with("@callfile");
        if parsed.file.as_ref().is_some_and(elsewhere) {
            continue;
        }
        fs::write(staging.path().join(name), bytes).unwrap();
        fs::rename(staging.path().join(name), asterisk.call_files().join(name)).unwrap();
        open.insert(name.clone(), parsed);
    }
    let mut left: BTreeSet<String> = open.keys().cloned().collect();
    while !left.is_empty() {
        let finished = watch.next(Some(Duration::from_secs(60))).unwrap();
        let finished = finished.unwrap_or_else(|| panic!("nothing became of {left:?}: {}", asterisk.log()));
        left.remove(finished.name.as_str());
    }
    let (seen, log) = (asterisk.kept("seen").unwrap(), asterisk.log());
    let mut wrong = Vec::new();
    for (name, parsed) in open {
        let outcome = match spool.find(&FileName::new(name.as_str()).unwrap()).unwrap() {
            Whereabouts::Done(outcome) => Some(outcome.status),
            _ => None,
        };
        let archived = parsed.file.as_ref().map_or_else(
            || parsed.lines.iter().any(|line| line.text.trim() == "Archive: yes"),
            |file| file.archive,
        );
        let status = match (&parsed.file, parsed.would_call()) {
            _ if !archived => None,
            (None, _) => Some(Status::Failed),
            (Some(_), false) => Some(Status::Expired),
            (Some(_), true) => Some(Status::Completed),
        };
        if outcome != status {
            wrong.push(format!("{name}: {outcome:?} is its status, not {status:?}"));
        }
        if complained(&log, &name) != complaints(&parsed) {
            wrong.push(format!(
                "{name}: it complains about {:?}, we about {:?}",
                complained(&log, &name),
                complaints(&parsed)
            ));
        }
        let expected = match &parsed.file {
            Some(file) if parsed.would_call() => match &file.action {
                Action::Dialplan { .. } => expected(file),
                Action::Application { .. } => BTreeMap::from([("value", "from the application".to_owned())]),
            },
            _ => BTreeMap::new(),
        };
        for (what, value) in expected {
            let key = format!("{name}/{what}");
            let shown = seen.get(&key).map(String::as_str);
            if shown != Some(&format!("[{value}]")) {
                wrong.push(format!("{key}: it saw {shown:?}, we {value:?}"));
            }
        }
        if !parsed.would_call() && seen.keys().any(|key| key.starts_with(&format!("{name}/"))) {
            wrong.push(format!("{name}: it was placed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
