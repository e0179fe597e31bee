//! Tells which files came into a directory and are complete.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent},
};

use crate::WatchError;

/// After so long a file that appeared and that nobody opened is complete: a hard link.
const UNOPENED: Duration = Duration::from_secs(2);
/// So long after it was closed a file that was written in place is complete: whoever copies it from another file system
/// closes it first and sets its time then.
const SETTLED: Duration = Duration::from_millis(200);

/// Something that happened in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A file of this name is complete: it was moved in, written and closed, or linked.
    Complete(OsString),
    /// No file has this name any more, or another one has it.
    Gone(OsString),
    /// So much happened at once that the kernel dropped some of it: list the directory.
    Overlooked,
}

/// What comes into a spool directory, as Asterisk on Linux sees it. Made by [`Queue::arrivals`](crate::Queue::arrivals).
///
/// A file that is renamed into the directory is complete at once; one that is written there, when it was closed; a hard
/// link, after two seconds. It is turned by hand: wait until the descriptor is readable or
/// [`due`](Self::due) has come, and [`read`](Self::read). Kernels drop what is too much, and network file
/// systems tell nothing of other machines: list the directory from time to time as well.
#[derive(Debug)]
pub struct Arrivals {
    dir: PathBuf,
    inotify: Inotify,
    arriving: HashMap<OsString, Arriving>,
}

/// A file that may not be complete.
#[derive(Debug, Clone, Copy)]
struct Arriving {
    /// When it appeared, or was closed last.
    since: Instant,
    /// How many have it open.
    open: u32,
    /// Whether anybody had.
    opened: bool,
}

impl Arriving {
    fn complete_at(self) -> Option<Instant> {
        let rest = if self.opened { SETTLED } else { UNOPENED };
        (self.open == 0).then(|| self.since + rest)
    }
}

impl Arrivals {
    pub(super) fn watch(dir: &Path) -> Result<Self, WatchError> {
        let failed = |error: Errno| failed(dir, error.into());
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(failed)?;
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_OPEN
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CLOSE_NOWRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(dir, flags).map_err(failed)?;
        Ok(Self {
            dir: dir.to_owned(),
            inotify,
            arriving: HashMap::new(),
        })
    }

    /// What has happened since the last time, without waiting.
    ///
    /// # Errors
    ///
    /// When the directory is not there any more, or the kernel refuses.
    pub fn read(&mut self, now: Instant) -> Result<Vec<Seen>, WatchError> {
        let mut seen = Vec::new();
        // The kernel keeps so many events and no more, so this ends.
        loop {
            match self.inotify.read_events() {
                Ok(events) => {
                    for event in &events {
                        self.take(event, now, &mut seen)?;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(failed(&self.dir, error.into())),
            }
        }
        let complete = |_: &OsString, file: &mut Arriving| file.complete_at().is_some_and(|at| at <= now);
        seen.extend(self.arriving.extract_if(complete).map(|(name, _)| Seen::Complete(name)));
        Ok(seen)
    }

    /// When [`read`](Self::read) has something to say although nothing happens.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.arriving.values().filter_map(|file| file.complete_at()).min()
    }

    /// Whether this file may be incomplete still.
    #[must_use]
    pub fn is_arriving(&self, name: &OsStr) -> bool {
        self.arriving.contains_key(name)
    }

    fn take(&mut self, event: &InotifyEvent, now: Instant, seen: &mut Vec<Seen>) -> Result<(), WatchError> {
        let is = |flags| event.mask.intersects(flags);
        if is(AddWatchFlags::IN_Q_OVERFLOW) {
            // Whether they were closed is among what was dropped.
            self.arriving.clear();
            seen.push(Seen::Overlooked);
            return Ok(());
        }
        if is(AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_UNMOUNT | AddWatchFlags::IN_MOVE_SELF) {
            let gone = io::Error::new(io::ErrorKind::NotFound, "it is not there any more");
            return Err(failed(&self.dir, gone));
        }
        let Some(name) = event.name.clone().filter(|_| !is(AddWatchFlags::IN_ISDIR)) else {
            return Ok(());
        };
        if is(AddWatchFlags::IN_MOVED_TO) {
            self.arriving.remove(&name);
            seen.push(Seen::Complete(name));
        } else if is(AddWatchFlags::IN_MOVED_FROM | AddWatchFlags::IN_DELETE) {
            self.arriving.remove(&name);
            seen.push(Seen::Gone(name));
        } else if is(AddWatchFlags::IN_CREATE) {
            let (open, opened) = (0, false);
            let since = now;
            self.arriving.insert(name, Arriving { since, open, opened });
        } else if is(AddWatchFlags::IN_OPEN) {
            if let Some(file) = self.arriving.get_mut(&name) {
                file.open += 1;
                file.opened = true;
            }
        } else if let Some(file) = self.arriving.get_mut(&name) {
            file.open = file.open.saturating_sub(1);
            file.since = now;
        } else if is(AddWatchFlags::IN_CLOSE_WRITE) {
            // It was there before, and was written to.
            let (open, opened) = (0, true);
            let since = now;
            self.arriving.insert(name, Arriving { since, open, opened });
        }
        Ok(())
    }
}

fn failed(dir: &Path, source: io::Error) -> WatchError {
    WatchError::Watch {
        dir: dir.to_owned(),
        source,
    }
}

impl AsFd for Arrivals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for Arrivals {
    fn as_raw_fd(&self) -> RawFd {
        self.inotify.as_fd().as_raw_fd()
    }
}
