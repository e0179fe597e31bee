//! A stream as its room sees it.

use outdial_domain::RoomId;
use outdial_engine::ports::DigitWay;
use outdial_media::{digit, stream::MediaStream};

use super::{PASSED_KEYS, Slot};
use crate::MediaEvent;

impl Slot {
    pub(crate) fn media(&self) -> &MediaStream {
        &self.media
    }

    pub(crate) fn media_mut(&mut self) -> &mut MediaStream {
        &mut self.media
    }

    /// Whether what it says stays out of its room.
    pub(crate) fn is_muted(&self) -> bool {
        self.muted || self.held
    }

    /// Whether it hears nothing of its room.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    pub(crate) fn room(&self) -> Option<RoomId> {
        self.room
    }

    /// It is in this room from now on.
    pub(crate) fn enter(&mut self, room: RoomId, muted: bool) {
        self.moved |= self.room != Some(room);
        self.room = Some(room);
        self.muted = muted;
        self.tell(MediaEvent::Joined { room });
    }

    /// It is in no room any more.
    pub(crate) fn exit(&mut self) {
        self.room = None;
        self.moved = true;
        self.pressed.clear();
    }

    pub(crate) fn tell_left(&mut self) {
        self.tell(MediaEvent::Left);
    }

    /// Gives the keys that were pressed since the last turn, for the other side of a bridge.
    pub(crate) fn drain_pressed(&mut self, pressed: impl FnMut((digit::Digit, DigitWay))) {
        self.pressed.drain(..).for_each(pressed);
    }

    /// Whether its far side is told of keys by events.
    pub(crate) fn takes_events(&self) -> bool {
        self.config.send.telephone_event.is_some()
    }

    /// Presses a key that the other side of a bridge pressed. One that finds no room is lost.
    pub(crate) fn pass_on(&mut self, digit: digit::Digit) {
        if self.media.send_digits(PASSED_KEYS, &[digit]).is_err() {
            tracing::debug!("a key is not passed on, because too many wait");
        }
    }

    pub(super) fn note_pressed(&mut self, digit: Option<digit::Digit>, way: DigitWay) {
        if self.room.is_some() {
            self.pressed.extend(digit.map(|digit| (digit, way)));
        }
    }
}
