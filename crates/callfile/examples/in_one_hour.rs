//! Rings a number one hour from now: `in_one_hour NUMBER [SPOOL]`.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use outdial_callfile::{CallFile, Channel, Spool, When};

#[expect(clippy::disallowed_methods, reason = "a program may ask what time it is")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let number = arguments.next().ok_or("whom to call? in_one_hour NUMBER [SPOOL]")?;
    let spool = arguments.next().map_or_else(Spool::default, Spool::new);

    let file = CallFile::builder(Channel::local(&number, "from-internal")?)
        .application("Playback", "hello-world")
        .build()?;
    let in_one_hour = When::try_from(now() + Duration::from_secs(3600))?;
    spool.spool_at(&file, in_one_hour)?;
    Ok(())
}
