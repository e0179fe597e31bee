//! What became of a file that was spooled.

use std::{fmt, path::PathBuf};

use jiff::Timestamp;

use crate::FileName;

/// A call file that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Its name, by which its [outcome](crate::Spool::outcome) is found.
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
