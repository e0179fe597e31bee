//! Keeps Asterisk from dialling a file a second time.

use std::{
    borrow::Cow,
    fs::{self, File, FileTimes},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
};

use super::Spool;
use crate::{FileName, parse};

/// Whoever reads the file after this finds no channel in it, and refuses it: the last `Channel` holds.
const SEAL: &[u8] = b"\nChannel: /\n";

/// What came of [`Spool::seal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// It is sealed, now or since before.
    Yes,
    /// Asterisk has not begun it, so it was left as it is: sealed, it would never be dialled.
    NotBegun,
    /// It is not in the queue.
    NotQueued,
}

impl Spool {
    /// Makes a file that Asterisk has begun one that it refuses to read again.
    ///
    /// An Asterisk that dies during a call finds the file in its queue when it is back, takes the attempt for
    /// aborted and dials once more, whatever `MaxRetries` says. A sealed file is moved to the archive as
    /// [`Failed`](crate::Status::Failed) instead. The attempt that runs and its result are as they were, because
    /// Asterisk does not read a file while it dials; further attempts that the file asks for are not made.
    ///
    /// # Errors
    ///
    /// When the file may not be read and written.
    pub fn seal(&self, name: &FileName) -> io::Result<Sealed> {
        let path = self.dir().join(name.as_str());
        let mut file = match File::options().read(true).append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sealed::NotQueued),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if without_seal(&bytes).len() < bytes.len() {
            return Ok(Sealed::Yes);
        }
        if parse(&bytes).history.running().is_none() {
            return Ok(Sealed::NotBegun);
        }
        let before = file.metadata()?;
        file.write_all(SEAL)?;
        // Its time is when Asterisk looks at it next; not all systems tell Asterisk of files by name.
        if fs::metadata(&path).is_ok_and(|now| now.ino() == before.ino())
            && let Ok(time) = before.modified()
        {
            // Who does not own the file may not, and it is refused a little earlier then.
            let _ = file.set_times(FileTimes::new().set_modified(time));
        }
        Ok(Sealed::Yes)
    }
}

/// The file as it was before it was sealed.
pub(crate) fn without_seal(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.windows(SEAL.len()).position(|window| window == SEAL) {
        Some(at) => [&bytes[..at], &bytes[at + SEAL.len()..]].concat().into(),
        None => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{Status, Whereabouts};

    const TEXT: &str = "Channel: SIP/a\nApplication: Hangup\nArchive: yes\n";

    #[test]
    fn a_file_is_sealed_once_and_only_when_it_was_begun() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["outgoing", "outgoing_done"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let spool = Spool::new(dir.path().join("outgoing"));
        let name = FileName::new("x").unwrap();
        let queued = spool.dir().join("x");
        assert_eq!(spool.seal(&name).unwrap(), Sealed::NotQueued);
        fs::write(&queued, TEXT).unwrap();
        assert_eq!(spool.seal(&name).unwrap(), Sealed::NotBegun);
        let begun = format!("{TEXT}\nStartRetry: 9 1 (1300)\n");
        fs::write(&queued, &begun).unwrap();
        let later: Timestamp = "2036-12-01T01:00:00Z".parse().unwrap();
        let times = FileTimes::new().set_modified(later.into());
        File::options()
            .append(true)
            .open(&queued)
            .unwrap()
            .set_times(times)
            .unwrap();
        for _ in 0..2 {
            assert_eq!(spool.seal(&name).unwrap(), Sealed::Yes);
        }
        let sealed = fs::read(&queued).unwrap();
        assert_eq!(sealed, format!("{begun}\nChannel: /\n").into_bytes());
        assert!(!parse(&sealed).would_call());
        let Whereabouts::Queued { due, history, file } = spool.find(&name).unwrap() else {
            panic!("it is in the queue");
        };
        assert_eq!((due, history.attempts()), (later, 1));
        assert!(file.is_some(), "what it was is still known");
        // Wherever the seal and the result came to stand.
        let archived = spool.archive_dir().join("x");
        fs::remove_file(&queued).unwrap();
        for text in [
            format!("{begun}\nChannel: /\nStatus: Completed\n"),
            format!("{begun}Status: Completed\n\nChannel: /\n"),
        ] {
            fs::write(&archived, text).unwrap();
            let outcome = spool.outcome(&name).unwrap().unwrap();
            assert_eq!(outcome.status, Status::Completed);
            assert!(outcome.file.is_some());
        }
    }
}
