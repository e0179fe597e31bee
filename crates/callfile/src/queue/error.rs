use std::{io, path::PathBuf};

/// Why files cannot be taken out of a directory.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It is not there, or this process may not read and write it.
    #[error(
        "{} cannot be used: {source}. It must be a directory that the user of this program may read and write",
        dir.display()
    )]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process takes files out of it.
    #[error("another program takes files out of {}: stop that one, or name another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Its file system gives a file no second name.
    #[error(
        "files in {} cannot get a second name: {source}. Name a directory on a file system with hard links",
        dir.display()
    )]
    NoHardLinks {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
