//! Takes a file, reads it, and writes notes into it.

use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
};

use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::{LOCK, Queue, remove};
use crate::{FileName, Note};

/// A file that was taken: its token, and the file itself, whatever its name is by now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Taken {
    /// Its second name.
    pub token: FileName,
    /// The number of the file.
    pub inode: u64,
}

/// A file in the directory, as it is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The number of the file.
    pub inode: u64,
    /// How many bytes it has.
    pub size: u64,
    /// When it is due.
    pub modified: Timestamp,
    /// When anything about it was changed last.
    pub changed: Timestamp,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// All of it.
    pub bytes: Vec<u8>,
    /// When it is due.
    pub modified: Timestamp,
}

/// Why a file was not taken. It stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is gone.
    #[error("it is gone")]
    Gone,
    /// It leads somewhere else, which is never followed.
    #[error("it is a symbolic link, and those are not followed: move or copy the file itself here")]
    SymbolicLink,
    /// It is a directory, a pipe or the like.
    #[error("it is no file")]
    NoFile,
    /// It is larger than any call file.
    #[error("it has {0} bytes, and a call file has at most {largest}", largest = Queue::LARGEST)]
    TooLarge(u64),
    /// This process may not read and write it, or the system failed.
    #[error("it cannot be read and written ({0}): give it to the user of this program, or let its group do both")]
    Unreadable(#[from] io::Error),
}

impl Queue {
    /// Gives a file a second name, this token, which must be new. Until [`flush`](Self::flush) a power cut may undo it.
    ///
    /// # Errors
    ///
    /// [`NotTaken`]; then the file is as it was.
    pub fn take(&self, name: &OsStr, token: &FileName) -> Result<Taken, NotTaken> {
        let second = self.second(token);
        match fs::hard_link(self.dir.join(name), &second) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotTaken::Gone),
            linked => linked?,
        }
        // From here on nobody can put another file in its place.
        let taken = self.check(token);
        if taken.is_err() {
            remove(&second)?;
        }
        taken
    }

    fn check(&self, token: &FileName) -> Result<Taken, NotTaken> {
        let is = fs::symlink_metadata(self.second(token))?;
        if is.is_symlink() {
            return Err(NotTaken::SymbolicLink);
        }
        if !is.is_file() {
            return Err(NotTaken::NoFile);
        }
        if is.len() > Self::LARGEST {
            return Err(NotTaken::TooLarge(is.len()));
        }
        self.open_held(token)?;
        Ok(Taken {
            token: token.clone(),
            inode: is.ino(),
        })
    }

    /// What stands under a name at this moment, if it is a file.
    #[must_use]
    pub fn look(&self, name: &OsStr) -> Option<Entry> {
        let is = fs::symlink_metadata(self.dir.join(name)).ok()?;
        let is_one = is.is_file() || is.is_symlink();
        is_one.then(|| entry(&is)).flatten()
    }

    /// Every file that was taken and is not let go yet, after a crash those of before.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub fn taken(&self) -> io::Result<Vec<Taken>> {
        self.put_strays_back()?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.held)? {
            let name = entry?.file_name();
            let token = name.to_str().filter(|name| *name != LOCK);
            let Some(token) = token.and_then(|name| FileName::new(name).ok()) else {
                continue;
            };
            let is = fs::symlink_metadata(self.second(&token))?;
            if is.is_file() {
                let inode = is.ino();
                found.push(Taken { token, inode });
            } else {
                remove(&self.second(&token))?;
            }
        }
        Ok(found)
    }

    /// Reads a file that was taken.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self, taken: &Taken) -> io::Result<Contents> {
        let file = self.open_held(&taken.token)?;
        let modified = modified(&file.metadata()?).ok_or_else(out_of_time)?;
        let mut bytes = Vec::new();
        // It may have grown since it was taken.
        file.take(Self::LARGEST).read_to_end(&mut bytes)?;
        Ok(Contents { bytes, modified })
    }

    /// Appends a note to a file that was taken, and sets when it is looked at next, which is shown to others.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note(&self, taken: &Taken, note: &Note, next: Timestamp) -> io::Result<()> {
        let mut file = self.open_held(&taken.token)?;
        file.write_all(format!("\n{note}\n").as_bytes())?;
        set_modified(&file, next);
        Ok(())
    }

    /// Lets a file go, so that it is fresh for whoever finds it in the directory.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn let_go(&self, taken: &Taken) -> io::Result<()> {
        remove(&self.second(&taken.token))
    }

    /// Whether this name leads to the file that was taken.
    #[must_use]
    pub fn stands_at(&self, name: &OsStr, taken: &Taken) -> bool {
        self.look(name).is_some_and(|entry| entry.inode == taken.inode)
    }

    pub(super) fn second(&self, token: &FileName) -> PathBuf {
        self.held.join(token.as_str())
    }

    /// By its second name, so that no watch of the directory hears of it.
    pub(super) fn open_held(&self, token: &FileName) -> io::Result<File> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        File::options()
            .read(true)
            .append(true)
            .custom_flags(flags.bits())
            .open(self.second(token))
    }
}

fn entry(is: &Metadata) -> Option<Entry> {
    Some(Entry {
        inode: is.ino(),
        size: is.len(),
        modified: modified(is)?,
        changed: Timestamp::new(is.ctime(), is.ctime_nsec().try_into().ok()?).ok()?,
    })
}

pub(super) fn modified(is: &Metadata) -> Option<Timestamp> {
    is.modified().ok()?.try_into().ok()
}

/// Who does not own the file may not, and nothing depends on it then.
pub(super) fn set_modified(file: &File, time: Timestamp) {
    let _ = file.set_times(FileTimes::new().set_modified(time.into()));
}

fn out_of_time() -> io::Error {
    io::Error::other("its time is further away than time is counted")
}
