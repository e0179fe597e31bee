use std::{io, path::PathBuf};

use crate::{FileName, InvalidCallFile, InvalidTime};

/// Why a call file was not spooled. Nothing is left behind, and nobody is rung.
///
/// [`remedy`](Self::remedy) says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// A value of the call file cannot be written. pycall: `ValidationError`.
    #[error("invalid call file: {0}")]
    InvalidCallFile(#[from] InvalidCallFile),
    /// The time cannot be understood or held. pycall: `InvalidTimeError`.
    #[error("invalid time: {0}")]
    InvalidTime(#[from] InvalidTime),
    /// The user does not exist on this system. pycall: `NoUserError`.
    #[error("there is no user {user:?} on this system")]
    NoUser {
        /// As it was given.
        user: String,
    },
    /// The group does not exist on this system.
    #[error("there is no group {group:?} on this system")]
    NoGroup {
        /// As it was given.
        group: String,
    },
    /// The file would belong to somebody else than it must, and this process may not change that.
    /// pycall: `NoUserPermissionError`.
    #[error("no permission to give the call file to {wanted}: Asterisk could not read it, and would destroy it")]
    NoOwnerPermission {
        /// Whom it should belong to.
        wanted: String,
    },
    /// There is no such spool directory.
    #[error("there is no spool directory {dir}")]
    NoSpool {
        /// The directory.
        dir: PathBuf,
    },
    /// The spool directory is something else.
    #[error("the spool {dir} is no directory")]
    NotADirectory {
        /// The path.
        dir: PathBuf,
    },
    /// This process may not write into the spool directory, or into the staging directory. pycall:
    /// `NoSpoolPermissionError`.
    #[error("no permission to write into {dir}")]
    NoSpoolPermission {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The staging directory does not exist or is no directory.
    #[error("there is no staging directory {dir}")]
    NoStaging {
        /// The directory.
        dir: PathBuf,
    },
    /// The staging directory lies on another file system, where a file cannot be renamed from.
    #[error("the staging directory {staging} is on another file system than the spool {spool}")]
    StagingElsewhere {
        /// The staging directory.
        staging: PathBuf,
        /// The spool directory.
        spool: PathBuf,
    },
    /// The disk is full, or the quota used up.
    #[error("no space left for {path}")]
    DiskFull {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of this name is in the queue or in the archive. Spooled again it would ring twice.
    #[error("a call file {name} is already there, in {dir}")]
    AlreadyThere {
        /// The name.
        name: FileName,
        /// The directory that holds it.
        dir: PathBuf,
    },
    /// Asterisk keeps paths of at most 255 bytes, and the archived file's is longer.
    #[error("{path} is longer than the 255 bytes that Asterisk keeps of a path")]
    PathTooLong {
        /// The path in the archive.
        path: PathBuf,
    },
    /// The system failed in some other way.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SpoolError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::InvalidCallFile(_) => "mend the values that are named",
            Self::InvalidTime(_) => {
                "give a time with its zone that the file system can hold, as 2026-12-01T01:00:00+08:00"
            }
            Self::NoUser { .. } => "find out with `ps -o user= -C asterisk` who Asterisk runs as, and name that user",
            Self::NoGroup { .. } => "name a group that `getent group` lists",
            Self::NoOwnerPermission { .. } => {
                "run this as root or as the user that Asterisk runs as; or share a group with it and use mode 0660; \
                 or, if Asterisk can read your files anyway, keep the owner"
            }
            Self::NoSpool { .. } => {
                "start Asterisk with pbx_spool loaded, which makes it, or name the right one: \
                 `outgoing` in the astspooldir of asterisk.conf"
            }
            Self::NotADirectory { .. } => "name the directory `outgoing` in the astspooldir of asterisk.conf",
            Self::NoSpoolPermission { .. } => {
                "run this as the user that Asterisk runs as, or let your group write into the directory"
            }
            Self::NoStaging { .. } => "make the staging directory, or name none and let one be made beside the spool",
            Self::StagingElsewhere { .. } => {
                "name a staging directory on the file system of the spool, or none and let one be made there"
            }
            Self::DiskFull { .. } => "make room on the disk, and try again",
            Self::AlreadyThere { .. } => "use another name for another call; for the same call, read its outcome",
            Self::PathTooLong { .. } => "use a shorter name or a spool directory nearer to the root",
            Self::Io { .. } => "see what the system says, mend it, and try again",
        }
    }

    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            _ => Self::Io { doing, path, source },
        }
    }

    /// As [`io`](Self::io), where a lack of permission is one about a directory.
    pub(crate) fn io_in(dir: &std::path::Path, doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NoSpoolPermission {
                dir: dir.to_owned(),
                source,
            },
            _ => Self::io(doing, dir, source),
        }
    }
}
