//! The thread that turns streams at the right time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use outdial_media::FRAME_MS;

use crate::{
    priority,
    slot::{Buffers, Slot, Turn},
};

/// One phase is a millisecond of the frame.
const PHASES: usize = FRAME_MS as usize;

/// A phase is filled up to here before another is opened: waking up costs the thread more than a turn does.
const FULL: usize = 32;

/// When the machine was away for longer than this, the missed turns are forgotten instead of made up.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// Turns the streams that come over the channel until the channel is lost and the last one is closed.
pub(crate) fn run(arriving: &Receiver<Box<Slot>>, load: &AtomicUsize) {
    priority::raise();
    let mut wheel = Wheel::default();
    let mut buffers = Buffers::default();
    // Tick `n` is due `n` milliseconds after the epoch, whatever happened before.
    let mut epoch = Instant::now();
    let mut tick: u64 = 0;
    loop {
        let orphaned = loop {
            match arriving.try_recv() {
                Ok(slot) => wheel.add(slot),
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
            (epoch, tick) = (now, next % PHASES as u64);
            epoch -= Duration::from_millis(tick);
            continue;
        }
        wheel.turn(next, now, &mut buffers, load);
        tick = next + 1;
    }
}

/// The streams of a thread by the phase in which they are turned.
#[derive(Default)]
struct Wheel {
    #[expect(clippy::vec_box, reason = "a stream that comes or goes moves no other one")]
    phases: [Vec<Box<Slot>>; PHASES],
    /// How many of each phase also have packets to send half a frame later.
    halves: [usize; PHASES],
}

impl Wheel {
    /// Puts a stream into the fullest phase that has room, or into the emptiest when none has.
    fn add(&mut self, slot: Box<Slot>) {
        let preference = |phase: &Vec<_>| (phase.len() >= FULL, phase.len().abs_diff(FULL));
        if let Some(phase) = self.phases.iter_mut().min_by_key(|phase| preference(phase)) {
            phase.push(slot);
        }
    }

    /// The first tick from this one on that has streams to turn.
    fn next_occupied(&self, tick: u64) -> Option<u64> {
        (tick..tick + PHASES as u64)
            .find(|tick| !self.phases[phase(*tick)].is_empty() || self.halves[half_before(*tick)] > 0)
    }

    /// Turns the streams of a tick, and counts those down that are closed.
    fn turn(&mut self, tick: u64, now: Instant, buffers: &mut Buffers, load: &AtomicUsize) {
        self.send_halves(tick, buffers);
        let mut halves = 0;
        self.phases[phase(tick)].retain_mut(|slot| {
            // A fault in one stream must not silence the others of this thread.
            match catch_unwind(AssertUnwindSafe(|| slot.turn(now, buffers))) {
                Ok(Turn::Goes) => {
                    halves += usize::from(slot.has_halves());
                    return true;
                }
                Ok(Turn::Orphaned) => {
                    load.fetch_sub(1, Ordering::Relaxed);
                    slot.close(now, buffers);
                }
                Err(_) => {
                    tracing::error!("a media stream failed; its call goes on without sound");
                    load.fetch_sub(1, Ordering::Relaxed);
                    slot.fail();
                }
            }
            false
        });
        self.halves[phase(tick)] = halves;
    }

    /// Sends the packets of streams whose frame began half a frame ago, for those with packets of 10, 30 and 50 ms.
    fn send_halves(&mut self, tick: u64, buffers: &mut Buffers) {
        let before = half_before(tick);
        if self.halves[before] == 0 {
            return;
        }
        for slot in &mut self.phases[before] {
            if slot.has_halves() && catch_unwind(AssertUnwindSafe(|| slot.half_turn(buffers))).is_err() {
                // The next turn finds out whether the whole stream failed.
                tracing::error!("a media stream failed to send a packet");
            }
        }
    }
}

/// The phase that began half a frame before this tick.
fn half_before(tick: u64) -> usize {
    phase(tick + PHASES as u64 / 2)
}

fn phase(tick: u64) -> usize {
    (tick % PHASES as u64) as usize
}
