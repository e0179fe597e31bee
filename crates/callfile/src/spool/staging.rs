//! Where files are written before Asterisk may see them: on the file system of the spool, so that a
//! rename brings them in at once and whole.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::SpoolError;
use crate::FileName;

/// How often a directory that somebody else has just cleared away is made again.
const TRIES: usize = 100;

/// A staging directory. One that was made by us goes when nothing is in it any more.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) dir: PathBuf,
    made_by_us: bool,
}

impl Staging {
    /// Uses the directory that was named.
    pub(super) fn named(dir: &Path, spool_dir: &Path, spool: &Metadata) -> Result<Self, SpoolError> {
        match fs::metadata(dir) {
            Ok(found) if found.is_dir() && found.dev() == spool.dev() => Ok(Self {
                dir: dir.to_owned(),
                made_by_us: false,
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
    /// Asterisk passes over directories. Its name has the user's number, so users do not meet.
    pub(super) fn made(spool_dir: &Path, spool: &Metadata) -> Result<Self, SpoolError> {
        let user = nix::unistd::geteuid();
        let real = fs::canonicalize(spool_dir).map_err(|error| SpoolError::io_in(spool_dir, "look at", error))?;
        if let (Some(parent), Some(name)) = (real.parent(), real.file_name()) {
            let beside = parent.join(format!(".{}-staging-{user}", name.to_string_lossy()));
            let same_system = fs::metadata(parent).is_ok_and(|parent| parent.dev() == spool.dev());
            if same_system && make(&beside).is_ok() {
                return Ok(Self::ours(beside));
            }
        }
        let inside = real.join(format!(".staging-{user}"));
        make(&inside).map_err(|error| SpoolError::io_in(spool_dir, "make a staging directory in", error))?;
        Ok(Self::ours(inside))
    }

    fn ours(dir: PathBuf) -> Self {
        Self { dir, made_by_us: true }
    }

    /// A new, empty file.
    pub(super) fn create(&self, name: &FileName, mode: u32) -> Result<(Staged, File), SpoolError> {
        let path = self.dir.join(name.as_str());
        let mut tries = 0;
        loop {
            let opened = File::options().write(true).create_new(true).mode(mode).open(&path);
            match opened {
                Ok(file) => return Ok((Staged { path: Some(path) }, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.made_by_us && tries < TRIES => {
                    // Another process had nothing left in it.
                    make(&self.dir).map_err(|error| SpoolError::io_in(&self.dir, "make", error))?;
                    tries += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(SpoolError::AlreadyThere {
                        name: name.clone(),
                        dir: self.dir.clone(),
                    });
                }
                Err(error) => return Err(SpoolError::io_in(&self.dir, "make a file in", error)),
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.made_by_us {
            // It stays while others have files in it.
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

/// Makes a directory of our own, or finds it. Others may clear it away between the two looks, so both
/// are repeated for a while.
fn make(dir: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
        match fs::symlink_metadata(dir) {
            Ok(found) if found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::PermissionDenied.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
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
