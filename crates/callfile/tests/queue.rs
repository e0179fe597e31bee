//! Files are taken out of a directory in Asterisk's place: once, whole, and whatever happens to their names.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Write,
    os::{
        fd::AsFd,
        unix::{ffi::OsStrExt, fs::symlink},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use outdial_callfile::{Arrivals, FileName, Key, NotTaken, Note, Queue, QueueError, Seen, Status, Taken};
use place::{Place, as_nobody};

const TEXT: &str = "Channel: SIP/a\nApplication: Hangup\nArchive: yes";
const NOW: Timestamp = Timestamp::constant(1_900_000_000, 0);

fn token(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

fn os(name: &str) -> &OsStr {
    OsStr::new(name)
}

fn taken(place: &Place, queue: &Queue, name: &str) -> Taken {
    fs::write(place.queue().join(name), TEXT).unwrap();
    queue.take(os(name), &token("t")).unwrap()
}

/// What is told within some seconds, until this is among it.
fn told(arrivals: &mut Arrivals, last: &Seen) -> Vec<Seen> {
    let until = Instant::now() + Duration::from_secs(10);
    let mut all = Vec::new();
    while !all.contains(last) {
        assert!(Instant::now() < until, "{all:?}");
        let rest = arrivals
            .due()
            .unwrap_or(until)
            .saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(rest + Duration::from_millis(1)).unwrap();
        poll(&mut [PollFd::new(arrivals.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
        all.extend(arrivals.read(Instant::now()).unwrap());
    }
    all
}

#[test]
fn one_process_takes_files_out_of_a_directory() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    assert!(matches!(Queue::open(place.queue()), Err(QueueError::InUse { .. })));
    drop(queue);
    Queue::open(place.queue()).unwrap();
    let other = Place::new();
    symlink(place.queue(), other.queue().join(".taken")).unwrap();
    let refused = Queue::open(other.queue()).unwrap_err();
    assert!(refused.to_string().contains("not ours"), "{refused}");
    let missing = Queue::open("/nowhere/at/all").unwrap_err();
    assert!(missing.to_string().contains("must be a directory"), "{missing}");
}

#[test]
fn a_file_keeps_its_token_through_every_step() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    let file = taken(&place, &queue, "x");
    queue.flush().unwrap();
    assert_eq!(queue.read(&file).unwrap().bytes, TEXT.as_bytes());
    let later = "2036-12-01T01:00:00Z".parse().unwrap();
    let note = Note {
        word: Key::StartRetry,
        pid: Some(7),
        attempt: Some(1),
        time: Some(NOW),
    };
    queue.note(&file, &note, later).unwrap();
    assert_eq!(queue.look(os("x")).unwrap().modified, later);
    // Again as after a crash, with the name or without it.
    drop(queue);
    let queue = Queue::open(place.queue()).unwrap();
    assert_eq!(queue.taken().unwrap(), std::slice::from_ref(&file));
    for _ in 0..2 {
        queue.finish(&file, os("x"), Status::Completed, true, NOW).unwrap();
    }
    let archived = fs::read_to_string(place.archive().join("x")).unwrap();
    assert_eq!(
        archived,
        format!("{TEXT}\nStartRetry: 7 1 (1900000000)\nStatus: Completed\n")
    );
    assert!(queue.look(os("x")).is_none());
    queue.sync().unwrap();
    queue.let_go(&file).unwrap();
    assert!(queue.taken().unwrap().is_empty());
    // A rejected file without an end: the word is glued to it.
    let file = taken(&place, &queue, "y");
    queue.finish(&file, os("y"), Status::Failed, true, NOW).unwrap();
    let archived = fs::read_to_string(place.archive().join("y")).unwrap();
    assert!(archived.ends_with("Archive: yesStatus: Failed\n"), "{archived}");
    queue.let_go(&file).unwrap();
    let file = taken(&place, &queue, "z");
    queue.finish(&file, os("z"), Status::Completed, false, NOW).unwrap();
    assert!(!place.archive().join("z").exists() && queue.look(os("z")).is_none());
}

#[test]
fn another_file_under_its_name_is_left_alone() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    let file = taken(&place, &queue, "x");
    let fresh = place.dir.path().join("fresh");
    fs::write(&fresh, "Channel: SIP/b\n").unwrap();
    fs::rename(&fresh, place.queue().join("x")).unwrap();
    assert!(!queue.stands_at(os("x"), &file));
    queue.finish(&file, os("x"), Status::Completed, true, NOW).unwrap();
    assert_eq!(fs::read_to_string(place.queue().join("x")).unwrap(), "Channel: SIP/b\n");
    // Caught on its way out by a crash, it comes back under some name.
    fs::rename(place.queue().join("x"), place.queue().join(".taken/t.out")).unwrap();
    assert_eq!(queue.taken().unwrap(), std::slice::from_ref(&file));
    let found = queue.list().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        fs::read_to_string(place.queue().join(&found[0].name)).unwrap(),
        "Channel: SIP/b\n"
    );
}

#[test]
fn what_is_to_be_run_again_is_as_it_was() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    let file = taken(&place, &queue, "x");
    let later = "2036-12-01T01:00:00Z".parse().unwrap();
    let note = Note {
        word: Key::EndRetry,
        pid: Some(7),
        attempt: Some(1),
        time: Some(NOW),
    };
    queue.note(&file, &note, later).unwrap();
    queue.make_fresh(&file, TEXT.len() as u64).unwrap();
    queue.let_go(&file).unwrap();
    assert_eq!(fs::read_to_string(place.queue().join("x")).unwrap(), TEXT);
    assert_eq!(queue.look(os("x")).unwrap().modified, later);
}

#[test]
fn what_is_no_call_file_is_not_taken_and_stays() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    symlink("/etc/passwd", place.queue().join("link")).unwrap();
    fs::create_dir(place.queue().join("directory")).unwrap();
    let large = File::create(place.queue().join("large")).unwrap();
    large.set_len(100 << 20).unwrap();
    assert!(queue.list().unwrap().iter().all(|found| found.name != "directory"));
    let take = |name| queue.take(os(name), &token(name)).unwrap_err();
    assert!(matches!(take("link"), NotTaken::SymbolicLink));
    assert!(matches!(take("large"), NotTaken::TooLarge(_)));
    assert!(matches!(take("gone"), NotTaken::Gone));
    assert!(queue.taken().unwrap().is_empty());
    assert_eq!(queue.list().unwrap().len(), 2);
    queue.tell_problem(os("link"), "why").unwrap();
    assert_eq!(
        fs::read_to_string(place.archive().join("link.problem")).unwrap(),
        "why\n"
    );
    queue.tell_problem(os(&"x".repeat(255)), "why").unwrap();
}

#[test]
fn what_may_not_be_read_is_not_taken_and_stays() {
    let place = Place::new();
    let at = std::env::var_os("QUEUE_OF_NOBODY").map_or_else(|| place.queue(), Into::into);
    if !at.join("secret").exists() {
        use std::os::unix::fs::PermissionsExt;
        fs::write(at.join("secret"), TEXT).unwrap();
        fs::set_permissions(at.join("secret"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(&at, fs::Permissions::from_mode(0o777)).unwrap();
    }
    if !as_nobody(
        "what_may_not_be_read_is_not_taken_and_stays",
        &[("QUEUE_OF_NOBODY", &at)],
    ) {
        return;
    }
    let queue = Queue::open(&at).unwrap();
    let refused = queue.take(os("secret"), &token("t")).unwrap_err();
    assert!(matches!(refused, NotTaken::Unreadable(_)), "{refused}");
    assert!(refused.to_string().contains("give it to the user"), "{refused}");
    assert!(queue.look(os("secret")).is_some());
}

#[test]
fn files_are_complete_when_asterisk_says_so() {
    let place = Place::new();
    let queue = Queue::open(place.queue()).unwrap();
    let mut arrivals = queue.arrivals().unwrap();
    let outside = place.dir.path().join("outside");
    let complete = |name: &OsStr| Seen::Complete(name.to_owned());
    // Any name at all.
    let strange = OsStr::from_bytes(b".\xff\n");
    for name in [os("moved"), strange] {
        fs::write(&outside, TEXT).unwrap();
        fs::rename(&outside, place.queue().join(name)).unwrap();
        assert_eq!(told(&mut arrivals, &complete(name)), [complete(name)]);
        queue.take(name, &token(&format!("t{}", name.len()))).unwrap();
    }
    // A slow writer, who rests longer than a hard link would.
    let mut slow = File::create(place.queue().join("slow")).unwrap();
    slow.write_all(b"Channel: SIP/a\n").unwrap();
    fs::write(&outside, TEXT).unwrap();
    let before = Instant::now();
    fs::hard_link(&outside, place.queue().join("linked")).unwrap();
    assert_eq!(told(&mut arrivals, &complete(os("linked"))), [complete(os("linked"))]);
    assert!(before.elapsed() >= Duration::from_secs(2));
    assert!(arrivals.is_arriving(os("slow")));
    slow.write_all(b"Application: Hangup\n").unwrap();
    drop(slow);
    assert_eq!(told(&mut arrivals, &complete(os("slow"))), [complete(os("slow"))]);
    // What is done with a file that was taken is no news of it.
    let file = queue.take(os("slow"), &token("slow")).unwrap();
    queue
        .note(
            &file,
            &Note {
                word: Key::StartRetry,
                pid: None,
                attempt: None,
                time: None,
            },
            NOW,
        )
        .unwrap();
    fs::remove_file(place.queue().join("linked")).unwrap();
    let gone = Seen::Gone(OsString::from("linked"));
    assert_eq!(told(&mut arrivals, &gone), [gone]);
    fs::rename(place.queue(), place.dir.path().join("elsewhere")).unwrap();
    assert!(told_of_the_end(&mut arrivals));
}

fn told_of_the_end(arrivals: &mut Arrivals) -> bool {
    poll(
        &mut [PollFd::new(arrivals.as_fd(), PollFlags::POLLIN)],
        PollTimeout::from(10_000_u16),
    )
    .unwrap();
    arrivals.read(Instant::now()).is_err()
}
