//! Rings a number at one in the morning of 1 December 2036, where it is that time in Singapore:
//! `at_one_on_a_date NUMBER [SPOOL]`.

use std::error::Error;

use jiff::civil::date;
use outdial_callfile::{CallFile, Channel, Due, Spool};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let number = arguments
        .next()
        .ok_or("whom to call? at_one_on_a_date NUMBER [SPOOL]")?;
    let spool = arguments.next().map_or_else(Spool::default, Spool::new);

    let file = CallFile::builder(Channel::local(&number, "from-internal")?)
        .application("Playback", "hello-world")
        .build()?;
    let one_in_the_morning = date(2036, 12, 1).at(1, 0, 0, 0).in_tz("Asia/Singapore")?;
    let spooled = spool.spool_at(&file, one_in_the_morning)?;
    if let Due::Past(time) = spooled.due {
        return Err(format!("{time} is over, so the phone rings now").into());
    }
    Ok(())
}
