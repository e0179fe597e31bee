//! What is in the spool directory afterwards, when all goes well and when it does not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use outdial_callfile::{Due, Ending, FileName, InvalidTime, Order, Spool, SpoolError, Status, When, Whereabouts};
use place::{Place, is_root, playback};

#[test]
fn one_file_with_its_time_and_mode_is_left_and_nothing_else() {
    let place = Place::new();
    let at: When = "2036-12-01T01:00:00+08:00".parse().unwrap();
    let spooled = Spool::new(place.queue()).spool_at(&playback(), at).unwrap();
    assert_eq!(place.left(), [spooled.path.clone()].into());
    let is = fs::metadata(&spooled.path).unwrap();
    assert_eq!((is.mtime(), is.mode() & 0o7777), (at.timestamp().as_second(), 0o640));
    assert_eq!(spooled.due, Due::At(at.timestamp()));
    assert_eq!(fs::read_to_string(spooled.path).unwrap(), playback().to_text().unwrap());
}

#[test]
fn a_time_that_is_over_means_now_and_says_so() {
    let place = Place::new();
    let noon: Timestamp = "2036-12-01T12:00:00Z".parse().unwrap();
    let spool = place.spool().clock(move || noon);
    let past = "2036-12-01T11:59:59Z".parse::<When>().unwrap();
    let spooled = spool.spool_at(&playback(), past).unwrap();
    assert_eq!(spooled.due, Due::Past(past.timestamp()));
    assert!(spooled.due.to_string().contains("is over"));
    // The time of the file is the kernel's, by which Asterisk decides.
    assert!(fs::metadata(spooled.path).unwrap().modified().unwrap() <= kernel_time());
    assert_eq!(spool.spool_at(&playback(), noon).unwrap().due, Due::Past(noon));
    assert_eq!(spool.spool(&playback()).unwrap().due, Due::Now);
    let half_past = noon + Duration::from_millis(1500);
    let due = spool.spool_at(&playback(), half_past).unwrap().due;
    assert_eq!(due, Due::At(noon + Duration::from_secs(2)));
}

/// The time that the kernel gives a file now.
fn kernel_time() -> SystemTime {
    tempfile::tempfile().unwrap().metadata().unwrap().modified().unwrap()
}

#[test]
fn a_clock_that_is_set_back_costs_no_call() {
    let place = Place::new();
    let times = Mutex::new(vec![
        "2036-01-01T00:00:00Z",
        "2036-01-01T00:00:00Z",
        "2035-01-01T00:00:00Z",
    ]);
    let spool = place.spool().clock(move || {
        let mut times = times.lock().unwrap();
        let time = times[0];
        if times.len() > 1 {
            times.remove(0);
        }
        time.parse().unwrap()
    });
    let names: HashSet<_> = (0..5).map(|_| spool.spool(&playback()).unwrap().name).collect();
    assert_eq!(names.len(), 5);
    for path in place.left().iter().filter(|path| path.is_file()) {
        assert!(fs::metadata(path).unwrap().modified().unwrap() <= kernel_time());
    }
}

#[test]
fn a_time_that_the_file_system_cannot_hold_is_refused() {
    let place = Place::new();
    let far: When = "9999-01-01T00:00:00Z".parse().unwrap();
    let answer = place.spool().spool_at(&playback(), far);
    match answer {
        Err(SpoolError::InvalidTime(InvalidTime::NotHeld { .. })) => {
            assert_eq!(place.left().len(), 0, "{:?}", place.left());
        }
        // Some file systems count that far.
        answer => assert_eq!(answer.unwrap().due, Due::At(far.timestamp())),
    }
}

#[test]
fn a_name_is_taken_once() {
    let place = Place::new();
    let spool = place.spool();
    let name = FileName::of_id("leg_1").unwrap();
    spool.spool_as(&name, &playback(), None).unwrap();
    assert!(matches!(
        spool.spool_as(&name, &playback(), None),
        Err(SpoolError::AlreadyThere { dir, .. }) if dir == place.queue()
    ));
    fs::rename(place.queue().join("leg_1.call"), place.archive().join("leg_1.call")).unwrap();
    assert!(matches!(
        spool.spool_as(&name, &playback(), None),
        Err(SpoolError::AlreadyThere { dir, .. }) if dir == place.archive()
    ));
    // Also when many ask for it at once, in one batch and in many threads.
    let name = FileName::of_id("leg_2").unwrap();
    let file = playback();
    let orders = (0..20).map(|_| Order::new(&file).named(name.clone()));
    assert_eq!(
        spool.spool_many(orders).iter().filter(|answer| answer.is_ok()).count(),
        1
    );
    let name = FileName::of_id("leg_3").unwrap();
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| usize::from(place.spool().spool_as(&name, &playback(), None).is_ok())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 1);
    drop(spool);
    assert_eq!(place.left().len(), 3);
}

#[test]
fn many_threads_and_many_spools_do_not_disturb_each_other() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each makes the staging directory and clears it away, again and again.
                for _ in 0..100 {
                    place.spool().spool(&playback()).unwrap();
                }
            });
        }
    });
    let left = place.left();
    assert_eq!(left.len(), 800);
    let text = playback().to_text().unwrap();
    assert!(left.iter().all(|path| fs::read_to_string(path).unwrap() == text));
}

#[test]
fn a_batch_answers_each_in_its_order() {
    let place = Place::new();
    let good = playback();
    let mut bad = playback();
    bad.wait_time = 0;
    let at: When = "2036-12-01T01:00:00+08:00".parse().unwrap();
    let orders = (0..2500).map(|index| Order::new(if index % 1000 == 7 { &bad } else { &good }).at(at));
    let spool = Spool::new(place.queue());
    let answers = spool.spool_many(orders);
    drop(spool);
    assert_eq!(answers.len(), 2500);
    for (index, answer) in answers.iter().enumerate() {
        match answer {
            Ok(spooled) => assert_eq!(fs::metadata(&spooled.path).unwrap().mtime(), at.timestamp().as_second()),
            Err(error) => assert!(
                matches!(error, SpoolError::InvalidCallFile(_)) && index % 1000 == 7,
                "{error}"
            ),
        }
    }
    assert_eq!(place.left().len(), 2497);
}

#[test]
fn an_invalid_call_file_leaves_nothing() {
    let place = Place::new();
    let mut file = playback();
    file.account = Some("x\nApplication: System".into());
    assert!(matches!(
        place.spool().spool(&file),
        Err(SpoolError::InvalidCallFile(_))
    ));
    assert_eq!(place.left().len(), 0);
}

#[test]
fn a_spool_that_is_none_is_named() {
    let place = Place::new();
    let file = place.dir.path().join("file");
    fs::write(&file, "").unwrap();
    for dir in [file.clone(), file.join("outgoing")] {
        let refused = Spool::new(&dir).spool(&playback()).unwrap_err();
        assert!(matches!(refused, SpoolError::NotADirectory { .. }), "{refused:?}");
    }
    let refused = Spool::new(place.dir.path().join("nothing"))
        .spool(&playback())
        .unwrap_err();
    assert!(matches!(refused, SpoolError::NoSpool { .. }), "{refused:?}");
    assert!(refused.remedy().contains("pbx_spool"));
    fs::remove_file(file).unwrap();
    assert_eq!(place.left().len(), 0);
}

#[test]
fn staging_is_on_the_same_file_system_or_refused() {
    let place = Place::new();
    let other = Path::new("/dev/shm");
    if fs::metadata(other).is_ok_and(|other| other.dev() != fs::metadata(place.queue()).unwrap().dev()) {
        let refused = place.spool().staging(other).spool(&playback()).unwrap_err();
        assert!(matches!(refused, SpoolError::StagingElsewhere { .. }), "{refused:?}");
    }
    let nowhere = place
        .spool()
        .staging(place.dir.path().join("nothing"))
        .spool(&playback());
    assert!(matches!(nowhere, Err(SpoolError::NoStaging { .. })));
    assert_eq!(place.left().len(), 0);
    let here = place.dir.path().join("here");
    fs::create_dir(&here).unwrap();
    place.spool().staging(&here).spool(&playback()).unwrap();
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0);
}

#[test]
fn a_spool_that_links_to_another_file_system_is_staged_there() {
    let place = Place::new();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let link = place.dir.path().join("link");
    symlink(other.path(), &link).unwrap();
    let spooled = Spool::new(&link).sync(false).spool(&playback()).unwrap();
    assert!(spooled.path.exists());
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}

#[test]
fn what_the_dead_have_staged_is_cleared_away_and_told() {
    let place = Place::new();
    let living = place.spool();
    living.check().unwrap();
    let user = fs::metadata(place.dir.path()).unwrap().uid();
    let staging = |name: &str| place.dir.path().join(format!(".outgoing-staging-{user}-{name}"));
    fs::create_dir(staging("dead")).unwrap();
    for name in ["a.call", "b.call"] {
        fs::write(staging("dead").join(name), "Channel: SIP/a\n").unwrap();
    }
    // A link is not followed.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("kept"), "").unwrap();
    symlink(elsewhere.path(), staging("trap")).unwrap();
    let spool = place.spool();
    spool.spool(&playback()).unwrap();
    assert_eq!((spool.cleared(), living.cleared()), (2, 0));
    assert!(!staging("dead").exists() && elsewhere.path().join("kept").exists());
    fs::remove_file(staging("trap")).unwrap();
    // What is in use stays so.
    living.spool(&playback()).unwrap();
    drop((spool, living));
    assert_eq!(place.left().len(), 2);
}

#[test]
fn a_staging_directory_that_somebody_removed_is_made_again() {
    let place = Place::new();
    let spool = place.spool();
    spool.check().unwrap();
    let entries = fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let staging = entries.filter(|path| path.to_string_lossy().contains("-staging-"));
    for path in staging {
        fs::remove_dir(path).unwrap();
    }
    spool.spool(&playback()).unwrap();
    drop(spool);
    assert_eq!(place.left().len(), 1);
}

#[test]
fn a_path_that_asterisk_would_cut_is_refused() {
    let place = Place::new();
    let long = FileName::new("x".repeat(250)).unwrap();
    let refused = place.spool().spool_as(&long, &playback(), None).unwrap_err();
    assert!(matches!(refused, SpoolError::PathTooLong { .. }), "{refused:?}");
    assert_eq!(place.left().len(), 0);
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    if !is_root() {
        // Only root can mount a small one.
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=755", "none"])
        .arg(place.path())
        .output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        return;
    }
    let checked = std::panic::catch_unwind(|| {
        let place = Place::within(place.path());
        fs::write(place.dir.path().join("ballast"), [0; 40 * 1024]).unwrap();
        let spool = place.spool();
        let refused = loop {
            if let Err(refused) = spool.spool(&playback()) {
                break refused;
            }
        };
        assert!(matches!(refused, SpoolError::DiskFull { .. }), "{refused:?}");
        drop(spool);
        let queued = fs::read_dir(place.queue()).unwrap().count();
        assert_eq!(place.left().len(), queued + 1, "{:?}", place.left());
        let text = playback().to_text().unwrap();
        for entry in fs::read_dir(place.queue()).unwrap() {
            assert_eq!(fs::read_to_string(entry.unwrap().path()).unwrap(), text);
        }
        let file = playback();
        let answers = place.spool().spool_many((0..3).map(|_| Order::new(&file)));
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(SpoolError::DiskFull { .. })))
        );
    });
    let unmounted = Command::new("umount").arg(place.path()).status().unwrap();
    assert!(checked.is_ok() && unmounted.success());
}

#[test]
fn a_check_says_what_spooling_would_and_leaves_nothing() {
    let place = Place::new();
    place.spool().check().unwrap();
    assert!(matches!(
        place.spool().user("nobody-of-this-name").check(),
        Err(SpoolError::NoUser { .. })
    ));
    assert!(matches!(
        Spool::new("/nowhere").check(),
        Err(SpoolError::NoSpool { .. })
    ));
    place.spool().flush().unwrap();
    assert_eq!(place.left().len(), 0);
}

#[test]
fn the_mode_does_not_depend_on_the_umask() {
    let place = Place::new();
    for mode in [0o600, 0o640, 0o660, 0o666] {
        let spooled = place.spool().mode(mode).spool(&playback()).unwrap();
        assert_eq!(fs::metadata(spooled.path).unwrap().permissions().mode() & 0o7777, mode);
    }
}

const SECOND: Option<Duration> = Some(Duration::from_secs(20));

fn finish(place: &Place, name: &FileName, status: &str) {
    use std::io::Write;
    let to = place.archive().join(name.as_str());
    fs::rename(place.queue().join(name.as_str()), &to).unwrap();
    let mut file = fs::File::options().append(true).open(to).unwrap();
    write!(file, "\nStartRetry: 1 1 (1000)\nStatus: {status}\n").unwrap();
}

#[test]
fn a_watch_tells_each_ending_once() {
    let place = Place::new();
    let spool = place.spool();
    let mut watch = spool.watch().unwrap();
    let names: Vec<_> = (0..3).map(|_| spool.spool(&playback()).unwrap().name).collect();
    assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
    finish(&place, &names[0], "Completed");
    let told = watch.next(SECOND).unwrap().unwrap();
    assert_eq!(told.name, names[0]);
    assert!(
        matches!(told.ending, Ending::Done(outcome) if outcome.status == Status::Completed && outcome.attempts == 1)
    );
    fs::remove_file(place.queue().join(names[1].as_str())).unwrap();
    let told = watch.next(SECOND).unwrap().unwrap();
    assert_eq!((told.name, told.ending), (names[1].clone(), Ending::Removed));
    finish(&place, &names[2], "Expired");
    assert_eq!(watch.next(SECOND).unwrap().unwrap().name, names[2]);
    assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
}

#[test]
fn a_watch_sees_the_archive_being_made() {
    let place = Place::new();
    fs::remove_dir(place.archive()).unwrap();
    let spool = place.spool();
    let mut watch = spool.watch().unwrap();
    let name = spool.spool(&playback()).unwrap().name;
    fs::create_dir(place.archive()).unwrap();
    finish(&place, &name, "Expired");
    assert_eq!(watch.next(SECOND).unwrap().unwrap().name, name);
    assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
}

#[test]
fn waiting_ends_with_the_call_the_limit_or_the_file() {
    let place = Place::new();
    let spool = place.spool();
    let name = spool.spool(&playback()).unwrap().name;
    assert_eq!(spool.wait(&name, Some(Duration::from_millis(1))).unwrap(), None);
    assert!(matches!(spool.find(&name).unwrap(), Whereabouts::Queued { .. }));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| spool.wait(&name, SECOND).unwrap());
        finish(&place, &name, "Failed");
        assert!(matches!(waiting.join().unwrap(), Some(Ending::Done(outcome)) if outcome.status == Status::Failed));
    });
    // Also when it was over before.
    assert!(matches!(spool.wait(&name, None).unwrap(), Some(Ending::Done(_))));
    assert_eq!(
        spool.wait(&FileName::new("never").unwrap(), None).unwrap(),
        Some(Ending::Removed)
    );
}
