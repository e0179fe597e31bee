use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use crate::client::now;

/// A directory that call files are moved into, and one on the same disk where they are written.
#[derive(Debug)]
pub(crate) struct CallFiles {
    queue: PathBuf,
    staged: PathBuf,
}

impl CallFiles {
    /// Makes both in a folder.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let files = Self::in_folder(folder);
        for folder in [&files.queue, &files.staged] {
            fs::create_dir_all(folder).context("make the spool directory")?;
        }
        Ok(files)
    }

    /// Those that were made in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            queue: folder.join("outgoing"),
            staged: folder.join("staged"),
        }
    }

    pub(crate) fn queue(&self) -> &Path {
        &self.queue
    }

    /// Moves so many call files into the spool, as fast as they can be moved. Each rings the URI, and
    /// runs the application when it is answered. Its name ends in when it was moved; see [`moved_at`].
    pub(crate) fn dial(&self, calls: usize, uri: &str, application: &str, data: &str) -> Result<Instant> {
        // What follows a semicolon would be a comment.
        let uri = uri.replace(';', "\\;");
        let text = format!(
            "Channel: PJSIP/anyone/{uri}\nMaxRetries: 0\nWaitTime: 30\nApplication: {application}\nData: {data}\n"
        );
        for number in 0..calls {
            fs::write(self.staged.join(format!("{number}.call")), &text).context("write a call file")?;
        }
        let started = Instant::now();
        for number in 0..calls {
            let name = format!("{number}-{}.call", now().as_microsecond());
            fs::rename(self.staged.join(format!("{number}.call")), self.queue.join(name))
                .context("move a call file into the spool")?;
        }
        Ok(started)
    }

    /// Waits until no call file is left: every call is over.
    pub(crate) async fn are_done(&self, patience: Duration) -> Result<()> {
        let started = Instant::now();
        while self.has_some()? {
            ensure!(
                started.elapsed() < patience,
                "call files are left in the spool after {patience:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Whether any call file is there. What begins with a dot is the spooler's own.
    fn has_some(&self) -> Result<bool> {
        for entry in fs::read_dir(&self.queue).context("look into the spool")? {
            let entry = entry.context("look into the spool")?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// When a file of this name was moved into the spool.
pub(crate) fn moved_at(name: &str) -> Option<Timestamp> {
    let (_, micros) = name.strip_suffix(".call")?.rsplit_once('-')?;
    Timestamp::from_microsecond(micros.parse().ok()?).ok()
}
