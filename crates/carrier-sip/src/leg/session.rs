//! What is agreed on with the far side, as the engine is told of it.

use outdial_engine::ports::{LegEvent, Terms};

use crate::{
    sdp::Srtp,
    session_timer::{Refresher, SessionTimer},
};

use super::{events::Events, sound::Sound};

/// So many changes of one leg are told. A far side may change its mind a hundred times a second.
const MOST: u32 = 100;

/// What the engine knows.
pub(super) struct Told {
    /// Nothing as long as it has to be told in any case.
    terms: Option<Terms>,
    held: bool,
    changes: u32,
}

impl Told {
    /// Nothing is told of a leg that agrees on nothing beside the codec, unless its sound was to be protected.
    pub(super) fn new(wanted: Srtp) -> Self {
        Self {
            terms: (wanted == Srtp::Off).then(Terms::default),
            held: false,
            changes: 0,
        }
    }

    /// Tells what has changed.
    pub(super) fn tell(&mut self, events: &mut Events, sound: &Sound, timer: Option<&SessionTimer>) {
        let terms = Terms {
            srtp: sound.suite(),
            refresh: timer.map(|timer| (timer.interval, timer.refresher == Refresher::Us)),
        };
        let held = sound.far_holds();
        if self.terms != Some(terms) && self.may() {
            self.terms = Some(terms);
            events.tell(LegEvent::Session(terms));
        }
        if held != self.held && self.may() {
            self.held = held;
            events.tell(LegEvent::FarHold(held));
        }
    }

    fn may(&mut self) -> bool {
        self.changes = self.changes.saturating_add(1);
        self.changes <= MOST
    }
}
