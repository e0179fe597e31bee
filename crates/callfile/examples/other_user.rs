//! Rings a number for an Asterisk that runs as another user: `other_user NUMBER USER [SPOOL]`.
//!
//! Asterisk destroys a file that it cannot read. So each thing that can be wrong about the user has
//! an error of its own, and then nothing was written.

use std::{error::Error, process::ExitCode};

use outdial_callfile::{CallFile, Channel, Spool, SpoolError};

#[expect(clippy::print_stderr, reason = "a program may talk to whoever started it")]
fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(number), Some(user)) = (arguments.next(), arguments.next()) else {
        return Err("whom to call, as whom? other_user NUMBER USER [SPOOL]".into());
    };
    let spool = arguments.next().map_or_else(Spool::default, Spool::new).user(user);

    let file = CallFile::builder(Channel::local(&number, "from-internal")?)
        .application("Playback", "hello-world")
        .build()?;
    match spool.spool(&file) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(wrong @ (SpoolError::NoUser { .. } | SpoolError::NoOwnerPermission { .. })) => {
            eprintln!("{wrong}\n{}", wrong.remedy());
            Ok(ExitCode::FAILURE)
        }
        Err(other) => Err(other.into()),
    }
}
