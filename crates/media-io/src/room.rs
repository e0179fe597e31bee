//! One room as its thread sees it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use outdial_domain::RoomId;
use outdial_engine::ports::{DigitWay, RoomKind, TapSink};
use outdial_media::{
    MAX_FRAME,
    digit::Digit,
    mixer::{Band, Seat},
    room::{Kind, Room as Sound},
};

use crate::{
    rooms::{Entry, Join, Presence},
    slot::{Buffers, Obeyed, Slot},
};

/// What is done with a room as a whole.
pub(crate) enum RoomCommand {
    Play(Band, Vec<Arc<[i16]>>),
    StopPlaying,
    Tap(TapSink),
}

/// Streams that are turned together.
pub(crate) struct Room {
    entry: Arc<Entry>,
    sound: Sound,
    members: Vec<Member>,
    tap: Option<TapSink>,
    /// Keys that were pressed in this turn, and by whom.
    pressed: Vec<(Seat, Digit, DigitWay)>,
}

struct Member {
    slot: Box<Slot>,
    seat: Seat,
    presence: Arc<Presence>,
    /// Once it is to leave: it is in its last turn.
    next: Option<Next>,
}

/// What becomes of a stream after it has left a room.
#[derive(Debug)]
pub(crate) enum Next {
    /// It goes on without a room.
    Alone,
    Move(Box<Join>),
    Close,
    /// A fault of ours ended it.
    Fail,
}

impl Room {
    pub(crate) fn new(entry: Arc<Entry>) -> Self {
        let kind = match entry.kind {
            RoomKind::Bridge => Kind::Bridge,
            RoomKind::Conference => Kind::Conference,
        };
        Self {
            entry,
            sound: Sound::new(kind),
            members: Vec::new(),
            tap: None,
            pressed: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> RoomId {
        self.entry.id
    }

    /// How many streams it has.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn enter(&mut self, mut slot: Box<Slot>, join: Join) {
        slot.enter(self.entry.id, join.muted);
        self.members.push(Member {
            seat: self.sound.join(slot.media(), join.muted),
            slot,
            presence: join.presence,
            next: None,
        });
    }

    pub(crate) fn obey(&mut self, command: RoomCommand) {
        match command {
            RoomCommand::Play(band, clips) => {
                if self.sound.play(band, clips).is_err() {
                    tracing::warn!(room = %self.entry.id, "too much is played to a room already");
                }
            }
            RoomCommand::StopPlaying => self.sound.stop_playing(),
            RoomCommand::Tap(tap) => {
                self.sound.set_listened(true);
                self.tap = Some(tap);
            }
        }
    }

    /// Moves all its streams on by one frame, and gives those away that have left it.
    pub(crate) fn turn(&mut self, now: Instant, buffers: &mut Buffers, left: &mut Vec<(Box<Slot>, Next)>) {
        let Self { sound, members, .. } = self;
        for member in members.iter_mut() {
            member.guarded(sound, |member, sound| member.hear_out(sound, now, buffers));
        }
        sound.begin();
        for member in members.iter_mut() {
            // What came since its last turn, in another phase, is left for the next one.
            if !member.slot.is_early(now) {
                member.guarded(sound, |member, sound| {
                    sound.take(member.seat, member.slot.media_mut(), now);
                });
            }
        }
        sound.mix();
        if let Some(tap) = &mut self.tap {
            let mut frame = [0; MAX_FRAME];
            let count = sound.hear_all(&mut frame);
            tap.put(None, Some(&frame[..count]));
        }
        for member in members.iter_mut() {
            let pressed = &mut self.pressed;
            member.guarded(sound, |member, sound| member.answer(sound, now, buffers, pressed));
        }
        sound.end();
        self.pass_digits();
        self.let_out(left);
    }

    /// Sends what is due in the middle of a frame.
    pub(crate) fn half_turn(&mut self, buffers: &mut Buffers) {
        for member in self.members.iter_mut().filter(|member| member.slot.has_halves()) {
            member.guarded(&mut self.sound, |member, _| member.slot.half_turn(buffers));
        }
    }

    /// How many of its streams have something to do in the middle of a frame.
    pub(crate) fn halves(&self) -> usize {
        self.members.iter().filter(|member| member.slot.has_halves()).count()
    }

    /// Passes keys to the other side of a bridge: by event, or by tones where it knows no events. A key that came as tones is
    /// in the sound already, so it goes to those only who look at events.
    fn pass_digits(&mut self) {
        let is_bridge = self.entry.kind == RoomKind::Bridge;
        for (from, digit, way) in self.pressed.drain(..) {
            let others = self.members.iter_mut().filter(|member| member.seat != from);
            for other in others.filter(|_| is_bridge) {
                if way != DigitWay::InBand || other.slot.takes_events() {
                    other.slot.pass_on(digit);
                }
            }
        }
    }

    fn let_out(&mut self, left: &mut Vec<(Box<Slot>, Next)>) {
        let mut index = 0;
        while index < self.members.len() {
            if self.members[index].next.is_none() || self.sound.is_taken(self.members[index].seat) {
                index += 1;
                continue;
            }
            let mut member = self.members.swap_remove(index);
            member.slot.exit();
            left.push((member.slot, member.next.unwrap_or(Next::Alone)));
        }
    }
}

impl Member {
    /// Runs a part of its turn. A fault in one stream must not silence the others of this thread.
    fn guarded(&mut self, sound: &mut Sound, part: impl FnOnce(&mut Self, &mut Sound)) {
        if matches!(self.next, Some(Next::Fail)) {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| part(self, sound))).is_err() {
            sound.leave(self.seat);
            self.next = Some(Next::Fail);
        }
    }

    /// Does what its owner tells it, and reads what has come.
    fn hear_out(&mut self, sound: &mut Sound, now: Instant, buffers: &mut Buffers) {
        if self.next.is_none() {
            self.obey(sound);
        }
        self.slot.hear(now, buffers);
        sound.prepare(self.seat, self.slot.media(), self.slot.is_tapped());
    }

    fn obey(&mut self, sound: &mut Sound) {
        self.next = match self.slot.obey() {
            Obeyed::All => None,
            Obeyed::Orphaned => Some(Next::Close),
            Obeyed::Leave => Some(Next::Alone),
            Obeyed::Join(join) if Some(join.entry.id) == self.slot.room() => {
                // It is there already, maybe muted otherwise.
                self.presence = join.presence;
                self.slot.enter(join.entry.id, join.muted);
                None
            }
            Obeyed::Join(join) => Some(Next::Move(join)),
        };
        match self.next {
            None => {
                sound.set_muted(self.seat, self.slot.is_muted());
                sound.set_deaf(self.seat, self.slot.is_held());
            }
            Some(_) => sound.leave(self.seat),
        }
    }

    /// Sends what it is to hear, and tells what happened.
    fn answer(
        &mut self,
        sound: &mut Sound,
        now: Instant,
        buffers: &mut Buffers,
        pressed: &mut Vec<(Seat, Digit, DigitWay)>,
    ) {
        let seat = self.seat;
        self.slot.say(buffers, |media, out| sound.give(seat, media, out));
        self.slot.finish(now, buffers);
        self.slot.drain_pressed(|(digit, way)| pressed.push((seat, digit, way)));
        self.presence.set_speaking(sound.is_speaking(seat));
    }
}
