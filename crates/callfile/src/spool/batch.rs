use std::{fs::File, io, path::Path};

use super::{Spool, SpoolError, Spooled, put::Pending};
use crate::{CallFile, FileName, When};

/// So many files share one sync, and wait for each other.
const TOGETHER: usize = 1024;

/// One call of many for [`Spool::spool_many`].
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The call.
    pub file: &'a CallFile,
    /// When it shall be placed; at once when not given.
    pub at: Option<When>,
    /// The name of its file; a new one when not given.
    pub name: Option<FileName>,
}

impl<'a> Order<'a> {
    /// A call to be placed at once, under a new name.
    #[must_use]
    pub fn new(file: &'a CallFile) -> Self {
        Self {
            file,
            at: None,
            name: None,
        }
    }

    /// The same at a time.
    #[must_use]
    pub fn at(mut self, at: impl Into<When>) -> Self {
        self.at = Some(at.into());
        self
    }

    /// The same under a name.
    #[must_use]
    pub fn named(mut self, name: FileName) -> Self {
        self.name = Some(name);
        self
    }
}

impl Spool {
    /// Puts very many calls into the queue, with an answer for each, in their order.
    ///
    /// Each is treated as by [`spool`](Self::spool), but a thousand at a time share one sync of the
    /// file system, which makes it many times faster. Files come into the queue a thousand at a
    /// time, too: Asterisk dials every due file at once and without limit, so give the calls
    /// different times where it matters.
    ///
    /// ```no_run
    /// use outdial_callfile::{Action, CallFile, Channel, Order, Spool, When};
    ///
    /// let files: Vec<CallFile> = (100..1100)
    ///     .map(|room| Ok(CallFile::new(Channel::local(&room.to_string(), "rooms")?, Action::application("Playback", "alarm"))))
    ///     .collect::<Result<_, outdial_callfile::InvalidChannel>>()?;
    /// let seven: When = "2026-12-01T07:00:00+08:00".parse()?;
    /// for spooled in Spool::default().spool_many(files.iter().map(|file| Order::new(file).at(seven))) {
    ///     println!("{}", spooled?.name);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spool_many<'a>(&self, orders: impl IntoIterator<Item = Order<'a>>) -> Vec<Result<Spooled, SpoolError>> {
        let mut answers = Vec::new();
        let mut pending = Vec::with_capacity(TOGETHER);
        for order in orders {
            pending.push(self.prepare(&order));
            if pending.len() == TOGETHER {
                self.publish_all(&mut pending, &mut answers);
            }
        }
        self.publish_all(&mut pending, &mut answers);
        answers
    }

    fn prepare(&self, order: &Order<'_>) -> Result<Pending, SpoolError> {
        let spool = self.look()?;
        let ready = self.ready(&spool)?;
        self.stage(order, ready, &spool, self.sync && !CAN_SHARE)
    }

    fn publish_all(
        &self,
        pending: &mut Vec<Result<Pending, SpoolError>>,
        answers: &mut Vec<Result<Spooled, SpoolError>>,
    ) {
        let one_staged = pending.iter().find_map(|one| one.as_ref().ok());
        let synced = match one_staged.and_then(|one| one.staged.path().parent()) {
            Some(dir) if self.sync && CAN_SHARE => sync_all_in(dir).map_err(|error| (dir.to_owned(), error)),
            _ => Ok(()),
        };
        answers.extend(pending.drain(..).map(|one| match &synced {
            Ok(()) => self.publish(one?),
            Err((dir, error)) => {
                let error = error
                    .raw_os_error()
                    .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                // What was staged goes with `one`; a problem of its own is the better answer.
                one.and_then(|_| Err(SpoolError::io("sync", dir, error)))
            }
        }));
    }
}

#[cfg(target_os = "linux")]
const CAN_SHARE: bool = true;

#[cfg(not(target_os = "linux"))]
const CAN_SHARE: bool = false;

/// Puts all that was written to the file system of this directory on the disk.
#[cfg(target_os = "linux")]
fn sync_all_in(dir: &Path) -> io::Result<()> {
    nix::unistd::syncfs(File::open(dir)?).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn sync_all_in(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
