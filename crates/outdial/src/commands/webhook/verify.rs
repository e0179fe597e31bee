//! `outdial webhook verify`: checks the signature of a notification.

use std::{path::Path, process::ExitCode};

use outdial_domain::SigningSecret;
use outdial_engine::ports::{Clock, SystemClock};
use outdial_webhooks::{ID, SIGNATURE, TIMESTAMP, VerifyError, verify};

use crate::{cli::Verify, exit::Failure};

/// The largest file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

pub(super) fn run(arguments: &Verify) -> Result<ExitCode, Failure> {
    let headers = read(&arguments.headers)?;
    let body = read(&arguments.body)?;
    let header = |wanted: &str| {
        let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_owned()).ok_or_else(|| {
            let file = arguments.headers.display();
            Failure::usage(format!("{file} has no line `{wanted}: …`"))
        })
    };
    let (id, timestamp, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
    let secret = SigningSecret::new(arguments.secret.trim().to_owned());
    let checked = verify(&secret, &id, &timestamp, &signatures, &body, SystemClock.now());
    match checked {
        Ok(()) => crate::output::say!("the signature fits"),
        Err(VerifyError::Old) if arguments.any_age => crate::output::say!("the signature fits; it is an old one"),
        Err(error @ (VerifyError::Secret | VerifyError::Time)) => return Err(Failure::usage(error.to_string())),
        Err(error) => {
            crate::output::say!("{error}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |why: String| Failure::usage(format!("{} cannot be read: {why}", path.display()));
    let length = std::fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if length > LARGEST {
        return Err(unreadable(format!("it has more than {LARGEST} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}
