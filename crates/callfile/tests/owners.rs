//! Whom call files belong to, and what becomes of them where that cannot be.
//!
//! What only root can try is passed over by others; what root cannot try is run as nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use outdial_callfile::{Spool, SpoolError};
use place::{NOBODY, Place, as_nobody, is_root, playback};

const DAEMON: u32 = 1;

fn ids(path: &Path) -> (u32, u32) {
    let is = fs::metadata(path).unwrap();
    (is.uid(), is.gid())
}

/// A spool of somebody else.
fn foreign(uid: u32, gid: u32, mode: u32) -> Place {
    let place = Place::new();
    if is_root() {
        fs::set_permissions(place.queue(), fs::Permissions::from_mode(mode)).unwrap();
        chown(place.queue(), Some(uid), Some(gid)).unwrap();
    }
    place
}

/// The spool that root made for the test, where there was a root.
fn given(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

#[test]
fn root_gives_files_to_whom_it_is_told() {
    if !is_root() {
        return;
    }
    let place = foreign(DAEMON, NOBODY, 0o755);
    let owner = |spool: Spool| ids(&spool.spool(&playback()).unwrap().path);
    assert_eq!(owner(place.spool()), (DAEMON, NOBODY));
    assert_eq!(owner(place.spool().user("nobody")).0, NOBODY);
    assert_eq!(owner(place.spool().user("nobody").group("root")), (NOBODY, 0));
    assert_eq!(owner(place.spool().group("root")), (0, 0));
    assert_eq!(owner(place.spool().user("54321")), (54321, NOBODY));
    assert_eq!(owner(place.spool().keep_owner()).0, 0);
    assert_eq!(owner(place.spool().user("root").mode(0o600)).0, 0);
    // The owner of the spool is asked each time.
    let spool = place.spool();
    assert_eq!(owner(spool.clone()).0, DAEMON);
    chown(place.queue(), Some(NOBODY), None).unwrap();
    assert_eq!(owner(spool).0, NOBODY);
}

#[test]
fn unknown_users_and_groups_are_named() {
    let place = Place::new();
    let refused = place
        .spool()
        .user("nobody-of-this-name")
        .spool(&playback())
        .unwrap_err();
    assert!(matches!(&refused, SpoolError::NoUser { user } if user == "nobody-of-this-name"));
    assert!(refused.remedy().contains("Asterisk runs as"), "{}", refused.remedy());
    let refused = place.spool().group("no-such-group").spool(&playback()).unwrap_err();
    assert!(matches!(refused, SpoolError::NoGroup { .. }));
    assert_eq!(place.left().len(), 0);
}

#[test]
fn a_user_that_is_roots_is_refused_to_others() {
    if !as_nobody("a_user_that_is_roots_is_refused_to_others", &[]) {
        return;
    }
    let place = Place::new();
    let refused = place.spool().user("root").spool(&playback()).unwrap_err();
    assert!(matches!(refused, SpoolError::NoOwnerPermission { .. }), "{refused:?}");
    assert!(refused.to_string().contains("user root"), "{refused}");
    assert_eq!(place.left().len(), 0);
}

#[test]
fn a_file_that_asterisk_could_not_use_is_refused() {
    let place = foreign(DAEMON, DAEMON, 0o777);
    if !as_nobody(
        "a_file_that_asterisk_could_not_use_is_refused",
        &[("FOREIGN", &place.queue())],
    ) {
        assert_eq!(fs::read_dir(place.queue()).unwrap().count(), 2);
        return;
    }
    let Some(queue) = given("FOREIGN") else {
        return;
    };
    let spool = || Spool::new(&queue).sync(false);
    for mode in [0o600, 0o640, 0o644, 0o660] {
        let refused = spool().mode(mode).spool(&playback()).unwrap_err();
        assert!(matches!(refused, SpoolError::NoOwnerPermission { .. }), "{refused:?}");
        assert!(refused.remedy().contains("0660"), "{}", refused.remedy());
        assert!(matches!(
            spool().mode(mode).check(),
            Err(SpoolError::NoOwnerPermission { .. })
        ));
    }
    assert_eq!(fs::read_dir(&queue).unwrap().count(), 0);
    // With words to the contrary it is the user's own risk.
    spool().keep_owner().spool(&playback()).unwrap();
    spool().mode(0o666).spool(&playback()).unwrap();
}

#[test]
fn a_shared_group_is_enough_with_a_mode_that_lets_it_write() {
    let place = foreign(DAEMON, NOBODY, 0o770);
    if !as_nobody(
        "a_shared_group_is_enough_with_a_mode_that_lets_it_write",
        &[("FOREIGN", &place.queue())],
    ) {
        return;
    }
    let Some(queue) = given("FOREIGN") else {
        return;
    };
    let spool = Spool::new(&queue).sync(false);
    assert!(matches!(
        spool.spool(&playback()),
        Err(SpoolError::NoOwnerPermission { .. })
    ));
    let spooled = spool.mode(0o660).spool(&playback()).unwrap();
    assert_eq!(ids(&spooled.path), (NOBODY, NOBODY));
}

#[test]
fn an_asterisk_that_is_root_reads_everything() {
    let place = foreign(0, 0, 0o777);
    if !as_nobody(
        "an_asterisk_that_is_root_reads_everything",
        &[("FOREIGN", &place.queue())],
    ) {
        return;
    }
    let Some(queue) = given("FOREIGN") else {
        return;
    };
    let spool = Spool::new(&queue).sync(false);
    assert_eq!(ids(&spool.spool(&playback()).unwrap().path).0, NOBODY);
    // The parent is root's, so the staging directory was inside, and goes with the spool.
    assert_eq!(fs::read_dir(&queue).unwrap().count(), 2);
    drop(spool);
    assert_eq!(fs::read_dir(&queue).unwrap().count(), 1);
}

#[test]
fn a_spool_that_may_not_be_written_is_named() {
    let place = foreign(DAEMON, DAEMON, 0o755);
    if !as_nobody(
        "a_spool_that_may_not_be_written_is_named",
        &[("FOREIGN", &place.queue())],
    ) {
        return;
    }
    let own = Place::new();
    let queue = given("FOREIGN").unwrap_or_else(|| {
        fs::set_permissions(own.queue(), fs::Permissions::from_mode(0o555)).unwrap();
        own.queue()
    });
    let refused = Spool::new(&queue).keep_owner().spool(&playback()).unwrap_err();
    assert!(matches!(refused, SpoolError::NoSpoolPermission { .. }), "{refused:?}");
    assert!(matches!(
        Spool::new(&queue).keep_owner().check(),
        Err(SpoolError::NoSpoolPermission { .. })
    ));
    assert_eq!(own.left().len(), 0);
}

#[test]
fn what_may_not_be_read_is_an_error_and_not_nothing() {
    let place = Place::new();
    let name = outdial_callfile::FileName::new("x").unwrap();
    fs::write(place.archive().join("x"), "Status: Completed\n").unwrap();
    fs::set_permissions(place.archive().join("x"), fs::Permissions::from_mode(0o000)).unwrap();
    if !as_nobody(
        "what_may_not_be_read_is_an_error_and_not_nothing",
        &[("FOREIGN", &place.queue())],
    ) {
        return;
    }
    let queue = given("FOREIGN").unwrap_or_else(|| place.queue());
    let refused = Spool::new(queue).outcome(&name).unwrap_err();
    assert_eq!(refused.source.kind(), std::io::ErrorKind::PermissionDenied);
}
