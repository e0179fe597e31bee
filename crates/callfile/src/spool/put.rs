//! The way of one file: written, given away, dated, synced, renamed.

use std::{
    fs::{self, File, FileTimes, Metadata},
    io::{self, Write},
    os::unix::fs::MetadataExt,
};

use jiff::Timestamp;

use super::{
    Due, Order, Ready, Spool, SpoolError, Spooled,
    owner::{GiveError, Owner},
    staging::{Staged, Staging},
};
use crate::{FileName, InvalidTime};

/// A file that only lacks its name in the queue.
pub(super) struct Pending {
    pub(super) staged: Staged,
    name: FileName,
    is_named: bool,
    due: Due,
}

impl Spool {
    pub(super) fn put(&self, order: &Order<'_>) -> Result<Spooled, SpoolError> {
        let spool = self.look()?;
        let ready = self.ready(&spool)?;
        let pending = self.stage(order, ready, &spool, self.sync)?;
        self.publish(pending)
    }

    /// Writes the file, all but its name in the queue.
    pub(super) fn stage(
        &self,
        order: &Order<'_>,
        ready: &Ready,
        spool: &Metadata,
        sync: bool,
    ) -> Result<Pending, SpoolError> {
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
        let fresh = FileName::fresh(now);
        let name = order.name.clone().unwrap_or_else(|| fresh.clone());
        self.refuse_long(&name)?;
        // A name of the caller's may be spooled by somebody else at this moment, too.
        let (staged, mut file) = ready.staging.create(&fresh, self.mode)?;
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
    pub(super) fn publish(&self, pending: Pending) -> Result<Spooled, SpoolError> {
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

    pub(super) fn look(&self) -> Result<Metadata, SpoolError> {
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

    pub(super) fn ready(&self, spool: &Metadata) -> Result<&Ready, SpoolError> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let named = match self.owner {
            Owner::Named { .. } => Some(self.owner.ids(spool)?),
            Owner::OfSpool | Owner::Writer => None,
        };
        let staging = match &self.staging {
            Some(dir) => Staging::named(dir, &self.dir, spool)?,
            None => Staging::made(&self.dir, spool, (self.clock)())?,
        };
        Ok(self.ready.get_or_init(|| Ready { staging, named }))
    }

    pub(super) fn give(
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

/// File systems cut times that they cannot hold, and do not say so.
fn refuse_another_time(is: &Metadata, asked: Timestamp) -> Result<(), InvalidTime> {
    if is.mtime() == asked.as_second() {
        return Ok(());
    }
    let held = Timestamp::from_second(is.mtime()).unwrap_or(Timestamp::MIN);
    Err(InvalidTime::NotHeld { asked, held })
}
