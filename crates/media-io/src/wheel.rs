//! The streams and rooms of a thread by the phase in which they are turned.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use outdial_domain::RoomId;
use outdial_media::FRAME_MS;

use crate::{
    room::{Next, Room, RoomCommand},
    rooms::Join,
    slot::{Buffers, Slot, Turn},
};

/// One phase is a millisecond of the frame.
const PHASES: usize = FRAME_MS as usize;

/// A phase is filled up to here before another is opened: waking up costs the thread more than a turn does.
const FULL: usize = 32;

/// All that a thread turns.
#[derive(Default)]
pub(crate) struct Wheel {
    phases: [Phase; PHASES],
    /// Streams that asked to join in this tick.
    joining: Vec<(Box<Slot>, Box<Join>)>,
}

/// What is turned in the same millisecond.
#[derive(Default)]
struct Phase {
    #[expect(clippy::vec_box, reason = "a stream that comes or goes moves no other one")]
    streams: Vec<Box<Slot>>,
    rooms: Vec<Room>,
    /// How many streams also have packets to send half a frame later.
    halves: usize,
}

impl Phase {
    fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.rooms.is_empty()
    }

    fn load(&self) -> usize {
        self.streams.len() + self.rooms.iter().map(Room::len).sum::<usize>()
    }
}

impl Wheel {
    /// Puts a stream into the fullest phase that has room, or into the emptiest when none has.
    pub(crate) fn add(&mut self, slot: Box<Slot>) {
        let best = self.best();
        self.phases[best].streams.push(slot);
    }

    fn best(&self) -> usize {
        let preference = |phase: &usize| {
            let load = self.phases[*phase].load();
            (load >= FULL, load.abs_diff(FULL))
        };
        (0..PHASES).min_by_key(preference).unwrap_or(0)
    }

    /// Lets a stream into a room of this thread, which is made if it is not there: in the phase that the stream had, if that
    /// is given.
    pub(crate) fn enter(&mut self, slot: Box<Slot>, join: Join, phase: Option<usize>) {
        let room = match self.place(join.entry.id) {
            Some((phase, index)) => &mut self.phases[phase].rooms[index],
            None => {
                let phase = phase.unwrap_or_else(|| self.best());
                let rooms = &mut self.phases[phase].rooms;
                rooms.push(Room::new(join.entry.clone()));
                let last = rooms.len() - 1;
                &mut rooms[last]
            }
        };
        room.enter(slot, join);
    }

    /// Does something with a room, if it is there.
    pub(crate) fn obey(&mut self, room: RoomId, command: RoomCommand) {
        if let Some((phase, index)) = self.place(room) {
            self.phases[phase].rooms[index].obey(command);
        }
    }

    fn place(&self, room: RoomId) -> Option<(usize, usize)> {
        self.phases.iter().enumerate().find_map(|(phase, what)| {
            let index = what.rooms.iter().position(|other| other.id() == room)?;
            Some((phase, index))
        })
    }

    /// The first tick from this one on that has streams to turn.
    pub(crate) fn next_occupied(&self, tick: u64) -> Option<u64> {
        (tick..tick + PHASES as u64)
            .find(|tick| !self.phases[phase(*tick)].is_empty() || self.phases[half_before(*tick)].halves > 0)
    }

    /// Turns the streams of a tick. `load` counts the streams of this thread, which is the one with this number.
    pub(crate) fn turn(&mut self, tick: u64, now: Instant, buffers: &mut Buffers, number: usize, load: &AtomicUsize) {
        let before = half_before(tick);
        self.phases[before].send_halves(buffers);
        let this = phase(tick);
        let joining = &mut self.joining;
        self.phases[this].halves = 0;
        self.phases[this].turn_streams(now, buffers, load, joining);
        // After the streams, so that one that leaves a room here has its next turn in the next frame.
        self.phases[this].turn_rooms(now, buffers, load, joining);
        while let Some((slot, join)) = self.joining.pop() {
            let home = join.workers.home(&join.entry, number);
            if home == number {
                self.enter(slot, *join, Some(this));
            } else {
                let workers = join.workers.clone();
                workers.hand_over(number, home, slot, join);
            }
        }
    }
}

impl Phase {
    fn turn_rooms(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        load: &AtomicUsize,
        joining: &mut Vec<(Box<Slot>, Box<Join>)>,
    ) {
        let mut left = Vec::new();
        self.rooms.retain_mut(|room| {
            room.turn(now, buffers, &mut left);
            self.halves += room.halves();
            room.len() > 0
        });
        for (mut slot, next) in left {
            match next {
                Next::Alone => {
                    slot.tell_left();
                    self.streams.push(slot);
                }
                Next::Move(join) => joining.push((slot, join)),
                Next::Close => {
                    load.fetch_sub(1, Ordering::Relaxed);
                    slot.close(now, buffers);
                }
                Next::Fail => failed(&mut slot, load),
            }
        }
    }

    fn turn_streams(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        load: &AtomicUsize,
        joining: &mut Vec<(Box<Slot>, Box<Join>)>,
    ) {
        let mut index = 0;
        while index < self.streams.len() {
            let slot = &mut self.streams[index];
            // A fault in one stream must not silence the others of this thread.
            match catch_unwind(AssertUnwindSafe(|| slot.turn(now, buffers))) {
                Ok(Turn::Goes) => {
                    self.halves += usize::from(slot.has_halves());
                    index += 1;
                }
                Ok(Turn::Joins(join)) => joining.push((self.streams.swap_remove(index), join)),
                Ok(Turn::Orphaned) => {
                    load.fetch_sub(1, Ordering::Relaxed);
                    self.streams.swap_remove(index).close(now, buffers);
                }
                Err(_) => failed(&mut self.streams.swap_remove(index), load),
            }
        }
    }

    /// Sends the packets of streams whose frame began half a frame ago, for those with packets of 10, 30 and 50 ms.
    fn send_halves(&mut self, buffers: &mut Buffers) {
        if self.halves == 0 {
            return;
        }
        for slot in &mut self.streams {
            if slot.has_halves() && catch_unwind(AssertUnwindSafe(|| slot.half_turn(buffers))).is_err() {
                // The next turn finds out whether the whole stream failed.
                tracing::error!("a media stream failed to send a packet");
            }
        }
        for room in &mut self.rooms {
            room.half_turn(buffers);
        }
    }
}

fn failed(slot: &mut Slot, load: &AtomicUsize) {
    tracing::error!("a media stream failed; its call goes on without sound");
    load.fetch_sub(1, Ordering::Relaxed);
    slot.fail();
}

/// The phase that began half a frame before this tick.
fn half_before(tick: u64) -> usize {
    phase(tick + PHASES as u64 / 2)
}

fn phase(tick: u64) -> usize {
    (tick % PHASES as u64) as usize
}
