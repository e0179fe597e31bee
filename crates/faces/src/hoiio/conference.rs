//! Conferences: numbers are rung into a room, each as a call of its own.

use outdial_domain::RoomName;
use outdial_engine::{
    Order,
    verbs::{self, Action, ControlError, OpenRoom, Participant, PlaceCall, RoomError, RoomOrder},
};
use outdial_flow::{Conference, Flow};
use outdial_hoiio::{
    Status,
    voice::{self, InRoom, Moderation},
};

use super::{
    Asker, Service,
    kept::Kept,
    voice::{address, failed, find, receiver, refusal, shortened},
};

/// Rings numbers into a room, a new one or one that there is.
pub(super) async fn call(service: &Service, asker: &Asker<'_>, asked: voice::Conference) -> Result<InRoom, Status> {
    let numbers: Vec<_> = asked
        .dest
        .iter()
        .map(|number| address("dest", number))
        .collect::<Result<_, _>>()?;
    let most = service.config.most_in_a_room;
    let room = asked
        .room
        .as_deref()
        .map(|name| name.parse::<RoomName>().map_err(|_| Status::InvalidRoom));
    let room = room.transpose()?;
    let there = match &room {
        Some(room) => match verbs::get_room(&service.engine, &asker.actor, room).await {
            Ok(room) => room.members.len(),
            Err(RoomError::NotFound(_)) => 0,
            Err(error) => return Err(failed(&error)),
        },
        None => 0,
    };
    if there + numbers.len() > usize::from(most) {
        return Err(Status::DestTooMany);
    }
    let Some(first) = numbers.first().cloned() else {
        return Err(Status::ParamMissing("dest".to_owned()));
    };
    let kept = Kept {
        app_id: asker.app.app_id.clone(),
        // Only whether it has one matters; the flow has its name.
        room: Some(asked.room.clone().unwrap_or_default()),
        tag: asked.tag.clone().unwrap_or_default(),
        ..Kept::default()
    };
    let placeholder = "room".parse::<RoomName>().map_err(|error| failed(&error))?;
    let request = OpenRoom {
        conference: Conference {
            most,
            ..Conference::of(room.clone().unwrap_or(placeholder))
        },
        room,
        participants: numbers
            .into_iter()
            .map(|to| Participant {
                to,
                muted: false,
                moderator: false,
            })
            .collect(),
        call: PlaceCall {
            from: asked
                .caller_id
                .as_deref()
                .map(|number| address("caller_id", number))
                .transpose()?,
            tag: shortened(asked.tag),
            webhook: asked.notify_url.map(receiver),
            kept: Some(kept.named()),
            ..PlaceCall::new(first, Action::Flow(Flow::default()))
        },
    };
    let opened = verbs::open_room(&service.engine, &asker.actor, request, None, None).await;
    let opened = opened.map_err(|error| refusal(&error, "dest", None))?;
    let names = opened.calls.into_iter().filter_map(|call| call.face);
    Ok(InRoom {
        room: opened.room.as_str().to_owned(),
        txn_refs: names.map(|face| face.reference).collect(),
    })
}

/// Takes a participant out of the room, or changes whether it is heard.
pub(super) async fn moderate(service: &Service, asker: &Asker<'_>, asked: &voice::Moderate) -> Result<(), Status> {
    let details = find(service, asker, &asked.txn_ref).await?;
    let Some(room) = details.flow.room() else {
        return Err(Status::TxnRefInvalid);
    };
    let call = details.call.id;
    let order = match asked.action {
        Moderation::Kick => {
            let kicked = verbs::control_room(&service.engine, &asker.actor, room, RoomOrder::Kick(call)).await;
            return match kicked {
                Ok(_) => Ok(()),
                Err(RoomError::NotFound(_) | RoomError::NotInIt { .. }) => Err(Status::TxnRefInvalid),
                Err(error @ (RoomError::OwnerGone(_) | RoomError::Store(_))) => Err(failed(&error)),
            };
        }
        Moderation::Mute => Order::Mute(true),
        Moderation::Unmute => Order::Mute(false),
    };
    let done = verbs::control_call(&service.engine, &asker.actor, call, order, None).await;
    match done {
        Ok(_) => Ok(()),
        Err(ControlError::NotLive(_)) => Err(Status::TxnRefInvalid),
        Err(ControlError::NotNow(_)) => Err(Status::CallServiceNotAvailable),
        Err(error @ (ControlError::Call(_) | ControlError::Refused(_))) => Err(failed(&error)),
    }
}
