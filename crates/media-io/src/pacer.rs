//! The thread that turns streams at the right time.

use std::{
    sync::{
        atomic::AtomicUsize,
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use outdial_domain::RoomId;
use outdial_media::FRAME_MS;

use crate::{
    priority,
    room::RoomCommand,
    rooms::Join,
    slot::{Buffers, Slot},
    wheel::Wheel,
};

/// When the machine was away for longer than this, the missed turns are forgotten instead of made up.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// What comes to a thread.
pub(crate) enum Arriving {
    /// A stream that begins.
    Stream(Box<Slot>),
    /// A stream that joins a room of this thread.
    Member(Box<Slot>, Box<Join>),
    /// Something to be done with a room.
    Command(RoomId, RoomCommand),
}

/// Turns the streams that come over the channel until the channel is lost and the last one is closed. `number` is that of
/// this thread.
pub(crate) fn run(number: usize, arriving: &Receiver<Arriving>, load: &AtomicUsize) {
    priority::raise();
    let mut wheel = Wheel::default();
    let mut buffers = Buffers::default();
    // Tick `n` is due `n` milliseconds after the epoch, whatever happened before.
    let mut epoch = Instant::now();
    let mut tick: u64 = 0;
    loop {
        let orphaned = loop {
            match arriving.try_recv() {
                Ok(Arriving::Stream(slot)) => wheel.add(slot),
                Ok(Arriving::Member(slot, join)) => wheel.enter(slot, *join, None),
                Ok(Arriving::Command(room, command)) => wheel.obey(room, command),
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            }
        };
        let Some(next) = wheel.next_occupied(tick) else {
            if orphaned {
                return;
            }
            thread::park();
            (epoch, tick) = (Instant::now(), 0);
            continue;
        };
        let due = epoch + Duration::from_millis(next);
        let now = Instant::now();
        if now < due {
            // A new stream wakes the thread early; it is taken in and the wait goes on.
            thread::park_timeout(due - now);
            continue;
        }
        if now - due > LONGEST_DELAY {
            (epoch, tick) = (now, next % u64::from(FRAME_MS));
            epoch -= Duration::from_millis(tick);
            continue;
        }
        wheel.turn(next, now, &mut buffers, number, load);
        tick = next + 1;
    }
}
