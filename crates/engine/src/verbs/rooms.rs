//! Rooms: who is in them, and what may be done with them.

use outdial_domain::{CallId, LegId, RoomName};

use super::Actor;
use crate::{Engine, RoomView, rooms::Rule};

/// Why nothing was done with a room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// Nobody of the account is in a room of this name.
    #[error("there is no room `{0}`: a room is there while somebody is in it")]
    NotFound(RoomName),
    /// The call is not in it.
    #[error("the call {call} is not in the room `{room}`")]
    NotInIt {
        /// The call.
        call: CallId,
        /// The room.
        room: RoomName,
    },
}

/// What is done with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomOrder {
    /// All hear each other, although no moderator is in.
    Begin,
    /// Nobody else is let in, but for moderators.
    Lock,
    /// Whoever comes is let in again.
    Unlock,
    /// All are taken out: their flows go on, or their calls end.
    End,
    /// This call is taken out.
    Kick(CallId),
}

/// The rooms of the account on this node, by name, with who is in them.
#[must_use]
pub fn list_rooms(engine: &Engine, actor: &Actor) -> Vec<RoomView> {
    let rooms = engine.inner().rooms.list(actor.account);
    rooms.into_iter().map(|room| heard(engine, room)).collect()
}

/// One room of the account on this node.
///
/// # Errors
///
/// [`RoomError::NotFound`] when nobody is in a room of this name.
pub fn get_room(engine: &Engine, actor: &Actor, name: &RoomName) -> Result<RoomView, RoomError> {
    let room = engine.inner().rooms.get(actor.account, name);
    let room = room.ok_or_else(|| RoomError::NotFound(name.clone()))?;
    Ok(heard(engine, room))
}

/// Does something with a room. Doing it again is harmless.
///
/// # Errors
///
/// [`RoomError`] when there is no such room, or the call is not in it.
pub fn control_room(engine: &Engine, actor: &Actor, name: &RoomName, order: RoomOrder) -> Result<RoomView, RoomError> {
    let room = get_room(engine, actor, name)?;
    let rooms = &engine.inner().rooms;
    let by = &actor.name;
    match order {
        RoomOrder::Begin => drop(rooms.rule(actor.account, name, Rule::Begin)),
        RoomOrder::Lock => drop(rooms.rule(actor.account, name, Rule::Lock(true))),
        RoomOrder::Unlock => drop(rooms.rule(actor.account, name, Rule::Lock(false))),
        RoomOrder::End => drop(rooms.out(actor.account, name, None, &format!("the room was ended by {by}"))),
        RoomOrder::Kick(call) => {
            let because = format!("taken out by {by}");
            if rooms.out(actor.account, name, Some(call), &because) == 0 {
                let room = name.clone();
                return Err(RoomError::NotInIt { call, room });
            }
        }
    }
    Ok(get_room(engine, actor, name).unwrap_or(room))
}

/// Adds who is heard at this moment.
fn heard(engine: &Engine, mut room: RoomView) -> RoomView {
    let speaking: Vec<LegId> = engine.room_sound.speaking(room.id);
    for member in &mut room.members {
        member.speaking = speaking.contains(&member.leg);
    }
    room
}
