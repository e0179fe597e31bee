//! Rooms, and what live calls were told.

use outdial_engine as engine;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Call, Time};

/// A room that somebody is in.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Room {
    /// Its name.
    #[schema(example = "stand-up")]
    room: String,
    /// When the first one entered.
    since: Time,
    /// Whether all hear each other; else they wait for a moderator.
    begun: bool,
    /// Whether nobody else is let in, but for moderators.
    locked: bool,
    /// How many it takes.
    most: u16,
    /// Who is in it, in the order in which they entered.
    members: Vec<Member>,
}

/// Who is in a room.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Member {
    /// The call.
    #[schema(example = "call_019a9c3e5b7d7c1e8f00112233445566")]
    call: String,
    /// Whom that call is with.
    who: String,
    /// Whether what it says is kept from the others.
    muted: bool,
    /// Whether it is on hold: it hears nobody, and nobody hears it.
    held: bool,
    /// Whether it may begin and end the room.
    moderator: bool,
    /// Whether it is heard at this moment.
    speaking: bool,
    /// When it entered.
    since: Time,
}

/// The rooms that somebody is in, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct RoomList {
    pub(in crate::native) rooms: Vec<Room>,
}

/// A room into which numbers are rung.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct OpenedRoom {
    /// Its name: later ones join by `room` of a call.
    #[schema(example = "stand-up")]
    pub(in crate::native) room: String,
    /// The calls, in the order of the participants.
    pub(in crate::native) calls: Vec<Call>,
}

/// What a live call did when it was told to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Controlled {
    /// What came of it, in words.
    #[schema(example = "muted")]
    pub(in crate::native) result: String,
}

impl OpenedRoom {
    /// Where it can be read, once somebody is in it.
    pub(in crate::native) fn location(&self) -> String {
        format!("/api/v1/rooms/{}", self.room)
    }
}

impl From<engine::RoomView> for Room {
    fn from(room: engine::RoomView) -> Self {
        Self {
            room: room.name.to_string(),
            since: Time(room.since),
            begun: room.begun,
            locked: room.locked,
            most: room.most,
            members: room.members.into_iter().map(Member::from).collect(),
        }
    }
}

impl From<engine::Member> for Member {
    fn from(member: engine::Member) -> Self {
        Self {
            call: member.call.to_string(),
            who: member.who,
            muted: member.muted,
            held: member.held,
            moderator: member.moderator,
            speaking: member.speaking,
            since: Time(member.since),
        }
    }
}
