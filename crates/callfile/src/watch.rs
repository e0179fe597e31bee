use std::{
    collections::VecDeque,
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};

use crate::{FileName, Outcome, ReadError, Spool, Whereabouts};

/// So many names are remembered, in order not to tell of one file twice.
const REMEMBERED: usize = 4096;

/// How the life of a call file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum Ending {
    /// It is in the archive, with its result.
    Done(Outcome),
    /// It left the queue and was not kept: the call is over and the file had no `Archive: yes`, or
    /// Asterisk could not read it, or somebody removed it.
    Removed,
}

/// A call file whose life has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its name.
    pub name: FileName,
    /// How it ended.
    pub ending: Ending,
}

/// Why the spool cannot be watched.
///
/// Remedy: name a spool that is there and may be read; when the system has no watches left, raise
/// `fs.inotify.max_user_watches` or `max_user_instances`.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A directory cannot be watched.
    #[error("cannot watch {dir}")]
    Watch {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A finished file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Tells which calls of a spool are over, as it happens. Made by [`Spool::watch`].
///
/// It asks nobody again and again: the kernel tells. Each file is told of once; only after so many
/// changes at once that the kernel had to drop some, a file may be told of that was over before.
///
/// [`next`](Self::next) blocks. An async program calls it on a thread of its own with a limit, or
/// waits until the descriptor (`AsFd`) is readable and calls it with a limit of zero.
#[derive(Debug)]
pub struct Watch {
    spool: Spool,
    inotify: Inotify,
    queue: WatchDescriptor,
    archive: Option<WatchDescriptor>,
    found: VecDeque<Finished>,
    told: VecDeque<FileName>,
}

impl Spool {
    /// Watches for calls that are over, from now on.
    ///
    /// # Errors
    ///
    /// When the queue is not there or cannot be watched.
    pub fn watch(&self) -> Result<Watch, WatchError> {
        let failed = |error: Errno| WatchError::Watch {
            dir: self.dir().to_owned(),
            source: error.into(),
        };
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(failed)?;
        let flags = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ONLYDIR;
        let queue = inotify.add_watch(self.dir(), flags).map_err(failed)?;
        let mut watch = Watch {
            // A watch may outlive all that spool, and must not keep their staging directory.
            spool: self.clone().changed(),
            inotify,
            queue,
            archive: None,
            found: VecDeque::new(),
            told: VecDeque::new(),
        };
        if !watch.watch_archive()? {
            // Asterisk makes the archive when the first call is over.
            let parent = watch.parent_of_archive();
            let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
            let added = watch.inotify.add_watch(&parent, flags);
            added.map_err(|error| WatchError::Watch {
                dir: parent,
                source: error.into(),
            })?;
            if watch.watch_archive()? {
                watch.look_through_archive()?;
            }
        }
        Ok(watch)
    }

    /// Waits until a call is over. Nothing when the limit passes first; without a limit it waits as
    /// long as it takes. A file that is nowhere is taken for removed.
    ///
    /// # Errors
    ///
    /// When the spool cannot be watched or the file cannot be read.
    pub fn wait(&self, name: &FileName, limit: Option<Duration>) -> Result<Option<Ending>, WatchError> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut watch = self.watch()?;
        match self.find(name)? {
            Whereabouts::Done(outcome) => return Ok(Some(Ending::Done(outcome))),
            Whereabouts::Nowhere => return Ok(Some(Ending::Removed)),
            Whereabouts::Queued { .. } | Whereabouts::Finishing => {}
        }
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match watch.next(left)? {
                Some(finished) if finished.name == *name => return Ok(Some(finished.ending)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

impl Watch {
    /// The next call that is over. Nothing when the limit passes first; without a limit it waits as
    /// long as it takes.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, or a finished file cannot be read.
    pub fn next(&mut self, limit: Option<Duration>) -> Result<Option<Finished>, WatchError> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if let Some(finished) = self.found.pop_front() {
                return Ok(Some(finished));
            }
            match self.inotify.read_events() {
                Ok(events) => events.iter().try_for_each(|event| self.take(event))?,
                Err(Errno::EAGAIN | Errno::EINTR) => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if left.is_some_and(|left| left.is_zero()) {
                        return Ok(None);
                    }
                    self.poll(left)?;
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn poll(&self, limit: Option<Duration>) -> Result<(), WatchError> {
        // Rounded up, so that the last part of a millisecond is not spent in a loop.
        let timeout = limit.map_or(PollTimeout::NONE, |limit| {
            PollTimeout::try_from(limit + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn take(&mut self, event: &InotifyEvent) -> Result<(), WatchError> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.watch_archive()?;
            return self.look_through_archive();
        }
        if Some(event.wd) != self.archive && event.wd != self.queue {
            let is_archive = self.spool.archive_dir().file_name() == event.name.as_deref();
            if is_archive && self.watch_archive()? {
                self.look_through_archive()?;
            }
            return Ok(());
        }
        if event.mask.contains(AddWatchFlags::IN_ISDIR) {
            return Ok(());
        }
        // Names that are not UTF-8 are not ours.
        let Some(name) = event.name.as_ref().and_then(|name| FileName::new(name.to_str()?).ok()) else {
            return Ok(());
        };
        if event.wd == self.queue {
            self.tell(name, Ending::Removed);
            return Ok(());
        }
        self.look_at(name)
    }

    /// Tells of a file in the archive if its result is there.
    fn look_at(&mut self, name: FileName) -> Result<(), WatchError> {
        if let Some(outcome) = self.spool.outcome(&name)? {
            self.tell(name, Ending::Done(outcome));
        }
        Ok(())
    }

    fn tell(&mut self, name: FileName, ending: Ending) {
        if self.told.contains(&name) {
            return;
        }
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(name.clone());
        self.found.push_back(Finished { name, ending });
    }

    /// Whether the archive is there and watched.
    fn watch_archive(&mut self) -> Result<bool, WatchError> {
        // Asterisk moves a file in, then writes its result; others may move it in with the result.
        let flags = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        match self.inotify.add_watch(self.spool.archive_dir(), flags) {
            Ok(archive) => {
                self.archive = Some(archive);
                Ok(true)
            }
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(WatchError::Watch {
                dir: self.spool.archive_dir().to_owned(),
                source: error.into(),
            }),
        }
    }

    fn look_through_archive(&mut self) -> Result<(), WatchError> {
        let dir = self.spool.archive_dir().to_owned();
        let failed = |source| WatchError::Watch {
            dir: dir.clone(),
            source,
        };
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(name) = name.to_str().and_then(|name| FileName::new(name).ok()) {
                self.look_at(name)?;
            }
        }
        Ok(())
    }

    fn parent_of_archive(&self) -> PathBuf {
        match self.spool.archive_dir().parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    fn failed(&self, error: Errno) -> WatchError {
        WatchError::Watch {
            dir: self.spool.dir().to_owned(),
            source: error.into(),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
