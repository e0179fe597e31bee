//! The sound of rooms, written down instead of made.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use outdial_domain::{LegId, RoomId};
use outdial_engine::ports::{Clip, RoomSound, TapSink};

/// Writes down what is done with rooms as a whole. Who is in them, the legs know; here nobody is asked.
#[derive(Debug, Default)]
pub struct FakeRooms(Mutex<HashMap<RoomId, Done>>);

/// What was done with a room.
#[derive(Debug, Default)]
struct Done {
    played: Vec<Arc<Clip>>,
    stops: usize,
    tap: Option<TapSink>,
    speaking: Vec<LegId>,
}

impl FakeRooms {
    /// Everything that was played to a room, in order, stopped or not.
    #[must_use]
    pub fn played(&self, room: RoomId) -> Vec<Arc<Clip>> {
        self.done().entry(room).or_default().played.clone()
    }

    /// How often what was played was stopped.
    #[must_use]
    pub fn stops(&self, room: RoomId) -> usize {
        self.done().entry(room).or_default().stops
    }

    /// The tap that was put on a room last, for the test to put sound in.
    #[must_use]
    pub fn tapped(&self, room: RoomId) -> Option<TapSink> {
        self.done().entry(room).or_default().tap.take()
    }

    /// From now on these legs are heard to speak.
    pub fn speak(&self, room: RoomId, legs: &[LegId]) {
        legs.clone_into(&mut self.done().entry(room).or_default().speaking);
    }

    fn done(&self) -> MutexGuard<'_, HashMap<RoomId, Done>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomSound for FakeRooms {
    fn play(&self, room: RoomId, clips: Vec<Arc<Clip>>) {
        self.done().entry(room).or_default().played.extend(clips);
    }

    fn stop_playing(&self, room: RoomId) {
        self.done().entry(room).or_default().stops += 1;
    }

    fn tap(&self, room: RoomId, tap: TapSink) {
        self.done().entry(room).or_default().tap = Some(tap);
    }

    fn speaking(&self, room: RoomId) -> Vec<LegId> {
        self.done().entry(room).or_default().speaking.clone()
    }
}
