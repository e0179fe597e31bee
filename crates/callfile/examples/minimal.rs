//! Rings a number and plays a sentence: `minimal NUMBER [SPOOL]`.

use std::error::Error;

use outdial_callfile::{CallFile, Channel, Spool};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let number = arguments.next().ok_or("whom to call? minimal NUMBER [SPOOL]")?;
    let spool = arguments.next().map_or_else(Spool::default, Spool::new);

    let file = CallFile::builder(Channel::local(&number, "from-internal")?)
        .application("Playback", "hello-world")
        .build()?;
    spool.spool(&file)?;
    Ok(())
}
