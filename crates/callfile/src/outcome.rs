use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{CallFile, FileName, History, Spool, Status, parse, spool::without_seal};

/// Where a call file is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// In the queue: not due yet, being dialled, or waiting for its next attempt.
    Queued {
        /// When Asterisk looks at it next.
        due: Timestamp,
        /// The attempts so far.
        history: History,
        /// The call; none when Asterisk would refuse it.
        file: Option<CallFile>,
    },
    /// In the archive, with its result.
    Done(Outcome),
    /// In the archive, without a result: Asterisk is about to write it, or may not write.
    Finishing,
    /// In neither. It was never there, or it is over and was not kept.
    Nowhere,
}

/// What became of a call, read from its file in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub status: Status,
    /// How many attempts Asterisk made.
    pub attempts: u32,
    /// Its notes about them.
    pub history: History,
    /// When it was over.
    pub ended: Timestamp,
    /// The call, as Asterisk read it; none when it could not.
    pub file: Option<CallFile>,
}

impl Outcome {
    /// When each attempt began.
    #[must_use]
    pub fn began(&self) -> Vec<Timestamp> {
        let retry_time = self.file.as_ref().map_or(300, |file| file.retry_time);
        self.history.began(retry_time).collect()
    }
}

/// A file in the queue or the archive that cannot be read.
///
/// Remedy: run this as the user that Asterisk runs as, or as root; or share its group, as files are
/// of mode 0640.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Spool {
    /// Where a call file is, and what is known of its call.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub fn find(&self, name: &FileName) -> Result<Whereabouts, ReadError> {
        // It may move from the one to the other while we look, so the archive is asked twice.
        if let Some(found) = self.in_archive(name)? {
            return Ok(found);
        }
        let path = self.dir().join(name.as_str());
        if let Some((bytes, due)) = read(&path)? {
            let parsed = parse(&without_seal(&bytes));
            return Ok(Whereabouts::Queued {
                due,
                history: parsed.history,
                file: parsed.file,
            });
        }
        Ok(self.in_archive(name)?.unwrap_or(Whereabouts::Nowhere))
    }

    /// The result of a call, once there is one.
    ///
    /// It is there only when the file is kept, as [`CallFile::archive`] has it unless told
    /// otherwise. To be told when it is there, use [`wait`](Self::wait) or [`watch`](Self::watch).
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub fn outcome(&self, name: &FileName) -> Result<Option<Outcome>, ReadError> {
        match self.find(name)? {
            Whereabouts::Done(outcome) => Ok(Some(outcome)),
            Whereabouts::Queued { .. } | Whereabouts::Finishing | Whereabouts::Nowhere => Ok(None),
        }
    }

    fn in_archive(&self, name: &FileName) -> Result<Option<Whereabouts>, ReadError> {
        let found = read(&self.archive_dir().join(name.as_str()))?;
        Ok(found.map(|(bytes, ended)| {
            let bytes = without_seal(&bytes);
            let Some(status) = Status::at_the_end_of(&bytes) else {
                return Whereabouts::Finishing;
            };
            let parsed = parse(&without_status(&bytes));
            Whereabouts::Done(Outcome {
                status,
                attempts: parsed.history.attempts(),
                history: parsed.history,
                ended,
                file: parsed.file,
            })
        }))
    }
}

/// The file as it was before Asterisk wrote the status, which may stick to the last line.
fn without_status(bytes: &[u8]) -> Vec<u8> {
    let mark = b"Status: ";
    let end = bytes.windows(mark.len()).rposition(|window| window == mark);
    bytes[..end.unwrap_or(bytes.len())].to_vec()
}

/// The bytes of a file and its time, if it is there.
fn read(path: &Path) -> Result<Option<(Vec<u8>, Timestamp)>, ReadError> {
    let read = || -> io::Result<_> {
        let time = fs::metadata(path)?.modified()?;
        let time = Timestamp::try_from(time).map_err(io::Error::other)?;
        Ok((fs::read(path)?, time))
    };
    match read() {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(ReadError {
                path: path.to_owned(),
                source: error,
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool() -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        for name in ["outgoing", "outgoing_done"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let spool = Spool::new(dir.path().join("outgoing"));
        (dir, spool)
    }

    #[test]
    fn a_file_is_followed_from_the_queue_to_the_archive() {
        let (_dir, spool) = spool();
        let name = FileName::new("x").unwrap();
        assert_eq!(spool.find(&name).unwrap(), Whereabouts::Nowhere);
        let text = "Channel: SIP/a\nApplication: Hangup\nRetryTime: 60\nArchive: yes\n\nStartRetry: 9 1 (1060)\n";
        fs::write(spool.dir().join("x"), text).unwrap();
        let Whereabouts::Queued { history, .. } = spool.find(&name).unwrap() else {
            panic!("it is in the queue");
        };
        assert_eq!(history.running(), Some(9));
        let archived = spool.archive_dir().join("x");
        fs::rename(spool.dir().join("x"), &archived).unwrap();
        assert_eq!(spool.find(&name).unwrap(), Whereabouts::Finishing);
        assert_eq!(spool.outcome(&name).unwrap(), None);
        fs::write(archived, format!("{text}Status: Completed\n")).unwrap();
        let outcome = spool.outcome(&name).unwrap().unwrap();
        assert_eq!((outcome.status, outcome.attempts), (Status::Completed, 1));
        assert_eq!(outcome.began()[0].as_second(), 1000);
    }

    #[test]
    fn what_a_link_leads_to_has_the_archive() {
        let (dir, spool) = spool();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(spool.dir(), &link).unwrap();
        let linked = Spool::new(&link);
        let real = spool.archive_dir().canonicalize().unwrap();
        assert_eq!(linked.archive_dir(), real);
        fs::write(
            real.join("x"),
            "Channel: SIP/a\nApplication: Hangup\nStatus: Completed\n",
        )
        .unwrap();
        assert!(linked.outcome(&FileName::new("x").unwrap()).unwrap().is_some());
    }

    #[test]
    fn a_glued_status_does_not_become_part_of_a_value() {
        let (_dir, spool) = spool();
        fs::write(
            spool.archive_dir().join("x"),
            "Channel: SIP/a\nApplication: AppStatus: Failed\n",
        )
        .unwrap();
        let outcome = spool.outcome(&FileName::new("x").unwrap()).unwrap().unwrap();
        assert_eq!((outcome.status, outcome.attempts), (Status::Failed, 0));
        assert_eq!(outcome.file.unwrap().action, crate::Action::application("App", ""));
    }

    #[test]
    fn a_spool_that_is_not_there_holds_nothing() {
        let spool = Spool::new("/nowhere/at/all");
        assert_eq!(spool.find(&FileName::new("x").unwrap()).unwrap(), Whereabouts::Nowhere);
    }
}
