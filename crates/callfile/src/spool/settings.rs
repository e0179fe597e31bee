//! How a spool is set up.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;

use super::{Owner, Spool};

impl Spool {
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
    /// is either, the file is refused with [`SpoolError::NoOwnerPermission`](crate::SpoolError::NoOwnerPermission).
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

    /// The same spool, for which everything is found out anew and no staging directory is held.
    pub(crate) fn changed(mut self) -> Self {
        self.ready = Arc::default();
        self
    }
}
