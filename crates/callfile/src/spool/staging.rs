//! Where files are written before Asterisk may see them: on the file system of the spool, so that a
//! rename brings them in at once and whole.

use std::{
    fs::{self, DirBuilder, File, Metadata, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::SpoolError;
use crate::FileName;

/// How often a directory that somebody else has just cleared away is made again.
const TRIES: usize = 100;

/// A staging directory. One that was made by us is nobody else's, and goes with us. When we die before that,
/// whoever makes one beside it clears it away.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) dir: PathBuf,
    /// Shows others that we live; none when the directory was named.
    claim: Option<Mutex<File>>,
    /// How many files of processes that are gone were cleared away.
    pub(super) cleared: usize,
}

impl Staging {
    /// Uses the directory that was named.
    pub(super) fn named(dir: &Path, spool_dir: &Path, spool: &Metadata) -> Result<Self, SpoolError> {
        match fs::metadata(dir) {
            Ok(found) if found.is_dir() && found.dev() == spool.dev() => Ok(Self {
                dir: dir.to_owned(),
                claim: None,
                cleared: 0,
            }),
            Ok(found) if found.is_dir() => Err(SpoolError::StagingElsewhere {
                staging: dir.to_owned(),
                spool: spool_dir.to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(SpoolError::io_in(dir, "look at", error))
            }
            _ => Err(SpoolError::NoStaging { dir: dir.to_owned() }),
        }
    }

    /// Makes one: beside the spool directory where that can be, otherwise inside of it, where
    /// Asterisk passes over directories.
    pub(super) fn made(spool_dir: &Path, spool: &Metadata, now: Timestamp) -> Result<Self, SpoolError> {
        let mut cleared = 0;
        let places = places(spool_dir).map_err(|error| SpoolError::io_in(spool_dir, "look at", error))?;
        let mut failed = None;
        for (parent, prefix) in places {
            if !fs::metadata(&parent).is_ok_and(|parent| parent.dev() == spool.dev()) {
                continue;
            }
            // The queue itself may be long, and is looked through only where nothing can be made beside it.
            cleared += clear_away_in(&parent, &prefix);
            match Self::made_in(&parent, &prefix, now) {
                Ok((dir, claim)) => {
                    return Ok(Self {
                        dir,
                        claim: Some(Mutex::new(claim)),
                        cleared,
                    });
                }
                Err(error) => failed = Some(error),
            }
        }
        let error = failed.unwrap_or_else(|| io::ErrorKind::NotFound.into());
        Err(SpoolError::io_in(spool_dir, "make a staging directory in", error))
    }

    fn made_in(parent: &Path, prefix: &str, now: Timestamp) -> io::Result<(PathBuf, File)> {
        let mut tries = 0;
        loop {
            let fresh = FileName::fresh(now);
            let dir = parent.join(format!("{prefix}{}", fresh.as_str().trim_end_matches(".call")));
            match claim(&dir) {
                Ok(claim) => return Ok((dir, claim)),
                // Somebody took it for one that nobody uses, in the moment before it was claimed.
                Err(error) if is_cleared_away(&error) && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A new, empty file.
    pub(super) fn create(&self, name: &FileName, mode: u32) -> Result<(Staged, File), SpoolError> {
        let path = self.dir.join(name.as_str());
        let mut tries = 0;
        loop {
            let opened = File::options().write(true).create_new(true).mode(mode).open(&path);
            match (opened, &self.claim) {
                (Ok(file), _) => return Ok((Staged { path: Some(path) }, file)),
                (Err(error), Some(held)) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    // Somebody removed our directory while nothing was in it.
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    match claim(&self.dir) {
                        Ok(claim) => *held = claim,
                        Err(error) if is_cleared_away(&error) => {}
                        Err(error) => return Err(SpoolError::io_in(&self.dir, "make", error)),
                    }
                    tries += 1;
                }
                (Err(error), _) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(SpoolError::AlreadyThere {
                        name: name.clone(),
                        dir: self.dir.clone(),
                    });
                }
                (Err(error), _) => return Err(SpoolError::io_in(&self.dir, "make a file in", error)),
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.claim.is_some() {
            // Files that are being staged at this moment keep it, and go by themselves.
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

/// Makes a directory and holds it for as long as the file that is returned is open: the system lets go of it
/// when this process dies, however that comes about.
fn claim(dir: &Path) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let held = open(dir)?;
    match held.try_lock() {
        // Where the file system has no locks, nothing is ever taken for abandoned either.
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
    }
    let (is, there) = (held.metadata()?, fs::symlink_metadata(dir)?);
    if is.ino() != there.ino() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(held)
}

/// Opens a directory of ours; a link is none.
fn open(dir: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let opened = File::options().read(true).custom_flags(flags.bits()).open(dir)?;
    if opened.metadata()?.uid() == nix::unistd::geteuid().as_raw() {
        Ok(opened)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

fn is_cleared_away(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock)
}

/// Where staging directories of ours are made for a spool, and how their names begin. The names have the user's
/// number, so users do not meet.
fn places(spool_dir: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let user = nix::unistd::geteuid();
    let real = fs::canonicalize(spool_dir)?;
    let beside = real.parent().zip(real.file_name()).map(|(parent, name)| {
        let prefix = format!(".{}-staging-{user}-", name.to_string_lossy());
        (parent.to_owned(), prefix)
    });
    let inside = (real.clone(), format!(".staging-{user}-"));
    Ok(beside.into_iter().chain([inside]).collect())
}

/// Removes the staging directories that processes of this user left when they died, and says how many files were
/// in them. None of these was ever in the queue.
pub(super) fn clear_away(spool_dir: &Path) -> usize {
    let places = places(spool_dir).unwrap_or_default();
    let cleared = places.iter().map(|(parent, prefix)| clear_away_in(parent, prefix));
    cleared.sum()
}

fn clear_away_in(parent: &Path, prefix: &str) -> usize {
    let Ok(entries) = fs::read_dir(parent) else { return 0 };
    let left = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(prefix))
    });
    left.map(|entry| clear_one(&entry.path())).sum()
}

fn clear_one(dir: &Path) -> usize {
    let Ok(held) = open(dir) else { return 0 };
    if held.try_lock().is_err() {
        return 0;
    }
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let removed = entries.flatten().filter(|entry| fs::remove_file(entry.path()).is_ok());
    let removed = removed.count();
    let _ = fs::remove_dir(dir);
    removed
}

/// A file in the staging directory, which goes unless it is renamed into the queue.
#[derive(Debug)]
pub(super) struct Staged {
    path: Option<PathBuf>,
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Renames it; nothing that is there is replaced.
    pub(super) fn rename(&mut self, to: &Path) -> io::Result<()> {
        rename_new(self.path(), to)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use nix::{
        errno::Errno,
        fcntl::{AT_FDCWD, RenameFlags, renameat2},
    };
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // The file system or the kernel does not know the flag.
        Err(Errno::EINVAL | Errno::ENOSYS) => rename_if_absent(from, to),
        renamed => renamed.map_err(io::Error::from),
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    rename_if_absent(from, to)
}

fn rename_if_absent(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
        Err(error) => Err(error),
    }
}
