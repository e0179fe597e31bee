//! The other side of a spool directory: takes call files out of it, in Asterisk's place.

mod arrivals;
mod error;
mod finish;
mod taken;

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{fcntl::OFlag, unistd::geteuid};

pub use self::{
    arrivals::{Arrivals, Seen},
    error::QueueError,
    taken::{Contents, Entry, NotTaken, Taken},
};
use crate::Spool;

/// Where in a spool directory each file that was taken has a second name. Asterisk passes over directories.
const HELD: &str = ".taken";
/// Whoever has this file locked takes files out of the directory.
const LOCK: &str = "lock";

/// A spool directory that this process alone takes files out of.
///
/// A file that is taken stays where it is, as with Asterisk, until its call is over; meanwhile it has a second name,
/// a hard link named by a token of yours. The token tells after a crash which files were taken, whatever
/// happened to their names: a file that was renamed over another has no token, and one that was moved keeps its own.
/// Nothing can be taken twice, because a token is never used again.
///
/// ```no_run
/// use outdial_callfile::{FileName, Queue, parse};
///
/// let queue = Queue::open("/var/spool/outdial/outgoing")?;
/// for entry in queue.list()? {
///     let Ok(taken) = queue.take(&entry.name, &FileName::new("a-token")?) else { continue };
///     // On the disk before anybody is rung.
///     queue.flush()?;
///     println!("{:?}", parse(&queue.read(&taken)?.bytes).file);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// All calls block for a short time.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    archive: PathBuf,
    held: PathBuf,
    // Unlocked when this goes, also by a crash.
    _lock: File,
}

impl Queue {
    /// The largest file that is read: no call needs more.
    pub const LARGEST: u64 = 64 * 1024;

    /// Takes a directory for this process.
    ///
    /// # Errors
    ///
    /// [`QueueError`] with its remedy.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, QueueError> {
        let spool = Spool::new(dir);
        let dir = spool.dir().to_owned();
        let failed = |source| QueueError::Directory {
            dir: dir.clone(),
            source,
        };
        let held = dir.join(HELD);
        match DirBuilder::new().mode(0o700).create(&held) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let is = fs::symlink_metadata(&held).map_err(failed)?;
        // Whoever could take tokens away could have files dialled twice.
        if !is.is_dir() || is.uid() != geteuid().as_raw() {
            return Err(failed(io::Error::other(format!("{HELD} in it is not ours"))));
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(held.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(QueueError::InUse { dir }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let probe = held.join("probe");
        let linked = remove(&probe).and_then(|()| fs::hard_link(held.join(LOCK), &probe));
        if let Err(source) = linked.and_then(|()| remove(&probe)) {
            return Err(QueueError::NoHardLinks { dir, source });
        }
        fs::read_dir(&dir).map_err(failed)?;
        let archive = spool.archive_dir().to_owned();
        Ok(Self {
            dir,
            archive,
            held,
            _lock: lock,
        })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where finished files go.
    #[must_use]
    pub fn archive_dir(&self) -> &Path {
        &self.archive
    }

    /// Tells of what comes into the directory from now on.
    ///
    /// # Errors
    ///
    /// When it cannot be watched.
    pub fn arrivals(&self) -> Result<Arrivals, crate::WatchError> {
        Arrivals::watch(&self.dir)
    }

    /// What is in the directory: files, and symbolic links, which are never followed.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // It may have gone meanwhile.
            if entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_symlink()) {
                found.push(Listed {
                    name: entry.file_name(),
                    inode: entry.ino(),
                });
            }
        }
        Ok(found)
    }

    /// Puts the second names of files that were taken on the disk: after this, no crash takes them again.
    ///
    /// # Errors
    ///
    /// When the system cannot; then nobody may be rung for them.
    pub fn flush(&self) -> io::Result<()> {
        File::open(&self.held)?.sync_all()
    }
}

/// A name in the directory, as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: OsString,
    /// The number of the file behind it.
    pub inode: u64,
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
