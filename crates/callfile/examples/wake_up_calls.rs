//! Wake-up calls for a hotel: `wake_up_calls SPOOL < LIST`, where each line of the list is a room
//! and a time, as `204 2036-12-01T06:30[Asia/Singapore]`.
//!
//! All rooms are checked before the first call is spooled, and they share the disk's time.

use std::{
    error::Error,
    io::{self, BufRead},
};

use outdial_callfile::{CallFile, Channel, Order, Spool, When};

/// A guest who wants to be woken.
struct WakeUp {
    call: CallFile,
    at: When,
}

impl WakeUp {
    fn read(line: &str) -> Result<Self, Box<dyn Error>> {
        let (room, time) = line.trim().split_once(' ').ok_or("a line is: ROOM TIME")?;
        let call = CallFile::builder(Channel::local(room, "rooms")?)
            .caller_id("Reception", "0")
            .max_retries(2)
            .retry_time(120)
            .wait_time(60)
            .variable("room", room)
            .application("Playback", "this-is-yr-wakeup-call")
            .build()?;
        Ok(Self {
            call,
            at: time.trim().parse()?,
        })
    }
}

#[expect(clippy::print_stdout, reason = "a program may talk to whoever started it")]
fn main() -> Result<(), Box<dyn Error>> {
    let spool = std::env::args().nth(1).map_or_else(Spool::default, Spool::new);
    let list: Vec<WakeUp> = io::stdin()
        .lock()
        .lines()
        .map(|line| WakeUp::read(&line?))
        .collect::<Result<_, _>>()?;
    let orders = list.iter().map(|guest| Order::new(&guest.call).at(guest.at));
    for (guest, spooled) in list.iter().zip(spool.spool_many(orders)) {
        println!("{}: {}", guest.call.channel, spooled?.due);
    }
    Ok(())
}
