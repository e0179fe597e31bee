//! Spool directories for tests, and a way to be nobody.
#![expect(
    unreachable_pub,
    reason = "each test file includes this module and uses a part of it"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file includes this module and uses a part of it"
)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use outdial_callfile::{Action, CallFile, Channel, Spool};
use tempfile::TempDir;

/// An Asterisk's spool directory without Asterisk.
pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    pub fn within(parent: &Path) -> Self {
        let dir = tempfile::tempdir_in(parent).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["outgoing", "outgoing_done"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    pub fn queue(&self) -> PathBuf {
        self.dir.path().join("outgoing")
    }

    pub fn archive(&self) -> PathBuf {
        self.dir.path().join("outgoing_done")
    }

    pub fn spool(&self) -> Spool {
        Spool::new(self.queue()).sync(false)
    }

    /// All that is in it, at any depth, but for the two directories themselves.
    pub fn left(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut dirs = vec![self.dir.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path.clone());
                }
                found.insert(path);
            }
        }
        found.remove(&self.queue());
        found.remove(&self.archive());
        found
    }
}

pub fn playback() -> CallFile {
    CallFile::new(
        Channel::local("100", "from-internal").unwrap(),
        Action::application("Playback", "hello-world"),
    )
}

pub const NOBODY: u32 = 65534;

pub fn is_root() -> bool {
    // The owner of what we make is who we are.
    let mark = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::MetadataExt::uid(&mark.as_file().metadata().unwrap()) == 0
}

/// Whether the test goes on here, as somebody who is not root. Root runs it again as nobody.
pub fn as_nobody(test: &str, places: &[(&str, &Path)]) -> bool {
    if !is_root() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--nocapture"])
        .envs(places.iter().copied())
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .gid(NOBODY)
        .uid(NOBODY);
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "as nobody: {said}"
    );
    false
}
