//! `outdial callfile`: call files for an Asterisk on this machine, without a server.

mod arguments;
mod check;
mod spool;
mod write;

use std::{fs::File, io::Read, path::Path, process::ExitCode};

use outdial_callfile::{InvalidTime, Spool, SpoolError, When};

pub use self::arguments::Callfile;
use self::arguments::{Place, Time};
use crate::exit::Failure;

pub async fn run(command: Callfile) -> Result<ExitCode, Failure> {
    // Disks and archives are waited for, so it runs on a thread for that.
    let running = tokio::task::spawn_blocking(move || match command {
        Callfile::Write(write) => write::run(*write),
        Callfile::Check(check) => check::run(&check),
        Callfile::Spool(spool) => spool::run(&spool),
    });
    running
        .await
        .unwrap_or_else(|error| Err(Failure::result(format!("the command ended early: {error}"))))
}

impl Place {
    fn spool(&self) -> Spool {
        let mut spool = Spool::new(&self.spool).mode(self.mode).sync(!self.no_sync);
        if let Some(dir) = &self.staging {
            spool = spool.staging(dir);
        }
        if let Some(user) = &self.user {
            spool = spool.user(user);
        }
        if let Some(group) = &self.group {
            spool = spool.group(group);
        }
        if self.keep_owner {
            spool = spool.keep_owner();
        }
        spool
    }
}

impl Time {
    fn when(&self) -> Result<Option<When>, Failure> {
        let refused = |error: InvalidTime| Failure::usage(format!("--at: {error}"));
        match (&self.at, self.in_) {
            (Some(at), _) => at.parse().map(Some).map_err(refused),
            (None, Some(length)) => {
                let time = now().checked_add(length);
                let time = time.map_err(|_| {
                    Failure::usage("--in is further away than time is counted, to the end of the year 9999: give less")
                })?;
                Ok(Some(time.into()))
            }
            (None, None) => Ok(None),
        }
    }

    /// The argument that a time was given by.
    fn flag(&self) -> &'static str {
        if self.in_.is_some() { "--in: " } else { "--at: " }
    }
}

/// Says what an earlier run had left, if it had.
fn tell_cleared(spool: &Spool) {
    let cleared = spool.cleared();
    if cleared > 0 {
        crate::output::tell!(
            "outdial: an earlier run was interrupted: {cleared} call files that it had written and not spooled yet were \
             removed, and nobody was rung for them"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a command may ask what time it is")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// What was wrong with the wish is the user's to mend; what was wrong with the place is the machine's.
fn failure(error: &SpoolError, time: &Time) -> Failure {
    let mut text = match error {
        SpoolError::InvalidTime(error) => format!("{}{error}", time.flag()),
        error => error.to_string(),
    };
    if let Some(source) = std::error::Error::source(error)
        && !matches!(error, SpoolError::InvalidCallFile(_) | SpoolError::InvalidTime(_))
    {
        text += &format!(": {source}");
    }
    text += &format!("\n  {}", error.remedy());
    match error {
        SpoolError::InvalidCallFile(_)
        | SpoolError::InvalidTime(_)
        | SpoolError::NoUser { .. }
        | SpoolError::NoGroup { .. }
        | SpoolError::AlreadyThere { .. }
        | SpoolError::PathTooLong { .. } => Failure::usage(text),
        _ => Failure::start(text),
    }
}

/// The most bytes that are read of a file: some 100,000 call files as JSON.
const LARGEST: u64 = 64 << 20;

/// The bytes of a file; `-` is the standard input. Whatever else may keep a reader waiting is refused.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)
    };
    match read {
        Ok(count) if count as u64 > LARGEST => Err(Failure::usage(format!(
            "{} is longer than {LARGEST} bytes; give less at a time",
            path.display()
        ))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = std::fs::metadata(path).and_then(|is| {
        if is.is_file() {
            File::open(path).map(Some)
        } else {
            Ok(None)
        }
    });
    let shown = path.display();
    match opened {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(Failure::usage(format!(
            "{shown} is no regular file: give a file, or `-` for what comes by a pipe"
        ))),
        Err(error) => Err(Failure::usage(format!("{shown} cannot be read: {error}"))),
    }
}
