//! The limiter of several processes on one machine.

use super::{LONGEST_HOLD, Limiter, PER_MINUTE, Slot, spacing};
use crate::Error;
use futures_util::future::BoxFuture;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shares the time of accounts among all processes that name the same directory.
///
/// Each account has a small file in it, which is locked while it is looked at. All of these processes
/// need to agree on the time of the day, as those of one machine do, and on the limit.
#[derive(Clone, Debug)]
pub struct FileLimiter {
    directory: PathBuf,
    spacing: Duration,
}

impl FileLimiter {
    /// In this directory, which must be there and writable.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self::per_minute(directory, PER_MINUTE)
    }

    /// For accounts that may send another number of requests a minute.
    #[must_use]
    pub fn per_minute(directory: impl Into<PathBuf>, requests: u32) -> Self {
        Self {
            directory: directory.into(),
            spacing: spacing(requests),
        }
    }

    fn path(&self, account: &str) -> PathBuf {
        // No account leads out of the directory.
        let name = percent_encoding::utf8_percent_encode(account, percent_encoding::NON_ALPHANUMERIC);
        self.directory.join(format!("exotel-{name}.limit"))
    }

    /// Changes the mark of an account on a thread that may block. The change gets the mark and the time, both
    /// since 1970, and gives the new mark, if there is one, and its result.
    fn on_mark<'a, T: Send + 'static>(
        &'a self,
        account: &str,
        change: impl FnOnce(Duration, Duration) -> (Option<Duration>, T) + Send + 'static,
    ) -> BoxFuture<'a, Result<T, Error>> {
        let path = self.path(account);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || on_file(&path, change)).await;
            match done {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(error)) => Err(Error::Limiter(Box::new(error))),
                Err(error) => Err(Error::Limiter(Box::new(error))),
            }
        })
    }
}

fn on_file<T>(path: &Path, change: impl FnOnce(Duration, Duration) -> (Option<Duration>, T)) -> std::io::Result<T> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    // Given back when the file is closed, by whatever end of this process.
    file.lock()?;
    let now = now();
    // A mark further ahead was made before the clock was set back, and counts for nothing.
    let mark = mark(&mut file)?
        .filter(|mark| *mark <= now + LONGEST_HOLD)
        .unwrap_or(now);
    let (new, result) = change(mark, now);
    if let Some(new) = new {
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(format!("{}\n", new.as_micros()).as_bytes())?;
    }
    Ok(result)
}

/// The mark in the file. What is no number, as after a full disk, counts as none.
fn mark(file: &mut File) -> std::io::Result<Option<Duration>> {
    let mut bytes = Vec::new();
    Read::by_ref(file).take(40).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim().parse().ok().map(Duration::from_micros))
}

#[expect(
    clippy::disallowed_methods,
    reason = "processes have no other clock in common, and a client of its own has nobody who gives it the time"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Limiter for FileLimiter {
    fn take<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Slot, Error>> {
        let spacing = self.spacing;
        self.on_mark(account, move |next, now| {
            if next > now {
                return (None, Slot::Wait(next - now));
            }
            (Some(now + spacing), Slot::Taken)
        })
    }

    fn wait<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Duration, Error>> {
        self.on_mark(account, |next, now| (None, next.saturating_sub(now)))
    }

    fn hold<'a>(&'a self, account: &'a str, wait: Duration) -> BoxFuture<'a, Result<(), Error>> {
        self.on_mark(account, move |next, now| {
            (Some(next.max(now + wait.min(LONGEST_HOLD))), ())
        })
    }

    fn spacing(&self) -> Duration {
        self.spacing
    }
}
