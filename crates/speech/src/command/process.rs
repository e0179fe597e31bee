//! Runs a program within limits: text in, bytes out, and nothing of it left behind.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::try_join;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command as Process},
    time::timeout,
};

/// The most bytes of complaints that are kept.
const LONGEST_COMPLAINT: usize = 4_096;

/// One run of a program. No shell is involved.
pub(super) struct Command<'a> {
    pub(super) program: &'a str,
    pub(super) args: &'a [String],
    /// The names of further variables that the program may see.
    pub(super) environment: &'a [String],
    pub(super) time: Duration,
    /// The most bytes it may write.
    pub(super) most: usize,
}

/// Why a run gave nothing.
pub(super) enum Ended {
    /// There is no such program, or it may not be run.
    NotStarted(io::Error),
    /// It said that it failed.
    Failed { status: ExitStatus, stderr: Vec<u8> },
    /// A pipe to it broke in a way that cannot be its doing.
    Broken(io::Error),
    /// It took longer than it may.
    TooLate,
    /// It wrote more than it may.
    TooMuch,
}

impl Command<'_> {
    /// Runs the program and gives what it wrote.
    pub(super) async fn run(&self, stdin: &[u8]) -> Result<Vec<u8>, Ended> {
        let mut running = Running(self.start().map_err(Ended::NotStarted)?);
        timeout(self.time, running.finish(stdin, self.most))
            .await
            .unwrap_or(Err(Ended::TooLate))
    }

    fn start(&self) -> io::Result<Child> {
        let mut process = Process::new(self.program);
        process
            .args(self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Whatever else is in our environment, secrets among it, is none of its business.
        process.env_clear().env("LANG", "C.UTF-8");
        for name in ["PATH", "ESPEAK_DATA_PATH"]
            .into_iter()
            .chain(self.environment.iter().map(String::as_str))
        {
            if let Some(value) = std::env::var_os(name) {
                process.env(name, value);
            }
        }
        #[cfg(unix)]
        process.process_group(0);
        process.kill_on_drop(true).spawn()
    }
}

/// A program that ends, with everything it started, when nobody waits for it any more.
struct Running(Child);

impl Running {
    async fn finish(&mut self, stdin: &[u8], most: usize) -> Result<Vec<u8>, Ended> {
        let pipes = (self.0.stdin.take(), self.0.stdout.take(), self.0.stderr.take());
        let (Some(mut input), Some(output), Some(complaints)) = pipes else {
            return Err(Ended::Broken(io::Error::other("a pipe is missing")));
        };
        let feed = async move {
            // A program need not read all of its text, nor any of it; what it writes counts.
            let _ = input.write_all(stdin).await;
            Ok(())
        };
        let (_, bytes, stderr) = try_join!(feed, read_all(output, most), read_start(complaints))?;
        let status = self.0.wait().await.map_err(Ended::Broken)?;
        if status.success() {
            Ok(bytes)
        } else {
            Err(Ended::Failed { status, stderr })
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The id is gone once the child was waited for, so it cannot be that of a stranger by now.
        #[cfg(unix)]
        if let Some(group) = self
            .0
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Reads to the end, or says that it is too much.
async fn read_all(mut from: impl AsyncRead + Unpin, most: usize) -> Result<Vec<u8>, Ended> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    (&mut from)
        .take(limit)
        .read_to_end(&mut bytes)
        .await
        .map_err(Ended::Broken)?;
    if bytes.len() > most {
        Err(Ended::TooMuch)
    } else {
        Ok(bytes)
    }
}

/// Reads to the end, so that nobody is blocked, and keeps the start.
async fn read_start(mut from: impl AsyncRead + Unpin) -> Result<Vec<u8>, Ended> {
    let mut kept = Vec::new();
    let mut chunk = [0; 1_024];
    loop {
        let read = from.read(&mut chunk).await.map_err(Ended::Broken)?;
        if read == 0 {
            return Ok(kept);
        }
        let room = LONGEST_COMPLAINT - kept.len();
        kept.extend_from_slice(&chunk[..read.min(room)]);
    }
}
