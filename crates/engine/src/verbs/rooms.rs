//! Rooms: who is in them, and what may be done with them, on whichever node they are.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use outdial_domain::{AccountId, CallId, LegId, RoomName};
use serde::{Deserialize, Serialize};

use super::Actor;
use crate::{
    Engine, RoomView,
    commands::{self, Unanswered},
    live::{Asked, Said},
    ports::StoreError,
    rooms::Rule,
};

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
    /// The node that has the room does not answer.
    #[error("the node that has the room `{0}` does not answer: it may be gone, and then its calls end within seconds")]
    OwnerGone(RoomName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is done with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// The rooms of the account by name, with who is in them. What a node has that does not answer is left out.
///
/// # Errors
///
/// [`StoreError`] when it cannot be found out where they are.
pub async fn list_rooms(engine: &Engine, actor: &Actor) -> Result<Vec<RoomView>, StoreError> {
    let account = actor.account;
    let mut rooms = rooms_here(engine, account);
    let Some(nodes) = engine.store.nodes() else {
        return Ok(rooms);
    };
    let own = engine.inner().node.run().id;
    let owners = nodes.rooms(account).await?.into_iter().map(|(_, run)| run);
    let others: BTreeSet<String> = owners.filter(|run| *run != own).collect();
    let asked = Asked::Rooms { account };
    let said = join_all(others.iter().map(|run| commands::ask(engine, nodes, run, &asked))).await;
    for (run, said) in others.iter().zip(said) {
        match said {
            Ok(Said::Rooms(there)) => rooms.extend(there),
            Err(Unanswered::Store(error)) => return Err(error),
            Ok(_) | Err(Unanswered::Silent) => {
                tracing::info!(run, "the rooms of a node are left out, because it does not answer");
            }
        }
    }
    rooms.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rooms)
}

/// One room of the account.
///
/// # Errors
///
/// [`RoomError::NotFound`] when nobody is in a room of this name, [`RoomError::OwnerGone`] when its node does not
/// answer.
pub async fn get_room(engine: &Engine, actor: &Actor, name: &RoomName) -> Result<RoomView, RoomError> {
    tell(engine, actor, name, None).await
}

/// Does something with a room. Doing it again is harmless.
///
/// # Errors
///
/// [`RoomError`] when there is no such room, or the call is not in it, or its node does not answer.
pub async fn control_room(
    engine: &Engine,
    actor: &Actor,
    name: &RoomName,
    order: RoomOrder,
) -> Result<RoomView, RoomError> {
    tell(engine, actor, name, Some(order)).await
}

/// Tells whoever has the room.
async fn tell(
    engine: &Engine,
    actor: &Actor,
    name: &RoomName,
    order: Option<RoomOrder>,
) -> Result<RoomView, RoomError> {
    let mut said = control_room_here(engine, actor.account, name, &actor.name, order);
    if said == Said::NoRoom
        && let Some(nodes) = engine.store.nodes()
    {
        let mut rooms = nodes.rooms(actor.account).await?.into_iter();
        if let Some((_, run)) = rooms.find(|(room, _)| room == name) {
            let asked = Asked::Room {
                account: actor.account,
                room: name.clone(),
                by: actor.name.clone(),
                order,
            };
            said = match commands::ask(engine, nodes, &run, &asked).await {
                Ok(said) => said,
                Err(Unanswered::Silent) => return Err(RoomError::OwnerGone(name.clone())),
                Err(Unanswered::Store(error)) => return Err(error.into()),
            };
        }
    }
    match (said, order) {
        (Said::Room(room), _) => Ok(*room),
        (Said::NotInRoom, Some(RoomOrder::Kick(call))) => {
            let room = name.clone();
            Err(RoomError::NotInIt { call, room })
        }
        _ => Err(RoomError::NotFound(name.clone())),
    }
}

/// The rooms of an account on this node, by name.
pub(crate) fn rooms_here(engine: &Engine, account: AccountId) -> Vec<RoomView> {
    let rooms = engine.inner().rooms.list(account);
    rooms.into_iter().map(|room| heard(engine, room)).collect()
}

/// Does something with a room on this node, or only tells of it.
pub(crate) fn control_room_here(
    engine: &Engine,
    account: AccountId,
    name: &RoomName,
    by: &str,
    order: Option<RoomOrder>,
) -> Said {
    let rooms = &engine.inner().rooms;
    let Some(before) = rooms.get(account, name) else {
        return Said::NoRoom;
    };
    match order {
        None => {}
        Some(RoomOrder::Begin) => drop(rooms.rule(account, name, Rule::Begin)),
        Some(RoomOrder::Lock) => drop(rooms.rule(account, name, Rule::Lock(true))),
        Some(RoomOrder::Unlock) => drop(rooms.rule(account, name, Rule::Lock(false))),
        Some(RoomOrder::End) => drop(rooms.out(account, name, None, &format!("the room was ended by {by}"))),
        Some(RoomOrder::Kick(call)) => {
            let told = rooms.out(account, name, Some(call), &format!("taken out by {by}"));
            if told == 0 {
                return Said::NotInRoom;
            }
        }
    }
    let now = rooms.get(account, name).unwrap_or(before);
    Said::Room(Box::new(heard(engine, now)))
}

/// Adds who is heard at this moment.
fn heard(engine: &Engine, mut room: RoomView) -> RoomView {
    let speaking: Vec<LegId> = engine.room_sound.speaking(room.id);
    for member in &mut room.members {
        member.speaking = speaking.contains(&member.leg);
    }
    room
}
