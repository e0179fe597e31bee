//! Hands call files to Asterisk.

mod batch;
mod error;
mod owner;
mod staging;

use std::{
    fmt,
    fs::{self, File, FileTimes, Metadata},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;

pub use self::{batch::Order, error::SpoolError};
use self::{
    owner::{GiveError, Ids, Owner},
    staging::{Staged, Staging},
};
use crate::{CallFile, FileName, InvalidTime, When};

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Asterisk's spool directory, and how files are put there.
///
/// A file is written in a staging directory, gets its owner, its mode and its time, is synced to
/// disk, and is then renamed into the queue: Asterisk sees it whole or not at all. On any error
/// nothing is left behind, and nobody is rung. One value may be used by many threads and cloned;
/// many processes may use one directory.
///
/// ```no_run
/// use outdial_callfile::{CallFile, Channel, Spool};
///
/// let file = CallFile::builder(Channel::local("100", "from-internal")?)
///     .application("Playback", "hello-world")
///     .build()?;
/// let spooled = Spool::default().user("asterisk").spool(&file)?;
/// println!("{} {}", spooled.name, spooled.due);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// All calls block for a short time, as long as the disk takes to sync. An async program runs them
/// on a thread for that, such as tokio's `spawn_blocking`, with a clone of this.
#[derive(Clone)]
pub struct Spool {
    dir: PathBuf,
    archive: PathBuf,
    staging: Option<PathBuf>,
    owner: Owner,
    mode: u32,
    sync: bool,
    clock: Clock,
    ready: Arc<OnceLock<Ready>>,
}

/// What is found out once.
struct Ready {
    staging: Staging,
    /// Users and groups that were named, because looking them up takes long.
    named: Option<Ids>,
}

/// A call file that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Its name, by which its [outcome](Spool::outcome) is found.
    pub name: FileName,
    /// Where it is until the call is over.
    pub path: PathBuf,
    /// When Asterisk will place the call.
    pub due: Due,
}

/// When Asterisk will place a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At once.
    Now,
    /// At once, because the time that was asked for is over.
    Past(Timestamp),
    /// At this time, which is the file's time of modification.
    At(Timestamp),
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("due now"),
            Self::Past(asked) => write!(f, "due now, because {asked} is over"),
            Self::At(time) => write!(f, "due at {time}"),
        }
    }
}

impl Default for Spool {
    /// The queue where Asterisk usually has it, [`Spool::DEFAULT_DIR`].
    fn default() -> Self {
        Self::new(Self::DEFAULT_DIR)
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("dir", &self.dir)
            .field("archive", &self.archive)
            .field("staging", &self.staging)
            .field("owner", &self.owner)
            .field("mode", &format_args!("{:04o}", self.mode))
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}

impl Spool {
    /// Where Asterisk usually has its queue.
    pub const DEFAULT_DIR: &str = "/var/spool/asterisk/outgoing";

    /// A spool with this queue: the directory `outgoing` under Asterisk's `astspooldir`.
    ///
    /// The archive is taken to be beside it, with `_done` after the name, as Asterisk has it.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        let mut archive = dir.components().as_path().as_os_str().to_owned();
        archive.push("_done");
        Self {
            dir,
            archive: archive.into(),
            staging: None,
            owner: Owner::OfSpool,
            mode: 0o640,
            sync: true,
            clock: Arc::new(system_clock),
            ready: Arc::default(),
        }
    }

    /// Writes files first in this directory, which must be there, on the file system of the queue.
    ///
    /// Without it one is made beside the queue, or in it where the parent cannot be written; it goes
    /// with the last clone of this value.
    #[must_use]
    pub fn staging(mut self, dir: impl Into<PathBuf>) -> Self {
        self.staging = Some(dir.into());
        self.changed()
    }

    /// Where Asterisk puts finished files.
    #[must_use]
    pub fn archive(mut self, dir: impl Into<PathBuf>) -> Self {
        self.archive = dir.into();
        self.changed()
    }

    /// Gives files to this user, by name or number, and to its group.
    ///
    /// Without it, files get the owner and the group of the queue, because Asterisk destroys a file
    /// that it cannot read. Where that is not permitted, and Asterisk could not use the file as it
    /// is either, the file is refused with [`SpoolError::NoOwnerPermission`].
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        let group = match self.owner {
            Owner::Named { group, .. } => group,
            Owner::OfSpool | Owner::Writer => None,
        };
        self.owner = Owner::Named {
            user: Some(user.into()),
            group,
        };
        self.changed()
    }

    /// Gives files to this group, by name or number.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        let user = match self.owner {
            Owner::Named { user, .. } => user,
            Owner::OfSpool | Owner::Writer => None,
        };
        self.owner = Owner::Named {
            user,
            group: Some(group.into()),
        };
        self.changed()
    }

    /// Leaves files to whoever writes them. For an Asterisk that can read them anyway.
    #[must_use]
    pub fn keep_owner(mut self) -> Self {
        self.owner = Owner::Writer;
        self.changed()
    }

    /// The mode of files, 0640 when not given.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self.changed()
    }

    /// Whether a file is on the disk before Asterisk sees it, yes when not given.
    ///
    /// Without it, a power cut may leave an empty file, which Asterisk refuses; in return a file
    /// takes microseconds instead of the disk's time.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self.changed()
    }

    /// What time it is, for deciding whether a time is over; the system's clock when not given.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self.changed()
    }

    fn changed(mut self) -> Self {
        self.ready = Arc::default();
        self
    }

    /// The queue.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where Asterisk puts finished files.
    #[must_use]
    pub fn archive_dir(&self) -> &Path {
        &self.archive
    }

    /// Puts a call into the queue, to be placed at once.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] with its remedy; then nothing is left behind and nobody is rung.
    pub fn spool(&self, file: &CallFile) -> Result<Spooled, SpoolError> {
        self.put(&Order::new(file))
    }

    /// Puts a call into the queue, to be placed at a time. One that is over means now, and the
    /// answer [says so](Due::Past).
    ///
    /// # Errors
    ///
    /// As [`spool`](Self::spool).
    pub fn spool_at(&self, file: &CallFile, at: impl Into<When>) -> Result<Spooled, SpoolError> {
        self.put(&Order::new(file).at(at))
    }

    /// Puts a call into the queue under a name of the caller's. A name that is in the queue or in
    /// the archive is refused, so that asking twice does not ring twice.
    ///
    /// # Errors
    ///
    /// As [`spool`](Self::spool).
    pub fn spool_as(&self, name: &FileName, file: &CallFile, at: Option<When>) -> Result<Spooled, SpoolError> {
        self.put(&Order {
            at,
            ..Order::new(file).named(name.clone())
        })
    }

    /// Finds out whether files can be put into the queue, without putting one.
    ///
    /// # Errors
    ///
    /// What [`spool`](Self::spool) would give.
    pub fn check(&self) -> Result<(), SpoolError> {
        let spool = self.look()?;
        let ready = self.ready(&spool)?;
        let (staged, file) = ready.staging.create(&FileName::fresh((self.clock)()), self.mode)?;
        let is = file
            .metadata()
            .map_err(|error| SpoolError::io("look at", staged.path(), error))?;
        self.give(&staged, &file, &is, ready, &spool)?;
        match nix::unistd::access(
            &self.dir,
            nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK,
        ) {
            Ok(()) => Ok(()),
            Err(error) => Err(SpoolError::io_in(&self.dir, "write into", error.into())),
        }
    }

    /// Puts the names of what was spooled on the disk too.
    ///
    /// Each file is on the disk before it is renamed into the queue, but the rename itself gets
    /// there some seconds later, or with this. Until then a power cut may undo it.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn flush(&self) -> Result<(), SpoolError> {
        let dir = File::open(&self.dir).map_err(|error| SpoolError::io_in(&self.dir, "open", error))?;
        dir.sync_all().map_err(|error| SpoolError::io("sync", &self.dir, error))
    }

    fn put(&self, order: &Order<'_>) -> Result<Spooled, SpoolError> {
        let spool = self.look()?;
        let ready = self.ready(&spool)?;
        let pending = self.stage(order, ready, &spool, self.sync)?;
        self.publish(pending)
    }

    /// Writes the file, all but its name in the queue.
    fn stage(&self, order: &Order<'_>, ready: &Ready, spool: &Metadata, sync: bool) -> Result<Pending, SpoolError> {
        let text = order.file.to_text()?;
        let now = (self.clock)();
        let due = match order.at {
            None => Due::Now,
            Some(at) if at.timestamp() <= now => Due::Past(at.timestamp()),
            Some(at) => Due::At(at.timestamp()),
        };
        if let Some(name) = &order.name {
            self.refuse_known(name)?;
        }
        let name = order.name.clone().unwrap_or_else(|| FileName::fresh(now));
        self.refuse_long(&name)?;
        let (staged, mut file) = ready.staging.create(&FileName::fresh(now), self.mode)?;
        let failed = |doing, error| SpoolError::io(doing, staged.path(), error);
        file.write_all(text.as_bytes())
            .map_err(|error| failed("write", error))?;
        // The time first: who has given a file away may not set it any more.
        if let Due::At(time) = due {
            let times = FileTimes::new().set_accessed(time.into()).set_modified(time.into());
            file.set_times(times)
                .map_err(|error| failed("set the time of", error))?;
        }
        let is = file.metadata().map_err(|error| failed("look at", error))?;
        if let Due::At(time) = due {
            refuse_another_time(&is, time)?;
        }
        self.give(&staged, &file, &is, ready, spool)?;
        if sync {
            file.sync_all().map_err(|error| failed("sync", error))?;
        }
        Ok(Pending {
            staged,
            name,
            is_named: order.name.is_some(),
            due,
        })
    }

    /// Renames the file into the queue.
    fn publish(&self, pending: Pending) -> Result<Spooled, SpoolError> {
        let Pending {
            mut staged,
            mut name,
            is_named,
            due,
        } = pending;
        loop {
            let path = self.dir.join(name.as_str());
            let error = match staged.rename(&path) {
                Ok(()) => return Ok(Spooled { name, path, due }),
                Err(error) => error,
            };
            let dir = self.dir.clone();
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists if is_named => SpoolError::AlreadyThere { name, dir },
                io::ErrorKind::AlreadyExists => {
                    name = FileName::fresh((self.clock)());
                    continue;
                }
                io::ErrorKind::CrossesDevices => SpoolError::StagingElsewhere {
                    staging: staged.path().parent().unwrap_or(&dir).to_owned(),
                    spool: dir,
                },
                io::ErrorKind::NotFound => SpoolError::NoSpool { dir },
                _ => SpoolError::io_in(&self.dir, "rename a file into", error),
            });
        }
    }

    fn look(&self) -> Result<Metadata, SpoolError> {
        let dir = || self.dir.clone();
        match fs::metadata(&self.dir) {
            Ok(found) if found.is_dir() => Ok(found),
            Ok(_) => Err(SpoolError::NotADirectory { dir: dir() }),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => SpoolError::NoSpool { dir: dir() },
                io::ErrorKind::NotADirectory => SpoolError::NotADirectory { dir: dir() },
                _ => SpoolError::io_in(&self.dir, "look at", error),
            }),
        }
    }

    fn ready(&self, spool: &Metadata) -> Result<&Ready, SpoolError> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let named = match self.owner {
            Owner::Named { .. } => Some(self.owner.ids(spool)?),
            Owner::OfSpool | Owner::Writer => None,
        };
        let staging = match &self.staging {
            Some(dir) => Staging::named(dir, &self.dir, spool)?,
            None => Staging::made(&self.dir, spool)?,
        };
        Ok(self.ready.get_or_init(|| Ready { staging, named }))
    }

    fn give(
        &self,
        staged: &Staged,
        file: &File,
        is: &Metadata,
        ready: &Ready,
        spool: &Metadata,
    ) -> Result<(), SpoolError> {
        let ids = ready.named.map_or_else(|| self.owner.ids(spool), Ok)?;
        self.owner
            .give(file, is, ids, self.mode, spool)
            .map_err(|error| match error {
                GiveError::Refused => SpoolError::NoOwnerPermission {
                    wanted: self.owner.described(spool),
                },
                GiveError::Io(error) => SpoolError::io("set the owner of", staged.path(), error),
            })
    }

    fn refuse_known(&self, name: &FileName) -> Result<(), SpoolError> {
        for dir in [&self.dir, &self.archive] {
            if dir.join(name.as_str()).symlink_metadata().is_ok() {
                return Err(SpoolError::AlreadyThere {
                    name: name.clone(),
                    dir: dir.clone(),
                });
            }
        }
        Ok(())
    }

    fn refuse_long(&self, name: &FileName) -> Result<(), SpoolError> {
        let bytes = self.archive.as_os_str().len() + 1 + name.as_str().len();
        if bytes > 255 {
            return Err(SpoolError::PathTooLong {
                path: self.archive.join(name.as_str()),
            });
        }
        Ok(())
    }
}

/// A file that only lacks its name in the queue.
struct Pending {
    staged: Staged,
    name: FileName,
    is_named: bool,
    due: Due,
}

/// File systems cut times that they cannot hold, and do not say so.
fn refuse_another_time(is: &Metadata, asked: Timestamp) -> Result<(), InvalidTime> {
    if is.mtime() == asked.as_second() {
        return Ok(());
    }
    let held = Timestamp::from_second(is.mtime()).unwrap_or(Timestamp::MIN);
    Err(InvalidTime::NotHeld { asked, held })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks; `Spool::clock` replaces it"
)]
fn system_clock() -> Timestamp {
    Timestamp::now()
}
