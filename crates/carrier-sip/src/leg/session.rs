//! What is agreed on with the far side, as the engine is told of it.

use outdial_engine::ports::{LegEvent, Terms};

use crate::session_timer::{Refresher, SessionTimer};

use super::{events::Events, sound::Sound};

/// So many changes of one leg are told. A far side may change its mind a hundred times a second.
const MOST: u32 = 100;

/// What the engine knows.
#[derive(Default)]
pub(super) struct Told {
    terms: Terms,
    held: bool,
    changes: u32,
}

impl Told {
    /// Tells what has changed.
    pub(super) fn tell(&mut self, events: &mut Events, sound: &Sound, timer: Option<&SessionTimer>) {
        let terms = Terms {
            srtp: sound.suite(),
            refresh: timer.map(|timer| (timer.interval, timer.refresher == Refresher::Us)),
        };
        let held = sound.far_holds();
        if terms != self.terms && self.may() {
            self.terms = terms;
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
