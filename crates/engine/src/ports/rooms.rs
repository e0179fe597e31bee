//! Rooms: legs that hear each other.
//!
//! A leg joins by [`LegCommand::Join`](super::LegCommand::Join). A room needs no making: it is there while somebody is in it.
//! Two who talk are a room of two.

use std::sync::Arc;

use outdial_domain::{LegId, RoomId};

use super::{Clip, TapSink};

/// How a leg joins a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joining {
    /// Which one.
    pub room: RoomId,
    /// What it is for. Whoever comes first decides it.
    pub kind: RoomKind,
    /// Whether it hears only, until [`LegCommand::Mute`](super::LegCommand::Mute) says otherwise.
    pub muted: bool,
}

/// What a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomKind {
    /// Two who talk to each other. Their sound is passed on as it comes where that is possible, and so are the keys they press.
    Bridge,
    /// Any number of members, of whom the loudest few are heard. Keys that are pressed are reported, and not passed on.
    Conference,
}

/// No rooms: for an engine that rings nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRooms;

impl RoomSound for NoRooms {
    fn play(&self, _: RoomId, _: Vec<Arc<Clip>>) {}

    fn stop_playing(&self, _: RoomId) {}

    fn tap(&self, _: RoomId, _: TapSink) {}

    fn speaking(&self, _: RoomId) -> Vec<LegId> {
        Vec::new()
    }
}

/// The sound of rooms as a whole. What names a room that nobody is in does nothing.
pub trait RoomSound: Send + Sync {
    /// Plays clips to everybody in it, after what is played to it already. They may have any rate from 8 kHz on.
    fn play(&self, room: RoomId, clips: Vec<Arc<Clip>>);

    /// Stops what is played to everybody.
    fn stop_playing(&self, room: RoomId);

    /// Puts what everybody says, and what is played to everybody, in here as what was received, until the room is empty.
    /// The frames are at 16 kHz if somebody in it speaks at that now, else at 8 kHz, and stay so. The last tap holds.
    fn tap(&self, room: RoomId, tap: TapSink);

    /// Who is heard to speak now in a [`RoomKind::Conference`].
    fn speaking(&self, room: RoomId) -> Vec<LegId>;
}
