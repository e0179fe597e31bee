//! Hands call files to Asterisk.

mod batch;
mod error;
mod owner;
mod put;
mod seal;
mod settings;
mod spooled;
mod staging;

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;

pub(crate) use self::seal::without_seal;
pub use self::{
    batch::Order,
    error::SpoolError,
    seal::Sealed,
    spooled::{Due, Spooled},
};
use self::{
    owner::{Ids, Owner},
    staging::Staging,
};
use crate::{CallFile, FileName, When};

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

/// Where Asterisk puts what was in this queue.
fn archive_of(queue: &Path) -> PathBuf {
    let mut archive = queue.components().as_path().as_os_str().to_owned();
    archive.push("_done");
    archive.into()
}

impl Spool {
    /// Where Asterisk usually has its queue.
    pub const DEFAULT_DIR: &str = "/var/spool/asterisk/outgoing";

    /// A spool with this queue: the directory `outgoing` under Asterisk's `astspooldir`.
    ///
    /// The archive is taken to be beside it, with `_done` after the name, as Asterisk has it. Beside a
    /// symbolic link there is none: it is beside the directory that the link leads to.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        let mut archive = archive_of(&dir);
        if dir.is_symlink()
            && !archive.is_dir()
            && let Ok(led_to) = dir.canonicalize()
        {
            archive = archive_of(&led_to);
        }
        Self {
            dir,
            archive,
            staging: None,
            owner: Owner::OfSpool,
            mode: 0o640,
            sync: true,
            clock: Arc::new(system_clock),
            ready: Arc::default(),
        }
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

    /// How many files were found that a process had staged and not spooled when it died. They were never in the
    /// queue, nobody was rung for them, and they were removed when this first staged a file or was
    /// [checked](Self::check).
    #[must_use]
    pub fn cleared(&self) -> usize {
        self.ready.get().map_or(0, |ready| ready.staging.cleared)
    }

    /// Removes what processes that are gone had staged and not spooled, and says how many files that were. It
    /// happens by itself before the first file is staged; this is for those who stage none yet.
    #[must_use]
    pub fn clear(&self) -> usize {
        match self.staging {
            Some(_) => 0,
            None => staging::clear_away(&self.dir),
        }
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
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks; `Spool::clock` replaces it"
)]
fn system_clock() -> Timestamp {
    Timestamp::now()
}
